import secrets
import time
from datetime import datetime, timezone
from typing import Any, NamedTuple

from odoo import fields, models

from ..const import SIGNATURE_TOLERANCE
from ..exceptions import ConfigurationError
from ..tools import access_token, bearer, signature
from ..tools.access_token import AccessTokenError
from ..tools.attempts_limit import AttemptsRule, Failures
from ..tools.bearer import BearerError
from ..tools.forwarded_certificate import ForwardedCertificateError
from ..tools.scopes import ScopeError, Scopes
from .inbox_exchange import Refused
from .mfg_connector import CODE_PATTERN
from .refusals import refusals

CHALLENGE = 'StandardWebhooks realm="mfg", Bearer realm="mfg"'
"""WWW-Authenticate of every 401 (RFC 9110 section 11.6.1 requires one)."""

CREDENTIAL_FIELDS = (
    "name", "connector_id", "kind", "direction", "active", "cipher", "valid_from", "valid_until",
    "scopes",
)  # fmt: skip
"""All that checking a signature reads of a credential, in one query."""

CONNECTOR_FIELDS = ("code", "company_id", "activation_fingerprint")
NOBODY = 0
"""Id of no connector: an unknown one costs the same queries as one that is known."""

# What an unknown connector's signature is compared with, so that it costs the same work.
_decoy = signature.Secret.generate(secrets.token_bytes)
_failures = Failures(AttemptsRule())


class Caller(NamedTuple):
    """Who called, and by what we know.

    :param connector: the ``mfg.connector``
    :param scopes: of the credential
    :param message_id: what the signature says is the message's id; None if nothing is signed
    :param granted: scopes of the access token, where there is one
    """

    connector: Any
    credential_id: int
    scopes: Scopes
    message_id: str | None = None
    granted: Scopes | None = None

    def allows(self, action, resource):
        """Whether the credential may, and the token as well."""
        return self.scopes.allows(action, resource) and (
            self.granted is None or self.granted.allows(action, resource)
        )

    @property
    def is_signed(self):
        return self.message_id is not None


class _NotAuthentic(Exception):
    """Why, for our log only."""


