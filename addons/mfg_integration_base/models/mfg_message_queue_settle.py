from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL

from ..const import LEASE_SECONDS
from ..tools.lifecycle import FINAL
from ..tools.pg_array import array
from .mfg_message_queue import LEFT_KEY, NOW, OF_KEY


class _KeyChange(NamedTuple):
    """What settling means for a key."""

    key_id: int
    claim_no: int
    gone: int  # messages that it has less to wait for
    ends: bool  # the runner is through with it
    park: bool
    delay: float | None
    again: bool  # more of it was due than could be taken


class MfgMessageQueue(models.AbstractModel):
    """Settling: how attempts ended, what becomes of the messages, and giving the keys back."""

    _inherit = "mfg.message.queue"

    @api.model
    def _settle(self, queue, settled, *, shared=(), unsent=(), held=frozenset()):
        """Settle and give the keys back in one transaction; ids of the messages still ours.

        Keys are locked first, as people lock them. A key whose message is no longer ours is left
        alone: whoever changed the message has put it right, or its lease runs out.

        :param shared: how the attempts ended that several messages share; these messages' rows
            have no ``attempt_id``
        :param unsent: ``Claimed`` of messages that were not tried and wait again
        :param held: ids of keys that the runner goes on with
        """
        if not settled and not unsent:
            return set()
        keys = {row.key_id for row in settled} | {claim.key_id for claim in unsent}
        self._lock_keys(queue, SQL("id = ANY(%s::int[])", array(keys)))
        self._close_attempts(shared)
        ours = self._settle_messages(queue, settled)
        self._put_back(queue, unsent)
        still = [row for row in settled if row.message_id in ours]
        self._release_keys(queue, still, unsent=unsent, held=held)
        return ours

    @api.model
    def _settle_messages(self, queue, settled):
        """Write how attempts ended; ids of the messages that were still ours.

        A message claimed by somebody else meanwhile (our lease ran out) keeps what they make of
        it; only our attempt is closed.
        """
        self._close_attempts([row for row in settled if row.attempt_id])
        finished = [row for row in settled if row.state in FINAL]
        waiting = [row for row in settled if row.state not in FINAL]
        return self._finish_claimed(queue, finished) | self._keep_waiting(queue, waiting)

    def _close_attempts(self, settled):
        if not settled:
            return
        columns = zip(
            *(
                (
                    row.attempt_id, row.outcome, row.reason, row.detail, row.http_status,
                    row.duration_ms, row.request_excerpt, row.response_excerpt, row.credential_id,
                )
                for row in settled
            ),
            strict=True,
        )  # fmt: skip
        # unnest takes any number of arrays, one per column; the order of rows does not matter
        self.env.cr.execute(
            SQL(
                """
                UPDATE mfg_attempt a
                   SET closed_at = clock_timestamp() AT TIME ZONE 'UTC', outcome = r.outcome,
                       reason_code = r.reason, detail = r.detail, http_status = r.http_status,
                       duration_ms = r.duration_ms, request_excerpt = r.request_excerpt,
                       response_excerpt = r.response_excerpt, credential_id = r.credential_id
                  FROM unnest(%s::int[], %s::text[], %s::text[], %s::text[], %s::int[],
                              %s::float8[], %s::text[], %s::text[], %s::int[])
                       AS r(id, outcome, reason, detail, http_status, duration_ms,
                            request_excerpt, response_excerpt, credential_id)
                 WHERE a.id = r.id AND a.closed_at IS NULL
                """,
                *map(array, columns),
            )
        )

    def _finish_claimed(self, queue, settled):
        """Move messages that are done, or ended in another way, into history; ids of ours."""
        if not settled:
            return set()
        result = SQL(
            "unnest(%s::int[], %s::int[], %s::int[], %s::text[], %s::text[], %s::text[])"
            " AS r(message_id, key_id, claim_no, state, reason_code, detail)",
            array(row.message_id for row in settled),
            array(row.key_id for row in settled),
            array(row.claim_no for row in settled),
            array(str(row.state) for row in settled),
            array(row.reason for row in settled),
            array(row.detail for row in settled),
        )
        return self._finish(
            queue,
            result,
            SQL(
                "m.id = r.message_id AND m.key_id = r.key_id AND m.claim_no = r.claim_no"
                " AND m.state = 'running'"
            ),
        )

    def _keep_waiting(self, queue, settled):
        """Messages that wait for time or for a person; ids of those that were still ours."""
        if not settled:
            return set()
        self.env.cr.execute(
            SQL(
                """
                UPDATE ONLY %(messages)s m
                   SET state = r.state, reason_code = r.reason, detail = r.detail,
                       due_at = CASE WHEN r.delay IS NOT NULL
                                     THEN %(now)s + r.delay * interval '1 second' END,
                       dead_at = CASE WHEN r.state = 'dead' THEN %(now)s END,
                       tries = m.tries - r.refund::int,
                       key_id = CASE WHEN r.state = 'dead' AND NOT r.park
                                     THEN %(left)s ELSE m.key_id END
                  FROM unnest(%(ids)s::int[], %(keys)s::int[], %(claims)s::int[],
                              %(states)s::text[], %(reasons)s::text[], %(details)s::text[],
                              %(delays)s::float8[], %(parks)s::bool[], %(refunds)s::bool[])
                       AS r(message_id, key_id, claim_no, state, reason, detail, delay, park,
                            refund)
                 WHERE m.id = r.message_id AND m.key_id = r.key_id AND m.claim_no = r.claim_no
                   AND m.state = 'running'
                RETURNING m.id
                """,
                messages=queue.messages, now=NOW, left=LEFT_KEY,
                ids=array(row.message_id for row in settled),
                keys=array(row.key_id for row in settled),
                claims=array(row.claim_no for row in settled),
                states=array(str(row.state) for row in settled),
                reasons=array(row.reason for row in settled),
                details=array(row.detail for row in settled),
                delays=array(row.delay for row in settled),
                parks=array(row.park for row in settled),
                refunds=array(row.refund for row in settled),
            )
        )  # fmt: skip
        return {row[0] for row in self.env.cr.fetchall()}

    @api.model
    def _note_items(self, queue, settled):
        """Give messages that a partner did not take out of a batch an attempt of their own.

        The batch's attempt says how the request ended; this one, what was said of the message.
        """
        if not settled:
            return
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO mfg_attempt
                       (direction, %(link)s, message_count, connector_id, company_id, number,
                        worker, started_at, closed_at, outcome, reason_code, detail, http_status,
                        response_excerpt, credential_id)
                SELECT %(direction)s, m.id, 1, m.connector_id, m.company_id, m.attempt_count,
                       a.worker, a.started_at, clock_timestamp() AT TIME ZONE 'UTC', r.outcome,
                       r.reason, r.detail, r.http_status, r.response_excerpt, r.credential_id
                  FROM unnest(%(ids)s::int[], %(attempts)s::int[], %(outcomes)s::text[],
                              %(reasons)s::text[], %(details)s::text[], %(statuses)s::int[],
                              %(excerpts)s::text[], %(credentials)s::int[])
                       AS r(id, attempt_id, outcome, reason, detail, http_status,
                            response_excerpt, credential_id)
                  JOIN ONLY %(messages)s m ON m.id = r.id AND m.attempt_id = r.attempt_id
                  JOIN mfg_attempt a ON a.id = m.attempt_id
                """,
                link=queue.attempt_link, direction=queue.direction, messages=queue.messages,
                ids=array(row.message_id for row in settled),
                attempts=array(row.attempt_id for row in settled),
                outcomes=array(row.outcome for row in settled),
                reasons=array(row.reason for row in settled),
                details=array(row.detail for row in settled),
                statuses=array(row.http_status for row in settled),
                excerpts=array(row.response_excerpt for row in settled),
                credentials=array(row.credential_id for row in settled),
            )
        )  # fmt: skip

    def _put_back(self, queue, unsent):
        """Messages that were claimed and not tried wait again, as if nothing had been."""
        if not unsent:
            return
        self.env.cr.execute(
            SQL(
                """
                WITH back AS (
                    UPDATE ONLY %(messages)s m
                       SET state = 'pending', attempt_id = NULL, tries = m.tries - 1,
                           attempt_count = m.attempt_count - 1
                      FROM unnest(%(ids)s::int[], %(claims)s::int[]) AS r(id, claim_no)
                     WHERE m.id = r.id AND m.claim_no = r.claim_no AND m.state = 'running'
                )
                DELETE FROM mfg_attempt WHERE id = ANY(%(attempts)s::int[]) AND closed_at IS NULL
                """,
                messages=queue.messages,
                ids=array(claim.message_id for claim in unsent),
                claims=array(claim.claim_no for claim in unsent),
                attempts=array(claim.attempt_id for claim in unsent),
            )
        )

    @api.model
    def _release_keys(self, queue, settled, *, unsent=(), held=frozenset()):
        """Give keys back after their messages were settled; the counterpart of ``_claim``.

        Several keys have to be locked already (see ``_settle``, also for the parameters).
        """
        changes = _key_changes(settled, unsent, held)
        if not changes:
            return
        self.env.cr.execute(
            SQL(
                """
                WITH r AS MATERIALIZED (
                    SELECT * FROM unnest(%(ids)s::int[], %(claims)s::int[], %(gone)s::int[],
                                         %(ends)s::bool[], %(park)s::bool[], %(delays)s::float8[],
                                         %(again)s::bool[])
                           AS r(id, claim_no, gone, ends, park, delay, again)
                ), empty AS (
                    DELETE FROM %(keys)s k USING r
                     WHERE k.id = r.id AND k.claim_no = r.claim_no AND k.worker IS NOT NULL
                       AND r.ends AND k.waiting <= r.gone
                       -- Whoever counts wrong must not leave a message without its key.
                       AND %(first)s IS NULL
                )
                UPDATE %(keys)s k
                   SET waiting = k.waiting - r.gone,
                       worker = CASE WHEN r.ends THEN NULL ELSE k.worker END,
                       due_at = CASE WHEN NOT r.ends THEN k.due_at
                                     WHEN r.park THEN NULL
                                     WHEN r.delay IS NOT NULL
                                     THEN %(now)s + r.delay * interval '1 second'
                                     WHEN r.again THEN %(now)s
                                     ELSE COALESCE((SELECT %(window)s FROM %(owners)s o
                                                     WHERE o.id = k.owner_id), %(now)s) END
                  FROM r
                 WHERE k.id = r.id AND k.claim_no = r.claim_no
                   -- Put right meanwhile by somebody else (_refresh_keys): not once more by us.
                   AND k.worker IS NOT NULL
                   AND NOT (r.ends AND k.waiting <= r.gone
                            AND %(first)s IS NULL)
                """,
                keys=queue.keys, owners=queue.owners, window=queue.window, now=NOW,
                # With NOT EXISTS, PostgreSQL would choose a join, and for that read all messages.
                first=SQL(
                    "(SELECT m.id FROM ONLY %s m WHERE %s ORDER BY m.key_id, m.id LIMIT 1)",
                    queue.messages,
                    OF_KEY,
                ),
                ids=array(change.key_id for change in changes),
                claims=array(change.claim_no for change in changes),
                gone=array(change.gone for change in changes),
                ends=array(change.ends for change in changes),
                park=array(change.park for change in changes),
                delays=array(change.delay for change in changes),
                again=array(change.again for change in changes),
            )
        )  # fmt: skip

    @api.model
    def _renew_leases(self, queue, held):
        """Push the leases of ``{key id: claim_no}`` on, except those that were lost."""
        self.env.cr.execute(
            SQL(
                """
                UPDATE %s k SET due_at = %s + %s * interval '1 second'
                  FROM (SELECT k.id FROM %s k
                          JOIN unnest(%s::int[], %s::int[]) AS h(id, claim_no)
                            ON h.id = k.id AND h.claim_no = k.claim_no
                         WHERE k.worker IS NOT NULL
                         ORDER BY k.id FOR UPDATE OF k SKIP LOCKED) held
                 WHERE k.id = held.id
                """,
                queue.keys, NOW, LEASE_SECONDS, queue.keys, array(held), array(held.values()),
            )
        )  # fmt: skip


def _key_changes(settled, unsent, held):
    """Sum up, per key, what the settling of its messages means; rows are in the key's order."""
    changes = {}
    for row in settled:
        change = changes.get(row.key_id)
        if change is None:
            ends = row.key_id not in held
            change = _KeyChange(row.key_id, row.claim_no, 0, ends, False, None, row.more)
        if row.leaves_key:
            change = change._replace(gone=change.gone + 1, again=change.again or row.more)
        elif not change.park and change.delay is None:
            # The first one that stays says when the key goes on.
            change = change._replace(park=row.parks_key, delay=row.delay)
        changes[row.key_id] = change
    for claim in unsent:
        if claim.key_id not in changes:
            changes[claim.key_id] = _KeyChange(
                claim.key_id, claim.claim_no, 0, claim.key_id not in held, False, None, True
            )
    return list(changes.values())
