import json
import logging
import traceback
from dataclasses import dataclass

from odoo import SUPERUSER_ID, models
from odoo.tools import SQL

from ..const import EXCERPT_CHARS, JOB_EVENT_TYPE
from ..exceptions import JobCancelled, JobRefused, JobRetry
from ..tools.envelope import encode_structured
from ..tools.job import job_mark
from ..tools.lifecycle import State, Verb, next_state
from ..tools.outcome import Delivered, Reject, Retry
from ..tools.redact import excerpt
from ..tools.settlement import Settlement
from .base import CAUSE_KEY, Cause
from .base_job import JOB_KEY, JobRun
from .ir_actions_server_local import DELIVERY_KEY, Delivery

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done for one message, read when it was claimed."""

    event_uuid: str
    event_type: str
    data: str
    model: str | None
    res_id: int | None
    correlation_id: str | None
    traceparent: str | None
    connector_id: int
    company_id: int
    builtin: bool
    service_user_id: int | None
    action_id: int | None
    user_exists: bool
    stop: bool


class MfgLocalDispatcher(models.AbstractModel):
    """Runs queue jobs, and delivers events to server actions of this database."""

    _name = "mfg.local.dispatcher"
    _inherit = ["mfg.booking.dispatcher"]
    _description = "Dispatcher of jobs and local deliveries"

    _mfg_queue = "out"
    _mfg_local = True

    def _load(self, claims):
        self.env.cr.execute(
            SQL(
                """
                SELECT m.id, e.uuid, e.type, e.data, e.model, e.res_id, e.correlation_id,
                       e.traceparent, c.id, c.company_id, c.builtin, c.service_user_id,
                       s.local_action_id, COALESCE(u.active OR u.id = %s, FALSE),
                       COALESCE(p.cancel_requested, FALSE)
                  FROM ONLY mfg_outbox_message m
                  JOIN mfg_event e ON e.id = m.event_id
                  JOIN mfg_connector c ON c.id = m.connector_id
                  LEFT JOIN mfg_subscription s ON s.id = m.subscription_id
                  LEFT JOIN res_users u ON u.id = e.user_id
                  LEFT JOIN mfg_job_progress p ON p.message_id = m.id
                 WHERE m.id = ANY(%s)
                """,
                SUPERUSER_ID,  # archived in every database
                [claim.message_id for claim in claims],
            )
        )
        return {row[0]: Work(*row[1:]) for row in self.env.cr.fetchall()}

    def _book(self, claim, work, started):
        if work is None:
            raise JobRefused(self.env._("The event does not exist."))
        if work.stop:  # asked for while a runner had it that was lost since
            raise JobCancelled
        outcome = self._exhausted(claim)
        if outcome is None:
            # No savepoint around it: a job may commit. What it raises rolls everything back.
            if work.builtin and work.event_type == JOB_EVENT_TYPE:
                note = self._run_job(claim, work)
            else:
                note = self._run_action(claim, work)
            outcome = Delivered(note=note)
        return self._settle(claim, self._decide(claim, outcome), started)

    # === Jobs === #

    def _run_job(self, claim, work):
        """Call the method; the text that it returned, if it is one."""
        data = json.loads(work.data)
        env = self._job_env(claim, work, data)
        model, method = data["model"], data["method"]
        # Asked again: the code may have changed since it was enqueued.
        if model not in env or job_mark(type(env[model]), method) is None:
            raise JobRefused(
                self.env._(
                    "%(model)s.%(method)s is not (or no longer) a job, or its app is not "
                    "installed.",
                    model=model,
                    method=method,
                )
            )
        records = env[model].browse(data["ids"])
        result = getattr(records, method)(*data["args"], **data["kwargs"])
        env.flush_all()
        return excerpt(result, EXCERPT_CHARS) if isinstance(result, str) else ""

    def _job_env(self, claim, work, data):
        """The environment of the user who enqueued: never superuser because somebody was then."""
        if not work.user_exists:
            raise JobRefused(self.env._("The user who enqueued this job was deleted or archived."))
        context = {name: data[name] for name in ("lang", "tz") if data[name]}
        if data["company_ids"]:
            context["allowed_company_ids"] = data["company_ids"]
        context[JOB_KEY] = JobRun(claim.message_id)
        context[CAUSE_KEY] = self._cause(work, data["cause_connector_id"] or work.connector_id)
        env = self.env(user=data["user_id"], context=context, su=False)
        # Refused if the user has lost access to one of them since; also when the job never asks.
        if not env.companies:
            raise JobRefused(self.env._("The user who enqueued this job has no company."))
        return env

    @staticmethod
    def _cause(work, connector_id):
        return Cause(
            message_uuid=work.event_uuid,
            connector_id=connector_id,
            correlation_id=work.correlation_id or work.event_uuid,
            traceparent=work.traceparent or "",
        )

    # === Server actions === #

    def _run_action(self, claim, work):
        """Run the subscription's server action as the connector's service user."""
        if not work.action_id or not work.service_user_id:
            raise JobRefused(
                self.env._("The subscription has no server action, or was deleted meanwhile.")
            )
        outgoing = self.env["mfg.outbox.dispatcher"]._load(self.env, [claim])[claim.message_id]
        if isinstance(outgoing, str):
            raise JobRefused(outgoing)
        context = {
            "allowed_company_ids": [work.company_id],
            CAUSE_KEY: self._cause(work, work.connector_id),
            JOB_KEY: JobRun(claim.message_id),
            DELIVERY_KEY: Delivery(encode_structured(outgoing.event).decode()),
        }
        env = self.env(user=work.service_user_id, context=context, su=False)
        # sudo: service users may not read actions; run() itself checks the action's groups, and
        # the action works with the rights of the service user.
        action = env["ir.actions.server"].browse(work.action_id)
        if work.model and work.model == action.sudo().model_id.model:
            record = env[work.model].browse(work.res_id).exists() if work.res_id else None
            if record:
                action = action.with_context(
                    active_model=work.model, active_id=record.id, active_ids=record.ids
                )
        action.run()
        env.flush_all()
        return ""

    # === What becomes of it === #

    def _outcome_of(self, error):
        if isinstance(error, JobRetry):
            return Retry("job_waits", error.detail, delay=max(error.seconds, 0))
        if isinstance(error, JobRefused):
            return Reject("handler_failed", str(error))
        outcome = super()._outcome_of(error)
        if isinstance(outcome, Retry):  # the database's fault
            return outcome
        _logger.info("A job failed", exc_info=error)
        lines = traceback.format_exception(type(error), error, error.__traceback__, limit=-8)
        return Retry("job_failed", excerpt("".join(lines), EXCERPT_CHARS))

    def _decide_failed(self, claim, error):
        detail = self.env["mfg.message.queue"]._stop_detail(claim.message_id)
        if detail is not None or isinstance(error, JobCancelled):
            state = next_state(State.RUNNING, Verb.CANCEL)
            return Settlement(state, "cancelled", "cancelled_by_user", detail or str(error))
        return super()._decide_failed(claim, error)

    def _released(self, settled):
        ended = [row.message_id for row in settled if row.state in (State.DONE, State.CANCELLED)]
        self.env["mfg.message.queue"]._forget_progress(ended)

    def _subscription(self, claim):
        return self.env["mfg.subscription"].browse(claim.owner_id).exists()

    def _schedule(self, claim):
        if subscription := self._subscription(claim):
            return subscription.retry_policy_id._schedule()
        return self.env["mfg.retry.policy"]._default_schedule()

    def _parks(self, claim):
        return self._subscription(claim).on_dead == "park"
