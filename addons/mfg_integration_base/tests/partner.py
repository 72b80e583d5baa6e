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
    """

    def __init__(self, secret=None):
        self.received = []
        self.script = []
        self.headers = {}
        self.body = b'{"ok": true}'
        self._webhook = Webhook(secret) if secret else None
        self._lock = threading.Lock()

    def __enter__(self):
        partner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                status, body = partner._take(
                    dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))
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
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def _take(self, headers, body):
        with self._lock:
            if self._webhook:
                lower = {name.lower(): value for name, value in headers.items()}
                try:
                    self._webhook.verify(body, lower, json_parse=False)
                except Exception:  # noqa: BLE001 - whatever it dislikes is a bad signature
                    return 401, self.body
            request = Received(headers.get("webhook-id", ""), headers, body)
            self.received.append(request)
            answer = self.script.pop(0) if self.script else 200
            return answer(request) if callable(answer) else (answer, self.body)
