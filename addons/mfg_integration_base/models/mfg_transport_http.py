import hashlib
import time

from odoo import api, models

from ..exceptions import ConfigurationError
from ..tools import batch_document, redact, signature
from ..tools.http_client import HttpCall, HttpClient, HttpTarget
from ..tools.request_auth import RequestAuth
from ..tools.url_guard import parse_allow_list

MAX_RESPONSE_BYTES = 64 * 1024
MAX_BATCH_RESPONSE_BYTES = 256 * 1024
"""The answer to a batch may name every event."""

USER_AGENT = "mfg-integration/1"

_client = HttpClient()


class MfgTransportHttp(models.AbstractModel):
    """POST of one event as the connector's codec writes it, or of many in one document, signed as
    Standard Webhooks say, or with another proof of who sends."""

    _name = "mfg.transport.http"
    _inherit = ["mfg.transport"]
    _description = "HTTP transport"

    @api.model
    def _preparer(self, *, connector):
        post = self._poster(connector, MAX_RESPONSE_BYTES)
        encode = self.env["mfg.codec"]._mfg_resolve(connector.codec)._encoder(connector=connector)

        def prepare(outgoing):
            headers, body = encode(outgoing.event, outgoing.extensions)
            if outgoing.event.traceparent:
                headers["traceparent"] = outgoing.event.traceparent
            return post(outgoing.uuid, body, headers)

        return prepare

    @api.model
    def _can_batch(self):
        return True

    @api.model
    def _batch_preparer(self, *, connector, batch):
        post = self._poster(connector, MAX_BATCH_RESPONSE_BYTES)

        def prepare(outgoings):
            document = batch_document.build(
                [(outgoing.event, outgoing.extensions) for outgoing in outgoings],
                layout=batch.layout,
                columns=batch.columns,
                sum_pointer=batch.sum_pointer,
            )
            headers = {"content-type": document.content_type}
            if batch.totals:
                headers.update(document.totals.headers())
            return post(_batch_id(outgoings), document.content, headers)

        return prepare

    def _poster(self, connector, max_response_bytes):
        """A function (webhook id, body, headers) -> ``Prepared``, with the proofs that are valid
        now."""
        if not connector.url:
            raise ConfigurationError(self.env._("Connector %s has no address.", connector.name))
        credentials = self._signing(connector)
        certificate = self._client_certificate(connector)
        # sudo: the engine sends for users who may not see credentials.
        found = connector.sudo().credential_ids._request_auth()
        auth_id, auth = found or (None, RequestAuth())
        if not (credentials or found or certificate):
            raise ConfigurationError(
                self.env._(
                    "Connector %s has no valid signing secret; messages are not sent unsigned.",
                    connector.name,
                )
            )
        secrets = [secret for _id, secret in credentials]
        credential_id = credentials[0][0] if credentials else auth_id
        hidden = frozenset(name for name, _value in auth.headers)
        url = connector.url
        target = HttpTarget(
            url=url,
            connect_timeout=connector.connect_timeout,
            read_timeout=connector.read_timeout,
            total_timeout=connector.total_timeout,
            max_response_bytes=max_response_bytes,
            allow_list=parse_allow_list(connector.allow_list or ""),
            allow_http=connector.allow_http,
            verify_tls=connector.verify_tls,
            client_certificate=certificate.pem if certificate else None,
            secrets=auth.secrets,
            grant=auth.grant,
        )
        prepared = self._prepared

        def post(webhook_id, body, headers):
            headers = {
                "user-agent": USER_AGENT,
                **headers,
                **_signature(secrets, webhook_id, body),
                **dict(auth.headers),
            }
            call = HttpCall(target, tuple(headers.items()), body)
            excerpt = _excerpt(url, headers, certificate, auth.grant, hidden)
            return prepared(call, excerpt, credential_id)

        return post

    def _signing(self, connector):
        """``[(credential id, Secret)]`` to sign with; none where the partner is to get no
        signature, because it is told in another way who sends.

        :raises ConfigurationError: one is configured, and none of them is valid
        """
        credentials = connector._secret_values("hmac", "out")
        # sudo: as above
        configured = connector.sudo().credential_ids.filtered(
            lambda c: c.active and c.kind == "hmac" and c.direction in ("both", "out")
        )
        if configured and not credentials:
            raise ConfigurationError(
                self.env._(
                    "Connector %s has no valid signing secret; messages are not sent unsigned.",
                    connector.name,
                )
            )
        return credentials

    def _client_certificate(self, connector):
        """The ``ClientCertificate`` to show to the partner, or None if it asks for none."""
        certificate = connector.credential_ids._client_certificate()
        if certificate and not connector.url.lower().startswith("https://"):
            raise ConfigurationError(
                self.env._(
                    "Connector %s has a client certificate, which only an address that begins "
                    "with https:// can ask for: change the address, or archive the certificate.",
                    connector.name,
                )
            )
        return certificate

    @api.model
    def _sender(self):
        return _client


def _batch_id(outgoings):
    """The same messages, sent again, have the same id."""
    if len(outgoings) == 1:
        return outgoings[0].uuid
    digest = hashlib.sha256("".join(outgoing.uuid for outgoing in outgoings).encode())
    return f"batch_{digest.hexdigest()[:32]}"


def _signature(secrets, webhook_id, body):
    """The message's id, by which the partner knows a repetition, and its signature if there is to
    be one."""
    if not secrets:
        return {signature.HEADER_ID: webhook_id}
    return signature.headers(secrets, webhook_id, int(time.time()), body)


def _excerpt(url, headers, certificate, grant, hidden):
    """What the attempt keeps of a request.

    :param hidden: names of headers that hold a secret, whatever they are called
    """
    lines = [f"POST {url}"]
    if certificate:
        lines.append(f"(client certificate {certificate.subject}, serial {certificate.serial})")
    if grant:
        lines.append(f"(access token from {grant.token_url} for {grant.client_id})")
    lines += [
        f"{name}: {redact.MASK if name in hidden else value}"
        for name, value in redact.headers(headers).items()
    ]
    return "\n".join(lines)
