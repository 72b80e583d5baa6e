"""The benchmarks run from end to end and report what they promise: how fast is for people to read.

Deselected by default; fetches the peer.
"""

import json
import os
import subprocess
import sys

import pytest

from tests.harness import databases
from tests.harness.process import ROOT

pytestmark = pytest.mark.bench

KEYS = {
    "deliver": (
        "rate", "rate_batch", "rate_slow_one_worker", "rate_slow_two_workers",
        "peer_queue_job_rate", "limit_client_rate", "rss_mb",
    ),
    "latency": ("worker_p50", "worker_p99", "cron_p50", "cron_p99", "peer_queue_job_p50"),
    "emit": (
        "one_subscriber_ms", "no_subscriber_ms", "bulk_1000_each_ms", "commits_8_writers_ratio",
        "peer_queue_job_ms", "mark_done_ms",
    ),
    "isolation": (
        "critical_p50_alone", "critical_p50_loaded", "critical_p99_alone", "critical_p99_loaded",
    ),
    "backlog": (
        "claim_rate_10k", "claim_rate_1m", "claim_rate_hot_key", "claim_rate_parked_keys",
        "rss_mb",
    ),
    "inbound": (
        "rate", "p99_ms", "rate_batch", "rate_duplicate", "rate_refused", "limit_bare_rate",
        "peer_webhook_rate",
    ),
    "mes": (
        "progress_rate", "completion_rate", "bare_progress_rate", "bare_completion_rate",
        "accept_rate",
    ),
    "jobs": ("rate", "enqueue_ms", "peer_queue_job_rate", "peer_queue_job_enqueue_ms"),
}  # fmt: skip
SECONDS = 900


@pytest.mark.parametrize("name", KEYS)
def test_reports_all_its_figures_and_leaves_nothing_behind(name):
    before = _databases()
    done = _bench(name)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found) == [
        f"{key}{suffix}" for key in KEYS[name] for suffix in ("", "_min", "_max")
    ]
    assert [key for key in KEYS[name] if found[key] is None] == [], done.stderr
    for key in KEYS[name]:
        assert found[f"{key}_min"] <= found[key] <= found[f"{key}_max"]
        # A difference of medians may fall below nothing in so small a run; the rest may not.
        assert key == "one_subscriber_ms" or found[key] > 0
    assert _databases() <= before


def test_refuses_a_server_that_loses_commits():
    done = _bench("emit", PGOPTIONS="-c synchronous_commit=off")
    assert done.returncode == 1
    assert "synchronous_commit is off" in done.stderr
    assert not done.stdout


def _bench(name: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", f"tests.bench.{name}", "--quick", "--json"],
        check=False,
        cwd=ROOT,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def _databases() -> set[str]:
    names = databases.query(databases.MAINTENANCE, "SELECT datname FROM pg_database")
    return {name for (name,) in names if name.startswith("mfg_bench_")}
