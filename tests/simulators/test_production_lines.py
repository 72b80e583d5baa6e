"""What the lines say adds up to what their books have, whatever happens to the machines."""

import itertools
from collections import defaultdict
from datetime import datetime, timedelta, timezone

import pytest

from .plant_books import PlantBooks
from .production_lines import Line, Manners, ProductionLines
from .unruly_network import LATEST, UnrulyNetwork

BEGIN = datetime(2026, 11, 20, 6, tzinfo=timezone.utc)
SHELVES = {("BOARD", ""): 1000.0, ("PANEL", "P-1"): 500.0, ("PANEL", "P-2"): 500.0}


def released(number, quantity=8, *, tracking="none", stations=("A1", "A2", "A3"), backorder=None):
    return {
        "order": {"uuid": f"o{number}", "name": f"MO/{number}"},
        "product": {"code": "DESK"},
        "quantity": quantity,
        "tracking": tracking,
        "backorder_of": backorder,
        "operations": [
            {"workorder": f"o{number}-{n}", "workcenter": {"code": code}}
            for n, code in enumerate(stations)
        ],
        "components": [
            {"product": {"code": "BOARD"}, "quantity": 3 * quantity},
            {"product": {"code": "PANEL"}, "quantity": 4 * quantity},
        ],
    }


def plant(manners, seed=1):
    line = Line("A", manners)
    books = PlantBooks(SHELVES)
    shelves = {"BOARD": [""], "PANEL": ["P-1", "P-2"]}
    return ProductionLines(dict.fromkeys(("A1", "A2", "A3"), line), shelves, books, seed)


def work(lines, minutes=120, begin=BEGIN):
    return lines.advance(begin, begin + timedelta(minutes=minutes))


def totals(said, increments):
    """Per operation: good and scrap, as whoever listens adds them up."""
    found = defaultdict(lambda: [0, 0])
    for message in said:
        document = message.document
        if "workorder" not in document:
            continue
        scrap = sum(line["quantity"] for line in document["scrap"])
        if increments:
            found[document["workorder"]][0] += document["good"]
            found[document["workorder"]][1] += scrap
        else:
            found[document["workorder"]] = [document["good_total"], scrap]
    return dict(found)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("increments", [False, True])
@pytest.mark.parametrize("makes_up", [False, True])
def test_what_is_said_is_what_is_in_the_books(seed, increments, makes_up):
    lines = plant(Manners(increments=increments, makes_up=makes_up, scrap_share=0.7), seed)
    for number in range(6):
        lines.take(released(number), BEGIN)
    said = work(lines)
    assert lines.open_jobs == 0
    books = lines.books
    assert totals(said, increments) == {
        uuid: [each["good"], sum(each["scrap"].values())] for uuid, each in books.operations.items()
    }
    for uuid, order in books.orders.items():
        operations = [o for o in books.operations.values() if o["order"] == uuid]
        lost = sum(order["scrap"].values())
        assert order["finished"]
        assert order["good"] == operations[-1]["good"] == 8 - (0 if makes_up else lost)
        # Each operation makes of what comes in good pieces and scrap.
        for before, after in itertools.pairwise(operations):
            assert before["good"] == after["good"] + sum(after["scrap"].values())
        pieces = order["good"] + lost
        assert sum(q for (p, _lot), q in order["consumed"].items() if p == "BOARD") == 3 * pieces
        assert sum(q for (p, _lot), q in order["consumed"].items() if p == "PANEL") == 4 * pieces
    used = 1000 - books.shelves["BOARD", ""]
    assert used == 3 * sum(o["good"] + sum(o["scrap"].values()) for o in books.orders.values())
    assert books.shelves["DESK", ""] == sum(o["good"] for o in books.orders.values())


