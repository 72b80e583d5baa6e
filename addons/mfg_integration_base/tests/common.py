"""What the tests of all addons of the suite share."""

import base64
import json
import os
import secrets
import time
import uuid
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta, timezone
from unittest.mock import patch

from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED
from standardwebhooks import Webhook

from odoo import sql_db
from odoo.tests import HttpCase, TransactionCase

from ..const import API_PREFIX, ENV_ENVIRONMENT, ENV_SECRET_KEY, ENV_SECRET_KEY_FILE
from ..models import mfg_inbox_gateway_caller, mfg_outbox_dispatcher
from ..models.inbox_exchange import Item, Received
from ..models.outbox_pump import Pump
from ..tools import signature
from ..tools.attempts_limit import AttemptsRule, Failures

SECRET_KEY = "test:" + base64.b64encode(b"k" * 32).decode()
DRAIN_SECONDS = 60
NOWHERE = "https://192.0.2.1/hook"
"""An address that is refused before anything leaves this machine (RFC 5737)."""


class OutboxCapture:
    """The outbox messages written since the capture began, oldest first."""

    def __init__(self, env):
        self._env = env
        self._after = max(
            env["mfg.outbox.message"].search([], order="id desc", limit=1).ids, default=0
        )

    @property
    def messages(self):
        return self._env["mfg.outbox.message"].search([("id", ">", self._after)], order="id")

    @property
    def types(self):
        return self.messages.mapped("event_type")

    @property
    def data(self):
        """The events' data, parsed."""
        return [json.loads(message.event_data) for message in self.messages]


