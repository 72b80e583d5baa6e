import math
import threading
import time
from datetime import timezone

from odoo import api, fields, models
from odoo.tools import SQL

from ..tools import token_bucket
from .cursors import own_env
from .inbox_exchange import Refused

SHARE = 0.1
"""Which part of a second's messages one process takes out of the common limit at once."""

KEEP_SECONDS = 1.0
"""How long it may use what it took, in seconds; what is left then is forgone."""

_lock = threading.Lock()
_hands = {}  # (database, route id) -> [messages that may still come, monotonic time until which]


class MfgInboxLimit(models.Model):
    """How many messages of a route may come at this moment: a token bucket that all servers share.

    A row a message would make partners' messages wait for each other's commits. So each process
    takes a tenth of a second's worth at once, and goes to the row again when that is used up.
    """

    _name = "mfg.inbox.limit"
    _description = "Rate of an inbox route"
    _log_access = False

    route_id = fields.Many2one("mfg.inbox.route", required=True, ondelete="cascade", readonly=True)
    tokens = fields.Float(readonly=True, digits=(16, 6))
    at = fields.Datetime(readonly=True)

    _route_uniq = models.Constraint("UNIQUE (route_id)", "One limit per route.")

    @api.model
    def _take(self, spec, number):
        """Let ``number`` messages of a route pass.

        :param spec: ``RouteSpec``
        :raises Refused: 429, not now
        """
        if not spec.rate_limit:
            return
        # A batch that is larger than any burst needs a full bucket.
        number = min(number, spec.rate_burst)
        place = (self.env.cr.dbname, spec.id)
        if self._from_hand(place, number):
            return
        share = max(number, math.ceil(spec.rate_limit * SHARE))
        # Of its own, and short: the row is not held until the message is on disk.
        with own_env(self.env.registry) as env:
            granted, wait = env["mfg.inbox.limit"]._from_bucket(spec, number, share)
        if not granted:
            raise Refused(
                "rate-limited",
                "Send the same message again after the time in Retry-After.",
                headers={"Retry-After": str(max(1, math.ceil(wait)))},
            )
        with _lock:
            hand, now = _hands.get(place), time.monotonic()
            # Another thread may have been to the row as well: what it took is still there.
            left = hand[0] if hand and now < hand[1] else 0
            _hands[place] = [left + granted - number, now + KEEP_SECONDS]

    @staticmethod
    def _from_hand(place, number):
        with _lock:
            hand = _hands.get(place)
            if hand and hand[0] >= number and time.monotonic() < hand[1]:
                hand[0] -= number
                return True
        return False

    def _from_bucket(self, spec, number, share):
        """``(tokens taken, seconds until enough of them)``; none are taken if that is too few."""
        cr = self.env.cr
        cr.execute("SET LOCAL synchronous_commit TO off")  # a crash gives a burst back
        cr.execute(
            SQL(
                "INSERT INTO mfg_inbox_limit (route_id, tokens) VALUES (%s, %s)"
                " ON CONFLICT (route_id) DO NOTHING",
                spec.id,
                spec.rate_burst,
            )
        )
        cr.execute(
            SQL(
                "SELECT tokens, at, clock_timestamp() FROM mfg_inbox_limit"
                " WHERE route_id = %s FOR UPDATE",
                spec.id,
            )
        )
        tokens, at, now = cr.fetchone()
        bucket = token_bucket.Bucket(tokens, at.replace(tzinfo=timezone.utc)) if at else None
        taken = token_bucket.take(
            bucket, rate_per_s=spec.rate_limit, burst=spec.rate_burst, wanted=share, now=now
        )
        if taken.granted < number:
            return 0, (number - taken.granted - taken.bucket.tokens) / spec.rate_limit
        cr.execute(
            SQL(
                "UPDATE mfg_inbox_limit SET tokens = %s, at = %s WHERE route_id = %s",
                taken.bucket.tokens,
                now.astimezone(timezone.utc).replace(tzinfo=None),
                spec.id,
            )
        )
        return taken.granted, 0.0
