from . import test_traps
