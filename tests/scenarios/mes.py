"""A plant and its MES: three lines, twelve work centers, sixty orders, one hour of plant time.

Orders go out and reports come in: late, twice, out of order. A machine fails and the plan adapts;
the network between plant and office drops out for a while. In the end the plant's own books and
Odoo's are compared, from outside and by Odoo's own reconciliation.

Run by ``./mfg demo --scenario mes``; the acceptance tests play a smaller plant.
"""

import contextlib
import os
import random
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.harness.cable import Cable
from tests.harness.mes import Mes
from tests.harness.rpc import Rpc
from tests.harness.waiting import wait_for
from tests.harness.worker import Worker

from . import books, mes_books
from .mes_plant import KINDS, LINES, LinePlan, Plant
from .narrative import Mismatch, Narrative, agree, claim
from .odoo import LaunchedOdoo, Odoo

LATER = 240
"""Seconds for whatever has to come to rest."""
DIFFERENCES = "mfg_integration_base.mfg_reconciliation_line_action"
REASON = "Equipment Failure"


@dataclass(frozen=True)
class Play:
    """What is played.

    :param orders: of all lines together
    :param ahead: how many of them are released before the hour begins
    :param minutes: plant time
    :param speed: plant seconds for each of ours
    :param fails: machine, and from which minute to which it stands
    :param cut: from which minute to which the network is down
    """

    lines: Sequence[LinePlan] = LINES
    orders: int = 60
    ahead: int = 24
    minutes: float = 60
    speed: float = 36
    fails: tuple[str, float, float] = ("B2", 14, 24)
    cut: tuple[float, float] = (32, 40)
    seed: int = 2026
    workers: int = 2


