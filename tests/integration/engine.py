"""The engine's steps on cursors of the test's own, as its runners take them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from odoo import api
from odoo.addons.mfg_integration_base.models.cursors import own_env
from odoo.addons.mfg_integration_base.models.mfg_message_queue import QUEUES, Claimed, Settled

from tests.harness import databases

OUT = QUEUES["out"]


@contextmanager
def runner(registry) -> Iterator[api.Environment]:
    """A transaction of a runner: READ COMMITTED, committed at the end of the block."""
    with own_env(registry) as env:
        # A runner never waits for another one; a test must not hang if it does.
        env.cr.execute("SET LOCAL lock_timeout = '10s'")
        yield env


def admit(flow, limit: int = 1000) -> int:
    with runner(flow.registry) as env:
        return env["mfg.message.queue"]._admit(OUT, flow.lane_id, limit)


def claim(env: api.Environment, flow, limit: int, worker: str) -> list[Claimed]:
    return env["mfg.message.queue"]._claim(OUT, {flow.subscription_id: limit}, limit, worker)


def delivered(claimed: Claimed) -> Settled:
    return _settled(claimed, state="done", outcome="delivered")


def retried(claimed: Claimed) -> Settled:
    """Failed for now, due again at once."""
    return _settled(claimed, state="retrying", outcome="retry", reason="server_error", delay=0.0)


def buried(claimed: Claimed, *, park: bool) -> Settled:
    return _settled(
        claimed, state="dead", outcome="rejected", reason="rejected_by_partner", park=park
    )


def _settled(claimed: Claimed, **values: Any) -> Settled:
    return Settled(
        **{
            "message_id": claimed.message_id,
            "key_id": claimed.key_id,
            "claim_no": claimed.claim_no,
            "attempt_id": claimed.attempt_id,
            "reason": None,
            "detail": None,
            "delay": None,
            "park": False,
            **values,
        }
    )


def settle(env: api.Environment, settled: list[Settled]) -> set[int]:
    """Settle and give the keys back; ids of the messages that were still ours."""
    return env["mfg.message.queue"]._settle(OUT, settled)


def let_leases_run_out(flow) -> None:
    """What the passing of time does, by the clock that decides: the database's."""
    databases.query(
        flow.registry.db_name,
        "UPDATE mfg_outbox_key SET due_at = statement_timestamp() AT TIME ZONE 'UTC'"
        " WHERE owner_id = %s AND worker IS NOT NULL",
        [flow.subscription_id],
    )
