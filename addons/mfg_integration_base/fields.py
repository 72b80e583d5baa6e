"""A field type for tables that must outlive the rows they point to."""

from odoo import fields


class PlainMany2one(fields.Many2one):
    """A many2one without foreign key.

    Hot tables and evidence keep the plain id of what they are about: a foreign key would take a
    share lock on the target at each insert, and would tie the evidence to rows that people may
    delete. Odoo reads an id whose record is gone as empty; a name snapshot beside it stays.
    """

    def update_db_foreign_key(self, model, column):
        """Do not create the constraint."""
