from . import test_inbox_dispatcher
