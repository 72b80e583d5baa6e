"""Lines of machines that work production orders off, in plant time; no network, no clock.

An order belongs to the line whose machine its first operation names. Each machine does one
operation at a time, in the order in which they come to it. What really happens goes into the books
(``plant_books``), and what the line says about it comes back as messages, each with the moment when
it was said.
"""

import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .plant_books import PlantBooks, text

STEP = timedelta(seconds=5)
REASONS = ("Crack", "Wrong size", "Scratch")


@dataclass(frozen=True)
class Manners:
    """How a line works and reports.

    :param increments: it reports differences, not totals
    :param names_components: it says what it consumed; else Odoo goes by the bill of materials
    :param makes_up: it makes as many more as it scraps; else the order falls short by them
    :param scrap_share: in how many of its orders something is lost, 0 to 1
    :param minutes: shortest and longest time of an operation
    """

    increments: bool = False
    names_components: bool = False
    makes_up: bool = False
    scrap_share: float = 0.25
    minutes: tuple[float, float] = (1.2, 2.2)


@dataclass(frozen=True)
class Said:
    """One message of a line.

    :param key: whose messages have an order among them: the operation's UUID, or the downtime
    :param at: plant time, aware
    """

    type: str
    key: str
    document: Mapping[str, Any]
    at: datetime


@dataclass
class Run:
    """One operation at its machine.

    :param pieces: how many come in
    """

    job: "Job"
    position: int
    pieces: int
    scrap: dict[str, int]
    began: datetime
    ends: datetime
    half: datetime
    half_said: bool = False
    number: int = 0
    said_good: int = 0

    @property
    def good(self) -> int:
        return self.pieces - sum(self.scrap.values())


@dataclass
class Job:
    """An order on its way through the line.

    ``ratio``: component lines of the released order, with the quantity for one piece.
    """

    order: str
    number: int
    line: "Line"
    quantity: int
    tracking: str
    product: str
    workorders: list[str]
    workcenters: list[str]
    components: list[dict[str, Any]]
    losses: dict[int, dict[str, int]] = field(default_factory=dict)

    @property
    def lot(self) -> str:
        return f"{self.line.name}-{self.number:04}" if self.tracking == "lot" else ""


@dataclass
class Line:
    name: str
    manners: Manners
    jobs: int = 0


@dataclass
class Machine:
    waiting: deque[tuple[Job, int, int]] = field(default_factory=deque)
    run: Run | None = None
    down_since: datetime | None = None


