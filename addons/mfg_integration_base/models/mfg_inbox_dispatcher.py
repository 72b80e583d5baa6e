import logging
import traceback

from odoo import models
from odoo.exceptions import AccessError, UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

from ..const import EXCERPT_CHARS
from ..exceptions import BusinessReject, UnknownPlugin
from ..tools.outcome import Delivered, Reject, Retry
from ..tools.redact import excerpt
from .base import CAUSE_KEY, Cause

_logger = logging.getLogger(__name__)


class _RollBack(Exception):
    """Carries an outcome out of the savepoint that is rolled back for it."""

    def __init__(self, outcome):
        super().__init__()
        self.outcome = outcome


class MfgInboxDispatcher(models.AbstractModel):
    """Books inbound messages."""

    _name = "mfg.inbox.dispatcher"
    _inherit = ["mfg.booking.dispatcher"]
    _description = "Inbox dispatcher"

    _mfg_queue = "in"

    def _book(self, claim, work, started):
        message = self._message(claim)
        outcome = self._exhausted(claim) or self._handle(message)
        if isinstance(outcome, Reject):
            self._tell_rejected(message, outcome)
        self.env.flush_all()
        settled = self._settle(claim, self._decide(claim, outcome), started, outcome.response)
        if isinstance(outcome, Delivered):
            self.env.cr.execute(
                SQL("UPDATE mfg_inbox_message SET result = %s WHERE id = %s",
                    outcome.response or None, claim.message_id)
            )  # fmt: skip
        return settled

    def _message(self, claim):
        return self.env["mfg.inbox.message"].browse(claim.message_id)

    def _route(self, claim):
        return self._message(claim).route_id.exists()

    def _schedule(self, claim):
        if route := self._route(claim):
            return route.retry_policy_id._schedule()
        return self.env["mfg.retry.policy"]._default_schedule()

    def _parks(self, claim):
        route = self._route(claim)
        return bool(route) and route.on_dead == "park"

    def _outcome_of(self, error):
        _logger.warning("A booking could not be committed: %s", error, exc_info=error)
        return super()._outcome_of(error)

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
        return route._decode(message._raw_body(), message.content_type or "")

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
