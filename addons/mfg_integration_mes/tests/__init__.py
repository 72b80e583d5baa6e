from . import (
    test_b2mml,
    test_install,
    test_order_events,
    test_over_report,
    test_ownership,
    test_report,
    test_report_rejected,
    test_security,
    test_service_user,
    test_traps,
    test_views,
    test_workorder_events,
)
