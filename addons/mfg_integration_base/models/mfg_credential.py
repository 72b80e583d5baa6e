import logging
import os
import secrets
from pathlib import Path

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError

from ..const import ENV_SECRET_KEY, ENV_SECRET_KEY_FILE
from ..exceptions import ConfigurationError
from ..tools.client_certificate import ClientCertificateError
from ..tools.request_auth import RequestAuthError
from ..tools.secretbox import KeyRing, SecretBoxError, decrypt, encrypt
from ..tools.signature import Secret, SignatureError

_logger = logging.getLogger(__name__)


class MfgCredential(models.Model):
    _name = "mfg.credential"
    _description = "Credential of a connector"
    _order = "connector_id, kind, valid_from desc, id desc"

    name = fields.Char(
        required=True, compute="_compute_name", store=True, readonly=False, precompute=True
    )
    connector_id = fields.Many2one("mfg.connector", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="connector_id.company_id", store=True)
    kind = fields.Selection(
        [("hmac", "Standard Webhooks signature (HMAC-SHA256)")], required=True, default="hmac"
    )
    direction = fields.Selection(
        [("both", "Sending and receiving"), ("out", "Sending"), ("in", "Receiving")],
        required=True,
        compute="_compute_direction",
        store=True,
        readonly=False,
        precompute=True,
    )
    active = fields.Boolean(default=True)
    valid_from = fields.Datetime(required=True, default=fields.Datetime.now)
    valid_until = fields.Datetime()
    secret_input = fields.Char(
        string="Secret",
        compute="_compute_secret_input",
        inverse="_inverse_secret_input",
        help="Paste the secret as its issuer gave it: whsec_… for signatures, certificate and "
        "private key in PEM format, token, password, key or client secret. It is encrypted at once "
        "and never shown again.",
    )
    has_secret = fields.Boolean(compute="_compute_has_secret", string="Secret is set")
    # Nobody reads the cipher text through the ORM, administrators included.
    cipher = fields.Char(readonly=True, copy=False, groups=fields.NO_ACCESS, exportable=False)

    @api.depends("kind")
    def _compute_name(self):
        names = self._kind_names()
        for credential in self:
            # A name that a person has given stays.
            if not credential.name or credential.name in names.values():
                credential.name = names.get(credential.kind)

    @api.model
    def _kind_names(self):
        """What a credential is called until somebody names it, by kind."""
        return {"hmac": self.env._("Signing secret")}

    @api.depends("kind")
    def _compute_direction(self):
        for credential in self:
            credential.direction = credential.direction or "both"

    @api.depends("cipher")
    def _compute_has_secret(self):
        # sudo: whether a secret is set is no secret.
        for credential in self:
            credential.has_secret = bool(credential.sudo().cipher)

    def _compute_secret_input(self):
        self.secret_input = False

    def _inverse_secret_input(self):
        for credential in self:
            if credential.secret_input:
                credential._store_secret(credential.secret_input)
        # The answer to a save reads the form's fields again: out of the cache, it would echo it.
        self.invalidate_recordset(["secret_input"], flush=False)

    def write(self, vals):
        if "kind" in vals and any(c.has_secret and c.kind != vals["kind"] for c in self):
            # The cipher text is bound to the kind and would not open any more.
            raise ValidationError(
                self.env._(
                    "The kind of a credential that holds a secret cannot be changed: create "
                    "another credential and archive this one."
                )
            )
        if "connector_id" in vals and any(c.connector_id.id != vals["connector_id"] for c in self):
            raise ValidationError(
                self.env._("A credential stays with its connector. Archive it and make a new one.")
            )
        return super().write(vals)

    @api.model
    def _key_ring(self):
        """The keys that encrypt credentials, from the environment or a key file.

        :raises ConfigurationError: no key, or a malformed one
        """
        text = os.environ.get(ENV_SECRET_KEY, "")
        path = os.environ.get(ENV_SECRET_KEY_FILE)
        try:
            if not text and path:
                text = Path(path).read_text(encoding="ascii")
            return KeyRing.parse(text.strip())
        except (OSError, UnicodeDecodeError, SecretBoxError) as error:
            raise ConfigurationError(
                self.env._(
                    "Credentials cannot be encrypted: set %(key)s or %(file)s (see "
                    "docs/security.md). %(error)s",
                    key=ENV_SECRET_KEY,
                    file=ENV_SECRET_KEY_FILE,
                    error=error,
                )
            ) from None

    def _aad(self):
        # Binds the cipher text to its row: a value copied to another row does not open.
        return f"mfg.credential:{self.id}:{self.connector_id.id}:{self.kind}".encode()

    def _store_secret(self, text):
        self.ensure_one()
        try:
            plain, public = self._check_secret(text.strip())
        except (SignatureError, ClientCertificateError, RequestAuthError) as error:
            raise ValidationError(
                self.env._("Credential %(name)s: %(error)s", name=self.name, error=error)
            ) from None
        cipher = encrypt(self._key_ring(), plain.encode(), self._aad(), secrets.token_bytes(12))
        # sudo: the cipher column is closed to everybody but the system.
        self.sudo().write({**public, "cipher": cipher})

    def _check_secret(self, text):
        """What to encrypt of an input of this kind, and what everybody may know of it as values.

        :raises SignatureError, ClientCertificateError, RequestAuthError: it cannot be used
        """
        Secret.parse(text)
        return text, {}

    def _secret_of(self, text):
        """What the engine gets for a stored text of this kind."""
        return Secret.parse(text)

    def _purpose(self):
        """What it proves who we or they are by; credentials of one purpose replace each other."""
        return self.kind

    def _valid_secrets(self, kind, direction):
        """``[(id, secret)]`` usable now, newest first. Engine only.

        A secret is a ``Secret``; a ``ClientCertificate`` or a ``RequestAuth`` for those kinds.

        One that does not open is left out with an error in the log: the others go on working.

        :raises ConfigurationError: none of them opens
        """
        now = fields.Datetime.now()
        usable = self.filtered(
            lambda c: (
                c.active
                and c.kind == kind
                and c.direction in ("both", direction)
                and c.cipher
                and c.valid_from <= now
                and (not c.valid_until or now < c.valid_until)
            )
        ).sorted(lambda c: (c.valid_from, c.id), reverse=True)
        opened, failure = [], None
        for credential in usable:
            try:
                opened.append((credential.id, credential._open()))
            except ConfigurationError as error:
                _logger.error("%s", error)
                failure = error
        if failure and not opened:
            raise failure
        return opened

    def _open(self):
        self.ensure_one()
        try:
            return self._secret_of(decrypt(self._key_ring(), self.cipher, self._aad()).decode())
        except SecretBoxError as error:
            raise ConfigurationError(
                self.env._(
                    "Credential %(name)s cannot be decrypted: %(error)s",
                    name=self.name,
                    error=error,
                )
            ) from None

    def action_generate(self):
        """Make a new secret and show it once, so that it can be given to the partner."""
        self.ensure_one()
        if not self.env.user.has_group("mfg_integration_base.group_manager"):
            raise AccessError(self.env._("Only integration managers make secrets."))
        if not self._is_made_here():
            raise ValidationError(
                self.env._(
                    "Secrets of this kind are not made here: paste what the issuer gave you."
                )
            )
        secret = self._new_secret()
        self._store_secret(secret)
        return self._show_once(secret)

    def _is_made_here(self):
        """Whether secrets of this kind are ours to make and the partner's to be given."""
        self.ensure_one()
        return self.kind == "hmac"

    def _new_secret(self):
        """A new secret as text, for the partner and for ``_store_secret``."""
        return Secret.generate(secrets.token_bytes).encode()

    def _show_once(self, secret):
        """The only time a secret leaves: in the answer to the person who made it."""
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning",
                "sticky": True,
                "title": self.env._("New secret: copy it now, it is not shown again"),
                "message": secret,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }
