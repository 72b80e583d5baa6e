from . import mfg_mes_cockpit, mrp_production_split
