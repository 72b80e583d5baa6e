from . import test_inbox_dispatcher, test_jobs, test_local_delivery, test_reconciliation
