"""What the benchmarks report, and when they refuse to."""

import pytest

from tests.bench.kit.figures import Figures, Quantity, percentile
from tests.bench.kit.guard import NotDurableError, check_durable

QUANTITIES = {"rate": Quantity("/s", "one worker"), "wait": Quantity("ms", "commit to arrival")}


def test_the_document_has_the_announced_keys_with_median_and_range():
    figures = Figures(QUANTITIES)
    for value in (30.0, 10.0, 20.0, 1000.04):
        figures.add("rate", value)
    figures.beside("only_in_the_table", Quantity("s", ""))
    figures.add("only_in_the_table", 1.0)
    assert figures.document() == {
        "rate": 25.0, "rate_min": 10.0, "rate_max": 1000.0,
        "wait": None, "wait_min": None, "wait_max": None,
    }  # fmt: skip


def test_the_table_shows_everything_and_each_note_once():
    figures = Figures(QUANTITIES)
    figures.add("rate", 1234.56)
    figures.beside("beside", Quantity("s", "more"))
    figures.add("beside", 0.012345)
    figures.note("Not all of it.")
    figures.note("Not all of it.")
    lines = figures.table().splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["rate", "one", "worker", "1235", "1235", "1235", "/s"],
        ["wait", "commit", "to", "arrival", "-", "ms"],
        ["beside", "more", "0.0123", "0.0123", "0.0123", "s"],
        ["*", "Not", "all", "of", "it."],
    ]


def test_a_value_nobody_announced_is_refused():
    with pytest.raises(KeyError):
        Figures(QUANTITIES).add("ratio", 1.0)


@pytest.mark.parametrize(
    ("values", "percent", "found"),
    [
        ([5.0], 99, 5.0),
        ([1.0, 2.0], 50, 1.0),
        ([3.0, 1.0, 2.0], 50, 2.0),
        ([float(n) for n in range(1, 101)], 99, 99.0),
        ([float(n) for n in range(1, 1001)], 99, 990.0),
        ([float(n) for n in range(1, 51)], 99, 50.0),
    ],
)
def test_percentile_is_the_nearest_rank(values, percent, found):
    assert percentile(values, percent) == found


def test_percentile_of_nothing_is_refused():
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 50)


def test_only_a_durable_server_is_measured():
    on = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
    check_durable(on)
    for name in on:
        with pytest.raises(NotDurableError, match=name):
            check_durable(on | {name: "off"})
    with pytest.raises(NotDurableError, match="fsync and synchronous_commit are off"):
        check_durable(on | {"fsync": "off", "synchronous_commit": "off"})
