from odoo import api, fields, models
from odoo.exceptions import UserError


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
        names = {}
        for model, links in self.grouped(self._mfg_link_model).items():
            ids = [res_id for res_id in links.mapped(self._mfg_link_id) if res_id]
            for record in self._linked_records(model, ids):
                names[model, record.id] = record.display_name
        for link in self:
            key = (link[self._mfg_link_model], link[self._mfg_link_id])
            link.record_name = names.get(key, False)

    @api.model
    def _linked_records(self, model, ids):
        """Those of the records that exist, and that this user may read.

        Empty as well for a model whose addon was uninstalled.
        """
        if not ids or model not in self.env:
            return self.env["base"].browse()
        return self.env[model].browse(ids).exists()._filtered_access("read")

    def action_open_record(self):
        """Open the business record that this row is about."""
        self.ensure_one()
        res_id = self[self._mfg_link_id]
        record = self._linked_records(self[self._mfg_link_model], [res_id] if res_id else [])
        if not record:
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
