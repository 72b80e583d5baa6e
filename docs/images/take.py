"""Takes the screenshots of the README from the running demo.

    ./mfg demo
    .local/venv/bin/python docs/images/take.py http://127.0.0.1:8069

Needs Playwright (requirements-test.txt) and Chromium: the one in MFG_CHROMIUM, else on the path.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).parent
SIZE = {"width": 1366, "height": 768}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]
BASE = "mfg_integration_base."
SHOTS = {
    # file -> (action, what to open in the list, what must be there before the shutter)
    "connector": (f"{BASE}mfg_connector_action", "Shop floor", ".o_form_view .o_form_sheet"),
    "outbox": (f"{BASE}mfg_outbox_message_action", None, ".o_list_view .o_data_row"),
    "error_queue": (f"{BASE}mfg_message_dead_action", None, ".o_list_view .o_data_row"),
}


def take(url: str, login: str, password: str) -> None:
    chromium = os.environ.get("MFG_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport=SIZE)
        page.goto(f"{url}/web/login")
        page.fill("input[name=login]", login)
        page.fill("input[name=password]", password)
        page.click("button[type=submit]")
        page.wait_for_selector(".o_main_navbar")
        for name, (action, record, awaited) in SHOTS.items():
            page.goto(f"{url}/odoo/action-{action}")
            if record:
                page.locator(".o_kanban_record", has=page.get_by_text(record, exact=True)).click()
            page.wait_for_selector(awaited)
            page.wait_for_function("document.fonts.status === 'loaded'")
            page.screenshot(path=FOLDER / f"{name}.png")
            sys.stdout.write(f"{name}.png\n")
        browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--login", default="admin")
    parser.add_argument("--password", default="admin")
    arguments = parser.parse_args()
    take(arguments.url.rstrip("/"), arguments.login, arguments.password)
