"""Runs docs/extending.md: the addon on that page sends one message each way, and runs a job."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import databases

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^`(mfg_toy/[\w./]+)`\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)

SCRIPT = """
connector = env["mfg.connector"].create({"name": "Toy", "code": "toy", "transport": "folder",
                                         "url": "https://folder.invalid/"})
event_type = env.ref("mfg_toy.event_type_phone_changed")
env["mfg.subscription"].create({"name": "Phones", "connector_id": connector.id,
                                "event_type_ids": event_type.ids})
route = env["mfg.inbox.route"].create({"connector_id": connector.id, "message_type": "note.v1",
                                       "handler": "toy_note"})
connector.service_user_id.sudo().group_ids += env.ref("base.group_partner_manager")
connector.action_activate()
partner = env["res.partner"].create({"name": "Toy contact"})
env.flush_all()
partner.write({"phone": "+49 30 1234567"})
partner.write({"phone": "+49 30 1234567"})  # no change, no event
env.cr.commit()
body = b'{"contact": %d, "note": "hello from the toy"}' % partner.id
env.cr.execute(
    "INSERT INTO mfg_inbox_message (uuid, state, connector_id, company_id, lane_id, route_id,"
    " message_type, external_id, body, attempt_count, tries, created_at)"
    " VALUES (gen_random_uuid()::text, 'pending', %s, %s, %s, %s, 'note.v1', 'one', %s, 0, 0,"
    " now())"
    " RETURNING id",
    [connector.id, connector.company_id.id, route.lane_id.id, route.id, body],
)
inbox = env["mfg.inbox.message"].browse(env.cr.fetchone()[0])
# This database is a copy of a template.
env["mfg.connector"].search([("builtin", "=", True)]).action_activate()
tidied = env["res.partner"].create({"name": "Toy second", "phone": "0049 40 7654321"})
env["res.partner"].browse([partner.id, tidied.id]).action_tidy_phones()
job = env["mfg.outbox.message"].search([], order="id desc", limit=1)
env.cr.commit()
for lane in (route.lane_id, connector.subscription_ids.lane_id, job.lane_id):
    env["mfg.dispatcher"]._cron_run(lane.code)
env.invalidate_all()
noted = any("hello from the toy" in str(body) for body in partner.message_ids.mapped("body"))
print("TOY", [inbox.state, inbox.detail or "", inbox.result, noted])
print("JOB", [job.state, job.detail, job.lane_id.code, tidied.phone])
"""


@pytest.fixture
def toy_addons(tmp_path):
    """The page's files in a folder of their own."""
    blocks = BLOCK.findall((ROOT / "docs" / "extending.md").read_text(encoding="utf-8"))
    assert {name for name, _text in blocks} == {
        "mfg_toy/__manifest__.py", "mfg_toy/__init__.py", "mfg_toy/data.xml", "mfg_toy/models.py",
    }  # fmt: skip
    for name, text in blocks:
        path = tmp_path / "addons" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "addons"


@pytest.fixture
def database():
    name = "mfg_test_extending"
    databases.create_from_template(name, os.environ["MFG_TEST_TEMPLATE"])
    yield name
    databases.drop(name)


def odoo(*args, addons, folder, script=None):
    """Run Odoo's command line with the toy's folder on its addons path; its whole output."""
    read_config = (
        "from odoo.tools import config; config.parse_config([]);"
        " print(','.join(config['addons_path']))"
    )
    paths = subprocess.run(
        [sys.executable, "-c", read_config], capture_output=True, text=True, check=True
    ).stdout.splitlines()[-1]
    done = subprocess.run(
        [sys.executable, "-m", "odoo", *args, f"--addons-path={paths},{addons}", "--no-http"],
        check=False, input=script, capture_output=True, text=True, timeout=180,
        env={**os.environ, "MFG_TOY_FOLDER": str(folder)},
    )  # fmt: skip
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-4000:]
    assert not re.search(r" (ERROR|CRITICAL) ", output), output[-4000:]
    return output


def test_the_page_works_as_printed(toy_addons, database, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    odoo("-d", database, "-i", "mfg_toy", "--stop-after-init", addons=toy_addons, folder=folder)
    output = odoo("shell", "-d", database, addons=toy_addons, folder=folder, script=SCRIPT)

    sent = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    told = [(event["type"], event["data"]["phone"]) for event in sent]
    assert told.count(("mfg.toy.contact.phone_changed.v1", "+49 30 1234567")) == 1
    lines = [line for line in output.splitlines() if line.startswith(("TOY ", "JOB "))]
    assert lines == [
        """TOY ['done', '', '{"noted": true}', True]""",
        "JOB ['done', '2 contacts looked at', 'bulk', '+49 40 7654321']",
    ]
