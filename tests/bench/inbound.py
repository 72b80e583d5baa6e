"""How many messages a second a partner can put into Odoo, and how long the slowest ones take.

One Odoo server, 16 connections. Ours are authenticated by HMAC, checked against a JSON Schema and
stored once; beside them, in turn, a bare controller with one INSERT (the limit) and Odoo's own
webhook, which creates a record of one column (the peer). Requests are made and signed before the
clock runs.
"""

import json
import secrets
import subprocess
import sys
import time
from itertools import count
from typing import Any, NamedTuple

from tests.harness.process import ROOT
from tests.harness.server import OdooServer

from .kit import odoo_process, run
from .kit.figures import Quantity, percentile
from .kit.suite import Suite

CONNECTIONS = 16
BODY_BYTES = 2048
BATCH = 100
QUANTITIES = {
    "rate": Quantity("/s", "messages: signed, checked, stored"),
    "p99_ms": Quantity("ms", "of such a message"),
    "rate_batch": Quantity("/s", f"messages in CloudEvents batches of {BATCH}"),
    "rate_duplicate": Quantity("/s", "repetitions of a message"),
    "rate_refused": Quantity("/s", "with a wrong signature"),
    "limit_bare_rate": Quantity("/s", "bare controller with one INSERT"),
    "peer_webhook_rate": Quantity("/s", "Odoo's own webhook"),
}
TYPE = "bench.report.v1"
SCHEMA = {
    "type": "object",
    "required": ["report", "lines", "at"],
    "additionalProperties": False,
    "properties": {
        "report": {"type": "string", "maxLength": 40},
        "at": {"type": "string", "format": "date-time"},
        "note": {"type": "string"},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["product", "qty"],
                "properties": {
                    "product": {"type": "string"},
                    "qty": {"type": "number", "minimum": 0},
                    "lot": {"type": ["string", "null"]},
                },
            },
        },
    },
}


class Request(NamedTuple):
    address: str
    headers: dict[str, str]
    body: str


class Door:
    """Where a partner sends to, and its secret."""

    def __init__(self, base_url: str, code: str, secret: str):
        # Once set_up() has told Python where the addons are.
        from odoo.addons.mfg_integration_base.tools import signature

        self._signature = signature
        self._url = f"{base_url}/mfg/v1/in/{code}/{TYPE}"
        self._secret = signature.Secret.parse(secret)
        self._numbers = count(1)

    def message(self, *, forged: bool = False) -> Request:
        number = next(self._numbers)
        return self._signed(body(number), f"m-{number}", "application/json", forged=forged)

    def batch(self) -> Request:
        numbers = [next(self._numbers) for _n in range(BATCH)]
        text = "[" + ",".join(event(number) for number in numbers) + "]"
        return self._signed(text, f"b-{numbers[0]}", "application/cloudevents-batch+json")

    def _signed(self, text: str, message_id: str, kind: str, *, forged: bool = False) -> Request:
        make = self._signature.Secret.generate
        secret = make(secrets.token_bytes) if forged else self._secret
        made = self._signature.headers([secret], message_id, int(time.time()), text.encode())
        return Request(self._url, {"Content-Type": kind, **made}, text)


def body(number: int) -> str:
    """A report of ``BODY_BYTES`` bytes."""
    lines = [{"product": f"P-{n:05d}", "qty": n / 4, "lot": None} for n in range(20)]
    report = {"report": f"R-{number:09d}", "at": "2026-11-26T06:00:00Z", "lines": lines, "note": ""}
    short = BODY_BYTES - len(json.dumps(report))
    return json.dumps({**report, "note": "x" * short})


def event(number: int) -> str:
    return (
        f'{{"specversion":"1.0","id":"e-{number}","source":"/line4","type":"bench",'
        f'"datacontenttype":"application/json","data":{body(number)}}}'
    )


def main() -> int:
    return run.run("inbound", QUANTITIES, measure, rounds=5)


