from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError


class MfgRecordLink(models.AbstractModel):
    """A link to any record, by model name and id, that survives what it points to.

    Events and messages outlive records, and the addons whose models they name. The web client's own
    widget for such pairs fails on a model that is no longer installed; this says so instead.
    """

    _name = "mfg.record.link"
    _description = "Link to any record"

    _mfg_link_model = "model"
    _mfg_link_id = "res_id"

    record_name = fields.Char(
        compute="_compute_record_name", compute_sudo=False, string="Record name"
    )

    @api.depends(lambda self: (self._mfg_link_model, self._mfg_link_id))
    def _compute_record_name(self):
        for link in self:
            record = link._linked_record()
            link.record_name = record.display_name if record else False

    def _linked_record(self):
        """The record, or None: deleted, its addon uninstalled, or not for this user."""
        self.ensure_one()
        model, res_id = self[self._mfg_link_model], self[self._mfg_link_id]
        if not res_id or model not in self.env:
            return None
        record = self.env[model].browse(res_id).exists()
        try:
            record.check_access("read")
        except AccessError:
            return None
        return record or None

    def action_open_record(self):
        """Open the business record that this row is about."""
        record = self._linked_record()
        if record is None:
            raise UserError(
                self.env._(
                    "The record (%(model)s, id %(id)s) was deleted, its app is not installed, or "
                    "you may not see it.",
                    model=self[self._mfg_link_model] or "-",
                    id=self[self._mfg_link_id] or "-",
                )
            )
        return {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "views": [(False, "form")],
        }
