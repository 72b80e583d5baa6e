import logging
import random
import time
import traceback
from contextlib import nullcontext
from functools import partial

import psycopg2

from odoo import SUPERUSER_ID, api, models
from odoo.exceptions import AccessError, UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY, retrying
from odoo.tools import SQL

from ..const import EXCERPT_CHARS
from ..exceptions import BusinessReject, UnknownPlugin
from ..tools.outcome import Delivered, Reject, Retry
from ..tools.redact import excerpt
from ..tools.settlement import decide
from .base import CAUSE_KEY, Cause
from .cursors import next_transaction, own_env
from .leases import leases
from .mfg_message_queue import QUEUES, Settled

_logger = logging.getLogger(__name__)
_rng = random.SystemRandom()

QUEUE = QUEUES["in"]
ADMIT_BATCH = 1000


class LeaseLost(Exception):
    """Somebody else has claimed the message meanwhile: nothing of this booking may stay."""


class _RollBack(Exception):
    """Carries an outcome out of the savepoint that is rolled back for it."""

    def __init__(self, outcome):
        super().__init__()
        self.outcome = outcome


class MfgInboxDispatcher(models.AbstractModel):
    """Books inbound messages one by one, each in a transaction of its own with a fresh snapshot."""

    _name = "mfg.inbox.dispatcher"
    _description = "Inbox dispatcher"

    @api.model
    def _pump(self, lane_id, worker, *, deadline, should_stop, stats=None):
        """Book what is due until the lane is idle, ``deadline`` or ``should_stop()``; how many.

        :param stats: ``Tally`` that counts them as well, while this runs
        """
        booked = 0
        while not should_stop() and time.monotonic() < deadline:
            claim, admitted = self._claim_one(lane_id, worker)
            if claim:
                with stats.one() if stats else nullcontext():
                    self._process(claim)
                booked += 1
            elif admitted < ADMIT_BATCH:
                break
        return booked

    def _claim_one(self, lane_id, worker):
        """``(claim or None, number of new messages admitted)``."""
        with own_env(self.env.registry) as env:
            fingerprint = env["mfg.environment"]._fingerprint_here()
            if fingerprint is None:
                return None, 0
            queue_model = env["mfg.message.queue"]
            admitted = queue_model._admit(QUEUE, lane_id, ADMIT_BATCH)
            next_transaction(env.cr)  # the admission lock is held as short as possible
            owners = queue_model._due_owners(QUEUE, lane_id, fingerprint)
            claims = queue_model._claim(QUEUE, {owner.id: 1 for owner in owners}, 1, worker)
        return (claims[0] if claims else None), admitted

    def _process(self, claim):
        registry = self.env.registry
        leases.hold(self.env.cr.dbname, QUEUE, [claim])
        started = time.monotonic()
        try:
            with registry.cursor() as cr:
                env = api.Environment(cr, SUPERUSER_ID, {})
                settled = retrying(partial(self.with_env(env)._book, claim, started), env)
        except LeaseLost:
            _logger.warning("Inbox message %s was taken over by another runner.", claim.uuid)
            return
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to this one message
            settled = self._settle_failed(claim, error, started)
        finally:
            leases.release(self.env.cr.dbname, QUEUE, [claim])
        # The booking is committed. A crash before the next lines leaves a key with a lease and
        # no message: whoever claims it then puts it right.
        with own_env(registry) as env:
            env["mfg.message.queue"]._release_keys(QUEUE, [settled])

    def _book(self, claim, started):
        """Run the handler and settle, all in the current transaction; the ``Settled`` row."""
        message = self.env["mfg.inbox.message"].browse(claim.message_id)
        if claim.tries > self._schedule(message).max_attempts:
            # No outcome gets this far: runners have ended without one.
            outcome = Reject(
                "attempts_exhausted",
                self.env._(
                    "%s attempts ended without a result: their runners were lost.", claim.tries - 1
                ),
            )
        else:
            outcome = self._handle(message)
        if isinstance(outcome, Reject):
            self._tell_rejected(message, outcome)
        self.env.flush_all()
        return self._settle(claim, message, outcome, started)

    def _handle(self, message):
        """The handler's outcome; whatever it did is rolled back unless it delivered."""
        route = self.env["mfg.inbox.route"].browse(message.route_id.id).exists()
        if not route:
            return Reject("handler_failed", self.env._("The route of this message was deleted."))
        try:
            handler = self._handler(message, route)
            with self.env.cr.savepoint():
                document = self._document(message, route)
                outcome = handler._handle(message=message.with_env(handler.env), document=document)
                if not isinstance(outcome, Delivered):
                    raise _RollBack(outcome)
                return outcome
        except _RollBack as rolled_back:
            if isinstance(rolled_back.outcome, Reject | Retry):
                return rolled_back.outcome
            return Reject(
                "handler_failed", f"The handler returned {rolled_back.outcome!r}, not an Outcome."
            )
        except BusinessReject as reject:
            where = f" ({reject.pointer})" if reject.pointer else ""
            return Reject(reject.reason, f"{reject.detail}{where}", pointer=reject.pointer)
        except (UnknownPlugin, AccessError) as error:
            return Reject("handler_failed", str(error))
        except UserError as error:
            # A business rule of Odoo's own: a person can read it and act on it.
            return Reject("refused_by_odoo", str(error))
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise  # the whole transaction is run again with a fresh snapshot
        except Exception:
            _logger.exception("Handler of inbox message %s failed", message.uuid)
            return Reject("handler_failed", excerpt(traceback.format_exc(limit=-8), EXCERPT_CHARS))

    def _handler(self, message, route):
        """The handler in the environment of the connector's service user."""
        connector = route.connector_id
        cause = Cause(
            message_uuid=message.uuid,
            connector_id=connector.id,
            correlation_id=message.uuid,
            traceparent=message.traceparent or "",
        )
        handler = self.env["mfg.inbox.handler"]._mfg_resolve(route.handler)
        return handler.with_user(connector.service_user_id).with_context(
            **{CAUSE_KEY: cause, "allowed_company_ids": connector.company_id.ids}
        )

    def _document(self, message, route):
        codec = self.env["mfg.codec"]._mfg_resolve(route.codec)
        return codec._decode(raw=message._raw_body(), content_type=message.content_type or "")

    def _tell_rejected(self, message, outcome):
        route = message.route_id
        if not route.exists():
            return
        try:
            handler = self._handler(message, route)
            with self.env.cr.savepoint():
                handler._rejected(message=message.with_env(handler.env), outcome=outcome)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception:
            _logger.exception("Telling the rejection of inbox message %s failed", message.uuid)

    def _schedule(self, message):
        if route := message.route_id.exists():
            return route.retry_policy_id._schedule()
        return self.env["mfg.retry.policy"]._default_schedule()

    def _settle(self, claim, message, outcome, started):
        route = message.route_id.exists()
        decision = decide(outcome, schedule=self._schedule(message), tries=claim.tries, rng=_rng)
        settled = Settled(
            message_id=claim.message_id,
            key_id=claim.key_id,
            claim_no=claim.claim_no,
            attempt_id=claim.attempt_id,
            state=str(decision.state),
            outcome=decision.outcome,
            reason=decision.reason or None,
            detail=decision.detail or None,
            delay=decision.delay,
            park=bool(route) and route.on_dead == "park",
            duration_ms=(time.monotonic() - started) * 1000,
            response_excerpt=excerpt(outcome.response, EXCERPT_CHARS) or None,
        )
        if not self.env["mfg.message.queue"]._settle_messages(QUEUE, [settled]):
            raise LeaseLost
        if isinstance(outcome, Delivered):
            self.env.cr.execute(
                SQL("UPDATE mfg_inbox_message SET result = %s WHERE id = %s",
                    outcome.response or None, claim.message_id)
            )  # fmt: skip
        return settled

    def _settle_failed(self, claim, error, started):
        """The booking could not be committed at all: bury or retry in another transaction."""
        _logger.warning("Booking of inbox message %s failed: %s", claim.uuid, error, exc_info=True)
        if isinstance(error, PG_CONCURRENCY_EXCEPTIONS_TO_RETRY):
            outcome = Retry("server_error", "Concurrent changes; the booking is tried again.")
        elif isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
            outcome = Retry("interrupted", "The database was lost; the booking is tried again.")
        else:
            outcome = Reject(
                "handler_failed", excerpt(f"{type(error).__name__}: {error}", EXCERPT_CHARS)
            )
        with own_env(self.env.registry) as env:
            message = env["mfg.inbox.message"].browse(claim.message_id)
            return self.with_env(env)._settle(claim, message, outcome, started)
