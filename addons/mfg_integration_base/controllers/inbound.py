from werkzeug.exceptions import MethodNotAllowed, NotFound, RequestEntityTooLarge

from odoo.http import Controller, request, route

from ..const import API_PREFIX, MAX_BODY_BYTES
from ..models.inbox_exchange import Received, Refused
from ..tools import http_body
from ..tools.json_writer import canonical_json
from . import dispatcher  # noqa: F401  registers the routing type before the routes use it

# One byte more than we take: a chunked body is cut off at the limit without a word, and has to be
# seen to be too long.
OPTIONS = {
    "type": "mfg",
    "auth": "none",
    "readonly": False,  # Odoo takes routes without authentication for read-only ones
    "save_session": False,
    "max_content_length": MAX_BODY_BYTES + 1,
}


class InboundController(Controller):
    """The addresses that partners call; everything else is in ``mfg.inbox.gateway``."""

    @route(f"{API_PREFIX}/in/<connector>/<message_type>", **OPTIONS)
    def receive(self, connector, message_type):
        allow("POST")
        _refuse_forms()
        gateway = request.env["mfg.inbox.gateway"]
        return json_response(gateway._accept(connector, message_type, received()))

    @route(f"{API_PREFIX}/messages/<uuid>", **OPTIONS)
    def status(self, uuid):
        allow("GET", "HEAD")
        return json_response(request.env["mfg.inbox.gateway"]._report(uuid, received()))

    @route(f"{API_PREFIX}/oauth/token", **OPTIONS)
    def token(self):
        allow("POST")
        answer = request.env["mfg.inbox.gateway"]._grant(received())
        return request.make_response(
            answer.body, list(answer.headers.items()), status=answer.status
        )

    @route([API_PREFIX, f"{API_PREFIX}/<path:rest>"], **OPTIONS)
    def unknown(self, rest=""):
        raise NotFound


def allow(*methods):
    if request.httprequest.method not in methods:
        raise MethodNotAllowed(valid_methods=methods)


def _refuse_forms():
    """415 before anything reads the body: a form's raw bytes would be gone."""
    if (
        http_body.media_type(request.httprequest.headers.get("Content-Type", ""))
        in http_body.FORM_TYPES
    ):
        raise Refused("unsupported-media-type", "Forms are not taken. Send the message as JSON.")


def received():
    """The request's headers and its body, within our limits.

    The body is kept by werkzeug, so that a request that Odoo runs again reads the same bytes.
    """
    http_request = request.httprequest
    headers = http_request.headers
    try:
        body = http_body.decode(
            http_request.get_data(),
            headers.get("Content-Encoding", ""),
            limit=MAX_BODY_BYTES,
        )
    except RequestEntityTooLarge:
        raise Refused("too-large", f"The body is larger than {MAX_BODY_BYTES} bytes.") from None
    except http_body.BodyError as error:
        raise Refused(BODY_PROBLEMS[error.code], str(error)) from None
    environ = http_request.environ
    # With proxy_mode, what the proxy says of the client stands in REMOTE_ADDR.
    direct = environ.get("werkzeug.proxy_fix.orig") or {}
    return Received(
        headers=tuple(headers.items()),
        body=body,
        address=environ.get("REMOTE_ADDR") or "",
        peer=direct.get("REMOTE_ADDR") or environ.get("REMOTE_ADDR") or "",
    )


BODY_PROBLEMS = {
    "too_large": "too-large",
    "unsupported_encoding": "unsupported-encoding",
    "bad_encoding": "malformed-body",
}


def json_response(answer):
    return request.make_response(
        canonical_json(answer.document),
        [
            ("Content-Type", "application/json"),
            ("Cache-Control", "no-store"),
            *answer.headers.items(),
        ],
        status=answer.status,
    )