class MfgMixin:
    """Set-up and helpers; use ``MfgCase`` or ``MfgHttpCase``."""

    @classmethod
    def setUpClass(cls):
        # The engine's own cursors put themselves at READ COMMITTED. In a test they are savepoints
        # of the test's one transaction, whose level cannot be changed any more: it starts there.
        with patch.object(
            sql_db, "ISOLATION_LEVEL_REPEATABLE_READ", ISOLATION_LEVEL_READ_COMMITTED
        ):
            super().setUpClass()
        environment = patch.dict(os.environ, {ENV_SECRET_KEY: SECRET_KEY, ENV_ENVIRONMENT: "test"})
        cls.startClassPatcher(environment)
        os.environ.pop(ENV_SECRET_KEY_FILE, None)  # put back with the others
        cls._secrets = {}

    def setUp(self):
        super().setUp()
        # No test is slowed down because others were refused.
        fresh = Failures(AttemptsRule())
        self.startPatcher(patch.object(mfg_inbox_gateway_caller, "_failures", fresh))
        # A thread of the process's own has no place in a test's transaction.
        self.startPatcher(patch.object(mfg_inbox_gateway_caller, "refusals"))
        # What a test adds is rolled back in the database, and here.
        self.addCleanup(self._secrets.update, dict(self._secrets))
        self.addCleanup(self._secrets.clear)

    @classmethod
    def connector(cls, **vals):
        """An active connector with a signing secret, see ``secret``."""
        code = vals.pop("code", f"test-{uuid.uuid4().hex[:8]}")
        connector = cls.env["mfg.connector"].create(
            {"name": f"Test {code}", "code": code, "url": NOWHERE, **vals}
        )
        cls.add_secret(connector)
        connector.action_activate()
        return connector

    @classmethod
    def add_secret(cls, connector, **vals):
        """Give the connector one more secret; returns it in plain."""
        plain = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        cls.env["mfg.credential"].create(
            {"connector_id": connector.id, "secret_input": plain, **vals}
        )
        cls._secrets[connector.id] = plain
        return plain

    @classmethod
    def secret(cls, connector):
        """The connector's newest secret, as its partner knows it."""
        return cls._secrets[connector.id]

    @classmethod
    def event_type(cls, code, **vals):
        """A published event type."""
        return cls.env["mfg.event.type"].create(
            {"code": code, "description": f"Test {code}", "state": "published", **vals}
        )

    @classmethod
    def subscription(cls, connector, event_types, **vals):
        """An active subscription of the connector."""
        return cls.env["mfg.subscription"].create(
            {
                "name": "Test",
                "connector_id": connector.id,
                "event_type_ids": [(6, 0, event_types.ids)],
                **vals,
            }
        )

    @classmethod
    def route(cls, connector, message_type="test.ping.v1", **vals):
        """An inbox route of the connector; books nothing unless ``handler`` is given."""
        return cls.env["mfg.inbox.route"].create(
            {"connector_id": connector.id, "message_type": message_type, **vals}
        )

    @classmethod
    def user(cls, *groups, company=None, **vals):
        """A user of these groups (xml ids)."""
        company = company or cls.env.company
        return cls.env["res.users"].create(
            {
                "name": "Test user",
                "login": f"test-{uuid.uuid4().hex[:8]}",
                "company_id": company.id,
                "company_ids": [(6, 0, company.ids)],
                "group_ids": [(6, 0, [cls.env.ref(group).id for group in groups])],
                **vals,
            }
        )

    @contextmanager
    def capture_outbox(self):
        """Yields an ``OutboxCapture``."""
        self.env.flush_all()
        yield OutboxCapture(self.env)

    def inbox(self, route, document, external_id=None):
        """Store a message as the gateway does after it has checked it; the message."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        received = Received(headers=(("Content-Type", "application/json"),), body=body)
        connector = route.connector_id
        self.env.flush_all()
        spec = self.env["mfg.inbox.route"]._spec(connector.id, route.message_type)
        item = Item(
            external_id=external_id or uuid.uuid4().hex,
            ordering_key=self.env["mfg.inbox.gateway"]._ordering_key(spec, json.loads(body)),
            body=body,
            content_type="application/json",
        )
        [answer] = self.env["mfg.inbox.store"]._store(
            route=spec,
            connector=connector,
            message_type=route.message_type,
            items=[item],
            received=received,
            credential_id=connector.credential_ids[:1].id or None,
        )
        return self.env["mfg.inbox.message"].search([("uuid", "=", answer.document["id"])])

    def drain(self):
        """Send and book in all lanes until nothing is due."""
        # What falls due in a moment is not waited for: it would depend on the machine's speed.
        self.startPatcher(patch.object(mfg_outbox_dispatcher, "SOON", -1))
        deadline = time.monotonic() + DRAIN_SECONDS
        arguments = {"deadline": deadline, "should_stop": lambda: False}
        self.env.flush_all()
        with nullcontext() if self.registry_test_mode else self.enter_registry_test_mode():
            busy = True
            while busy:
                busy = 0
                for lane_id, _code in self.env["mfg.dispatcher"]._lanes():
                    busy += self.env["mfg.outbox.dispatcher"]._pump(
                        Pump(lane_id, "test"), **arguments
                    )
                    for model in ("mfg.inbox.dispatcher", "mfg.local.dispatcher"):
                        busy += self.env[model]._pump(lane_id, "test", **arguments)
        self.env.invalidate_all()


class MfgCase(MfgMixin, TransactionCase):
    """In one transaction; the engine runs unchanged inside it."""

    registry_test_mode = False


class MfgHttpCase(MfgMixin, HttpCase):
    """The same with a server."""

    def post_message(
        self,
        connector,
        message_type,
        document=None,
        *,
        body=None,
        external_id=None,
        secret=None,
        age=0,
        headers=None,
        signed=None,
        code=None,
    ):
        """Send a message as a partner does, signed by the official library; the response.

        :param body: bytes instead of ``document``
        :param age: how old the signature is, in seconds
        :param headers: further headers; one with the value None is left out
        :param signed: text to sign instead of the body; bytes are signed as they are
        :param code: connector code instead of the connector's own
        """
        if body is None:
            body = json.dumps(document).encode()
        signed = body if signed is None else signed
        all_headers = {
            "Content-Type": "application/json",
            **self.signature(secret or self.secret(connector), signed, external_id, age),
            **(headers or {}),
        }
        return self.url_open(
            f"{API_PREFIX}/in/{code or connector.code}/{message_type}",
            data=body,
            headers={name: value for name, value in all_headers.items() if value is not None},
            method="POST",
        )

    def get_status(self, connector, message_uuid, *, signed_id=None, secret=None, age=0):
        """Ask as a partner does what became of a message; the response."""
        headers = self.signature(
            secret or self.secret(connector), "", signed_id or message_uuid, age
        )
        return self.url_open(f"{API_PREFIX}/messages/{message_uuid}", headers=headers)

    @staticmethod
    def signature(secret, text, message_id=None, age=0):
        """The three headers, signed ``age`` seconds ago.

        By the official library, which takes text only: what is not UTF-8 has our own signature.
        """
        message_id = message_id or f"test-{uuid.uuid4().hex}"
        signed_at = datetime.now(timezone.utc) - timedelta(seconds=age)
        if isinstance(text, bytes):
            try:
                text = text.decode()
            except UnicodeDecodeError:
                ours = signature.Secret.parse(secret)
                return signature.headers([ours], message_id, int(signed_at.timestamp()), text)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(signed_at.timestamp())),
            "webhook-signature": Webhook(secret).sign(message_id, signed_at, text),
        }
