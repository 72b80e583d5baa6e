{
    "name": "Manufacturing Integration: Quality",
    "summary": "Holds on lots and stock, with reason, source and release",
    "version": "19.0.1.0.0",
    "category": "Manufacturing/Integration",
    "author": "MFG Integration contributors",
    "license": "LGPL-3",
    "depends": ["mfg_integration_base", "stock"],
    "data": [
        "security/ir.model.access.csv",
        "security/mfg_integration_quality_rules.xml",
        "data/ir_sequence_data.xml",
        "wizards/mfg_quality_hold_release_views.xml",
        "views/mfg_quality_hold_views.xml",
        "views/stock_lot_views.xml",
        "views/menus.xml",
    ],
}
