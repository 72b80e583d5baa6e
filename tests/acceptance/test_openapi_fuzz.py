"""Schemathesis against the live server: what our OpenAPI document says is what our server does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.harness import databases

from .site import MESSAGE_TYPE, Site

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_headers_conformance", "response_schema_conformance", "unsupported_method",
)  # fmt: skip
PATIENCE = 3000
"""Seconds after which the tool is not waited for any more; it takes one or a few minutes."""


@pytest.fixture(scope="module")
def token(quiet_site: Site) -> str:
    """Of a partner that may send pings and production reports, and ask what became of them."""
    admin = quiet_site.rpc()
    (connector_id,) = admin.create("mfg.connector", {"name": "Fuzz", "code": "fuzz"})
    lane_id = admin.one("mfg.lane", [("code", "=", "bulk")], "id")["id"]
    for message_type, handler in (
        (MESSAGE_TYPE, "ping"),
        ("production.report.v1", "production_report"),
    ):
        admin.create(
            "mfg.inbox.route",
            {
                "connector_id": connector_id, "message_type": message_type, "handler": handler,
                "lane_id": lane_id,
            },
        )  # fmt: skip
    (credential_id,) = admin.create(
        "mfg.credential", {"name": "Token", "connector_id": connector_id, "kind": "token"}
    )
    text = admin("mfg.credential", "action_generate", [credential_id])["params"]["message"]
    admin("mfg.connector", "action_activate", [connector_id])
    return text


def play(site: Site, token: str, folder: Path, examples: int) -> str:
    """Let schemathesis try the interface; what it says in the end.

    :param examples: how many requests it makes up for each operation and phase
    """
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(
            f"{site.server.url}/mfg/v1/openapi.json",
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        )
    document = folder / "openapi.json"
    document.write_bytes(answer.content)
    before = len(site.server.output())
    command = Path(sys.executable).with_name("st")
    result = subprocess.run(
        [
            command, "run", document, f"--url={site.server.url}", "--no-color", "--seed=1",
            f"--header=Authorization: Bearer {token}", f"--max-examples={examples}",
            f"--checks={','.join(CHECKS)}",
        ],
        cwd=folder,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
        capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    said = result.stdout[-8000:] + result.stderr[-2000:]
    assert result.returncode == 0, said
    assert "Traceback" not in site.server.output()[before:]
    return said


def assert_it_tried(said: str, operations: int) -> None:
    """It would also be content with nothing to try."""
    assert f"Operations:       {operations} selected / {operations} total" in said, said
    generated = int(re.search(r"(\d+) generated", said)[1])
    print(f"{generated} requests")
    assert generated > 500


def test_the_document_is_true(quiet_site, token, tmp_path):
    said = play(quiet_site, token, tmp_path, examples=10)
    assert_it_tried(said, operations=3)
    # It may send what is right, too.
    rows = databases.query(quiet_site.database, "SELECT count(*) FROM mfg_inbox_message")
    assert rows[0][0] > 0


@pytest.mark.long
def test_the_document_is_true_at_length(quiet_site, token, tmp_path):
    assert_it_tried(play(quiet_site, token, tmp_path, examples=1000), operations=3)
