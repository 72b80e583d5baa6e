"""Pure Python core: no Odoo in here. Time, randomness and keys come in as arguments."""
