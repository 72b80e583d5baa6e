from . import mfg_quality_hold_release