class ProductionLines:
    """All machines of the plant.

    :param lines: machine code -> line, for each machine
    :param shelves: component's reference -> lots in the order in which they are used up ("" for
        what has no lots)
    :param seed: what is lost and how long things take follows from it and from the orders
    """

    def __init__(
        self,
        lines: Mapping[str, Line],
        shelves: Mapping[str, list[str]],
        books: PlantBooks,
        seed: int,
    ):
        self.books = books
        self._lines = lines
        self._shelves = shelves
        self._seed = seed
        self._machines = {code: Machine() for code in lines}
        self._downtimes = 0
        self._open = 0

    @property
    def open_jobs(self) -> int:
        return self._open

    def take(self, data: Mapping[str, Any], at: datetime) -> None:
        """Take a released order in; ``data`` of its event."""
        workcenters = [each["workcenter"]["code"] for each in data["operations"]]
        line = self._lines[workcenters[0]]
        line.jobs += 1
        job = Job(
            order=data["order"]["uuid"],
            number=line.jobs,
            line=line,
            quantity=int(data["quantity"]),
            tracking=data["tracking"],
            product=data["product"]["code"],
            workorders=[each["workorder"] for each in data["operations"]],
            workcenters=workcenters,
            components=list(data["components"]),
        )
        if not data["backorder_of"]:  # what was lost once is made with care
            job.losses = self._draw_losses(job)
        self.books.order_begins(job.order, data)
        self._open += 1
        lost = sum(sum(each.values()) for each in job.losses.values())
        pieces = job.quantity + (lost if line.manners.makes_up else 0)
        self._machines[workcenters[0]].waiting.append((job, 0, pieces))

    def _draw_losses(self, job: Job) -> dict[int, dict[str, int]]:
        draw = self._draw(job)
        if draw.random() >= job.line.manners.scrap_share:
            return {}
        position = draw.randrange(len(job.workorders))
        most = max(1, job.quantity // 8)
        losses = {position: {draw.choice(REASONS): draw.randint(1, most)}}
        if draw.random() < 0.3:
            losses.setdefault(len(job.workorders) - 1, {})[REASONS[0]] = 1
        return losses

    def _draw(self, job: Job, salt: str = "") -> random.Random:
        return random.Random(f"{self._seed}/{job.line.name}/{job.number}/{salt}")

    # === Time passes === #

    def advance(self, since: datetime, until: datetime) -> list[Said]:
        """Let the machines work from ``since`` (not included) to ``until``; what they say."""
        said: list[Said] = []
        now = since
        while now + STEP <= until:
            now += STEP
            for code, machine in self._machines.items():
                if machine.down_since is None:
                    said += self._step(code, machine, now)
        return said

    def _step(self, code: str, machine: Machine, now: datetime) -> list[Said]:
        said: list[Said] = []
        run = machine.run
        if run and not run.half_said and run.half <= now < run.ends:
            run.half_said = True
            said += self._say(run, run.pieces // 2, {}, now, finished=False)
        if run and run.ends <= now:
            machine.run = None
            said += self._finish(run, now)
        if machine.run is None and machine.waiting:
            job, position, pieces = machine.waiting.popleft()
            machine.run = self._begin(job, position, pieces, now)
        return said

    def _begin(self, job: Job, position: int, pieces: int, now: datetime) -> Run:
        draw = self._draw(job, str(position))
        lasts = timedelta(seconds=round(draw.uniform(*job.line.manners.minutes) * 60))
        self.books.operation_begins(job.workorders[position], job.order, now)
        return Run(
            job=job,
            position=position,
            pieces=pieces,
            scrap=job.losses.get(position, {}),
            began=now,
            ends=now + lasts,
            half=now + lasts / 2,
        )

    def _finish(self, run: Run, now: datetime) -> list[Said]:
        job = run.job
        last = run.position == len(job.workorders) - 1
        workorder = job.workorders[run.position]
        said = []
        self.books.operation_ends(workorder, run.good, run.scrap, now)
        extra: dict[str, Any] = {}
        if run.position == 0:
            used = self._use(job, run.pieces)
            if job.line.manners.names_components:
                extra["consumption"] = [
                    {"product": product, "quantity": quantity, **({"lot": lot} if lot else {})}
                    for (product, lot), quantity in used.items()
                ]
        if last:
            if job.lot:
                extra["lot"] = job.lot
                if job.number % 2:
                    said.append(self._lot(job, now))
            self.books.order_ends(job.order, run.good, job.lot, now)
            self._open -= 1
        else:
            following = self._machines[job.workcenters[run.position + 1]]
            following.waiting.append((job, run.position + 1, run.good))
        return said + self._say(run, run.good, run.scrap, now, finished=True, **extra)

    def _use(self, job: Job, pieces: int) -> dict[tuple[str, str], float]:
        """Take what ``pieces`` need from the shelves: from two lots for every third order."""
        used: dict[tuple[str, str], float] = {}
        for component in job.components:
            reference = component["product"]["code"]
            whole = round(component["quantity"] / job.quantity * pieces, 6)
            lots = self._shelves[reference]
            if len(lots) > 1 and job.number % 3 == 0:
                part = float(int(whole / 2))
                used[reference, lots[0]] = part
                used[reference, lots[1]] = round(whole - part, 6)
            else:
                used[reference, lots[0]] = whole
        self.books.components_used(job.order, used)
        return used

    # === What is said === #

    def _say(
        self, run: Run, good: int, scrap: Mapping[str, int], now: datetime, *, finished: bool,
        **extra: Any,
    ) -> list[Said]:  # fmt: skip
        job, workorder = run.job, run.job.workorders[run.position]
        run.number += 1
        document = {
            "order": job.order,
            "workorder": workorder,
            "sequence": run.number,
            "status": "finished" if finished else "progress",
            "operator": f"Crew {job.line.name}",
            "started_at": text(run.began),
            "ended_at": text(now),
            **extra,
        }
        lines = [{"quantity": quantity, "reason": reason} for reason, quantity in scrap.items()]
        if job.line.manners.increments:
            document |= {"good": good - run.said_good, "scrap": lines}
            kind = "production.increment.v1"
        else:
            document |= {"good_total": good, "scrap_total": sum(scrap.values()), "scrap": lines}
            kind = "production.report.v1"
        run.said_good = good
        return [Said(kind, workorder, document, now)]

    def _lot(self, job: Job, now: datetime) -> Said:
        document = {"lot": job.lot, "product": job.product, "order": job.order}
        return Said("lot.creation.v1", job.order, document, now)

    # === Machines fail === #

    def fail(self, code: str, reason: str, now: datetime, expected: datetime) -> Said:
        """The machine stops; whatever is on it stays there."""
        machine = self._machines[code]
        machine.down_since = now
        self._downtimes += 1
        self.books.downtime_begins(f"D-{self._downtimes:03}", code, reason, now)
        return self._downtime(code, 1, now, expected_end=text(expected))

    def repair(self, code: str, now: datetime) -> Said:
        """It runs again; what it was at ends later by the time it stood."""
        machine = self._machines[code]
        stood = now - machine.down_since
        machine.down_since = None
        if machine.run:
            machine.run.ends += stood
            machine.run.half += stood
        self.books.downtime_ends(code, now)
        return self._downtime(code, 2, now, ended_at=text(now))

    def _downtime(self, code: str, number: int, now: datetime, **more: str) -> Said:
        downtime = self.books.downtime_of(code)
        document = {
            "downtime": downtime["downtime"],
            "sequence": number,
            "workcenter": code,
            "reason": downtime["reason"],
            "started_at": downtime["started_at"],
            **more,
        }
        return Said("workcenter.downtime.v1", downtime["downtime"], document, now)
