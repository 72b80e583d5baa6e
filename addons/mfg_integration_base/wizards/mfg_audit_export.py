import base64
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.tools import SQL

from ..models.mfg_audit_entry import COLUMNS, PERSONAL
from ..tools import audit_export

CHUNK = 2000


class MfgAuditExport(models.TransientModel):
    """The audit trail of a period as a signed file, for somebody outside."""

    _name = "mfg.audit.export"
    _description = "Export of the audit trail"

    date_from = fields.Datetime(
        required=True, default=lambda _self: fields.Datetime.now() - timedelta(days=31)
    )
    date_to = fields.Datetime(required=True, default=fields.Datetime.now)
    file = fields.Binary(attachment=False, readonly=True)
    file_name = fields.Char(readonly=True)
    public_key = fields.Char(compute="_compute_public_key")

    @api.constrains("date_from", "date_to")
    def _check_period(self):
        for wizard in self:
            if wizard.date_from >= wizard.date_to:
                raise ValidationError(self.env._("The period ends before it begins."))

    def _compute_public_key(self):
        self.public_key = audit_export.public_key(self._seed())

    @api.model
    def _seed(self):
        keys = self.env["mfg.credential"]._key_ring().derive("audit-export")
        return keys.key(keys.current)

    def action_export(self):
        """Make the file and download it; that it was made is an entry itself."""
        self.ensure_one()
        if not self.env.user.has_groups(
            "mfg_integration_base.group_auditor,mfg_integration_base.group_manager"
        ):
            raise AccessError(self.env._("Auditors and integration managers export the trail."))
        head = {
            "from": f"{self.date_from.isoformat()}Z",
            "to": f"{self.date_to.isoformat()}Z",
            "database": self.env.cr.dbname,
        }
        content = audit_export.write(self._seed(), head, self._lines())
        name = f"audit-{self.date_from:%Y%m%d}-{self.date_to:%Y%m%d}.jsonl"
        self.write({"file": base64.b64encode(content), "file_name": name})
        self.env["mfg.audit.entry"]._record("export", self, after=name)
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{self._name}/{self.id}/file/{name}?download=true",
            "target": "download",
        }

    def _lines(self):
        """The entries of the period that the person may see, and the seals that cover them."""
        entries = self.env["mfg.audit.entry"].search(
            [("recorded_at", ">=", self.date_from), ("recorded_at", "<", self.date_to)], order="id"
        )
        numbers = set()
        for start in range(0, len(entries), CHUNK):
            for line in self._entry_lines(entries[start : start + CHUNK].ids):
                numbers.add(line["seal"])
                yield line
        names = ("number", "previous", "root", "entry_count", "sealed_at", "key", "mac")
        # sudo: the chain is one for all companies; seals name nobody.
        seals = self.env["mfg.audit.seal"].sudo()
        for seal in seals.search([("number", "in", list(numbers - {None}))], order="number"):
            yield {"kind": "seal", **{name: _plain(seal[name]) for name in names}}

    def _entry_lines(self, ids):
        names = COLUMNS + PERSONAL
        self.env.cr.execute(
            SQL(
                "SELECT e.id, m.seal, encode(m.leaf, 'hex'), %s FROM mfg_audit_entry e"
                "  LEFT JOIN mfg_audit_member m ON m.entry_id = e.id"
                " WHERE e.id = ANY(%s) ORDER BY e.id",
                SQL(", ").join(SQL.identifier("e", name) for name in names),
                ids,
            )
        )
        for entry_id, seal, leaf, *values in self.env.cr.fetchall():
            row = {name: _plain(value) for name, value in zip(names, values, strict=True)}
            yield {"kind": "entry", "id": entry_id, "seal": seal, "leaf": leaf, **row}


def _plain(value):
    return f"{value.isoformat()}Z" if hasattr(value, "isoformat") else value
