from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..exceptions import ConfigurationError
from ..tools import request_auth
from ..tools.oauth_client import Grant
from ..tools.request_auth import RequestAuthError
from ..tools.url_guard import UrlError, check_url

KINDS = ("bearer", "basic", "api_key", "oauth2")
"""Those that go into the headers of what we send; the newest valid one of all is used."""


class MfgCredential(models.Model):
    """How a partner wants to be told who sends: token, password, key, OAuth 2.0.

    Beside the signature, or in its place where the partner cannot check one.
    """

    _inherit = "mfg.credential"

    kind = fields.Selection(
        selection_add=[
            ("bearer", "Bearer token"),
            ("basic", "User name and password"),
            ("api_key", "API key in a header"),
            ("oauth2", "OAuth 2.0 client credentials"),
        ],
        ondelete=dict.fromkeys(KINDS, "cascade"),
    )
    login = fields.Char(string="User name or client id", help="What the partner knows us by.")
    header_name = fields.Char(string="Header", help="Where the key stands, e.g. X-API-Key")
    token_url = fields.Char(
        string="Token endpoint", help="Where access tokens are fetched; the partner gives it."
    )
    token_scope = fields.Char(
        string="Requested scope", help="As the partner names it; empty: what we are entitled to."
    )
    token_auth = fields.Selection(
        [("basic", "In the Authorization header"), ("post", "In the form")],
        string="Client id and secret",
        default="basic",
        help="How the token endpoint wants them. The header is what the standard asks for.",
    )

    @api.model
    def _kind_names(self):
        return {
            **super()._kind_names(),
            "bearer": self.env._("Bearer token"),
            "basic": self.env._("User name and password"),
            "api_key": self.env._("API key"),
            "oauth2": self.env._("OAuth 2.0 client"),
        }

    def _compute_direction(self):
        sending = self.filtered(lambda c: c.kind in KINDS)
        sending.direction = "out"
        return super(MfgCredential, self - sending)._compute_direction()

    @api.constrains("kind", "direction")
    def _check_outbound_direction(self):
        for credential in self:
            if credential.kind in KINDS and credential.direction != "out":
                raise ValidationError(
                    self.env._(
                        "Credential %s is for sending only; choose the direction Sending.",
                        credential.name,
                    )
                )

    @api.constrains("kind", "login", "header_name", "token_url", "connector_id")
    def _check_outbound_fields(self):
        for credential in self.filtered(lambda c: c.kind in KINDS):
            try:
                # With a stand-in: whether the secret itself can be sent is seen when it comes.
                credential._request_auth_of("secret")
                if credential.kind == "oauth2":
                    check_url(
                        credential.token_url or "", allow_http=credential.connector_id.allow_http
                    )
            except (RequestAuthError, UrlError) as error:
                raise ValidationError(
                    self.env._("Credential %(name)s: %(error)s", name=credential.name, error=error)
                ) from None

    def _check_secret(self, text):
        if self.kind not in KINDS:
            return super()._check_secret(text)
        self._request_auth_of(text)
        return text, {}

    def _secret_of(self, text):
        if self.kind not in KINDS:
            return super()._secret_of(text)
        try:
            return self._request_auth_of(text)
        except RequestAuthError as error:
            raise ConfigurationError(
                self.env._("Credential %(name)s: %(error)s", name=self.name, error=error)
            ) from None

    def _request_auth_of(self, secret):
        """The ``RequestAuth`` that this credential is with its secret.

        :raises RequestAuthError: it cannot be sent
        """
        if self.kind == "bearer":
            return request_auth.bearer(secret)
        if self.kind == "basic":
            return request_auth.basic(self.login or "", secret)
        if self.kind == "api_key":
            return request_auth.api_key(self.header_name or "", secret)
        return request_auth.client_credentials(
            Grant(
                token_url=self.token_url or "",
                client_id=self.login or "",
                client_secret=secret,
                scope=self.token_scope or "",
                in_body=self.token_auth == "post",
            )
        )

    def _request_auth(self):
        """``(credential id, RequestAuth)`` of the newest that is valid now; None if there is none
        at all. Engine only.

        A partner that expects one gets nothing without: as long as one is configured, archived
        ones aside, the lack of a valid one is an error.

        :raises ConfigurationError: none of them can be used
        """
        mine = self.filtered(lambda c: c.active and c.kind in KINDS)
        if not mine:
            return None
        usable = [found for kind in KINDS for found in mine._valid_secrets_or_none(kind)]
        if not usable:
            now = fields.Datetime.now()
            raise ConfigurationError(
                self.env._(
                    "Connector %(name)s has no valid credential, and nothing is sent without: "
                    "%(why)s. Store a valid one, or archive it if the partner does not ask for it "
                    "any more; then retry.",
                    name=mine.connector_id.name,
                    why="; ".join(credential._why_unusable(now) for credential in mine),
                )
            )
        return max(usable, key=lambda found: (self.browse(found[0]).valid_from, found[0]))

    def _purpose(self):
        # The newest of all these kinds is used.
        return KINDS if self.kind in KINDS else super()._purpose()

    def _valid_secrets_or_none(self, kind):
        try:
            return self._valid_secrets(kind, "out")
        except ConfigurationError:  # none of this kind opens, our log says why
            return []
