from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL, groupby

from ..const import LEASE_SECONDS
from ..tools.lifecycle import State
from ..tools.pg_array import array
from .mfg_message_queue import NOW, OF_KEY, Claimed, Share

MOST_KEYS = 1000
"""How many keys one look takes at the most when those before had nothing to start."""

STARTS = frozenset({State.PENDING, State.RUNNING})
"""States of messages that go along behind the first one of their key. ``running`` here means that
the runner was lost."""


class _Key(NamedTuple):
    id: int
    owner_id: int
    claim_no: int


class _Row(NamedTuple):
    """A message at the front of a key that is locked."""

    key_id: int
    id: int
    state: str
    attempt_id: int | None
    uuid: str
    tries: int
    attempt_count: int
    connector_id: int
    company_id: int
    early: bool  # its time has not come


class MfgMessageQueue(models.AbstractModel):
    """Taking messages: keys are locked, their first messages are read, attempts are opened.

    Three statements, each with a snapshot of its own: what a key's messages look like is read
    after the key was locked, or a runner that settled in between would be overlooked.
    """

    _inherit = "mfg.message.queue"

    @api.model
    def _claim(self, queue, quotas, limit, worker):
        """Take the first messages of up to ``limit`` due keys; list of ``Claimed``.

        Messages of one key stand together, in order; those of one request share their attempt.
        A key whose lease ran out is due again: its messages were ``running``, their open attempts
        are closed as lost, and the same message ids go out once more.

        :param quotas: ``{owner id: Share, or how many keys}``; each owner is looked at for itself,
            so that one with a long backlog does not hide the others
        """
        shares = {o: q if isinstance(q, Share) else Share(q) for o, q in quotas.items()}
        while shares:
            claimed, stale = self._claim_once(queue, shares, limit, worker)
            if claimed or not stale:
                return claimed
            # These are out of the way now: what is due behind them must not wait.
            limit = min(2 * limit, MOST_KEYS)
            shares = {o: s._replace(keys=min(2 * s.keys, MOST_KEYS)) for o, s in shares.items()}
        return []

    def _claim_once(self, queue, shares, limit, worker):
        """``(claimed, whether keys were put right)``."""
        keys = self._pick_keys(queue, shares, limit)
        conflated = [key.id for key in keys if shares[key.owner_id].conflate]
        if conflated:
            self._supersede(queue, conflated)
        requests, stale = [], []
        for owner_id, owner_keys in groupby(keys, lambda key: key.owner_id):
            share = shares[owner_id]
            runs, empty = self._runs(queue, owner_keys, share)
            requests += _requests(runs, share)
            stale += empty
        claimed = self._start(queue, {key.id: key for key in keys}, requests, worker)
        if stale:
            # The first message is dead (a person's change met ours), too early, or gone.
            self._refresh_keys(queue, sorted(stale))
        return claimed, bool(stale)

    def _pick_keys(self, queue, shares, limit):
        self.env.cr.execute(
            SQL(
                """
                SELECT k.id, o.id, k.claim_no
                  FROM unnest(%(owners)s::int[], %(quotas)s::int[]) AS o(id, quota)
                 CROSS JOIN LATERAL (
                       SELECT id, claim_no, due_at FROM %(keys)s
                        WHERE owner_id = o.id AND due_at <= %(now)s
                        ORDER BY due_at, id LIMIT o.quota
                          FOR UPDATE SKIP LOCKED) k
                 ORDER BY k.due_at, k.id
                 LIMIT %(limit)s
                """,
                owners=array(shares), quotas=array(share.keys for share in shares.values()),
                keys=queue.keys, limit=limit, now=NOW,
            )
        )  # fmt: skip
        return [_Key(*row) for row in self.env.cr.fetchall()]

    def _runs(self, queue, keys, share):
        """Messages that may go, a list per key, in order; and ids of keys with nothing to go."""
        cap = share.messages or len(keys) * share.run
        self.env.cr.execute(
            SQL(
                """
                SELECT k.id, m.*
                  FROM unnest(%(keys)s::int[]) AS k(id)
                 CROSS JOIN LATERAL (
                       SELECT m.id, m.state, m.attempt_id, m.uuid, m.tries, m.attempt_count,
                              m.connector_id, m.company_id,
                              m.state = 'pending' AND COALESCE(m.due_at > %(now)s, FALSE)
                         FROM ONLY %(messages)s m
                        WHERE %(of_key)s ORDER BY m.key_id, m.id LIMIT %(run)s) m
                 LIMIT %(cap)s
                """,
                keys=array(key.id for key in keys), messages=queue.messages, now=NOW,
                of_key=OF_KEY, run=share.run, cap=cap,
            )
        )  # fmt: skip
        rows = self.env.cr.fetchall()
        by_key = {key.id: [] for key in keys}
        for row in rows:
            by_key[row[0]].append(_Row(*row))
        runs, empty = [], []
        for key_id, messages in by_key.items():
            if run := _startable(messages, sticky=bool(share.batch)):
                runs.append(run)
            elif messages or len(rows) < cap:
                empty.append(key_id)
            # else: not looked at, there was enough before it
        return runs, empty

    def _start(self, queue, keys, requests, worker):
        """Open one attempt a request and mark its messages running; list of ``Claimed``."""
        if not requests:
            return []
        rows = [(number, row) for number, request in enumerate(requests) for row in request]
        lost = [row for _number, row in rows if row.state == State.RUNNING]
        if lost:
            self._close_lost_attempts([row.attempt_id for row in lost if row.attempt_id])
        untried = _untried(lost)
        heads = [request[0] for request in requests]
        self.env.cr.execute(
            SQL(
                """
                WITH request AS MATERIALIZED (
                    SELECT r.*, nextval('mfg_attempt_id_seq')::int AS attempt_id
                      FROM unnest(%(numbers)s::int[], %(message_ids)s::int[], %(counts)s::int[],
                                  %(connectors)s::int[], %(companies)s::int[], %(tries)s::int[])
                           AS r(no, message_id, message_count, connector_id, company_id, number)
                ), attempt AS (
                    INSERT INTO mfg_attempt
                           (id, direction, %(link)s, message_count, connector_id, company_id,
                            number, worker, started_at)
                    SELECT attempt_id, %(direction)s,
                           CASE WHEN message_count = 1 THEN message_id END, message_count,
                           connector_id, company_id, number, %(worker)s,
                           clock_timestamp() AT TIME ZONE 'UTC'
                      FROM request
                ), key AS (
                    UPDATE %(keys)s k
                       SET claim_no = k.claim_no + 1, worker = %(worker)s,
                           due_at = %(now)s + %(lease)s * interval '1 second'
                     WHERE k.id = ANY(%(key_ids)s::int[])
                ), run AS (
                    UPDATE ONLY %(messages)s m
                       SET state = 'running', claim_no = p.claim_no, due_at = NULL,
                           attempt_id = request.attempt_id,
                           attempt_count = m.attempt_count + 1, tries = p.tries
                      FROM unnest(%(ids)s::int[], %(claims)s::int[], %(nos)s::int[],
                                  %(row_tries)s::int[]) AS p(id, claim_no, no, tries)
                      JOIN request USING (no)
                     WHERE m.id = p.id
                    RETURNING m.id, m.attempt_id
                )
                SELECT id, attempt_id FROM run
                """,
                numbers=array(range(len(requests))),
                message_ids=array(head.id for head in heads),
                counts=array(map(len, requests)),
                connectors=array(head.connector_id for head in heads),
                companies=array(head.company_id for head in heads),
                tries=array(head.attempt_count + 1 for head in heads),
                link=queue.attempt_link, direction=queue.direction, worker=worker,
                keys=queue.keys, key_ids=array({row.key_id for _number, row in rows}),
                lease=LEASE_SECONDS, now=NOW, messages=queue.messages,
                ids=array(row.id for _number, row in rows),
                claims=array(keys[row.key_id].claim_no + 1 for _number, row in rows),
                nos=array(number for number, _row in rows),
                row_tries=array(row.tries + (row.id not in untried) for _number, row in rows),
            )
        )  # fmt: skip
        attempts = dict(self.env.cr.fetchall())
        return [
            Claimed(
                row.id, row.key_id, keys[row.key_id].claim_no + 1, attempts[row.id],
                keys[row.key_id].owner_id, row.connector_id, row.uuid,
                row.tries + (row.id not in untried),
            )
            for _number, row in rows
            if row.id in attempts  # not ended by a person meanwhile
        ]  # fmt: skip

    def _close_lost_attempts(self, attempt_ids):
        """Close the attempts of messages whose runner was lost."""
        self.env.cr.execute(
            SQL(
                "UPDATE mfg_attempt"
                "   SET closed_at = %s, outcome = 'lost', reason_code = 'interrupted'"
                " WHERE id = ANY(%s) AND closed_at IS NULL",
                NOW,
                attempt_ids,
            )
        )

    def _supersede(self, queue, key_ids):
        """End all but the newest message of these keys, which are locked; it takes their place."""
        gone = self._finish_where(
            queue,
            SQL(
                # An array, not IN: how many they are nobody can tell beforehand, and for many
                # PostgreSQL would read the whole table.
                "m.id = ANY(ARRAY(SELECT older.id FROM unnest(%(keys)s::int[]) AS k(id)"
                "  CROSS JOIN LATERAL (SELECT m.id FROM ONLY %(messages)s m WHERE %(of_key)s"
                "   ORDER BY m.key_id DESC, m.id DESC OFFSET 1) older))",
                keys=key_ids,
                messages=queue.messages,
                of_key=OF_KEY,
            ),
            State.CANCELLED,
            "superseded",
        )
        lost = [row for row in gone if row.attempt_id]
        if lost:
            self._close_lost_attempts([row.attempt_id for row in lost if row.attempt_id])
        if gone:
            self.env.cr.execute(
                SQL(
                    "UPDATE %s k SET waiting = k.waiting - g.gone"
                    "  FROM (SELECT key_id, count(*) AS gone FROM unnest(%s::int[]) AS key_id"
                    "         GROUP BY key_id) g"
                    " WHERE k.id = g.key_id",
                    queue.keys,
                    [row.key_id for row in gone],
                )
            )


def _untried(lost):
    """Ids of messages that their lost runner had not come to: that attempt does not count again.

    A runner does a key's messages one after the other, and may have been lost by the first one's
    fault: that one's attempt counts, or what kills runners would do so for ever.

    :param lost: rows of messages that were running, in the order of their keys
    """
    firsts = {}
    for row in lost:
        firsts.setdefault(row.key_id, row.attempt_id)
    return {row.id for row in lost if row.attempt_id != firsts[row.key_id]}


def _startable(messages, sticky):
    """The messages of one key that may start now: the first, and those that may go behind it.

    :param messages: the first ones of the key, in order
    :param sticky: what failed together in one request goes again together, and nothing else with
        it: the partner may have taken it, and recognises it by its id
    """
    if not messages or messages[0].state == State.DEAD or messages[0].early:
        return []
    head = messages[0]
    again = head.attempt_id if sticky and head.state != State.PENDING else None
    run = [head]
    for message in messages[1:]:
        together = message.attempt_id == again if again else message.state in STARTS
        if not together or message.early or message.state == State.DEAD:
            break
        run.append(message)
    return run


def _requests(runs, share):
    """Messages of one owner as they go out: lists of those that share a request."""
    if not share.batch:
        return [[message] for run in runs for message in run]
    repeated, requests, filling = {}, [], []
    for run in runs:
        head = run[0]
        if head.state != State.PENDING and head.attempt_id:
            repeated.setdefault(head.attempt_id, []).extend(run)
            continue
        # A key's messages stay in one request: two of them might overtake each other.
        if filling and len(filling) + len(run) > share.batch:
            requests.append(filling)
            filling = []
        filling.extend(run)
    if filling:
        requests.append(filling)
    allowed = max(1, share.messages // share.batch)
    return [*repeated.values(), *requests][:allowed]