class MfgInboxGateway(models.AbstractModel):
    """Who calls: by signature, bearer token, OAuth 2.0 access token or TLS client certificate.

    One uniform refusal. An unknown connector costs the same queries and the same HMAC as a wrong
    signature, and is answered alike. Why it was refused is in our log only.
    """

    _inherit = "mfg.inbox.gateway"

    def _authenticate(self, connector_code, received, question=None):
        """The ``Caller`` of a request.

        :param connector_code: None: whatever connector the token or certificate is of
        :param question: UUID of the message that is asked about; a signature has to be for it
        :raises Refused: 401, or 429 after many failures
        """
        try:
            caller = None
            if not received.header("webhook-signature"):
                if received.header("authorization"):
                    caller = self._by_token(connector_code, received)
                else:
                    caller = self._by_certificate(connector_code, received)
            # Who brings no proof at all costs what a wrong signature costs.
            caller = caller or self._by_signature(connector_code, received)
            if question is not None and caller.is_signed and caller.message_id != question:
                raise _NotAuthentic("status request signed for another message")
        except _NotAuthentic as error:
            self._refuse(connector_code or "", received, str(error))
        self.env["mfg.credential"].browse(caller.credential_id)._note_use()
        return caller

    def _refuse(self, connector_code, received, why):
        self._count_failure(connector_code, received)
        # Word for word the same for every cause.
        raise Refused(
            "unauthorized",
            "The request needs a valid signature or token of an active connector.",
            headers={"WWW-Authenticate": CHALLENGE},
            why=f"{connector_code[:80]!r}: {why}",
        )

    def _count_failure(self, name, received):
        """Remember a request without a valid proof.

        :param name: of the connector or client, as the request says
        :raises Refused: 429, too many of them came from there
        """
        refusal = _failures.refused(name[:200], received.address, now=datetime.now(timezone.utc))
        if refusal.retry_after:
            raise Refused(
                "slow-down",
                "Too many requests without a valid proof came from this address. Check the "
                "credential; a valid request is always taken.",
                headers={"Retry-After": str(refusal.retry_after)},
            )
        refusals.note(self.env.cr.dbname, name)

    def _check_scope(self, caller, action, resource):
        if not caller.allows(action, resource):
            raise Refused(
                "forbidden",
                f"The credential's scopes do not include {action}:{resource[:80]}.",
                why=f"{caller.connector.code!r}, credential {caller.credential_id}",
            )

    # === Ways to prove it === #

    def _by_signature(self, connector_code, received):
        known = CODE_PATTERN.fullmatch(connector_code or "") is not None
        # With just the columns that accepting needs; a connector has very many.
        connector = self.env["mfg.connector"].search_fetch(
            [
                ("code", "=", connector_code if known else "-"),
                ("state", "in", ("active", "paused")),
            ],
            CONNECTOR_FIELDS,
        )
        credentials = self.env["mfg.credential"].search_fetch(
            [("connector_id", "=", connector.id or NOBODY), ("kind", "=", "hmac")],
            CREDENTIAL_FIELDS,
        )
        try:
            usable = credentials._valid_secrets("hmac", "in")
        except ConfigurationError:  # none of them opens; our log says why
            usable = []
        try:
            verified = signature.verify(
                [secret for _id, secret in usable] or [_decoy],
                received.headers,
                received.body,
                int(time.time()),
                SIGNATURE_TOLERANCE,
            )
        except signature.SignatureError as error:
            why = error.code if usable else "no such active connector, or no secret"
            raise _NotAuthentic(why) from None
        credential = credentials.browse(usable[verified.key_index][0])
        return self._caller(credential, connector_code, message_id=verified.msg_id)

    def _by_token(self, connector_code, received):
        try:
            text = bearer.from_authorization(received.header("authorization"))
            if text is None:
                raise _NotAuthentic("Authorization of another scheme than Bearer")
            if text.startswith("mfg_"):
                digest = bearer.digest(bearer.parse(text))
                found = self._inbound("token", [("digest", "=", digest)])
                return self._caller(found, connector_code)
            return self._by_access_token(connector_code, text)
        except (BearerError, AccessTokenError, ScopeError) as error:
            raise _NotAuthentic(error.code) from None

    def _by_access_token(self, connector_code, text):
        credentials = self.env["mfg.credential"]
        token = access_token.read(
            credentials._access_token_keys(), text, now=int(time.time()), **credentials._issuer()
        )
        found = self._inbound("oauth2_client", [("login", "=", token.client_id)])
        # Of the connector that it was given to, whoever has a client of that name by now.
        found = found.filtered(lambda c: c.connector_id.code == token.subject)
        caller = self._caller(found, connector_code)
        return caller._replace(granted=Scopes.parse(token.scope))

    def _by_certificate(self, connector_code, received):
        """By the certificate that a trusted proxy forwards; None if there is none."""
        try:
            certificate = self.env["mfg.credential"]._forwarded_certificate(received)
            if certificate is None:
                return None
            certificate.check_valid(datetime.now(timezone.utc))
        except ForwardedCertificateError as error:
            raise _NotAuthentic(error.code) from None
        found = self._inbound("peer_certificate", [("digest", "=", certificate.fingerprint)])
        return self._caller(found, connector_code)

    def _inbound(self, kind, domain):
        """The credentials of that kind that are valid now, as far as it does not open a secret."""
        now = fields.Datetime.now()
        return self.env["mfg.credential"].search_fetch(
            [
                *domain,
                ("kind", "=", kind),
                ("direction", "=", "in"),
                ("connector_id.state", "in", ("active", "paused")),
                ("valid_from", "<=", now),
                "|", ("valid_until", "=", False), ("valid_until", ">", now),
            ],
            CREDENTIAL_FIELDS,
        )  # fmt: skip

    def _caller(self, found, connector_code, message_id=None):
        """The ``Caller`` that these credentials are, if one of them is of that connector."""
        # One certificate, and so one digest, may stand with several connectors.
        mine = found.filtered(lambda c: connector_code in (None, c.connector_id.code))[:1]
        if not mine:
            raise _NotAuthentic("not a credential of this connector")
        return Caller(mine.connector_id, mine.id, Scopes.parse(mine.scopes or ""), message_id)
