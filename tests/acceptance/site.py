"""An installation under test: a database, its Odoo server, and partners it talks to."""

import itertools
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import requests
from standardwebhooks import Webhook

from tests.harness import databases
from tests.harness.rpc import Rpc
from tests.harness.server import OdooServer
from tests.harness.waiting import wait_for

EVENT = "mfg.test.contact.changed.v1"
MESSAGE_TYPE = "test.ping.v1"
SOON = 30
"""Seconds in which something has to happen that normally takes well under one."""


@dataclass(frozen=True)
class Link:
    """One connector with its subscription, its route and its secret."""

    connector_id: int
    subscription_id: int
    code: str
    secret: str


@dataclass(frozen=True)
class Message:
    """An outbox row, as committed. ``key``: the contact that the event is about."""

    uuid: str
    key: str
    state: str
    attempts: int


class Site:
    """Emits events about contacts, without code: by a server action that an administrator made.

    :param server: running
    """

    def __init__(self, server: OdooServer):
        self.server = server
        self.database = server.database
        self._numbers = itertools.count(1)
        self._set_up()

    def _set_up(self) -> None:
        admin = self.rpc()
        (event_type,) = admin.create(
            "mfg.event.type", {"code": EVENT, "description": "A contact.", "state": "published"}
        )
        (self._action,) = admin.create(
            "ir.actions.server",
            {
                "name": "Tell about contacts",
                "model_id": admin.one("ir.model", [("model", "=", "res.partner")], "id")["id"],
                "state": "mfg_emit",
                "mfg_event_type_id": event_type,
            },
        )
        self._event_type = event_type

    def rpc(self, login: str = "admin", password: str = "admin") -> Rpc:
        return self.server.rpc(login, password)

    # === Configuration === #

    def connect(self, url: str, *, lane: str = "critical", **connector: Any) -> Link:
        """An active connector to ``url`` that gets every event and may send pings.

        :param connector: further fields of it
        """
        admin = self.rpc()
        code = f"partner{next(self._numbers)}"
        (connector_id,) = admin.create(
            "mfg.connector",
            {
                "name": code, "code": code, "url": url, "allow_http": True,
                "allow_list": "127.0.0.1/32", "total_timeout": 60, "read_timeout": 60,
                **connector,
            },
        )  # fmt: skip
        (credential_id,) = admin.create(
            "mfg.credential", {"name": "Secret", "connector_id": connector_id}
        )
        secret = admin("mfg.credential", "action_generate", [credential_id])["params"]["message"]
        lane_id = admin.one("mfg.lane", [("code", "=", lane)], "id")["id"]
        (subscription_id,) = admin.create(
            "mfg.subscription",
            {
                "name": code,
                "connector_id": connector_id,
                "event_type_ids": [(6, 0, [self._event_type])],
                "lane_id": lane_id,
                "retry_policy_id": admin.ref("mfg_integration_base.retry_policy_short"),
            },
        )
        admin.create(
            "mfg.inbox.route",
            {
                "connector_id": connector_id,
                "message_type": MESSAGE_TYPE,
                "handler": "ping",
                "lane_id": lane_id,
            },
        )
        admin("mfg.connector", "action_activate", [connector_id])
        return Link(connector_id, subscription_id, code, secret)

    def retire(self, link: Link) -> None:
        """End the connector: later events are no longer for it."""
        self.rpc()("mfg.connector", "action_retire", [link.connector_id])

    # === Events out === #

    def contacts(self, count: int) -> list[int]:
        return self.rpc().create("res.partner", *({"name": f"Contact {n}"} for n in range(count)))

    def emit(self, contacts: list[int], rpc: Rpc | None = None) -> None:
        """One event a contact, all in one transaction.

        :param rpc: session to use; default: a new one, which costs a login
        """
        (rpc or self.rpc())(
            "ir.actions.server",
            "run",
            [self._action],
            context={
                "active_model": "res.partner",
                "active_ids": contacts,
                "active_id": contacts[0],
            },
        )

    def messages(self, link: Link) -> list[Message]:
        """In the order of their events. Read in SQL, because Odoo may be down."""
        return [
            Message(*row)
            for row in databases.query(
                self.database,
                "SELECT uuid, ordering_key, state, attempt_count FROM mfg_outbox_message"
                " WHERE subscription_id = %s ORDER BY id",
                [link.subscription_id],
            )
        ]

    def states(self, link: Link) -> set[str]:
        return {message.state for message in self.messages(link)}

    def wait_until_done(self, link: Link, deadline: float = SOON) -> list[Message]:
        """Until nothing of the connector's is on its way; its messages.

        :raises NotInTime: something still is
        """
        wait_for(
            lambda: self.states(link) == {"done"},
            deadline,
            f"all messages of {link.code} to be done",
            seen=lambda: self.messages(link),
        )
        return self.messages(link)

    def outcomes(self, link: Link) -> list[list[str | None]]:
        """What became of each attempt, by message, in order; None: not closed."""
        rows = databases.query(
            self.database,
            "SELECT array_agg(a.outcome::text ORDER BY a.id) FROM mfg_attempt a"
            " JOIN mfg_outbox_message m ON m.id = a.outbox_message_id"
            " WHERE m.subscription_id = %s GROUP BY m.id ORDER BY m.id",
            [link.subscription_id],
        )
        return [outcomes for (outcomes,) in rows]

    def let_leases_run_out(self, pid: int | None = None) -> None:
        """What the passing of time does, by the clock that decides: the database's.

        :param pid: of the runner that is gone, where another one lives on
        """
        whose = "%" if pid is None else f"%:{pid}"
        for table in ("mfg_outbox_key", "mfg_inbox_key"):
            databases.query(
                self.database,
                f"UPDATE {table} SET due_at = statement_timestamp() AT TIME ZONE 'UTC'"
                " WHERE worker LIKE %s",
                [whose],
            )

    # === Messages in === #

    def post(self, link: Link, message_id: str, body: str = "{}", **headers: str):
        return post(self.server.url, link, message_id, body, **headers)


def post(url: str, link: Link, message_id: str, body: str = "{}", **headers: str):
    """One signed ping to the server at ``url``."""
    now = datetime.now(timezone.utc)
    with requests.Session() as session:
        session.trust_env = False  # the environment may name a proxy
        return session.post(
            f"{url}/mfg/v1/in/{link.code}/{MESSAGE_TYPE}",
            data=body.encode(),
            headers={
                "Content-Type": "application/json",
                "webhook-id": message_id,
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": Webhook(link.secret).sign(message_id, now, body),
                **headers,
            },
            timeout=60,
        )


def run_scheduled_actions(database: str) -> None:
    """Tell the servers' cron threads to look at this database now, as Odoo's own code does when
    it triggers an action; a server that has just started would look within a minute."""
    databases.query(databases.MAINTENANCE, "SELECT pg_notify('cron_trigger', %s)", [database])
