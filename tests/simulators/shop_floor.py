"""A shop-floor system: takes Odoo's production events, does the work, reports it back.

    python -m tests.simulators.shop_floor --port 8701 --control-port 8702 --secret-file FILE \\
        --book FILE --odoo-url http://127.0.0.1:8069 --connector shopfloor

The events come to ``--port``. ``--control-port`` is for whoever runs the scenario: what is in the
books, and orders to work, to report and to misbehave (see ``Control``). A request for the first
port is booked and synchronised to the disk before it is acknowledged; the process may be killed
at any moment and started again on the same book.
"""

import argparse
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from .behaviour import Behaviour, Conduct
from .factory import Factory
from .order_book import OrderBook
from .sender import Sender

LOOPBACK = "127.0.0.1"
EVENT_TYPE = "application/cloudevents+json"


class Server(ThreadingHTTPServer):
    """Carries what the handlers need."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, handler: type[BaseHTTPRequestHandler], floor: "ShopFloor"):
        self.floor = floor
        super().__init__((LOOPBACK, port), handler)


class ShopFloor:
    """The books, the conduct and the factory of one plant."""

    def __init__(self, arguments: argparse.Namespace):
        secret = arguments.secret_file.read_text().strip()
        self.webhook = Webhook(secret)
        self.book = OrderBook(arguments.book)
        self.conduct = Conduct()
        self.sender = Sender(arguments.odoo_url, arguments.connector, secret)
        self.factory = Factory(self.book, self.sender)

    def take(self, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        """Verify and book one delivery; (HTTP status, text for the partner)."""
        try:
            event = self.webhook.verify(body, headers)
        except (WebhookVerificationError, ValueError) as error:
            # ValueError: the library lets a malformed signature header or body through to its
            # base64 and JSON readers.
            self.book.refuse(str(error))
            return 401, f"not verified: {error}"
        if (status := self.conduct.refusal()) != 0:
            return status, "told to refuse"
        self.book.receive(headers["webhook-id"], event)
        self.conduct.pause()
        return 204, ""


class JsonHandler(BaseHTTPRequestHandler):
    """Reads and writes bodies; says nothing on the console."""

    protocol_version = "HTTP/1.1"  # connections stay open between requests
    server: Server

    def read_body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """The book tells what came; a line a request would only hide what matters."""


class Deliveries(JsonHandler):
    """The door that Odoo knows."""

    def do_POST(self) -> None:
        body = self.read_body()
        media_type = self.headers.get_content_type()
        if media_type != EVENT_TYPE:
            self.server.floor.book.refuse(f"content type {media_type}")
            self.answer(415, b"", "text/plain")
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, text = self.server.floor.take(headers, body)
        self.answer(status, text.encode(), "text/plain")


class Control(JsonHandler):
    """The door for whoever runs the scenario.

    GET  /counts     numbers of the book, and how many answers are held back now
    GET  /messages   every message received, without content
    GET  /orders     every order with its operations and totals, as the shop floor knows them
    GET  /reports    every report sent
    POST /behaviour  fields of ``behaviour.Behaviour``
    POST /work       ``{"plans": [...]}``, fields of ``factory.Plan``: works the orders off
    POST /again      ``{"id": ...}``: sends this report once more, byte for byte
    """

    def views(self) -> dict[str, Any]:
        floor = self.server.floor
        return {
            "/counts": lambda: {**floor.book.counts(), "held": floor.conduct.held},
            "/messages": floor.book.messages,
            "/orders": floor.factory.orders_document,
            "/reports": lambda: [vars(report) for report in floor.book.reports()],
        }

    def verbs(self, arguments: dict[str, Any]) -> dict[str, Any]:
        floor = self.server.floor
        return {
            "/behaviour": lambda: floor.conduct.set(Behaviour(**arguments)),
            "/work": lambda: floor.factory.work_off(arguments["plans"]),
            "/again": lambda: floor.factory.send_again(arguments["id"]),
        }

    def do_GET(self) -> None:
        self._run(self.views().get(self.path))

    def do_POST(self) -> None:
        arguments = json.loads(self.read_body() or b"{}")
        self._run(self.verbs(arguments).get(self.path))

    def _run(self, action: Any) -> None:
        if action is None:
            self.answer(404, b"", "text/plain")
            return
        try:
            document = action()
        except Exception as error:  # noqa: BLE001 - whoever runs the scenario gets to see it
            self.answer(500, f"{type(error).__name__}: {error}".encode(), "text/plain")
            return
        self.answer(200, json.dumps(document).encode(), "application/json")


def parser(description: str) -> argparse.ArgumentParser:
    """What each simulator of a shop floor is told."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, required=True, help="where Odoo delivers to")
    parser.add_argument("--control-port", type=int, required=True)
    parser.add_argument("--secret-file", type=Path, required=True, help="holds whsec_...")
    parser.add_argument("--book", type=Path, required=True, help="SQLite file, made if missing")
    parser.add_argument("--odoo-url", required=True)
    parser.add_argument("--connector", required=True, help="code of our connector in Odoo")
    return parser


def main() -> None:
    arguments = parser("Shop-floor simulator.").parse_args()
    floor = ShopFloor(arguments)
    deliveries = Server(arguments.port, Deliveries, floor)
    control = Server(arguments.control_port, Control, floor)
    threading.Thread(target=control.serve_forever, daemon=True).start()
    threading.Thread(target=floor.factory.send_unsent, daemon=True).start()
    print(f"Shop floor takes deliveries on port {arguments.port}.", flush=True)
    deliveries.serve_forever()


if __name__ == "__main__":
    main()
