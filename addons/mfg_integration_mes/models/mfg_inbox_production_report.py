from datetime import timezone
from decimal import Decimal

from odoo import api, fields, models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject
from odoo.addons.mfg_integration_base.tools.json_writer import canonical_json
from odoo.addons.mfg_integration_base.tools.lifecycle import REASONS
from odoo.addons.mfg_integration_base.tools.outcome import Delivered

from ..tools import progress as arithmetic
from ..tools.progress import Verdict
from ..tools.report import SCHEMA, ReportError, parse
from . import mfg_production_payload as payload


class MfgInboxProductionReport(models.AbstractModel):
    """Books a production report: who it is about, whether it counts, then the order's own steps."""

    _name = "mfg.inbox.handler.production_report"
    _inherit = ["mfg.inbox.handler"]
    _description = "Inbox handler: production report"

    @api.model
    def _schema(self):
        return dict(SCHEMA)

    @api.model
    def _ordering_key(self, document):
        """Reports of one order in the order of their arrival, as far as they name it.

        Reports that name an operation alone are ordered per operation.
        """
        if not isinstance(document, dict):
            return None
        key = document.get("order") or document.get("workorder")
        return f"mrp.production:{key.lower()}" if isinstance(key, str) else None

    @api.model
    def _handle(self, *, message, document):
        report = self._read(document)
        order, workorder = self._target(report)
        message._link_record(order)
        connector = message.connector_id
        order._mfg_lock()
        progress = self.env["mfg.mes.progress"]._find(connector, order, workorder)
        decision = arithmetic.decide(
            progress._applied(), report, most=self._most(connector, order, workorder)
        )
        if decision.verdict in (Verdict.STALE, Verdict.DUPLICATE):
            return self._delivered(order, workorder, report, decision.verdict)
        self._check_open(order, workorder, progress)
        self._check_form(progress, "totals")
        self._check_revision(order, report)
        self._check_one_source(order, report)
        self._check_decision(order, report, decision)
        warnings = self._check_operation_before(workorder, report)
        progress = progress._apply(connector, order, workorder, report, decision.missing)
        words = self.env["mfg.mes.words"]
        warnings += order._mfg_book(
            progress,
            report,
            scrap=words._scrap(connector, order, decision.delta.scrap),
            consumption=words._consumption(order),
        )
        return self._delivered(
            order, workorder, report, decision.verdict, missing=decision.missing, warnings=warnings
        )

    def _read(self, document):
        if not isinstance(document, dict):
            raise BusinessReject("schema", self.env._("A report is a JSON object."))
        try:
            return self._parse(document)
        except ReportError as error:
            raise BusinessReject("invalid_value", str(error), error.pointer) from error

    def _parse(self, document):
        return parse(document, now=fields.Datetime.now().replace(tzinfo=timezone.utc))

    # === What the report is about === #

    def _target(self, report):
        """Order and operation by our UUIDs. What belongs to another company is unknown here."""
        workorder = self.env["mrp.workorder"]
        if report.workorder:
            workorder = workorder.search([("mfg_uuid", "=", report.workorder)])
            if not workorder:
                raise BusinessReject(
                    "unknown_reference",
                    self.env._("There is no operation %s here.", report.workorder),
                    "/workorder",
                )
        order = workorder.production_id
        if report.order:
            order = self.env["mrp.production"].search([("mfg_uuid", "=", report.order)])
            if not order:
                raise BusinessReject(
                    "unknown_reference",
                    self.env._("There is no production order %s here.", report.order),
                    "/order",
                )
            if workorder and workorder.production_id != order:
                raise BusinessReject(
                    "invalid_value",
                    self.env._(
                        "Operation %(operation)s belongs to %(other)s, not to %(order)s.",
                        operation=workorder.name,
                        other=workorder.production_id.name,
                        order=order.name,
                    ),
                    "/workorder",
                )
        if not order.mfg_released_at:
            raise BusinessReject(
                "unknown_reference",
                self.env._("%s has not been released yet.", order.name),
                "/order" if report.order else "/workorder",
            )
        return order, workorder

    def _most(self, connector, order, workorder):
        """The most that this connector may report: the plan and its tolerance, less others'."""
        planned = order.product_qty
        if workorder:
            planned = workorder.qty_production - workorder.qty_reported_from_previous_wo
        tolerance = (
            order.product_id.product_tmpl_id.mfg_over_tolerance
            or order.company_id.mfg_over_tolerance
        )
        allowed = max(
            arithmetic.limit(Decimal(repr(planned)), Decimal(repr(tolerance))),
            Decimal(repr(order.mfg_over_approved)),
        )
        return allowed - self._made_by_others(connector, order, workorder)

    @api.model
    def _made(self, connector, order, workorder, report):
        """Good and scrap in all that ``report`` says was made of its target, a Decimal."""
        return report.totals.good + report.totals.scrap_total

    @api.model
    def _made_by_others(self, connector, order, workorder):
        """Good and scrap that other connectors reported on the same."""
        others = order.mfg_progress_ids.filtered(
            lambda row: row.workorder_id == workorder and row.connector_id != connector
        )
        return sum((Decimal(repr(row.good + row.scrap)) for row in others), Decimal(0))

    # === Whether it counts === #

    def _check_open(self, order, workorder, progress):
        where = "/workorder" if workorder else "/order"
        if order.state in ("done", "cancel"):
            text = self.env._(
                "%(order)s is %(state)s.",
                order=order.name,
                state=dict(order._fields["state"]._description_selection(self.env))[order.state],
            )
            backorder = order._mfg_backorder()
            if backorder:
                text += " " + self.env._(
                    "What is left of it is %(name)s (%(uuid)s).",
                    name=backorder.name,
                    uuid=backorder.mfg_uuid,
                )
            raise BusinessReject("closed_order", text, where)
        if progress.finished or workorder.state in ("done", "cancel"):
            raise BusinessReject(
                "closed_order",
                self.env._("%s was reported as finished.", (workorder or order).display_name),
                where,
            )
        self._check_owner(order, where)

    def _check_owner(self, order, where="/workorder"):
        if order.mfg_owner != "mes":
            raise BusinessReject(
                "conflict",
                self.env._(
                    "%s is run by people in Odoo, not by the shop floor. A manufacturing "
                    "administrator may change that on the order.",
                    order.name,
                ),
                where,
            )

    def _check_form(self, progress, form):
        """Totals and increments of one target: nobody could say what they add up to."""
        if progress and progress.form != form:
            forms = dict(progress._fields["form"]._description_selection(self.env))
            raise BusinessReject(
                "conflict",
                self.env._(
                    "%(target)s is reported as %(old)s so far, and cannot be as %(new)s.",
                    target=progress.display_name,
                    old=forms[progress.form],
                    new=forms[form],
                ),
                "/sequence",
            )

    def _check_one_source(self, order, report):
        if report.totals.consumption:
            order._mfg_check_one_source(of_reports=True)

    def _check_revision(self, order, report):
        if report.revision and report.revision < order.mfg_revision:
            raise BusinessReject(
                "conflict",
                self.env._(
                    "The report was made for revision %(old)s of %(order)s, which is at revision "
                    "%(new)s.",
                    old=report.revision,
                    order=order.name,
                    new=order.mfg_revision,
                ),
                "/revision",
            )

    def _check_decision(self, order, report, decision):
        if decision.verdict == Verdict.CONFLICT:
            raise BusinessReject(
                "conflict",
                self.env._("Report %s was booked before with another content.", report.sequence),
                "/sequence",
            )
        if decision.verdict == Verdict.NEGATIVE:
            raise BusinessReject(
                "conflict",
                self.env._(
                    "A total falls from %(before)s to %(after)s. Totals only grow, unless the "
                    "report is marked as a correction and says why.",
                    before=_plain(decision.before),
                    after=_plain(decision.after),
                ),
                decision.pointer,
            )
        if decision.verdict == Verdict.OVER:
            waits = order.company_id.mfg_over_rule == "approve"
            raise BusinessReject(
                "awaiting_approval" if waits else "over_report",
                self.env._(
                    "%(made)s %(uom)s good and scrap are reported; %(order)s allows %(most)s.",
                    made=_plain(decision.after),
                    uom=order.product_uom_id.name,
                    order=order.name,
                    most=_plain(decision.before),
                ),
                decision.pointer,
            )

    def _check_operation_before(self, workorder, report):
        """An operation cannot have more good pieces than the ones before it.

        Odoo accepts it. Only operations that the shop floor reports on are compared: the others
        say nothing.
        """
        warnings = []
        reported = workorder.production_id.mfg_progress_ids.workorder_id
        for before in workorder.blocked_by_workorder_ids & reported:
            had = before.qty_reported_from_previous_wo + before.qty_produced
            has = workorder.qty_reported_from_previous_wo + float(report.totals.good)
            if workorder.product_uom_id.compare(has, had) <= 0:
                continue
            text = self.env._(
                "%(operation)s reports %(has)s good pieces, %(before)s before it only %(had)s.",
                operation=workorder.name,
                has=has,
                before=before.name,
                had=had,
            )
            if workorder.company_id.mfg_operation_check == "block":
                raise BusinessReject("over_report", text, "/good_total")
            warnings.append(text)
        return warnings

    # === The answer === #

    def _delivered(self, order, workorder, report, verdict, *, missing=0, warnings=()):
        answer = {
            "result": verdict.value,
            "order": order.mfg_uuid,
            "workorder": workorder.mfg_uuid or None,
            "sequence": report.sequence,
            "good_total": payload.quantity_of(order._mfg_good(), order.product_uom_id),
            "scrap_total": payload.quantity_of(order._mfg_scrapped(), order.product_uom_id),
            "order_state": order.state,
            "workorder_state": workorder.state or None,
            "backorder": order._mfg_backorder().mfg_uuid or None,
            "missing_reports": missing,
            "warnings": list(warnings),
        }
        notes = {
            Verdict.APPLY: "",
            Verdict.STALE: self.env._("Older than what is booked: acknowledged, nothing changed."),
            Verdict.DUPLICATE: self.env._("Booked before: acknowledged, nothing changed."),
        }
        return Delivered(note=notes[verdict], response=canonical_json(answer))

    @api.model
    def _rejected(self, *, message, outcome):
        """Tell that a report was not booked: on its order if that is known, else on the message."""
        document = self._document_of(message)
        data = {
            "report": message.uuid,
            "external_id": message.external_id,
            "connector": message.connector_id.code,
            "reason": outcome.reason,
            # The detail of a fault is a traceback, which is none of the partner's business.
            "detail": REASONS[outcome.reason].label
            if outcome.reason == "handler_failed"
            else outcome.detail,
            "field": outcome.pointer or None,
            "order": _text(document.get("order")),
            "workorder": _text(document.get("workorder")),
            "sequence": document.get("sequence")
            if isinstance(document.get("sequence"), int)
            else None,
        }
        order = self._order_of(document)
        if order:
            message._link_record(order)
            data |= {"order": order.mfg_uuid}
        (order or message).with_context(mfg_news=True)._mfg_emit(payload.REPORT_REJECTED, data)

    def _document_of(self, message):
        """The document, or an empty one when that is what was wrong."""
        try:
            document = message.route_id._decode(message._raw_body(), message.content_type or "")
        except BusinessReject:
            return {}
        return document if isinstance(document, dict) else {}

    def _order_of(self, document):
        order = self.env["mrp.production"]
        if isinstance(document.get("workorder"), str):
            order = (
                self.env["mrp.workorder"]
                .search([("mfg_uuid", "=", document["workorder"].lower())])
                .production_id
            )
        if not order and isinstance(document.get("order"), str):
            order = order.search([("mfg_uuid", "=", document["order"].lower())])
        return order


def _plain(number):
    """A decimal for people: 10, not 1E+1."""
    return f"{number.normalize():f}"


def _text(value):
    return value if isinstance(value, str) else None