def measure(bench: run.Bench) -> None:
    odoo_process.set_up()
    suite = Suite.create(bench, addons=("bench_inbound",))
    code, secret, hook = _configure(suite)
    server = bench.stack.enter_context(OdooServer(suite.database, bench.folder, cron_threads=0))
    door = Door(server.url, code, secret)
    single, batches = bench.count(3000, 60), bench.count(100, 3)
    figures = bench.figures
    figures.note(f"{CONNECTIONS} connections; {single} messages a case and round.")
    first = True
    for _number in bench.rounds():
        fresh = [door.message() for _n in range(single)]
        cases: dict[str, tuple[list[Request], int, set[int]]] = {
            "rate": (fresh, 1, {202}),
            "rate_duplicate": (fresh, 1, {202}),
            "rate_batch": ([door.batch() for _n in range(batches)], BATCH, {202}),
            "rate_refused": (
                [door.message(forged=True) for _n in range(single)], 1, {401, 429},
            ),
            "limit_bare_rate": (
                [Request(f"{server.url}/bench/raw", r.headers, r.body) for r in fresh], 1, {200},
            ),
            "peer_webhook_rate": (
                [Request(f"{server.url}{hook}", r.headers, r.body) for r in fresh[: single // 4]],
                1, {200},
            ),
        }  # fmt: skip
        if first:  # caches are filled, and all threads have been there
            for requests, _each, _expected in cases.values():
                send(bench, [*requests[:CONNECTIONS]])
            fresh[:] = [door.message() for _n in range(single)]
            first = False
        for key, (requests, each, expected) in cases.items():
            found = send(bench, requests)
            if strange := set(found["statuses"]) - {str(status) for status in expected}:
                raise run.BenchError(f"{key} was answered {sorted(strange)}")
            figures.add(key, len(requests) * each / found["seconds"])
            if key == "rate":
                figures.add("p99_ms", percentile(found["milliseconds"], 99))


def send(bench: run.Bench, requests: list[Request]) -> dict[str, Any]:
    """Let a partner send these; what ``inbound_client`` reports."""
    path = bench.folder / "requests.json"
    path.write_text(json.dumps(requests))
    argv = [sys.executable, "-m", "tests.bench.kit.inbound_client", str(path)]
    done = subprocess.run(
        [*argv, "--connections", str(CONNECTIONS)], cwd=ROOT, check=True, capture_output=True
    )
    return json.loads(done.stdout)


def _configure(suite: Suite) -> tuple[str, str, str]:
    """``(connector code, secret, path of Odoo's webhook)``."""
    with odoo_process.transaction(suite.registry) as env:
        connector = env["mfg.connector"].create({"name": "Bench", "code": "bench-in"})
        credential = env["mfg.credential"].create({"connector_id": connector.id})
        secret = credential.action_generate()["params"]["message"]
        lane = env["mfg.lane"].search([("code", "=", "bulk")])
        # Nobody books here: what is stored stays, and must not count as too much.
        lane.write({"backlog_cap": 10**8, "backlog_cap_bytes": 10**12})
        env["mfg.inbox.route"].create(
            {
                "connector_id": connector.id,
                "message_type": TYPE,
                "schema": json.dumps(SCHEMA),
                "lane_id": lane.id,
            }
        )
        connector.action_activate()
        model = env["ir.model"]._get("bench.message")
        rule = env["base.automation"].create(
            {
                "name": "Bench",
                "model_id": model.id,
                "trigger": "on_webhook",
                "record_getter": "model.create({'body': str(payload)})",
                "action_server_ids": [
                    (
                        0,
                        0,
                        {
                            "name": "Nothing",
                            "model_id": model.id,
                            "state": "code",
                            "code": "# the record is all",
                            "usage": "base_automation",
                        },
                    )
                ],
            }
        )
        return connector.code, secret, f"/web/hook/{rule.webhook_uuid}"


if __name__ == "__main__":
    sys.exit(main())
