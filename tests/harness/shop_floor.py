"""The shop-floor simulator in a process of its own, and what a scenario may ask of it."""

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from .ports import LOOPBACK, free_port
from .process import ChildProcess
from .waiting import wait_for

START_SECONDS = 20
WORK_SECONDS = 120


class ShopFloor(ChildProcess):
    """``python -m tests.simulators.shop_floor``; keeps its ports and its book over restarts.

    :param folder: for its book, its secret and its log
    :param secret: ``whsec_...``, shared with Odoo
    """

    module = "tests.simulators.shop_floor"
    name = "Shop floor"

    def __init__(self, folder: Path, *, odoo_url: str, connector: str, secret: str):
        self.port = free_port()
        self.control_port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        secret_file = folder / "shop_floor.secret"
        secret_file.touch(mode=0o600)
        secret_file.write_text(secret)
        argv = [
            sys.executable, "-m", self.module,
            f"--port={self.port}",
            f"--control-port={self.control_port}",
            f"--secret-file={secret_file}",
            f"--book={folder / 'shop_floor.sqlite'}",
            f"--odoo-url={odoo_url}",
            f"--connector={connector}",
        ]  # fmt: skip
        super().__init__(self.name, [*argv, *self.more(folder)], folder / "shop_floor.log")

    def more(self, folder: Path) -> list[str]:
        """Further arguments of the simulator."""
        return []

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/events"

    def wait_ready(self) -> None:
        self.wait_until(self._answers, START_SECONDS, "to answer")

    # === What it knows === #

    def counts(self) -> dict[str, int]:
        """See ``simulators.order_book.OrderBook.counts``; and ``held``: answers held back now."""
        return self._ask("/counts")

    def messages(self) -> list[dict[str, Any]]:
        return self._ask("/messages")

    def orders(self) -> dict[str, dict[str, Any]]:
        """By the order's UUID."""
        return {order["order"]: order for order in self._ask("/orders")}

    def reports(self) -> list[dict[str, Any]]:
        return self._ask("/reports")

    def wait_for_messages(self, count: int, deadline: float) -> None:
        """Until ``count`` different messages are booked.

        :raises NotInTime: fewer came
        """
        wait_for(
            lambda: self.counts()["messages"] >= count,
            deadline,
            f"{count} messages at the shop floor",
            seen=self.counts,
        )

    # === What it is told === #

    def behave(self, **behaviour: Any) -> None:
        """Fields of ``simulators.behaviour.Behaviour``; none: good health."""
        self._ask("/behaviour", behaviour)

    def work_off(self, *plans: dict[str, Any]) -> list[dict[str, Any]]:
        """Work orders by ``simulators.factory.Plan`` and report them; the reports as answered."""
        return self._ask("/work", {"plans": list(plans)})

    def send_again(self, report_id: str) -> dict[str, Any]:
        """Repeat a report under its id; Odoo's answer."""
        return self._ask("/again", {"id": report_id})

    def _answers(self) -> bool:
        try:
            self.counts()
        except OSError:
            return False
        return True

    def _ask(self, path: str, document: Any = None) -> Any:
        request = urllib.request.Request(
            f"http://{LOOPBACK}:{self.control_port}{path}",
            data=None if document is None else json.dumps(document).encode(),
        )
        # Without the proxies that the environment may name.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=WORK_SECONDS) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise AssertionError(f"Shop floor: {error.read().decode()}") from error
