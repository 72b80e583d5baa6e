"""What a report does where somebody in Odoo has said something else meanwhile."""

from odoo import fields, models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject


class MrpProduction(models.Model):
    _inherit = "mrp.production"

    def _mfg_book_good(self, progress):
        workorder = progress.workorder_id
        known = self._mfg_known_conflicts() if workorder else {}
        if (conflict := known.get((workorder, "qty_produced"))) is not None:
            good = self._mfg_standing(conflict, progress, "/good_total")
            if good is not None:
                self._mfg_set_producing(self._mfg_good())
                return None
        return super()._mfg_book_good(progress)

    def _mfg_consume(self, moves, consumption):
        held = {}
        for (record, name), conflict in self._mfg_known_conflicts().items():
            if name == "quantity" and record in self._mfg_open_raw_moves():
                last = self.mfg_progress_ids.sorted("write_date")[-1:]
                held[record] = self._mfg_standing(conflict, last, "/consumption")
        result = super()._mfg_consume(moves, consumption)
        for move, value in held.items():
            if value is not None and move.has_tracking == "none":
                self._mfg_set_quantity(move, value)
        return result

    def _mfg_known_conflicts(self):
        """``{(record, field): its newest conflict}`` of this order, while a message is booked."""
        if not self._mfg_cause():
            return {}
        # sudo: a service user does not read conflicts; only whether one stands is asked.
        found = self.env["mfg.conflict"].sudo().search(
            [("ordering_key", "=", self._mfg_ordering_key())], order="id"
        )  # fmt: skip
        return {(self.env[c.model].browse(c.res_id), c.field): c for c in found}

    def _mfg_standing(self, conflict, progress, pointer):
        """Odoo's value of a field, where it stands against the report that is being booked.

        :return: the value, or None: the report counts
        :raises BusinessReject: a person has to decide first
        """
        if conflict.state == "open":
            raise BusinessReject(
                "conflict",
                self.env._(
                    "%(name)s: Odoo has %(here)s where the shop floor had %(there)s. It waits "
                    "until somebody decides, under Conflicts.",
                    name=conflict.name,
                    here=conflict.here or "-",
                    there=conflict.there or "-",
                ),
                pointer,
            )
        if conflict.winner == "there":
            return None
        if conflict.rule == "newest_wins" and not conflict.decided_by_id:
            newer = progress.ended_at and progress.ended_at > conflict.here_at
            if newer:
                conflict.write(
                    {
                        "winner": "there",
                        "there_at": progress.ended_at,
                        "decided_at": fields.Datetime.now(),
                        "reason": self.env._("By the rule: a newer report came."),
                    }
                )
                return None
        return conflict.values["here"]
