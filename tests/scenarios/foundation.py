"""The foundation: production orders out to a shop floor, its reports back in, and what may happen
on the way.

Run by ``./mfg demo``; the acceptance tests run the same story on a server of their own.
"""

import json
import os
import statistics
import sys
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.harness import databases
from tests.harness.rpc import Rpc, RpcError
from tests.harness.server import OdooServer
from tests.harness.shop_floor import ShopFloor
from tests.harness.waiting import wait_for
from tests.simulators.sender import Sender

from . import books, plant
from .narrative import Mismatch, Narrative, agree, claim
from .odoo import LaunchedOdoo, Odoo

SOON = 30
"""Seconds in which something has to happen that normally takes well under one."""
LATER = 120
"""Seconds for what waits for a lease to end or a server to come up."""

ERROR_QUEUE = "mfg_integration_base.mfg_message_dead_action"
"""External id of the action that shows it."""


class Foundation:
    """The story.

    :param odoo: running, with the addons installed and demo data
    :param folder: for the shop floor's book, logs and the database copy
    """

    def __init__(self, odoo: Odoo, folder: Path, narrative: Narrative):
        self.odoo = odoo
        self.folder = folder
        self.tell = narrative
        self.admin = odoo.rpc()
        self.planner = plant.Planner(odoo.rpc("demo", "demo"))
        self.connection = plant.connect(self.admin)
        self.floor = ShopFloor(
            folder, odoo_url=odoo.url, connector=plant.CONNECTOR, secret=self.connection.secret
        )
        self._lots = 0
        self._seconds: list[float] = []
        self._rows: list[tuple[Any, ...]] = []

    def run(self) -> None:
        """Tell it all.

        :raises Mismatch: a claim does not hold
        :raises NotInTime: something did not happen
        """
        with self.floor:
            plant.activate(self.admin, self.connection, self.floor.url)
            for chapter in (
                self.orders_go_out_and_reports_come_back,
                self.the_shop_floor_is_down,
                self.odoo_is_killed_while_sending,
                self.what_is_wrong_is_refused,
                self.a_copy_keeps_quiet,
            ):
                self._chapter(chapter)
            self.the_books_agree()
        self._show_figures()
        self.admin.ref(ERROR_QUEUE)  # its address is about to be told

    def _chapter(self, chapter: Any) -> None:
        title = chapter.__doc__.splitlines()[0]
        self.tell.chapter(title)
        since = books.last_ids(self.odoo.database)
        chapter()
        connector_id = self.connection.connector_id
        for what, kind in (("events out", "outbox"), ("reports in", "inbox")):
            seen = books.traffic(self.odoo.database, kind, connector_id, since)
            self._rows.append(
                (f"{title[:2]} {what}", seen.messages, seen.done, seen.dead, seen.attempts,
                 seen.retries, seen.p50, seen.p95)
            )  # fmt: skip

    # === The chapters === #

    def orders_go_out_and_reports_come_back(self) -> None:
        """1. Three production orders go out, are made, and are reported back."""
        released = self._release((plant.DRAWER, 10), (plant.TABLE_TOP, 2), (plant.DRAWER, 5))
        self.floor.wait_for_messages(3, SOON)
        self._check_received(released, ["released"])
        self.tell.say(
            f"{_names(released)} released by a planner; the shop floor has each of them once, "
            "signature verified with the official standardwebhooks library."
        )
        scrap = {released[0].uuid: 2}
        reports = self._make_everything(scrap)
        self.tell.say(
            f"{reports} signed reports came back: operations started and finished, "
            "2 of 10 drawers scrapped, lots and serial numbers given."
        )
        self.the_books_agree()

    def the_shop_floor_is_down(self) -> None:
        """2. The shop floor's system dies; five more orders are released."""
        usual = self._seconds
        before = self.floor.counts()["messages"]
        self.floor.kill()
        released = self._release(*((plant.DRAWER, 2 + n % 2) for n in range(5)))
        for order in released[:2]:
            self.planner.change_quantity(order, 4)
        now, then = statistics.median(self._seconds), statistics.median(usual)
        claim("A release takes no longer than before", now < 3 * then, (now, then))
        waiting = books.waiting(self.admin, self.connection.connector_id)
        agree("Messages that wait in the outbox", waiting, 7)
        self.tell.say(
            f"Five orders released and two changed meanwhile: {now * 1000:.0f} ms a release "
            f"(before: {then * 1000:.0f} ms). {waiting} messages wait in the outbox."
        )
        self.floor.start()
        self.floor.wait_for_messages(before + 7, LATER)
        self._check_received(released[:2], ["released", "quantity_changed"])
        self._check_received(released[2:], ["released"])
        self.tell.say("It is back and has received all seven, in order for each production order.")
        self._make_everything()
        self.the_books_agree()

    def odoo_is_killed_while_sending(self) -> None:
        """3. Odoo is killed (SIGKILL) while it is sending."""
        before = self.floor.counts()
        self.floor.behave(hold=True)
        released = self._release(*((plant.DRAWER, 1) for _n in range(4)))
        wait_for(
            lambda: self.floor.counts()["held"] == 4,
            SOON,
            "four messages to be under way",
            seen=self.floor.counts,
        )
        self.odoo.kill()
        self.tell.say(
            "Four messages were under way: taken by the shop floor, its answers not yet read."
        )
        self.floor.behave()
        self.odoo.start()
        self.admin = self.odoo.rpc()
        self.planner = plant.Planner(self.odoo.rpc("demo", "demo"))
        released += self._release((plant.DRAWER, 1))
        self._wait_until_sent()
        after = self.floor.counts()
        agree("New messages at the shop floor", after["messages"] - before["messages"], 5)
        repeats = after["duplicates"] - before["duplicates"]
        agree("Repeats, one for each message that was under way", repeats, 4)
        self._check_received(released, ["released"])
        self.tell.say(
            f"After the restart nothing is missing. {repeats} messages came a second time under "
            "the same message id, and the shop floor took each of them once."
        )
        self._make_everything()
        self.the_books_agree()

    def what_is_wrong_is_refused(self) -> None:
        """4. The shop floor makes mistakes."""
        sender = Sender(self.odoo.url, plant.CONNECTOR, self.connection.secret)
        stored = self._inbox_count()
        report = {
            "order": str(uuid.uuid4()), "sequence": 1, "status": "finished", "good_total": 1,
        }  # fmt: skip
        body = json.dumps(report)
        refusals = {
            "a wrong signature": sender.post(
                plant.REPORT, "wrong-1", body, secret="whsec_" + "QUJD" * 8
            ),
            "a body that is not JSON": sender.post(plant.REPORT, "wrong-2", body[:-1]),
            "a form": sender.post(
                plant.REPORT, "wrong-3", "a=1", content_type="application/x-www-form-urlencoded"
            ),
        }
        agree(
            "Answers to what cannot be accepted",
            [answer.status for answer in refusals.values()],
            [401, 400, 415],
        )
        agree("Messages stored of them", self._inbox_count() - stored, 0)
        for what, answer in refusals.items():
            self.tell.say(f"{answer.status} for {what}: {_title(answer.body)}")
        self._unknown_order(sender, body)
        self._same_report_twice()

    def _unknown_order(self, sender: Sender, body: str) -> None:
        rejected = self.floor.counts()["messages"]
        answer = sender.post(plant.REPORT, "wrong-4", body)
        agree("Answer to a report for an unknown order", answer.status, 202)
        domain = [("external_id", "=", "wrong-4"), ("state", "=", "dead")]
        wait_for(
            lambda: self.admin.count("mfg.inbox.message", domain), SOON, "it in the error queue"
        )
        message = self.admin.one(
            "mfg.inbox.message", domain, "reason_code", "reason_label", "reason_hint", "detail"
        )
        agree("Why it is there", message["reason_code"], "unknown_reference")
        self.tell.say(
            f"202 for a report about an unknown order; it waits in the error queue: "
            f"“{message['reason_label']}. {message['detail']}”"
        )
        # The partner is told as well.
        self.floor.wait_for_messages(rejected + 1, SOON)
        last = self.floor.messages()[-1]["type"]
        agree("What the shop floor is told", last, "mfg.production.report.rejected.v1")

    def _same_report_twice(self) -> None:
        (order,) = self._release((plant.DRAWER, 1))
        self._make_everything()
        (before,) = books.of_odoo(self.admin, [order.uuid]).values()
        agree("State of the order before", before.state, "done")
        stored = self._inbox_count()
        last = self.floor.reports()[-1]
        (first,) = self.admin.search(
            "mfg.inbox.message", [("external_id", "=", last["report_id"])], "uuid", "result"
        )
        again = self.floor.send_again(last["report_id"])
        agree("Answer to the same report once more", again["status"], 200)
        agree("The message it names", again["answer"]["id"], first["uuid"])
        agree("The result it gets", again["answer"]["result"], json.loads(first["result"]))
        agree("Messages stored of it", self._inbox_count() - stored, 0)
        (after,) = books.of_odoo(self.admin, [order.uuid]).values()
        agree("What is booked after it", after, before)
        self.tell.say(
            "The same report twice: the second is answered with the first one's result, "
            "booked once."
        )

    def a_copy_keeps_quiet(self) -> None:
        """5. The database is copied with pg_dump, and the copy is started."""
        self.floor.kill()
        self._release((plant.DRAWER, 1), (plant.DRAWER, 1))
        copy = f"{self.odoo.database}_copy"
        databases.pg_dump_copy(self.odoo.database, copy, self.folder)
        try:
            self.floor.start()
            self._retry_now()
            self._wait_until_sent()
            before = self.floor.counts()
            with OdooServer(copy, self.folder) as server:
                self._check_copy(server)
            agree("What the shop floor received meanwhile", self.floor.counts(), before)
        finally:
            databases.drop(copy)
        self.tell.say("It sent nothing: the shop floor's books have not changed.")
        self._make_everything()

    def _check_copy(self, server: OdooServer) -> None:
        admin = server.rpc()
        connector_id = self.connection.connector_id
        waiting = books.waiting(admin, connector_id)
        agree("Messages that wait in the copy's outbox", waiting, 2)
        lane = admin.one("mfg.lane", [("code", "=", "critical")], "cron_id")
        last_run = _last_run(admin, lane)
        # Somebody works in the copy: that wakes its lanes as anywhere else.
        plant.Planner(server.rpc("demo", "demo")).release(plant.DRAWER, 1)
        wait_for(
            lambda: _last_run(admin, lane) != last_run, LATER, "the copy's scheduled action to run"
        )
        agree("Messages that wait after it ran", books.waiting(admin, connector_id), 3)
        (connector,) = admin.read("mfg.connector", [connector_id], "activated_here")
        agree("The copy's connector is activated", connector["activated_here"], False)
        stored = admin.count("mfg.inbox.message", [])
        sender = Sender(server.url, plant.CONNECTOR, self.connection.secret)
        answer = sender.post(plant.REPORT, "to-the-copy", json.dumps(self._report_of_nothing()))
        agree("Its answer to a report", answer.status, 503)
        agree("Reports it stored", admin.count("mfg.inbox.message", []) - stored, 0)
        self.tell.say(
            f"The copy started with {waiting} waiting messages, ran its scheduled action, and "
            f"answers reports with 503: {_title(answer.body)}"
        )

    @staticmethod
    def _report_of_nothing() -> dict[str, Any]:
        return {"order": str(uuid.uuid4()), "sequence": 1, "status": "progress", "good_total": 0}

    # === What the chapters are made of === #

    def _release(self, *orders: tuple[str, float]) -> list[plant.Released]:
        released = [self.planner.release(product, quantity) for product, quantity in orders]
        self._seconds = [order.seconds for order in released]
        return released

    def _check_received(self, released: Sequence[plant.Released], history: list[str]) -> None:
        """The shop floor knows these orders by exactly these events, in this order."""
        known = self.floor.orders()
        for order in released:
            agree(
                f"Events of {order.name} at the shop floor", known[order.uuid]["history"], history
            )

    def _make_everything(self, scrap: dict[str, float] | None = None) -> int:
        """The shop floor works off whatever it has, backorders included; number of reports.

        :param scrap: how many of an order are lost, by the order's UUID
        """
        reports = 0
        while True:
            self._wait_until_sent()
            open_orders = [o for o in self.floor.orders().values() if o["state"] == "released"]
            if not open_orders:
                return reports
            answers = self.floor.work_off(
                *(self._plan(order, (scrap or {}).get(order["order"], 0)) for order in open_orders)
            )
            agree("Reports accepted", {answer["status"] for answer in answers}, {202})
            reports += len(answers)
            self._wait_until_booked(len(answers))

    def _plan(self, order: dict[str, Any], scrap: float) -> dict[str, Any]:
        """What the shop floor makes of an order: lots and serial numbers are its own."""
        self._lots += 1
        made = order["quantity"] - scrap
        plan = {
            "order": order["order"], "good": made, "scrap": scrap, "scrap_reason": "Cracked",
        }  # fmt: skip
        if order["tracking"] == "lot":
            plan["lot"] = f"SHOPFLOOR-{self._lots:04}"
        elif order["tracking"] == "serial":
            plan["serials"] = [f"SHOPFLOOR-{self._lots:04}-{n}" for n in range(1, int(made) + 1)]
        plan["consume"] = [
            {
                "product": component["product"]["uuid"],
                "quantity": component["quantity"] / order["quantity"] * (made + scrap),
                **self._component_lot(component),
            }
            for component in order["components"]
        ]
        return plan

    def _component_lot(self, component: dict[str, Any]) -> dict[str, str]:
        """The lot on the shelf, for a tracked component."""
        if component["tracking"] == "none":
            return {}
        lots = self.admin.search(
            "stock.lot",
            [("product_id.mfg_uuid", "=", component["product"]["uuid"]), ("product_qty", ">", 0)],
            "name",
            limit=1,
        )
        return {"lot": lots[0]["name"]}

    def _retry_now(self) -> None:
        """An operator presses "Retry": what waits for its next attempt goes out now."""
        for message in self.admin.search(
            "mfg.outbox.message",
            [("connector_id", "=", self.connection.connector_id), ("state", "=", "retrying")],
            "uuid",
        ):
            try:
                self.admin("mfg.outbox.message", "action_retry", [message["id"]])
            except RpcError as error:
                # Its time came between the look and the button.
                self.tell.say(f"Nothing to retry: {error.message}")

    def _wait_until_sent(self) -> None:
        connector_id = self.connection.connector_id
        wait_for(
            lambda: not books.waiting(self.admin, connector_id),
            LATER,
            "the outbox to be empty",
            seen=lambda: books.waiting(self.admin, connector_id),
        )

    def _wait_until_booked(self, count: int) -> None:
        """Until the last ``count`` inbound messages are booked.

        :raises Mismatch: one of them was not
        """
        connector_id = self.connection.connector_id
        wait_for(
            lambda: not books.waiting(self.admin, connector_id, "mfg.inbox.message"),
            LATER,
            "all reports to be booked",
        )
        last = self.admin.search(
            "mfg.inbox.message",
            [("connector_id", "=", connector_id)],
            "state", "detail",
            limit=count, order="id desc",
        )  # fmt: skip
        refused = [message["detail"] for message in last if message["state"] != "done"]
        agree("Reports that could not be booked", refused, [])

    def _inbox_count(self) -> int:
        return self.admin.count(
            "mfg.inbox.message", [("connector_id", "=", self.connection.connector_id)]
        )

    def the_books_agree(self) -> None:
        """Order by order, and as a whole."""
        theirs = {key: books.of_shop_floor(o) for key, o in self.floor.orders().items()}
        ours = books.of_odoo(self.admin, theirs)
        for key, order in self.floor.orders().items():
            agree(f"{order['name']} in Odoo", ours.get(key), theirs[key])
        counts = self.floor.counts()
        agree("Messages out of order", counts["disorder"], 0)
        agree("Requests that could not be verified", counts["refused"], 0)
        sent = self.admin.count(
            "mfg.outbox.message",
            [("connector_id", "=", self.connection.connector_id), ("state", "=", "done")],
        )
        agree("Messages at the shop floor", counts["messages"], sent)
        good, scrap = (sum(getattr(o, name) for o in ours.values()) for name in ("good", "scrap"))
        self.tell.say(
            f"The books agree: {len(ours)} orders, {good:g} good and {scrap:g} scrapped pieces, "
            f"{sent} messages."
        )

    def _show_figures(self) -> None:
        self.tell.chapter("Figures")
        self.tell.table(
            ("chapter", "messages", "done", "dead", "attempts", "retries", "p50 ms", "p95 ms"),
            self._rows,
        )
        self.tell.say("Latency: from the record of a message to the end of the attempt that")
        self.tell.say("delivered or booked it; in chapters 2, 3 and 5 it includes the outage.")


