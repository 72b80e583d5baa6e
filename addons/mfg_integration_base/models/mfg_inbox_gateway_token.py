import time

from odoo import api, models

from ..tools import bearer, token_endpoint
from ..tools.bearer import BearerError
from ..tools.scopes import ScopeError
from ..tools.token_endpoint import TokenRequestError
from .cursors import own_env


class MfgInboxGateway(models.AbstractModel):
    """The token endpoint: OAuth 2.0 client credentials for partners (RFC 6749 section 4.4)."""

    _inherit = "mfg.inbox.gateway"

    @api.model
    def _grant(self, received):
        """The answer (``tools.token_endpoint.Answer``) to a token request.

        :raises Refused: this database serves nobody, or too many wrong secrets came from there
        """
        with own_env(self.env.registry) as env:
            gateway = self.with_env(env)
            here = gateway._check_able()
            try:
                request = token_endpoint.token_request(
                    received.header("content-type"),
                    received.body,
                    received.header("authorization") or None,
                )
                return gateway._client(request, received, here)._grant(request, int(time.time()))
            except TokenRequestError as error:
                return token_endpoint.token_error(error.code, str(error))
            except ScopeError as error:
                return token_endpoint.token_error("invalid_scope", str(error))

    def _client(self, request, received, here):
        """The credential of a client that has given its secret."""
        found = self._inbound("oauth2_client", [("login", "=", request.client_id)])
        try:
            secret = bearer.parse(request.client_secret)
        except BearerError:
            secret = None
        # A client whose secret is being replaced has two. sudo: the column is closed to everybody.
        mine = found.filtered(lambda c: secret and bearer.matches(secret, c.sudo().digest))[:1]
        if not mine:
            self._count_failure(request.client_id, received)
            raise TokenRequestError("invalid_client", "Unknown client, or wrong secret.")
        self._check_activated(mine.connector_id, here)
        mine._note_use()
        return mine
