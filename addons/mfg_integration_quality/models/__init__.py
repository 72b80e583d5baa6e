from . import mfg_quality_hold, stock_lot
