from . import test_quality_hold, test_security