def _names(released: Sequence[plant.Released]) -> str:
    return ", ".join(order.name for order in released)


def _title(problem: str) -> str:
    """The title of a problem document (RFC 9457)."""
    return json.loads(problem)["title"]


def _last_run(rpc: Rpc, lane: dict[str, Any]) -> Any:
    return rpc.read("ir.cron", [lane["cron_id"][0]], "lastcall")[0]["lastcall"]


def main() -> int:
    """Tell the story on the server that the launcher runs; exit code."""
    odoo = LaunchedOdoo(os.environ["MFG_LAUNCHER"], os.environ["MFG_DEMO_DB"])
    odoo.start()
    with tempfile.TemporaryDirectory(prefix="mfg-demo-") as folder:
        try:
            Foundation(odoo, Path(folder), Narrative()).run()
        except AssertionError as error:  # Mismatch, NotInTime, and whatever a server refused
            kind = "does not hold" if isinstance(error, Mismatch) else "went wrong"
            print(f"\nThe demo {kind}: {error}", file=sys.stderr)
            return 1
    print(f"\n  Odoo is running: {odoo.url}  (login admin, password admin)")
    print(f"  Error queue:     {odoo.url}/odoo/action-{ERROR_QUEUE}")
    print("  The shop floor has gone home: what you release now waits in the outbox.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
