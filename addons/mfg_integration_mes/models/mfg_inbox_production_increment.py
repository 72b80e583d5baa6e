from datetime import timezone

from odoo import api, fields, models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject

from ..tools import increment as arithmetic
from ..tools import progress as cumulative
from ..tools.increment import Verdict


class MfgInboxProductionIncrement(models.AbstractModel):
    """Turns increments into totals, and books these like a report's."""

    _name = "mfg.inbox.handler.production_increment"
    _inherit = ["mfg.inbox.handler.production_report"]
    _description = "Inbox handler: production increment"

    @api.model
    def _schema(self):
        return dict(arithmetic.SCHEMA)

    @api.model
    def _handle(self, *, message, document):
        increment = self._read(document)
        order, workorder = self._target(increment)
        message._link_record(order)
        connector = message.connector_id
        order._mfg_lock()
        progress = self.env["mfg.mes.progress"]._find(connector, order, workorder)
        known = progress.increment_ids._read_all()
        verdict = arithmetic.decide(known, increment)
        if verdict == Verdict.DUPLICATE:
            return self._told(progress, increment, cumulative.Verdict.DUPLICATE)
        self._check_number(verdict, increment)
        self._check_open(order, workorder, progress)
        self._check_form(progress, "increments")
        self._check_revision(order, increment)
        progress = progress or progress._begin(connector, order, workorder, form="increments")
        progress.increment_ids._keep(progress, increment, document)
        return self._told(
            progress, increment, cumulative.Verdict.APPLY, warnings=self._book(progress)
        )

    def _parse(self, document):
        now = fields.Datetime.now().replace(tzinfo=timezone.utc)
        return arithmetic.parse(document, now=now)

    @api.model
    def _made(self, connector, order, workorder, report):
        progress = self.env["mfg.mes.progress"].sudo()._find(connector, order, workorder)
        known = progress.increment_ids._read_all()
        return super()._made(connector, order, workorder, arithmetic.total([*known, report]).report)

    def _check_number(self, verdict, increment):
        if verdict == Verdict.CONFLICT:
            raise BusinessReject(
                "conflict",
                self.env._("Increment %s was booked before otherwise.", increment.sequence),
                "/sequence",
            )
        if verdict == Verdict.AFTER_END:
            raise BusinessReject(
                "conflict",
                self.env._("A higher number than the one that said it is the last."),
                "/status" if increment.finished else "/sequence",
            )

    @api.model
    def _book(self, progress):
        """Book what the increments of ``progress`` add up to; warnings for the partner.

        While numbers are missing, a sum that cannot be is not refused: the missing ones may put it
        right. It is booked as soon as it can be.
        """
        order, workorder = progress.production_id, progress.workorder_id
        connector = progress.connector_id
        found = arithmetic.total(progress.increment_ids._read_all())
        if len(found.missing) > arithmetic.MOST_MISSING:
            raise BusinessReject(
                "invalid_value",
                self.env._(
                    "%s numbers before this one have not come. Increments are numbered 1, 2, 3 … "
                    "for each operation (or order).",
                    len(found.missing),
                ),
                "/sequence",
            )
        report = found.report
        decision = cumulative.decide(
            progress._applied(), report, most=self._most(connector, order, workorder)
        )
        progress.write(
            {
                "missing": len(found.missing),
                "waits_for": ", ".join(map(str, found.first_missing)) or False,
            }
        )
        over = decision.verdict == cumulative.Verdict.OVER
        if found.missing and (found.pointer or over):
            return [self.env._("Kept, and booked when the missing numbers are here.")]
        if found.pointer:
            raise BusinessReject(
                "conflict",
                self.env._("All increments together fall below zero."),
                found.pointer,
            )
        self._check_one_source(order, report)
        self._check_decision(order, report, decision)
        warnings = self._check_operation_before(workorder, report)
        progress = progress._apply(connector, order, workorder, report, 0)
        words = self.env["mfg.mes.words"]
        return warnings + order._mfg_book(
            progress,
            report,
            scrap=words._scrap(connector, order, decision.delta.scrap),
            consumption=words._consumption(order),
        )

    def _told(self, progress, increment, verdict, *, warnings=()):
        return self._delivered(
            progress.production_id,
            progress.workorder_id,
            increment,
            verdict,
            missing=progress.missing,
            warnings=warnings,
        )
