from contextlib import contextmanager

from odoo import api, fields, models

from ..tools.changes import changed_lines, changed_values
from . import mfg_engineering_payload as payload

WATCHED = object()
"""Value of the context key ``mfg_watched``: whoever changes the bill tells it when it is done, with
all its lines. What comes through RPC is JSON and never this object."""


class MrpBom(models.Model):
    """What partners are told of changes to a bill of materials: once a save, header and lines."""

    _name = "mrp.bom"
    _inherit = ["mrp.bom", "mfg.uuid.mixin"]

    mfg_revision = fields.Integer(
        string="Integration revision",
        readonly=True,
        copy=False,
        help="Counts the changes that other systems were told.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        boms = super(MrpBom, self.with_context(mfg_watched=WATCHED)).create(vals_list)
        boms = boms.with_env(self.env)
        boms._mfg_tell_change({bom: ({}, {}) for bom in boms if bom._mfg_has_listener()})
        return boms

    def write(self, vals):
        # Sequence and the like say nothing about what is made.
        with self._mfg_watch() as watched:
            return super(MrpBom, watched).write(vals)

    def unlink(self):
        for bom in self.filtered(lambda bom: bom._mfg_has_listener()):
            bom._mfg_emit_change("deleted", bom._mfg_facts(), ({}, {}))
        return super(MrpBom, self.with_context(mfg_watched=WATCHED)).unlink()

    @contextmanager
    def _mfg_watch(self):
        """Tell afterwards what was changed inside, unless somebody around does.

        Yields the records to work with, in the context that keeps their lines quiet.
        """
        if self.env.context.get("mfg_watched") is WATCHED:
            yield self
            return
        before = {bom: bom._mfg_facts() for bom in self if bom._mfg_has_listener()}
        yield self.with_context(mfg_watched=WATCHED)
        self._mfg_tell_change(before)

    def _mfg_note(self, facts):
        """Past write(), which would tell it as a change."""
        return super().write(facts)  # pylint: disable=super-method-mismatch

    def _mfg_has_listener(self):
        """Nothing is compared for nobody."""
        event_type_id, keep = self.env["mfg.event.type"]._lookup(payload.BOM_CHANGED)
        return keep or bool(
            self.env["mfg.subscription"]._matching(event_type_id, self._mfg_company().id)
        )

    def _mfg_facts(self):
        # sudo: what is told does not depend on the rights of who changes it.
        bom = self.sudo()
        lines = {line.id: payload.bom_line_facts(line) for line in bom.bom_line_ids}
        return payload.bom_facts(bom), lines

    def _mfg_tell_change(self, before):
        """:param before: ``{bill: (facts, {line id: facts})}``"""
        for bom, old in before.items():
            new = bom._mfg_facts()
            if new == old:
                continue
            change = "changed"
            if not old[0]:
                change = "created"
            elif old[0]["active"] != new[0]["active"]:
                change = "restored" if new[0]["active"] else "archived"
            bom._mfg_emit_change(change, old, new)

    def _mfg_emit_change(self, change, old, new):
        now = fields.Datetime.now()
        # sudo: the count is ours, whoever changes the bill.
        self.sudo()._mfg_note({"mfg_revision": self.mfg_revision + 1})
        self._mfg_emit(
            payload.BOM_CHANGED,
            lambda bom: {
                "bom": payload.bom_ref(bom),
                "revision": bom.mfg_revision,
                "change": change,
                # Odoo has no bill for later: orders entered from now on take it as it is.
                "effective_at": now,
                "header": changed_values(old[0], new[0]),
                "lines": changed_lines(old[1], new[1]),
            },
        )


class MrpBomLine(models.Model):
    _inherit = "mrp.bom.line"

    @api.model_create_multi
    def create(self, vals_list):
        boms = self.env["mrp.bom"].browse({v["bom_id"] for v in vals_list if v.get("bom_id")})
        with boms._mfg_watch():
            return super().create(vals_list)

    def write(self, vals):
        boms = self.bom_id | self.env["mrp.bom"].browse(vals.get("bom_id") or ())
        with boms._mfg_watch():
            return super().write(vals)

    def unlink(self):
        with self.bom_id._mfg_watch():
            return super().unlink()
