import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timezone

from odoo import models

from ..const import JOB_EVENT_TYPE
from ..exceptions import JobCancelled, JobRefused
from ..tools import tracecontext
from ..tools.job import ArgumentError, check_arguments, job_mark
from ..tools.json_writer import canonical_json
from .cursors import own_env
from .uuids import new_uuid

JOB_KEY = "mfg_job"
"""Context key of the job that is under way; see ``JobRun``."""

PROGRESS_SECONDS = 1.0
"""How often a job's progress is written, at most."""

MAX_DELAY = 366 * 86400


@dataclass(slots=True)
class JobRun:
    """The run of a job, for the job's own code. Like ``Cause``, no context from RPC can hold it."""

    message_id: int
    report_at: float = 0.0  # monotonic time from which on progress is written again


class Base(models.AbstractModel):
    """Every model's marked methods can be put on the queue."""

    _inherit = "base"

    def _mfg_enqueue(self, method, *, args=(), kwargs=None, key=None, lane=None, delay=None):
        """Put the call ``self.method(*args, **kwargs)`` on the queue: it runs after the commit.

        One statement in the caller's transaction: if it rolls back, nothing was ever enqueued. The
        job runs in a transaction of its own as the user who enqueued it, never as superuser by
        ``sudo()``, with this environment's companies, language and time zone.

        :param method: name of a method of this model that is marked with ``tools.job.job``
        :param args: list of what JSON can hold
        :param kwargs: dictionary of the same
        :param key: text; jobs of one key run one after the other, in the order of their commits
            (within a lane and company). Without it, each is for itself.
        :param lane: code of a lane, instead of the one that the method's mark names
        :param delay: seconds from now until it may run; it holds the later jobs of its key
        :return: the job's id: the ``uuid`` of its ``mfg.outbox.message``
        :raises JobRefused: the method is no job, an argument is not JSON, there is no such lane
        """
        kwargs = kwargs or {}
        mark = job_mark(type(self), method)
        if mark is None:
            raise JobRefused(
                self.env._(
                    "%(model)s.%(method)s is not marked as a job (@job): it cannot be put on the "
                    "queue.",
                    model=self._name,
                    method=method,
                )
            )
        try:
            check_arguments(args, kwargs)
        except ArgumentError as error:
            raise JobRefused(
                self.env._(
                    "%(model)s.%(method)s: %(error)s",
                    model=self._name,
                    method=method,
                    error=error,
                )
            ) from error
        self._mfg_check_enqueue(method, key, delay)
        company = self.env.company
        spec = self.env["mfg.subscription"]._job_spec(company.id, lane or mark.lane)
        if spec is None:
            raise JobRefused(
                self.env._(
                    "%(model)s.%(method)s: company %(company)s runs no jobs in lane “%(lane)s”.",
                    model=self._name,
                    method=method,
                    company=company.name,
                    lane=lane or mark.lane,
                )
            )
        event_uuid, message_uuid = new_uuid(), new_uuid()
        cause = self._mfg_cause()
        now = datetime.now(timezone.utc).replace(tzinfo=None)
        event = {
            "uuid": event_uuid,
            "event_type_id": spec.event_type_id,
            "type": JOB_EVENT_TYPE,
            "source": self._mfg_source(company),
            "subject": f"{self._name}/{method}",
            "ordering_key": key or message_uuid,
            "occurred_at": now,
            "recorded_at": now,
            "company_id": company.id,
            "user_id": self.env.uid,
            "model": self._name,
            "res_id": self.id if len(self._ids) == 1 else None,
            "traceparent": tracecontext.child(cause.traceparent, secrets.token_bytes)
            if cause and cause.traceparent
            else tracecontext.new_traceparent(secrets.token_bytes),
            "correlation_id": cause.correlation_id if cause else event_uuid,
            "causation_id": cause.message_uuid if cause else None,
            "data": self._mfg_job_text(method, args, kwargs, cause),
        }
        message = {
            "uuid": message_uuid,
            "event_uuid": event_uuid,
            "subscription_id": spec.subscription_id,
            "connector_id": spec.connector_id,
            "lane_id": spec.lane_id,
            "ordering_key": key or message_uuid,
        }
        self._mfg_insert([event], [message], () if key is None else {f"job:{key}"})
        if delay:
            self.env["mfg.message.queue"]._delay(message_uuid, delay)
        self.env["mfg.waker"]._wake(self.env["mfg.lane"].browse(spec.lane_id), "local")
        return message_uuid

    def _mfg_job_progress(self, done, total, text=""):
        """Say how far the job is, and learn whether it shall stop. Does nothing outside a job.

        May be called as often as one likes: it is written about once a second, apart from the
        job's own transaction, so that people see it at once.

        :param done: how much of ``total`` is done
        :param text: what is being done, for a person
        :raises JobCancelled: a person has cancelled the job; let it through
        """
        run = self.env.context.get(JOB_KEY)
        if not isinstance(run, JobRun):
            return
        now = time.monotonic()
        if now < run.report_at:
            return
        run.report_at = now + PROGRESS_SECONDS
        share = min(max(done / total, 0.0), 1.0) if total else 0.0
        with own_env(self.env.registry) as env:
            cancelled = env["mfg.message.queue"]._note_progress(run.message_id, share, text)
        if cancelled:
            raise JobCancelled(self.env._("A person has cancelled the job."))

    def _mfg_check_enqueue(self, method, key, delay):
        if not all(self._ids):
            problem = self.env._("a record is not saved yet.")
        elif key is not None and (not isinstance(key, str) or not key):
            problem = self.env._("key: %s is not a text.", repr(key))
        elif delay is not None and (
            isinstance(delay, bool)
            or not isinstance(delay, int | float)
            or not 0 <= delay <= MAX_DELAY
        ):
            problem = self.env._("delay: %s is not a number of seconds up to a year.", repr(delay))
        else:
            return
        raise JobRefused(f"{self._name}.{method}: {problem}")

    def _mfg_job_text(self, method, args, kwargs, cause):
        """The event's data: all that the run needs to know."""
        context = self.env.context
        return canonical_json(
            {
                "model": self._name,
                "ids": self._ids,
                "method": method,
                "args": args,
                "kwargs": kwargs,
                "user_id": self.env.uid,
                "company_ids": context.get("allowed_company_ids") or [],
                "lang": context.get("lang"),
                "tz": context.get("tz"),
                # What a partner's message has caused is not echoed to it, jobs in between or not.
                "cause_connector_id": cause.connector_id if cause else None,
            }
        )
