{
    "name": "Manufacturing Integration: tests",
    "summary": "A business model and a handler that nobody needs but the tests",
    "version": "19.0.1.0.0",
    "category": "Hidden/Tests",
    "author": "MFG Integration contributors",
    "license": "LGPL-3",
    "depends": ["mfg_integration_base"],
    "data": [
        "security/ir.model.access.csv",
        "security/test_mfg_order_rules.xml",
        "data/mfg_event_type_data.xml",
    ],
}
