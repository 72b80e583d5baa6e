from odoo import api, fields, models
from odoo.tools import SQL

from .uuids import new_uuid


class MfgUuidMixin(models.AbstractModel):
    """Gives a business record a name on the wire that never changes.

    Partners name a record by this UUID (or by their own reference, see ``mfg.external.ref``),
    never by ``name``: Odoo renames an order when it makes a backorder of it.
    """

    _name = "mfg.uuid.mixin"
    _description = "Record with an immutable identity for partners"

    mfg_uuid = fields.Char(
        string="Integration UUID",
        readonly=True,
        copy=False,
        index="btree",
        help="The name of this record in messages to and from other systems. Never changes.",
    )

    _mfg_uuid_uniq = models.Constraint("UNIQUE (mfg_uuid)", "Two records share a UUID.")

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            vals["mfg_uuid"] = new_uuid()
        return super().create(vals_list)

    def write(self, vals):
        if "mfg_uuid" in vals:
            vals = {name: value for name, value in vals.items() if name != "mfg_uuid"}
        return super().write(vals)

    def _init_column(self, column_name):
        # A default would be computed once and given to all existing rows.
        if column_name != "mfg_uuid":
            return super()._init_column(column_name)
        self.env.cr.execute(
            SQL(
                "UPDATE %s SET mfg_uuid = gen_random_uuid()::text WHERE mfg_uuid IS NULL",
                SQL.identifier(self._table),
            )
        )
        return None
