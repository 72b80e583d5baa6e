{
    "name": "Benchmarks: a small order",
    "summary": "The business that the benchmarks do, on the suite's database and on the peer's",
    "version": "19.0.1.0.0",
    "category": "Hidden/Tests",
    "author": "MFG Integration contributors",
    "license": "LGPL-3",
    "depends": ["base"],
    "data": ["security/ir.model.access.csv"],
    "installable": True,
}
