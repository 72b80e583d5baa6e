from . import (
    mfg_audit_erase,
    mfg_audit_export,
    mfg_conflict_decide,
    mfg_connector_reactivate,
    mfg_credential_rotate,
    mfg_message_cancel,
    mfg_message_edit,
    mfg_message_export,
    mfg_message_import,
    mfg_reconciliation_decide,
    mfg_replay_act,
)
