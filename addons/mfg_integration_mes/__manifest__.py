{
    "name": "Manufacturing Integration: Shop Floor",
    "summary": "Production orders out to an MES, production reports in",
    "version": "19.0.1.0.0",
    "category": "Manufacturing/Integration",
    "author": "MFG Integration contributors",
    "license": "LGPL-3",
    "depends": ["mfg_integration_base", "mrp", "maintenance"],
    "data": [],
    "installable": True,
}
