import queue
import secrets
from datetime import datetime, timezone

from odoo import models

from ..exceptions import ConfigurationError
from ..tools import tracecontext
from ..tools.envelope import EventRecord
from ..tools.lifecycle import REASONS
from ..tools.outcome import Delivered
from .mfg_transport import Outgoing
from .uuids import new_uuid

TEST_EVENT = "mfg.integration.connector.tested.v1"

ANSWER_MARGIN = 5
"""How long to wait for the sender beyond the call's own time limit, in seconds."""


class MfgConnector(models.Model):
    """Trying a connector out: at once, or the way every event takes."""

    _inherit = "mfg.connector"

    def action_test_connection(self):
        """Send one signed test event past all queues and show how the partner answered.

        Waits for the partner, as long as the connector's time limits allow. Leaves no trace in
        the outbox.
        """
        self.ensure_one()
        self._check_may_test(("draft", "active", "paused"))
        # sudo: transports get what they need, secrets included; only the verdict is shown.
        connector = self.sudo()
        transport = self.env["mfg.transport"].sudo()._mfg_resolve(self.transport)
        prepared = transport._preparer(connector=connector)(self._test_outgoing())
        answers = queue.SimpleQueue()
        transport._sender().submit(prepared.call, answers.put)
        try:
            answer = answers.get(timeout=self.total_timeout + ANSWER_MARGIN)
        except queue.Empty:
            raise ConfigurationError(
                self.env._("The test of connector %s did not end in time.", self.name)
            ) from None
        return self._test_notification(answer)

    def action_send_test_event(self):
        """Emit a test event to this connector, then open its message in the outbox."""
        self.ensure_one()
        self._check_may_test(("active", "paused"))
        self._test_subscription()
        [event_uuid] = self._mfg_emit(TEST_EVENT, {"connector": self.code})
        message = self.env["mfg.outbox.message"].search(
            [("event_id.uuid", "=", event_uuid), ("connector_id", "=", self.id)], limit=1
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Test event"),
            "res_model": message._name,
            "res_id": message.id,
            "views": [(False, "form")],
        }

    def _check_may_test(self, states):
        """Only who configures a connector tests it, and a copied database sends no tests either."""
        self.check_access("write")
        self.env["mfg.environment"]._check_may_activate()
        if self.state not in states:
            labels = dict(self._fields["state"]._description_selection(self.env))
            raise ConfigurationError(
                self.env._(
                    "Connector %(name)s is %(state)s.", name=self.name, state=labels[self.state]
                )
            )
        if not self.activated_here:
            raise ConfigurationError(
                self.env._(
                    "Connector %s is not activated on this database: it is a copy, or its "
                    "environment has changed. Nothing is sent from here until it is re-activated.",
                    self.name,
                )
            )

    def _test_outgoing(self):
        now = datetime.now(timezone.utc)
        naive = now.replace(tzinfo=None)
        uuid = new_uuid()
        data = self._mfg_data_text({"connector": self.code}, self.company_id, naive, naive, None)
        return Outgoing(
            message_id=0,
            uuid=uuid,
            event=EventRecord(
                id=uuid,
                source=self._mfg_source(self.company_id),
                type=TEST_EVENT,
                subject=self._mfg_subject(),
                time=now,
                dataschema=f"urn:mfg:schema:{TEST_EVENT}",
                sequence=0,
                partitionkey=self._mfg_ordering_key(),
                traceparent=tracecontext.new_traceparent(secrets.token_bytes),
                correlationid=uuid,
                causationid="",
                data_text=data,
            ),
        )

    def _test_notification(self, answer):
        milliseconds = round(answer.duration_ms)
        if isinstance(answer.outcome, Delivered):
            kind, title = "success", self.env._("The partner has accepted the test event")
            text = self.env._(
                "Status %(status)s after %(ms)s ms.", status=answer.status, ms=milliseconds
            )
        else:
            reason = REASONS[answer.outcome.reason]
            kind, title = "danger", reason.label
            status = self.env._("Status %s.", answer.status) if answer.status else ""
            after = self.env._("After %s ms.", milliseconds)
            text = " ".join(filter(None, (status, answer.outcome.detail, after)))
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": kind,
                "title": title,
                "message": text,
                "sticky": kind != "success",
            },
        }

    def _test_subscription(self):
        """The subscription that brings test events to this connector and to no other."""
        event_type = self.env["mfg.event.type"].search([("code", "=", TEST_EVENT)])
        subscription = self.subscription_ids.filtered(
            lambda s: event_type in s.event_type_ids and s.state != "retired"
        )
        return subscription[:1] or self.env["mfg.subscription"].create(
            {
                "name": self.env._("Test events"),
                "connector_id": self.id,
                "event_type_ids": [(6, 0, event_type.ids)],
                "ordering": "none",
                "filter_model": self._name,
                "filter_domain": f"[('id', '=', {self.id})]",
            }
        )
