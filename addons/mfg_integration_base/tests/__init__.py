from . import (
    test_connector,
    test_controllers,
    test_credential,
    test_event_type,
    test_lifecycle_constraint,
    test_outbox_dispatcher,
)
