"""The shop floor's book keeps what it acknowledged, once, and notices disorder."""

import signal
import sqlite3
import subprocess
import sys

import pytest

from tests.harness.process import ROOT

from .order_book import OrderBook


def event(sequence, key="order-1", event_id=None):
    return {
        "id": event_id or f"e{sequence}",
        "type": "mfg.production.order.released.v1",
        "partitionkey": key,
        "sequence": str(sequence).zfill(20),
        "data": {},
    }


@pytest.fixture
def book(tmp_path):
    book = OrderBook(tmp_path / "book.sqlite")
    yield book
    book.close()


def test_a_repeat_is_counted_and_not_taken_again(book):
    assert book.receive("m1", event(1))
    assert not book.receive("m1", event(1))
    assert book.counts() == {
        "messages": 1, "arrivals": 2, "duplicates": 1, "disorder": 0, "refused": 0,
        "reports": 0, "answered": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arrivals", "disorder"),
    [
        ([(1, "a"), (2, "a"), (5, "a")], 0),  # gaps are allowed
        ([(2, "a"), (1, "b")], 0),  # keys are independent
        ([(2, "a"), (1, "a")], 1),
        ([(1, "a"), (1, "a")], 1),  # two messages of one number
    ],
)
def test_order_is_checked_per_key(book, arrivals, disorder):
    for number, (sequence, key) in enumerate(arrivals):
        book.receive(f"m{number}", event(sequence, key))
    assert book.counts()["disorder"] == disorder


def test_a_report_number_is_used_once(book):
    book.add_report("r1", "wo", book.next_number("wo"), "{}")
    assert book.next_number("wo") == 2
    with pytest.raises(sqlite3.IntegrityError):
        book.add_report("r2", "wo", 1, "{}")


def test_what_was_received_survives_sigkill(tmp_path):
    path = tmp_path / "book.sqlite"
    program = (
        "import sys; from pathlib import Path; from tests.simulators.order_book import OrderBook\n"
        "book = OrderBook(Path(sys.argv[1]))\n"
        "for n in range(10**9):\n"
        "    book.receive(f'm{n}', {'id': 'e', 'type': 't', 'sequence': str(n).zfill(20)})\n"
        "    print(n, flush=True)\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", program, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    acknowledged = [int(writer.stdout.readline()) for _ in range(20)]
    writer.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in writer.communicate()[0].splitlines() if line.strip()]
    book = OrderBook(path)
    assert {m["webhook_id"] for m in book.messages()} >= {f"m{n}" for n in acknowledged}
    book.close()
