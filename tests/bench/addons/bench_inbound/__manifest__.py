{
    "name": "Benchmarks: what the inbound gateway is compared with",
    "summary": "A bare controller with one INSERT, and a model for Odoo's own webhook",
    "version": "19.0.1.0.0",
    "category": "Hidden/Tests",
    "author": "MFG Integration contributors",
    "license": "LGPL-3",
    "depends": ["base_automation", "mfg_integration_base"],
    "data": ["security/ir.model.access.csv"],
    "installable": True,
}
