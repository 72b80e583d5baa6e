from . import test_trading_agreement, test_trading_counter
