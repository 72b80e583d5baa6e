"""What a shop floor's books are compared with: the part that all comparisons of orders share."""

from datetime import timezone

from odoo import api, fields, models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject
from odoo.addons.mfg_integration_base.tools import rfc3339

UUID = {"type": "string", "format": "uuid"}
TEXT = {"type": "string", "minLength": 1, "maxLength": 200}
TIME = {"type": "string", "format": "date-time"}
QUANTITY = {"type": "number", "minimum": -1_000_000_000, "maximum": 1_000_000_000}

KINDS = [
    ("production_quantities", "Quantities and times of production"),
    ("open_operations", "Open operations"),
    ("production_moves", "Consumed and produced"),
    ("stock", "Stock per lot and location"),
]


class MfgReconciliation(models.Model):
    _inherit = "mfg.reconciliation"

    kind = fields.Selection(
        selection_add=KINDS, ondelete={code: "cascade" for code, _name in KINDS}
    )

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        records.connector_id._mfg_grant_service_user()
        return records


class MfgReconciliationOrders(models.AbstractModel):
    """Comparisons whose rows are about production orders."""

    _name = "mfg.reconciliation.orders"
    _description = "Comparison of production orders"

    def _orders(self, run, domain):
        """Released orders of the connector's company."""
        return self.env["mrp.production"].search(
            [
                ("company_id", "=", run.company_id.id),
                ("mfg_released_at", "!=", False),
                *domain,
            ]
        )

    def _by_uuid(self, model, uuids):
        """``{UUID: record}`` of those that exist and are released here."""
        records = self.env[model].search([("mfg_uuid", "in", list(uuids))])
        return {record.mfg_uuid: record for record in records}

    def _workorders(self, uuids):
        found = self._by_uuid("mrp.workorder", uuids)
        return {uuid: w for uuid, w in found.items() if w.production_id.mfg_released_at}

    def _order_of(self, record):
        return record.production_id if record._name == "mrp.workorder" else record

    def _ordering_keys(self, run, keys):
        return {
            key: self._order_of(record)._mfg_ordering_key()
            for key, record in self._records(run, keys).items()
        }

    def _name_of(self, run, key, record):
        if record and record._name == "mrp.workorder":
            return f"{record.production_id.name}, {record.name}"
        return super()._name_of(run, key, record)

    # === Send again === #

    def _can(self, act, line):
        return (act == "resend" and bool(line.model)) or super()._can(act, line)

    def _resend(self, lines):
        """Tell the partner of the orders as they are: open, closed or cancelled."""
        connector = lines.run_id.connector_id
        records = [self.env[line.model].browse(line.res_id).exists() for line in lines]
        orders = self.env["mrp.production"].union(*(self._order_of(r) for r in records if r))
        connector._mfg_check_snapshot_subscription()
        orders._mfg_tell_as_it_is(connector)


def moment(row, name, pointer):
    """A time of the partner's row in seconds since 1970, or None."""
    if row.get(name) is None:
        return None
    try:
        return int(rfc3339.parse(row[name]).timestamp())
    except ValueError as error:
        raise BusinessReject("invalid_value", str(error), f"{pointer}/{name}") from error


def seconds(naive):
    """One of Odoo's times in seconds since 1970, or None."""
    return int(naive.replace(tzinfo=timezone.utc).timestamp()) if naive else None
