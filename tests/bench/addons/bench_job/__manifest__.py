{
    "name": "Benchmarks: jobs of the small order",
    "summary": "Marks as jobs of the suite what the peer's queue runs without a mark",
    "version": "19.0.1.0.0",
    "category": "Hidden/Tests",
    "author": "MFG Integration contributors",
    "license": "LGPL-3",
    "depends": ["bench_order", "mfg_integration_base"],
    "installable": True,
}
