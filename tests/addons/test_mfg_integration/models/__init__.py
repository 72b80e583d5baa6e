from . import (
    mfg_inbox_handler_test_order,
    mfg_inbox_route,
    mfg_reconciliation,
    test_mfg_order,
    test_mfg_order_job,
)
