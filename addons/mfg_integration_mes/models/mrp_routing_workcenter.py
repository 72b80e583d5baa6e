from odoo import api, models

from ..tools.changes import changed_values
from . import mfg_engineering_payload as payload


class MrpRoutingWorkcenter(models.Model):
    """What partners are told of changes to an operation of a bill of materials."""

    _name = "mrp.routing.workcenter"
    _inherit = ["mrp.routing.workcenter", "mfg.uuid.mixin"]

    @api.model_create_multi
    def create(self, vals_list):
        operations = super().create(vals_list)
        operations._mfg_tell_change({operation: {} for operation in operations})
        return operations

    def write(self, vals):
        before = self._mfg_before()
        result = super().write(vals)
        self._mfg_tell_change(before)
        return result

    def unlink(self):
        for operation, facts in self._mfg_before().items():
            operation._mfg_emit_change("deleted", facts, {})
        return super().unlink()

    def _mfg_ordering_key(self):
        return self.bom_id._mfg_ordering_key() if self.bom_id else super()._mfg_ordering_key()

    def _mfg_before(self):
        """``{operation: facts}`` of those that somebody listens to."""
        event_type_id, keep = self.env["mfg.event.type"]._lookup(payload.ROUTING_CHANGED)
        matching = self.env["mfg.subscription"]._matching
        # sudo: what is told does not depend on the rights of who changes it.
        return {
            operation: payload.operation_facts(operation.sudo())
            for operation in self
            if keep or matching(event_type_id, operation._mfg_company().id)
        }

    def _mfg_tell_change(self, before):
        """:param before: ``{operation: facts}``, the facts empty of a new one"""
        for operation, new in self.browse(o.id for o in before)._mfg_before().items():
            old = before[operation]
            if new == old:
                continue
            change = "changed"
            if not old:
                change = "created"
            elif old["active"] != new["active"]:
                change = "restored" if new["active"] else "archived"
            operation._mfg_emit_change(change, old, new)

    def _mfg_emit_change(self, change, old, new):
        self._mfg_emit(
            payload.ROUTING_CHANGED,
            lambda operation: {
                "operation": {"uuid": operation.mfg_uuid, "name": operation.name},
                "bom": payload.bom_ref(operation.bom_id) if operation.bom_id else None,
                "change": change,
                "changes": changed_values(old, new),
            },
        )
