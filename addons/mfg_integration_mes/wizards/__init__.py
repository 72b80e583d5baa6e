from . import mrp_production_split