class PlantStory:
    """The story.

    :param odoo: running, with the addons installed and demo data
    """

    def __init__(self, odoo: Odoo, folder: Path, narrative: Narrative, play: Play = Play()):
        self.odoo = odoo
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.tell = narrative
        self.play = play
        self.admin = odoo.rpc()
        self.plant = Plant(self.admin, play.lines)
        self._draw = random.Random(play.seed)
        self._released: list[int] = []
        self._failure: list[BaseException] = []

    def run(self) -> None:
        """Tell it all.

        :raises Mismatch: a claim does not hold
        :raises NotInTime: something did not happen
        """
        begun = time.monotonic()
        self.tell.chapter("1. A plant is connected, and the first orders are released.")
        self.plant.set_up()
        with contextlib.ExitStack() as stack:
            office = urllib.parse.urlsplit(self.odoo.url).port
            self.to_office = stack.enter_context(Cable(office))
            self.mes = Mes(
                self.folder,
                plant=self.plant.simulated(self.play.seed),
                odoo_url=f"http://127.0.0.1:{self.to_office.port}",
                connector="mes",
                secret=self.plant.secret,
            )
            stack.enter_context(self.mes)
            self.to_plant = stack.enter_context(Cable(self.mes.port))
            self.plant.activate(f"http://127.0.0.1:{self.to_plant.port}/events")
            stack.enter_context(
                Worker(self.odoo.database, self.folder, processes=self.play.workers)
            )
            self._release(self.odoo.rpc("demo", "demo"), self.play.ahead)
            self.mes.wait_for_messages(self.play.ahead, LATER)
            machines = sum(len(line.machines) for line in self.play.lines)
            self.tell.say(
                f"{len(self.play.lines)} lines with {machines} work centers; "
                f"{self.play.ahead} orders released, planned, and known to the MES. "
                f"Seed {self.play.seed}."
            )
            self._hour()
            self._comes_to_rest()
            self._books_agree()
            self._reconciliation_agrees()
        self.tell.say(f"All of it took {time.monotonic() - begun:.0f} s.")

    # === The hour === #

    def _hour(self) -> None:
        self.tell.chapter(
            f"2. {self.play.minutes:g} minutes in the plant, {self.play.speed:g} times as fast."
        )
        planner = threading.Thread(target=self._planner, daemon=True)
        self.mes.begin(self.play.speed)
        planner.start()
        machine, fails, repaired = self.play.fails
        down, up = self.play.cut
        for minute, act in sorted(
            [
                (fails, lambda: self._machine_fails(machine)),
                (repaired, lambda: self._machine_is_repaired(machine)),
                (down, self._network_is_cut),
                (up, self._network_is_back),
            ],
            key=lambda each: each[0],
        ):
            self._until(minute)
            act()
        self._until(self.play.minutes)
        planner.join(LATER)
        if self._failure:
            raise self._failure[0]

    def _planner(self) -> None:
        """Releases the other orders while the plant works."""
        try:
            self._release(self.odoo.rpc("demo", "demo"), self.play.orders - self.play.ahead)
        except BaseException as error:  # the story ends with it, in its own thread
            self._failure.append(error)
            raise

    def _release(self, planner: Rpc, count: int) -> None:
        for _n in range(count):
            line = self.play.lines[len(self._released) % len(self.play.lines)]
            quantity = self._draw.randint(4, 12)
            self._released.append(self.plant.release(planner, line.product, quantity))

    def _until(self, minute: float) -> None:
        """Let the plant work until then, and say how things stand now and then."""
        told = time.monotonic()
        while (state := self.mes.state())["minutes"] < minute:
            if self._failure:
                raise self._failure[0]
            if time.monotonic() - told > 10:
                told = time.monotonic()
                self._say_state(state)
            time.sleep(0.2)

    def _say_state(self, state: dict) -> None:
        booked = self._inbox([("state", "=", "done")])
        waiting = self._inbox([("state", "in", books.OPEN)])
        closed = self.admin.count(
            "mrp.production", [("id", "in", self._released), ("state", "=", "done")]
        )
        self.tell.say(
            f"minute {state['minutes']:3.0f}: {len(self._released)} orders released, {closed} "
            f"closed; {state['said']} messages said, {booked} booked, {waiting} wait in Odoo, "
            f"{state['waiting']} in the plant"
        )

    def _inbox(self, domain: list) -> int:
        return self.admin.count(
            "mfg.inbox.message", [("connector_id", "=", self.plant.connector_id), *domain]
        )

    # === What happens in it === #

    def _machine_fails(self, machine: str) -> None:
        said = self.mes.fail(machine, REASON)
        domain = [("external_id", "=", said["downtime"])]
        wait_for(
            lambda: self.admin.count("mfg.downtime", domain), LATER, "the downtime to be booked"
        )
        downtime = self.admin.one("mfg.downtime", domain, "workcenter_id")
        moved = self.admin.count(
            "mfg.downtime.impact",
            [("downtime_id", "=", downtime["id"]), ("kind", "=", "workorder")],
        )
        claim("Operations moved away from the failure", moved > 0, moved)
        self.tell.say(
            f"{downtime['workcenter_id'][1]} fails ({REASON}). It is blocked in Odoo, "
            f"{moved} operations are planned anew."
        )

    def _machine_is_repaired(self, machine: str) -> None:
        said = self.mes.repair(machine)
        domain = [("external_id", "=", said["downtime"]), ("ended_at", "!=", False)]
        wait_for(lambda: self.admin.count("mfg.downtime", domain), LATER, "its end to be booked")
        state = self.admin.one("mrp.workcenter", [("code", "=", machine)], "working_state")
        claim("The work center is free again", state["working_state"] != "blocked", state)
        self.tell.say("It is repaired: free again in Odoo, and the plan goes back to where it can.")

    def _network_is_cut(self) -> None:
        self.to_plant.cut()
        self.to_office.cut()
        self.tell.say("The network between plant and office is down.")

    def _network_is_back(self) -> None:
        plant = self.mes.state()["waiting"]
        office = books.waiting(self.admin, self.plant.connector_id)
        claim("Messages waited in the plant", plant > 0, plant)
        self.to_plant.mend()
        self.to_office.mend()
        self.tell.say(
            f"It is back. {plant} messages waited in the plant, {office} in Odoo's outbox."
        )

    # === The end === #

    def _comes_to_rest(self) -> None:
        """3. The plant finishes what it has begun, backorders included."""
        self.tell.chapter("3. The plant finishes what it has begun, backorders included.")
        told = [time.monotonic()]

        def at_rest() -> bool:
            state = self.mes.state()
            if time.monotonic() - told[0] > 10:
                told[0] = time.monotonic()
                self._say_state(state)
            if state["open"] or state["waiting"] or self._inbox([("state", "in", books.OPEN)]):
                return False
            return (
                not books.waiting(self.admin, self.plant.connector_id)
                and not (
                    # A backorder may have been made, told and taken meanwhile.
                    self.mes.state()["open"]
                )
            )

        wait_for(at_rest, LATER, "everything to come to rest", poll=0.5, seen=self.mes.state)
        state = self.mes.state()
        agree("Messages that Odoo refused", state["refused"], [])
        dead = self.admin.search(
            "mfg.inbox.message",
            [("connector_id", "=", self.plant.connector_id), ("state", "=", "dead")],
            "message_type", "reason_code", "detail",
        )  # fmt: skip
        agree("Messages in the error queue", dead, [])
        counts = self.mes.counts()
        agree("Events that came to the plant out of order", counts["disorder"], 0)
        results = self._results()
        self.tell.say(
            f"{state['said']} messages became {state['requests']} requests: "
            f"{results['apply']} were booked, {results['duplicate']} were repetitions, "
            f"{results['stale']} were older than what was booked. {counts['messages']} events "
            f"came to the plant, {counts['duplicates']} of them twice."
        )

    def _results(self) -> dict[str, int]:
        """How often each result was answered."""
        rows = self.admin.search(
            "mfg.inbox.message",
            [("connector_id", "=", self.plant.connector_id), ("state", "=", "done")],
            "result",
        )
        return {
            result: sum(f'"result":"{result}"' in (row["result"] or "") for row in rows)
            for result in ("apply", "duplicate", "stale")
        }

    def _books_agree(self) -> None:
        self.tell.chapter("4. Two sets of books, compared from outside.")
        plant = mes_books.of_plant(self.mes.books())
        odoo = mes_books.of_odoo(self.admin, self.plant.connector_id, self.plant.location)
        found = mes_books.differences(plant, odoo)
        self.tell.table(
            ("", "compared", "different"), [(name, n, len(wrong)) for name, n, wrong in found]
        )
        agree(
            "Differences between the plant's books and Odoo's",
            {name: wrong[:3] for name, _n, wrong in found if wrong},
            {},
        )
        agree("Orders in the books", len(plant["good pieces of orders"]) >= self.play.orders, True)

    def _reconciliation_agrees(self) -> None:
        self.tell.chapter("5. The plant sends its books, and Odoo compares them itself.")
        rows = []
        for kind in KINDS:
            sent = self.mes.snapshot(kind, self.plant.location)
            run = self._run_of(sent["snapshot"])
            rows.append(
                (kind, sent["rows"], run["compared"], run["difference_count"], run["in_flight"])
            )
        self.tell.table(("", "rows sent", "compared", "differences", "on their way"), rows)
        agree("Differences that Odoo found", sum(row[3] + row[4] for row in rows), 0)

    def _run_of(self, snapshot: str) -> dict:
        domain = [("snapshot", "=", snapshot), ("state", "=", "done")]
        wait_for(
            lambda: self.admin.count("mfg.reconciliation.run", domain),
            LATER,
            f"snapshot {snapshot} to be compared",
        )
        return self.admin.one(
            "mfg.reconciliation.run", domain, "compared", "difference_count", "in_flight"
        )


def main() -> int:
    """Tell the story on the server that the launcher runs; exit code."""
    odoo = LaunchedOdoo(os.environ["MFG_LAUNCHER"], os.environ["MFG_DEMO_DB"])
    odoo.start()
    with tempfile.TemporaryDirectory(prefix="mfg-demo-") as folder:
        try:
            PlantStory(odoo, Path(folder), Narrative()).run()
        except AssertionError as error:  # Mismatch, NotInTime, and whatever a server refused
            kind = "does not hold" if isinstance(error, Mismatch) else "went wrong"
            print(f"\nThe demo {kind}: {error}", file=sys.stderr)
            return 1
    print(f"\n  Odoo is running: {odoo.url}  (login admin, password admin)")
    print(f"  Differences:     {odoo.url}/odoo/action-{DIFFERENCES}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
