from . import test_interchange_in, test_security, test_trading_agreement, test_trading_counter
