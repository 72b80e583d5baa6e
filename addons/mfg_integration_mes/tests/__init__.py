from . import (
    test_events,
    test_ownership,
    test_report,
    test_report_rejected,
    test_service_user,
    test_traps,
    test_views,
)
