"""Which methods may be put on the queue, and with what."""

from datetime import date
from decimal import Decimal
from enum import IntEnum

import pytest

from odoo.addons.mfg_integration_base.tools.job import (
    ArgumentError,
    JobMark,
    check_arguments,
    job,
    job_mark,
)


class Level(IntEnum):
    HIGH = 1


class Records:
    _ids = (1, 2)


class Contact:
    @job
    def plain(self):
        return "plain"

    @job(lane="bulk")
    def bulk(self):
        return "bulk"

    def unmarked(self):
        return "unmarked"


class Refined(Contact):
    def plain(self):
        return super().plain() + "!"

    @job(lane="critical")
    def bulk(self):
        return super().bulk()


def test_a_mark_changes_nothing_about_the_call():
    assert Contact().plain() == "plain"
    assert Refined().plain() == "plain!"


@pytest.mark.parametrize(
    ("cls", "name", "mark"),
    [
        (Contact, "plain", JobMark("standard")),
        (Contact, "bulk", JobMark("bulk")),
        (Contact, "unmarked", None),
        (Contact, "nowhere", None),
        (Contact, "__init__", None),
        (Contact, "__class__", None),
        (Contact, "", None),
        (Contact, None, None),
        (Contact, ["plain"], None),
        (Refined, "plain", JobMark("standard")),
        (Refined, "bulk", JobMark("critical")),
    ],
)
def test_the_mark_decides(cls, name, mark):
    assert job_mark(cls, name) == mark


def test_a_mark_that_was_not_made_by_the_decorator_is_none():
    class Forged:
        def method(self):
            """Something carries the attribute."""

        method._mfg_job = True

    assert job_mark(Forged, "method") is None


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ([], {}),
        ((1, "ä", 2.5, True, None), {"a": {"b": [1, [2]]}}),
        ([10**40, -1.5e300], {"ids": []}),
    ],
)
def test_json_passes(args, kwargs):
    check_arguments(args, kwargs)


@pytest.mark.parametrize(
    ("args", "kwargs", "says"),
    [
        ([1, {2}], {}, "args[1]: a set"),
        ([[0, date(2026, 1, 1)]], {}, "args[0][1]: a date"),
        ([], {"when": Decimal(1)}, "kwargs['when']: a Decimal"),
        ([], {"a": {"b": object()}}, "kwargs['a']['b']: an object"),
        ([Records()], {}, "Pass the records' ids."),
        ([(1, 2)], {}, "Pass a list."),
        ([{1: "a"}], {}, "args[0]: the key 1"),
        ([float("nan")], {}, "args[0]: nan"),
        ([float("-inf")], {}, "args[0]: -inf"),
        (["\ud800"], {}, "args[0]: a text"),
        ([{"\ud800": 1}], {}, "args[0]: a text"),
        ([b"x"], {}, "args[0]: a bytes"),
        ([Level.HIGH], {}, "args[0]: a Level"),
        ("ab", {}, "args: not a list"),
        ([], [], "kwargs: not a dictionary"),
        ([], {1: 2}, "kwargs: the name 1"),
    ],
)
def test_what_is_not_json_is_named(args, kwargs, says):
    with pytest.raises(ArgumentError) as caught:
        check_arguments(args, kwargs)
    assert says in str(caught.value)


def test_a_value_in_itself():
    value = []
    value.append(value)
    with pytest.raises(ArgumentError, match="nested"):
        check_arguments([value], {})
