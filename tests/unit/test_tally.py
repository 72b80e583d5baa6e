"""Counting what runners do."""

from types import SimpleNamespace

import pytest

from odoo.addons.mfg_integration_base.tools.tally import Meter, Tally


def test_counts_with_a_pump_and_goes_on_with_the_next():
    """A runner that failed starts with a new pump: what the old one did still counts."""
    tally = Tally()
    first = SimpleNamespace(sent=0, in_flight={})
    tally.watch(first)
    first.sent, first.in_flight = 3, {1: "x", 2: "y"}
    assert (tally.sent, tally.in_flight) == (3, 2)
    second = SimpleNamespace(sent=0, in_flight={})
    tally.watch(second)
    second.sent = 4
    assert (tally.sent, tally.in_flight) == (7, 0)


def test_counts_what_is_worked_on_in_the_thread_itself():
    tally = Tally()
    with tally.one():
        assert (tally.sent, tally.in_flight) == (0, 1)
    with pytest.raises(ZeroDivisionError), tally.one():
        raise ZeroDivisionError
    assert (tally.sent, tally.in_flight) == (2, 0)


def test_rates_are_those_of_the_last_interval():
    meter = Meter(now=10.0)
    assert meter.rates(12.0, {"out": 100}) == {"out": 50.0}
    assert meter.rates(16.0, {"out": 100, "in": 8}) == {"out": 0.0, "in": 2.0}
    assert meter.rates(16.0, {"out": 500}) == {"out": 0.0}