def test_numbers_and_times_grow_with_each_message_of_an_operation():
    lines = plant(Manners())
    lines.take(released(1), BEGIN)
    said = work(lines)
    of_operation = defaultdict(list)
    for message in said:
        of_operation[message.key].append(message)
    for messages in of_operation.values():
        assert [m.document["sequence"] for m in messages] == list(range(1, len(messages) + 1))
        assert [m.at for m in messages] == sorted(m.at for m in messages)
        assert [m.document["status"] for m in messages] == ["progress", "finished"]
    ends = [each["ended_at"] for each in lines.books.operations.values()]
    assert ends == sorted(ends), "one operation of an order after the other"


def test_it_does_not_matter_how_the_time_is_cut():
    whole, parts = plant(Manners()), plant(Manners())
    for lines in (whole, parts):
        lines.take(released(1), BEGIN)
    work(whole, 60)
    for minute in range(60):
        work(parts, 1, BEGIN + timedelta(minutes=minute))
    assert whole.books.document() == parts.books.document()


def test_backorders_are_made_with_care_and_lots_are_named():
    lines = plant(Manners(scrap_share=1, names_components=True))
    lines.take(released(1, tracking="lot"), BEGIN)
    lines.take(released(2, 2, tracking="lot", backorder="o1"), BEGIN)
    said = work(lines)
    first, second = lines.books.orders.values()
    assert first["scrap"]
    assert not second["scrap"]
    assert (first["lot"], second["lot"]) == ("A-0001", "A-0002")
    named = [m.document for m in said if "consumption" in m.document]
    assert [d["workorder"] for d in named] == ["o1-0", "o2-0"]
    assert [m.document["lot"] for m in said if m.type == "lot.creation.v1"] == ["A-0001"]


def test_a_machine_that_fails_keeps_what_is_on_it():
    usual, failing = plant(Manners(scrap_share=0)), plant(Manners(scrap_share=0))
    for lines in (usual, failing):
        lines.take(released(1), BEGIN)
    work(usual, 60)
    minute = timedelta(minutes=1)
    work(failing, 1)
    stop = failing.fail("A1", "Broken", BEGIN + minute, BEGIN + 60 * minute)
    assert failing.advance(BEGIN + minute, BEGIN + 11 * minute) == []
    go_on = failing.repair("A1", BEGIN + 11 * minute)
    failing.advance(BEGIN + 11 * minute, BEGIN + 70 * minute)
    late = [_end(lines.books.operations["o1-0"]) for lines in (failing, usual)]
    assert late[0] - late[1] == 10 * minute
    assert (stop.document["sequence"], go_on.document["sequence"]) == (1, 2)
    assert stop.key == go_on.key == "D-001"
    assert go_on.document["ended_at"] == failing.books.downtimes[0]["ended_at"]


def _end(operation):
    return datetime.fromisoformat(operation["ended_at"].replace("Z", "+00:00"))


def test_rows_for_a_comparison():
    lines = plant(Manners(scrap_share=0))
    lines.take(released(1, tracking="lot"), BEGIN)
    work(lines)
    books = lines.books
    assert {row["workorder"] for row in books.rows("production_quantities", "X")} == {
        "o1-0", "o1-1", "o1-2",
    }  # fmt: skip
    assert {"order": "o1", "product": "DESK", "lot": "A-0001", "produced": 8} in books.rows(
        "production_moves", "X"
    )
    assert {"product": "BOARD", "location": "X", "quantity": 976.0} in books.rows("stock", "X")


def test_the_network_loses_nothing_and_is_not_in_order():
    network = UnrulyNetwork(1)
    fates = [network.fates() for _n in range(1000)]
    assert all(not each[0].anew for each in fates)
    assert all(0 <= fate.after <= 2 * LATEST for each in fates for fate in each)
    late = sum(each[0].after > 0 for each in fates)
    doubled = sum(not fate.anew for each in fates for fate in each[1:])
    forgotten = sum(fate.anew for each in fates for fate in each)
    assert [100 < n < 300 for n in (late, doubled)] == [True, True]
    assert 50 < forgotten < 150
    assert [each[0].after for each in fates[:50]] != sorted(each[0].after for each in fates[:50])
