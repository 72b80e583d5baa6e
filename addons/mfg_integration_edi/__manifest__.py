{
    "name": "Manufacturing Integration: EDI",
    "summary": "Trading partner agreements for X12 and EDIFACT",
    "version": "19.0.1.0.0",
    "category": "Manufacturing/Integration",
    "author": "MFG Integration contributors",
    "license": "LGPL-3",
    "depends": ["mfg_integration_base", "purchase_stock", "sale_stock"],
    "data": [
        "security/ir.model.access.csv",
        "security/mfg_integration_edi_rules.xml",
        "views/mfg_trading_agreement_views.xml",
        "views/menus.xml",
    ],
    "demo": ["demo/mfg_trading_agreement_demo.xml"],
}
