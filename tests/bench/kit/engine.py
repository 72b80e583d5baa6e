"""The steps of the engine's dispatcher that use the database, without the sending between them.

The one place that knows the calls of ``mfg.message.queue``; a change of the engine is followed
here. To be imported after ``odoo_process.set_up``.
"""

from odoo import api
from odoo.addons.mfg_integration_base.models.cursors import own_env
from odoo.addons.mfg_integration_base.models.mfg_message_queue import QUEUES, Claimed, Settled

from .suite import Link, Suite

OUT = QUEUES["out"]
WORKER = "bench@localhost:0"
ADMIT_AT_ONCE = 10_000


class Engine:
    """A dispatcher of one lane.

    :param at_once: how many keys one claim takes at most
    """

    def __init__(self, suite: Suite, link: Link, at_once: int):
        self._registry = suite.registry
        self._lane_id = link.lane_id
        self._at_once = at_once

    def admit_all(self) -> None:
        """Put every new message of the lane under its key."""
        admitted = True
        while admitted:
            with own_env(self._registry) as env:
                admitted = env["mfg.message.queue"]._admit(OUT, self._lane_id, ADMIT_AT_ONCE)

    def deliver(self) -> int:
        """Claim once and settle what was claimed as delivered; how many messages."""
        return self._cycle(state="done", outcome="delivered")

    def bury(self) -> int:
        """Claim once and settle it as rejected for good, each holding its key."""
        return self._cycle(
            state="dead", outcome="rejected", reason="rejected_by_partner", park=True
        )

    def _cycle(self, **result: str | bool) -> int:
        with own_env(self._registry) as env:
            claims = self._claim(env)
        if claims:
            rows = [_settled(claim, **result) for claim in claims]
            with own_env(self._registry) as env:
                queue = env["mfg.message.queue"]
                queue._settle(OUT, rows)
        return len(claims)

    def _claim(self, env: api.Environment) -> list[Claimed]:
        queue = env["mfg.message.queue"]
        fingerprint = env["mfg.environment"]._fingerprint()
        owners = queue._due_owners(OUT, self._lane_id, fingerprint)
        quotas = {owner.id: self._at_once for owner in owners}
        return queue._claim(OUT, quotas, self._at_once, WORKER)


def _settled(claim: Claimed, **result: str | bool) -> Settled:
    return Settled(
        **{
            "message_id": claim.message_id,
            "key_id": claim.key_id,
            "claim_no": claim.claim_no,
            "attempt_id": claim.attempt_id,
            "reason": None,
            "detail": None,
            "delay": None,
            "park": False,
            **result,
        }
    )
