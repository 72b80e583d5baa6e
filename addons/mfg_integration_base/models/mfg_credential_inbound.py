import secrets
import time
from datetime import datetime, timezone

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ..tools import access_token, bearer, forwarded_certificate, token_endpoint
from ..tools.bearer import BearerError
from ..tools.forwarded_certificate import Form, ForwardedCertificateError, TrustedProxies
from ..tools.scopes import ScopeError, Scopes

ISSUED = ("token", "oauth2_client")
"""Kinds whose secret is made here and kept as a digest only."""

KINDS = (*ISSUED, "peer_certificate")
ALL_SCOPES = "read:catalogue read:messages write:*"
AUDIENCE = "urn:mfg:api"
PARAMETER = "mfg_integration_base."
USE_SECONDS = 60
"""How exactly the last use of a credential is known, in seconds."""

_noted = {}  # (database, credential id) -> monotonic time until which its use is known


class MfgCredential(models.Model):
    """How partners prove who they are without signing: tokens that are made here, certificates.

    What we issue is random and long, so a plain SHA-256 of it is enough to keep.
    """

    _inherit = "mfg.credential"

    kind = fields.Selection(
        selection_add=[
            ("token", "Bearer token for the partner"),
            ("oauth2_client", "OAuth 2.0 client of ours"),
            ("peer_certificate", "Partner's TLS client certificate"),
        ],
        ondelete=dict.fromkeys(KINDS, "cascade"),
    )
    scopes = fields.Text(
        default=ALL_SCOPES,
        help="What a partner may do with it: write: and a message type such as "
        "production.report.v1, the beginning of one such as production.*, or * for all; "
        "read:messages to ask what became of messages; read:catalogue for the description.",
    )
    # What is compared with; nobody reads it through the ORM.
    digest = fields.Char(readonly=True, copy=False, groups=fields.NO_ACCESS, exportable=False)
    hint = fields.Char(
        string="Begins with", readonly=True, copy=False, help="To tell tokens apart; not secret."
    )
    last_used_at = fields.Datetime(string="Last used", readonly=True, copy=False)

    _digest_idx = models.Index("(digest) WHERE digest IS NOT NULL")
    # Not unique: the successor of a secret has the same client id.
    _client_idx = models.Index("(login) WHERE kind = 'oauth2_client'")

    @api.model
    def _kind_names(self):
        return {
            **super()._kind_names(),
            "token": self.env._("Token for the partner"),
            "oauth2_client": self.env._("OAuth 2.0 client of ours"),
            "peer_certificate": self.env._("Partner's certificate"),
        }

    def _compute_direction(self):
        receiving = self.filtered(lambda c: c.kind in KINDS)
        receiving.direction = "in"
        return super(MfgCredential, self - receiving)._compute_direction()

    @api.depends("digest")
    def _compute_has_secret(self):
        result = super()._compute_has_secret()
        # sudo: whether one is set is no secret.
        for credential in self.filtered(lambda c: c.kind in KINDS):
            credential.has_secret = bool(credential.sudo().digest)
        return result

    @api.constrains("kind", "direction")
    def _check_inbound_direction(self):
        for credential in self:
            if credential.kind in KINDS and credential.direction != "in":
                raise ValidationError(
                    self.env._(
                        "Credential %s is for receiving only; choose the direction Receiving.",
                        credential.name,
                    )
                )

    @api.constrains("kind", "login", "connector_id")
    def _check_client_id(self):
        """A client id is one connector's, in all companies: a token names its client by it."""
        for credential in self.filtered(lambda c: c.kind == "oauth2_client" and c.login):
            # sudo: other companies' clients count as well, archived ones too.
            others = self.sudo().with_context(active_test=False)
            if others.search_count(
                [
                    ("kind", "=", "oauth2_client"),
                    ("login", "=", credential.login),
                    ("connector_id", "!=", credential.connector_id.id),
                ],
                limit=1,
            ):
                raise ValidationError(
                    self.env._("Client id “%s” is another connector's.", credential.login)
                )

    @api.constrains("scopes")
    def _check_scopes(self):
        for credential in self:
            try:
                Scopes.parse(credential.scopes or "")
            except ScopeError as error:
                raise ValidationError(
                    self.env._(
                        "Credential %(name)s, scopes: %(error)s", name=credential.name, error=error
                    )
                ) from None

    def _is_made_here(self):
        return self.kind in ISSUED or super()._is_made_here()

    def _new_secret(self):
        if self.kind not in ISSUED:
            return super()._new_secret()
        return bearer.generate(secrets.token_bytes).encode()

    def _store_secret(self, text):
        if self.kind not in KINDS:
            return super()._store_secret(text)
        self.ensure_one()
        try:
            values = self._digest_values(text.strip())
        except (BearerError, ForwardedCertificateError) as error:
            raise ValidationError(
                self.env._("Credential %(name)s: %(error)s", name=self.name, error=error)
            ) from None
        # sudo: the column is closed to everybody but the system.
        return self.sudo().write(values)

    def _digest_values(self, text):
        if self.kind == "peer_certificate":
            return {"digest": forwarded_certificate.parse_fingerprint(text)}
        token = bearer.parse(text)
        values = {"digest": bearer.digest(token), "hint": f"mfg_{token.key_id}"}
        if self.kind == "oauth2_client" and not self.login:
            values["login"] = f"{self.connector_id.code}-{token.key_id}"
        return values

    # === For the gateway === #

    @api.model
    def _access_token_keys(self):
        return self._key_ring().derive("access-token")

    @api.model
    def _issuer(self):
        """``issuer`` and ``audience`` of access tokens: this database's and no other's."""
        uuid = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        return {"issuer": f"urn:uuid:{uuid}", "audience": AUDIENCE}

    @api.model
    def _forwarded_certificate(self, received):
        """The client certificate that a trusted proxy has forwarded, or None.

        :raises ForwardedCertificateError: forged, or malformed
        """
        parameter = self.env["ir.config_parameter"].sudo().get_param
        trusted = parameter(f"{PARAMETER}trusted_proxies", "")
        proxies = TrustedProxies.parse(trusted.replace(",", "\n"))
        name = parameter(f"{PARAMETER}client_certificate_header", "Client-Cert")
        form = parameter(f"{PARAMETER}client_certificate_form", Form.RFC9440.value)
        values = [value for key, value in received.headers if key.lower() == name.lower()]
        return forwarded_certificate.read(
            values, name=name, form=Form(form), peer=received.peer, proxies=proxies
        )

    def _grant(self, request, now):
        """The answer to a token request, which ``self`` has authenticated.

        :raises ScopeError: none of what it asks for is granted to it
        """
        self.ensure_one()
        scopes = Scopes.parse(self.scopes or "").narrowed(request.scope)
        token = access_token.issue(
            self._access_token_keys(),
            client_id=self.login,
            subject=self.connector_id.code,
            scope=str(scopes),
            token_id=secrets.token_hex(16),
            now=now,
            **self._issuer(),
        )
        return token_endpoint.token_answer(token, access_token.LIFETIME, str(scopes))

    def _note_use(self):
        """Remember when it was used last, to the minute; the first use of a day is audited."""
        self.ensure_one()
        place, now = (self.env.cr.dbname, self.id), time.monotonic()
        if _noted.get(place, 0) > now:
            return
        self.env.cr.execute(
            SQL(
                """
                UPDATE mfg_credential c SET last_used_at = old.now
                  FROM (SELECT id, last_used_at, statement_timestamp() AT TIME ZONE 'UTC' AS now
                          FROM mfg_credential WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED) old
                 WHERE c.id = old.id
                   AND (old.last_used_at IS NULL
                        OR old.last_used_at < old.now - %s * interval '1 second')
                RETURNING old.last_used_at
                """,
                self.id,
                USE_SECONDS / 2,
            )
        )
        row = self.env.cr.fetchone()
        today = datetime.now(timezone.utc).date()
        if row and (row[0] is None or row[0].date() < today):
            self.env["mfg.audit.entry"]._record("first_use", self)
        # After a rollback it is noted by the next process, or a minute later.
        self.env.cr.postcommit.add(lambda: _noted.__setitem__(place, now + USE_SECONDS))
