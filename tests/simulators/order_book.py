"""The shop floor's own books: what it received and what it reported, safe in SQLite.

The shop floor acknowledges nothing that is not in here: every method commits, synchronised to the
disk, before it returns.
"""

import json
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    position INTEGER PRIMARY KEY,       -- order of first arrival
    webhook_id TEXT NOT NULL UNIQUE,
    event_id TEXT NOT NULL,
    type TEXT NOT NULL,
    partitionkey TEXT NOT NULL,
    sequence TEXT NOT NULL,
    event TEXT NOT NULL,                -- the CloudEvent, as received
    arrived_at REAL NOT NULL,           -- Unix time, seconds
    arrivals INTEGER NOT NULL DEFAULT 1 -- more than one: repeats, answered but not taken again
);
CREATE TABLE IF NOT EXISTS disorder (   -- a message that came after a later one of its key
    webhook_id TEXT NOT NULL,
    partitionkey TEXT NOT NULL,
    sequence TEXT NOT NULL,
    came_after TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS refusal (reason TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS report (
    position INTEGER PRIMARY KEY,
    report_id TEXT NOT NULL UNIQUE,
    workorder TEXT NOT NULL,
    number INTEGER NOT NULL,            -- counts the reports of one work order
    body TEXT NOT NULL,
    status INTEGER,                     -- HTTP status of Odoo's answer; NULL: not answered yet
    answer TEXT,
    UNIQUE (workorder, number)
);
"""


@dataclass(frozen=True)
class Report:
    """One report of ours, as booked."""

    report_id: str
    workorder: str
    number: int
    body: str
    status: int | None
    answer: str | None


class OrderBook:
    """Opens the book at ``path``, or begins a new one. Safe to use from several threads."""

    def __init__(self, path: Path):
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")  # a commit reaches the disk, not the cache
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        self._db.close()

    # === What comes in === #

    def receive(self, webhook_id: str, event: dict[str, Any]) -> bool:
        """Book one event; False when this message is known and only counted again."""
        key, sequence = event.get("partitionkey", ""), event.get("sequence", "")
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            known = self._db.execute(
                "UPDATE message SET arrivals = arrivals + 1 WHERE webhook_id = ?", [webhook_id]
            )
            if known.rowcount:
                return False
            # Sequences are texts of fixed width: comparing texts compares numbers.
            last = self._db.execute(
                "SELECT max(sequence) FROM message WHERE partitionkey = ?", [key]
            ).fetchone()[0]
            if key and last is not None and last >= sequence:
                self._db.execute(
                    "INSERT INTO disorder VALUES (?, ?, ?, ?)", [webhook_id, key, sequence, last]
                )
            self._db.execute(
                "INSERT INTO message"
                " (webhook_id, event_id, type, partitionkey, sequence, event, arrived_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    webhook_id, event["id"], event["type"], key, sequence,
                    json.dumps(event), time.time(),
                ],
            )  # fmt: skip
            return True

    def refuse(self, reason: str) -> None:
        """Count a request that was not from our partner."""
        with self._lock, self._db:
            self._db.execute("INSERT INTO refusal VALUES (?, ?)", [reason, time.time()])

    # === What goes out === #

    def next_number(self, workorder: str) -> int:
        return 1 + self._value(
            "SELECT coalesce(max(number), 0) FROM report WHERE workorder = ?", workorder
        )

    def add_report(self, report_id: str, workorder: str, number: int, body: str) -> None:
        """Book a report before it is sent: after a crash it goes out again under the same id."""
        with self._lock, self._db:
            self._db.execute(
                "INSERT INTO report (report_id, workorder, number, body) VALUES (?, ?, ?, ?)",
                [report_id, workorder, number, body],
            )

    def answered(self, report_id: str, status: int, answer: str) -> None:
        with self._lock, self._db:
            self._db.execute(
                "UPDATE report SET status = ?, answer = ? WHERE report_id = ?",
                [status, answer, report_id],
            )

    # === What it says === #

    def events(self) -> list[dict[str, Any]]:
        """The CloudEvents in the order of their first arrival."""
        rows = self._rows("SELECT event FROM message ORDER BY position")
        return [json.loads(row["event"]) for row in rows]

    def messages(self) -> list[dict[str, Any]]:
        """One row a message, without its content, in the order of first arrival."""
        return [
            dict(row)
            for row in self._rows(
                "SELECT webhook_id, event_id, type, partitionkey, sequence, arrived_at, arrivals"
                " FROM message ORDER BY position"
            )
        ]

    def reports(self) -> list[Report]:
        return [
            Report(**dict(row))
            for row in self._rows(
                "SELECT report_id, workorder, number, body, status, answer FROM report"
                " ORDER BY position"
            )
        ]

    def counts(self) -> dict[str, int]:
        """``messages`` booked, ``arrivals`` counted, ``duplicates`` among them, ``disorder``,
        ``refused`` requests, ``reports``, and how many of those were ``answered``."""
        row = self._rows(
            "SELECT (SELECT count(*) FROM message) AS messages,"
            " (SELECT coalesce(sum(arrivals), 0) FROM message) AS arrivals,"
            " (SELECT count(*) FROM disorder) AS disorder,"
            " (SELECT count(*) FROM refusal) AS refused,"
            " (SELECT count(*) FROM report) AS reports,"
            " (SELECT count(status) FROM report) AS answered"
        )[0]
        return {**dict(row), "duplicates": row["arrivals"] - row["messages"]}

    def _rows(self, statement: str, *parameters: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(statement, parameters).fetchall()

    def _value(self, statement: str, *parameters: Any) -> Any:
        return self._rows(statement, *parameters)[0][0]
