"""A partner on loopback for addon tests: real HTTP, scripted answers, remembers what it got."""

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook


@dataclass(frozen=True)
class Received:
    """One request, as it came."""

    message_id: str
    headers: dict
    body: bytes
    client: str = ""
    """Common name of the client certificate."""

    @property
    def event(self):
        return json.loads(self.body)

    @property
    def data(self):
        return self.event["data"]


class Partner:
    """Answers each request with the next status of ``script``, then with 200; a context manager.

    An item of the script may also be a function ``Received -> (status, body)``.

    :param secret: ``whsec_…``; what is not signed with it is answered 401 and not remembered
    :param context: ``ssl.SSLContext`` of a server: speaks TLS
    """

    def __init__(self, secret=None, context=None):
        self.received = []
        self.script = []
        self.headers = {}
        self.body = b'{"ok": true}'
        self._webhook = Webhook(secret) if secret else None
        self._context = context
        self._lock = threading.Lock()

    def __enter__(self):
        partner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                status, body = partner._take(
                    dict(self.headers),
                    self.rfile.read(int(self.headers["Content-Length"])),
                    _common_name(self.connection),
                )
                self.send_response(status)
                for name, value in partner.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if self._context:
            self._server.socket = self._context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self):
        scheme = "https" if self._context else "http"
        return f"{scheme}://127.0.0.1:{self._server.server_address[1]}/hook"

    def _take(self, headers, body, client):
        with self._lock:
            if self._webhook:
                lower = {name.lower(): value for name, value in headers.items()}
                try:
                    self._webhook.verify(body, lower, json_parse=False)
                except Exception:  # noqa: BLE001 - whatever it dislikes is a bad signature
                    return 401, self.body
            request = Received(headers.get("webhook-id", ""), headers, body, client)
            self.received.append(request)
            answer = self.script.pop(0) if self.script else 200
            return answer(request) if callable(answer) else (answer, self.body)


def _common_name(connection):
    certificate = getattr(connection, "getpeercert", lambda: None)() or {}
    return dict(part[0] for part in certificate.get("subject", ())).get("commonName", "")
