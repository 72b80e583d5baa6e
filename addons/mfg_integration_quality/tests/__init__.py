from . import test_quality_hold
