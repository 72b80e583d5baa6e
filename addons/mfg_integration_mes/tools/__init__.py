"""The pure core of the shop-floor addon: no odoo, no clock, no database."""
