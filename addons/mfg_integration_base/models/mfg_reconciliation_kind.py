from odoo import api, models
from odoo.tools import SQL

from ..tools.lifecycle import State
from .mfg_message_queue import QUEUES


class MfgReconciliationKind(models.AbstractModel):
    """Contract: what one kind of comparison compares.

    Rows have a key, a text that both sides' rows lead to, and facts about it. Runs as the
    connector's service user; only ``_resend`` and ``_accept`` run as whoever presses the button.
    """

    _name = "mfg.reconciliation.kind"
    _inherit = ["mfg.plugin"]
    _description = "Contract of what is compared"

    @api.model
    def _row_schema(self):
        """JSON Schema 2020-12 of one row of the partner's (dict)."""
        raise NotImplementedError(f"{self._name} compares nothing")

    @api.model
    def _facts(self):
        """``{field: Fact}``, in the order people read them."""
        raise NotImplementedError(f"{self._name} compares nothing")

    @api.model
    def _there(self, run, row, pointer):
        """``(key, {field: value})`` of one row of the partner's, in our words and units.

        A fact that the row leaves out is not compared.

        :raises BusinessReject: the row cannot be understood; ``pointer`` leads to it
        """
        raise NotImplementedError(f"{self._name} compares nothing")

    @api.model
    def _here(self, run, there):
        """Our rows: those in the run's scope, and those of the partner's keys that we know.

        :param there: the partner's rows by key
        :return: ``{key: {field: value}}``, what Odoo stores as float rounded to its unit
        """
        raise NotImplementedError(f"{self._name} compares nothing")

    @api.model
    def _expected(self, run, keys):
        """Those of our keys that a complete snapshot has to contain."""
        return keys

    @api.model
    def _records(self, run, keys):
        """``{key: record}`` that people may open."""
        return {}

    @api.model
    def _name_of(self, run, key, record):
        """What people call the row."""
        return record.display_name if record else key

    @api.model
    def _ordering_keys(self, run, keys):
        """``{key: ordering key}`` of messages that may change the row."""
        return {}

    @api.model
    def _under_way(self, run, keys):
        """``{key: "in_flight" | "error_queue"}``: rows that messages will change or would have.

        In flight: on its way when the partner took its snapshot, or since. A row in the error
        queue differs because somebody has something to do there first.
        """
        ordering = self._ordering_keys(run, keys)
        found = {}
        if ordering:
            waits, moving = self._messages_of(run, set(ordering.values()))
            for key, ordering_key in ordering.items():
                if ordering_key in moving:
                    found[key] = "in_flight"
                elif ordering_key in waits:
                    found[key] = "error_queue"
        return found

    def _messages_of(self, run, ordering_keys):
        """Ordering keys of this connector's messages: ``(dead ones, open or newer than as_of)``."""
        dead, moving = set(), set()
        for queue in QUEUES.values():
            kinds = self._types_of(run, queue.direction)
            kind = SQL.identifier("event_type" if queue.direction == "out" else "message_type")
            self.env.cr.execute(
                SQL(
                    """
                    SELECT ordering_key, state FROM ONLY %(messages)s
                     WHERE connector_id = %(connector)s AND ordering_key = ANY(%(keys)s)
                     UNION ALL
                    SELECT ordering_key, 'running' FROM %(history)s
                     WHERE %(kind)s = ANY(%(kinds)s) AND finished_at > %(as_of)s
                       AND connector_id = %(connector)s AND ordering_key = ANY(%(keys)s)
                       AND state = 'done'
                    """,
                    messages=queue.messages, history=queue.history, kind=kind,
                    kinds=list(kinds), connector=run.connector_id.id, keys=list(ordering_keys),
                    as_of=run.as_of,
                )
            )  # fmt: skip
            for key, state in self.env.cr.fetchall():
                (dead if state == State.DEAD else moving).add(key)
        return dead, moving

    def _types_of(self, run, direction):
        # sudo: what a connector is told and tells is configuration; only messages are looked up.
        connector = run.connector_id.sudo()
        if direction == "in":
            return set(connector.inbox_route_ids.mapped("message_type"))
        return set(connector.subscription_ids.event_type_ids.mapped("code"))

    # === What people may do about a difference === #

    @api.model
    def _can(self, act, line):
        """Whether this kind knows what ``act`` (``resend`` or ``accept``) means for the line."""
        return False

    @api.model
    def _resend(self, lines):
        """Tell the partner what we have of these lines (of one run)."""

    @api.model
    def _accept(self, line, reason):
        """Make ours what the partner has.

        :raises UserError: cannot be, and what to do instead
        """
