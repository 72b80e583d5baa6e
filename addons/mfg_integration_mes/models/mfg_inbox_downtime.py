from datetime import timezone

from odoo import api, fields, models
from odoo.addons.mfg_integration_base.exceptions import BusinessReject
from odoo.addons.mfg_integration_base.tools.json_writer import canonical_json
from odoo.addons.mfg_integration_base.tools.outcome import Delivered

from ..tools import downtime as arithmetic
from ..tools.downtime import Verdict
from ..tools.report import ReportError


class MfgInboxDowntime(models.AbstractModel):
    """Books what a shop floor says of a downtime: of which work center, why, does it count."""

    _name = "mfg.inbox.handler.workcenter_downtime"
    _inherit = ["mfg.inbox.handler"]
    _description = "Inbox handler: downtime of a work center"

    @api.model
    def _schema(self):
        return dict(arithmetic.SCHEMA)

    @api.model
    def _ordering_key(self, document):
        """Messages about one downtime in the order of their arrival."""
        name = document.get("downtime") if isinstance(document, dict) else None
        return f"mfg.downtime:{name}" if isinstance(name, str) else None

    @api.model
    def _handle(self, *, message, document):
        statement = self._read(document)
        connector = message.connector_id
        words = self.env["mfg.mes.words"]
        workcenter = words._workcenter(connector, statement.workcenter)
        reason = words._loss_reason(connector, statement.reason)
        downtime = self.env["mfg.downtime"]._find(connector, statement.downtime, lock=True)
        verdict = arithmetic.decide(
            statement,
            sequence=downtime.sequence,
            known_digest=downtime.digest or "",
            # An end that a person or a started operation gave it is a guess beside the word of
            # whoever watches the machine.
            known_end=_aware(downtime.ended_at) if downtime.end_reported else None,
        )
        self._check(verdict, downtime, workcenter)
        if verdict == Verdict.APPLY:
            downtime = downtime._apply(connector, statement, workcenter, reason)
        message._link_record(downtime)
        answer = {
            "result": verdict.value,
            "downtime": statement.downtime,
            "workcenter_state": workcenter.working_state,
            "affected_orders": [
                {"order": impact.production_id.mfg_uuid, "expected_at": impact.after}
                for impact in downtime.impact_ids
                if impact.kind == "production"
            ],
        }
        return Delivered(response=canonical_json(answer))

    def _read(self, document):
        if not isinstance(document, dict):
            raise BusinessReject("schema", self.env._("A downtime is a JSON object."))
        try:
            now = fields.Datetime.now().replace(tzinfo=timezone.utc)
            return arithmetic.parse(document, now=now)
        except ReportError as error:
            raise BusinessReject("invalid_value", str(error), error.pointer) from error

    def _check(self, verdict, downtime, workcenter):
        if verdict == Verdict.CONFLICT:
            raise BusinessReject(
                "conflict",
                self.env._("This number was booked before with another content."),
                "/sequence",
            )
        if verdict == Verdict.NOT_MEANT:
            raise BusinessReject(
                "conflict",
                self.env._(
                    "This downtime was reported as ended at %(end)s. To change or withdraw its "
                    "end, mark the message as a correction.",
                    end=downtime.ended_at,
                ),
                "/ended_at",
            )
        if downtime and downtime.workcenter_id != workcenter:
            raise BusinessReject(
                "conflict",
                self.env._(
                    "This downtime is of %s. One of another work center needs an id of its own.",
                    downtime.workcenter_id.display_name,
                ),
                "/workcenter",
            )


def _aware(moment):
    return moment.replace(tzinfo=timezone.utc) if moment else None
