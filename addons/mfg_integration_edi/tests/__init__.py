from . import test_security, test_trading_agreement, test_trading_counter
