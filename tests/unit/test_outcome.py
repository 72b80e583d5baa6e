"""Outcomes are values: frozen, compared by content, with a reason that exists."""

import dataclasses

import pytest

from odoo.addons.mfg_integration_base.tools.outcome import Delivered, Reject, Retry


def test_defaults():
    assert Delivered() == Delivered(status=None, note="", response="")
    assert Retry("timeout") == Retry("timeout", detail="", after=None, status=None, response="")
    assert Reject("gone") == Reject("gone", detail="", status=None, response="", pause=False)


@pytest.mark.parametrize("kind", [Retry, Reject])
@pytest.mark.parametrize("reason", ["", "Timeout", "because", None])
def test_an_unknown_reason_is_refused(kind, reason):
    with pytest.raises(ValueError, match="is not a reason"):
        kind(reason)


@pytest.mark.parametrize("name", ["after", "delay"])
@pytest.mark.parametrize("seconds", [-1, -0.001, float("nan")])
def test_a_wait_is_not_negative(name, seconds):
    with pytest.raises(ValueError, match=name):
        Retry("timeout", **{name: seconds})


@pytest.mark.parametrize("outcome", [Delivered(204), Retry("timeout"), Reject("schema")])
def test_frozen_and_hashable(outcome):
    with pytest.raises(dataclasses.FrozenInstanceError):
        outcome.status = 200
    assert outcome in {dataclasses.replace(outcome)}
