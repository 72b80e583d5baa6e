from . import (
    test_connector,
    test_controllers,
    test_credential,
    test_emit,
    test_error_queue,
    test_event_type,
    test_lifecycle_constraint,
    test_outbox_dispatcher,
    test_record_link,
    test_screens,
    test_security,
)
