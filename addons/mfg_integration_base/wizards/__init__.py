from . import mfg_message_cancel
