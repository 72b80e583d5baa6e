"""A plant with an MES: takes released orders, works them off in plant time, reports as it goes.

    python -m tests.simulators.mes --port 8701 --control-port 8702 --secret-file FILE \\
        --book FILE --odoo-url http://127.0.0.1:8069 --connector mes --plant plant.json

The plant's file says what there is: ``lines`` (name, machines and ``Manners``), ``shelves``
(component, lot, quantity) and the ``seed``. Plant time runs ``speed`` times as fast as ours and
lies in the past, so that nothing is reported before it happened.
"""

import argparse
import json
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from . import shop_floor
from .outgoing import Outgoing
from .plant_books import PlantBooks, text
from .production_lines import Line, Manners, ProductionLines
from .shop_floor import Control, Deliveries, Server, ShopFloor
from .unruly_network import UnrulyNetwork

TICK_SECONDS = 0.1
BACK = timedelta(hours=2)
"""How far back the plant's time begins."""
RELEASED = "mfg.production.order.released.v1"


class Mes(ShopFloor):
    """The lines, their books, and the network to Odoo."""

    def __init__(self, arguments: argparse.Namespace):
        super().__init__(arguments)
        plant = json.loads(arguments.plant.read_text())
        shelves: dict[str, list[str]] = {}
        for component, lot, _quantity in plant["shelves"]:
            shelves.setdefault(component, []).append(lot)
        self.books = PlantBooks(
            {(component, lot): quantity for component, lot, quantity in plant["shelves"]}
        )
        lines = {}
        for each in plant["lines"]:
            line = Line(each["name"], Manners(**each["manners"]))
            lines |= dict.fromkeys(each["machines"], line)
        self.lines = ProductionLines(lines, shelves, self.books, plant["seed"])
        self.outgoing = Outgoing(self.sender, UnrulyNetwork(plant["seed"]))
        self._lock = threading.Lock()
        self._speed = 0.0
        self._now = self._began = datetime.now(timezone.utc).replace(microsecond=0) - BACK
        self._taken = 0

    # === Plant time === #

    def begin(self, speed: float) -> dict[str, Any]:
        """Let the time run."""
        with self._lock:
            self._speed = speed
            threading.Thread(target=self._run, daemon=True).start()
            self.outgoing.start()
        return self.state()

    def _run(self) -> None:
        last = time.monotonic()
        behind = 0.0
        while True:
            time.sleep(TICK_SECONDS)
            now = time.monotonic()
            behind += (now - last) * self._speed
            last = now
            whole = int(behind / 5) * 5
            behind -= whole
            with self._lock:
                self._take_released()
                until = self._now + timedelta(seconds=whole)
                self.outgoing.say(self.lines.advance(self._now, until))
                self._now = until

    def _take_released(self) -> None:
        events = self.book.events()
        for event in events[self._taken :]:
            if event["type"] == RELEASED:
                self.lines.take(event["data"], self._now)
        self._taken = len(events)

    def state(self) -> dict[str, Any]:
        return {
            "minutes": (self._now - self._began).total_seconds() / 60,
            "now": text(self._now),
            "open": self.lines.open_jobs,
            "orders": len(self.books.orders),
            **self.outgoing.state(),
        }

    # === Machines === #

    def fail(self, workcenter: str, reason: str) -> dict[str, Any]:
        """It stops now, in plant time; expected back in an hour from now, in ours."""
        expected = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(hours=1)
        with self._lock:
            said = self.lines.fail(workcenter, reason, self._now, expected)
            self.outgoing.say([said])
        return dict(said.document)

    def repair(self, workcenter: str) -> dict[str, Any]:
        with self._lock:
            said = self.lines.repair(workcenter, self._now)
            self.outgoing.say([said])
        return dict(said.document)

    # === Books === #

    def books_document(self) -> dict[str, Any]:
        with self._lock:
            return self.books.document()

    def snapshot(self, kind: str, location: str, rows_per_part: int = 100) -> dict[str, Any]:
        """Send what the books say of ``kind``, in parts; the last answer, and how many rows."""
        with self._lock:
            rows = self.books.rows(kind, location)
        parts = max(1, -(-len(rows) // rows_per_part))
        as_of = datetime.now(timezone.utc)
        snapshot = f"{kind}-{as_of:%H%M%S%f}"
        answers = [
            self.outgoing.send_now(
                "reconciliation.snapshot.v1",
                {
                    "kind": kind,
                    "snapshot": snapshot,
                    "as_of": text(as_of),
                    "part": part + 1,
                    "parts": parts,
                    "rows": rows[part * rows_per_part : (part + 1) * rows_per_part],
                },
            )
            for part in range(parts)
        ]
        return {"snapshot": snapshot, "rows": len(rows), "answers": answers}


class MesControl(Control):
    """What a plant is told beyond ``Control``.

    GET  /state      plant time, open jobs, messages
    GET  /books      the plant's own books
    POST /begin      ``{"speed": ...}``: plant seconds for each of ours
    POST /fail       ``{"workcenter", "reason"}``
    POST /repair     ``{"workcenter"}``
    POST /snapshot   ``{"kind", "location"}``
    """

    def views(self) -> dict[str, Any]:
        floor = self.server.floor
        return super().views() | {"/state": floor.state, "/books": floor.books_document}

    def verbs(self, arguments: dict[str, Any]) -> dict[str, Any]:
        floor = self.server.floor
        return super().verbs(arguments) | {
            f"/{name}": lambda name=name: getattr(floor, name)(**arguments)
            for name in ("begin", "fail", "repair", "snapshot")
        }


def main() -> None:
    parser = shop_floor.parser("Simulator of a plant with an MES.")
    parser.add_argument("--plant", type=Path, required=True, help="JSON: lines, shelves, seed")
    arguments = parser.parse_args()
    mes = Mes(arguments)
    control = Server(arguments.control_port, MesControl, mes)
    threading.Thread(target=control.serve_forever, daemon=True).start()
    print(f"MES takes deliveries on port {arguments.port}.", flush=True)
    Server(arguments.port, Deliveries, mes).serve_forever()


if __name__ == "__main__":
    main()
