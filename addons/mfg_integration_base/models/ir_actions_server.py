from odoo import api, fields, models
from odoo.exceptions import ValidationError


class IrActionsServer(models.Model):
    _inherit = "ir.actions.server"

    state = fields.Selection(
        selection_add=[("mfg_emit", "Emit integration event")], ondelete={"mfg_emit": "cascade"}
    )
    mfg_event_type_id = fields.Many2one(
        "mfg.event.type",
        string="Event type",
        domain=[("state", "!=", "retired")],
        ondelete="restrict",
    )
    mfg_field_ids = fields.Many2many(
        "ir.model.fields",
        "mfg_action_event_field_rel",
        string="Event fields",
        domain="[('model_id', '=', model_id), ('store', '=', True)]",
        help="The record's fields that become the event's data.",
    )

    @api.constrains("state", "mfg_event_type_id", "mfg_field_ids")
    def _check_mfg_emit(self):
        for action in self.filtered(lambda action: action.state == "mfg_emit"):
            if not action.mfg_event_type_id:
                raise ValidationError(
                    self.env._("Action “%s”: choose the event type to emit.", action.name)
                )
            # Asked of the field itself: ir.model.fields knows the groups of custom fields only.
            secret = action.mfg_field_ids.filtered(
                lambda field: self.env[field.model]._fields[field.name].groups
            )
            if secret:
                raise ValidationError(
                    self.env._(
                        "Action “%(action)s”: the fields %(fields)s are for certain groups only "
                        "and must not leave in an event.",
                        action=action.name,
                        fields=", ".join(secret.mapped("field_description")),
                    )
                )

    def _run_action_mfg_emit_multi(self, eval_context=None):
        """Emit one event per record, with the chosen fields as its data."""
        eval_context = eval_context or {}
        records = eval_context.get("records") or eval_context.get("record")
        if not records:
            return
        names = self.sudo().mfg_field_ids.mapped(
            "name"
        )  # sudo: users run actions they may not read
        records._mfg_emit(
            self.sudo().mfg_event_type_id.code, lambda record: record._mfg_values(names)
        )
