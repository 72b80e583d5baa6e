"""When a lane is green, yellow or red."""

import pytest

from odoo.addons.mfg_integration_base.tools.lane_status import (
    DEAD_SECONDS,
    RUNNER_SECONDS,
    Facts,
    judge,
)

WELL = Facts(
    waiting=0, cap=100, size=0.0, size_cap=1000.0, due=False, runner_age=0.0, dead_age=None,
    late=False, cron_threads_short=False,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, ("green", "")),
        ({"waiting": 50}, ("green", "")),
        ({"waiting": 51}, ("yellow", "half_cap")),
        ({"waiting": 100}, ("yellow", "half_cap")),
        ({"waiting": 101}, ("red", "over_cap")),
        ({"size": 501.0}, ("yellow", "half_size")),
        ({"size": 1001.0}, ("red", "over_size")),
        ({"due": True}, ("green", "")),
        ({"due": True, "runner_age": RUNNER_SECONDS + 1.0}, ("red", "no_runner")),
        ({"due": True, "runner_age": None}, ("red", "no_runner")),
        ({"runner_age": None}, ("green", "")),  # a lane at rest needs no runner
        ({"dead_age": DEAD_SECONDS - 1.0}, ("green", "")),
        ({"dead_age": DEAD_SECONDS + 1.0}, ("red", "old_dead")),
        ({"late": True}, ("yellow", "late")),
        ({"cron_threads_short": True}, ("yellow", "cron_threads")),
        # The worst is told, not the first that anybody noticed.
        ({"late": True, "due": True, "runner_age": None}, ("red", "no_runner")),
        ({"cron_threads_short": True, "late": True}, ("yellow", "late")),
    ],
)
def test_verdict(changes, verdict):
    assert judge(WELL._replace(**changes)) == verdict
