import time

from odoo import api, models

from ..exceptions import ConfigurationError
from ..tools import redact, signature
from ..tools.envelope import encode_structured
from ..tools.http_client import HttpCall, HttpClient
from ..tools.url_guard import parse_allow_list

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
MAX_RESPONSE_BYTES = 64 * 1024

_client = HttpClient()


class MfgTransportHttp(models.AbstractModel):
    """POST of one CloudEvent in structured mode, signed as Standard Webhooks say."""

    _name = "mfg.transport.http"
    _inherit = ["mfg.transport"]
    _description = "HTTP transport"

    @api.model
    def _preparer(self, *, connector):
        if not connector.url:
            raise ConfigurationError(self.env._("Connector %s has no address.", connector.name))
        credentials = connector._secret_values("hmac", "out")
        if not credentials:
            raise ConfigurationError(
                self.env._(
                    "Connector %s has no valid signing secret: messages are not sent unsigned.",
                    connector.name,
                )
            )
        secrets = [secret for _id, secret in credentials]
        credential_id = credentials[0][0]
        url = connector.url
        limits = {
            "connect_timeout": connector.connect_timeout,
            "read_timeout": connector.read_timeout,
            "total_timeout": connector.total_timeout,
            "max_response_bytes": MAX_RESPONSE_BYTES,
            "allow_list": parse_allow_list(connector.allow_list or ""),
            "allow_http": connector.allow_http,
            "verify_tls": connector.verify_tls,
        }

        def prepare(outgoing):
            body = encode_structured(outgoing.event)
            headers = {
                "content-type": CONTENT_TYPE,
                "user-agent": "mfg-integration/1",
                **signature.headers(secrets, outgoing.uuid, int(time.time()), body),
            }
            if outgoing.event.traceparent:
                headers["traceparent"] = outgoing.event.traceparent
            call = HttpCall(
                method="POST", url=url, headers=tuple(headers.items()), body=body, **limits
            )
            return self._prepared(call, _excerpt(url, headers), credential_id)

        return prepare

    @api.model
    def _sender(self):
        return _client


def _excerpt(url, headers):
    lines = [f"POST {url}"]
    lines += [f"{name}: {value}" for name, value in redact.headers(headers).items()]
    return "\n".join(lines)
