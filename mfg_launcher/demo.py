"""`./mfg demo`: everything from an empty machine to a factory at work."""

import subprocess

from . import server
from .command import foreground
from .databases import Databases
from .errors import LauncherError
from .testing import runnable
from .workspace import Workspace

DEFAULT_SCENARIO = "foundation"


def scenarios(workspace: Workspace) -> list[str]:
    """The names that --scenario takes."""
    return runnable(workspace.layout.root / "tests" / "scenarios")


def demo(workspace: Workspace, name: str, wanted_port: int | None) -> int:
    """Set up, make the demo database anew, play the scenario, leave Odoo running.

    :raises LauncherError: there is no such scenario, or a part could not be brought up
    """
    if name not in scenarios(workspace):
        known = ", ".join(scenarios(workspace)) or "none in this checkout"
        raise LauncherError(f"there is no scenario {name}", f"Choose one of: {known}")
    with workspace.exclusive("demo"):
        workspace.prepare()
        databases = Databases(workspace)
        databases.suite()
        server.stop(workspace, "worker")
        server.stop(workspace, "odoo")
        database = workspace.demo_database
        with workspace.console.step(f"Database {database}"):
            databases.for_use(database)
        server.start(workspace, database, wanted_port)
    status = foreground(
        [workspace.layout.python, "-m", f"tests.scenarios.{name}"],
        cwd=workspace.layout.root,
        env=workspace.environment() | {"MFG_DEMO_DB": database},
        stdin=subprocess.DEVNULL,
    )
    if status:
        raise LauncherError(
            f"the scenario {name} failed (status {status})",
            "Read what it said above, and ./mfg logs odoo",
        )
    record = server.start(workspace, database)
    workspace.console.say(
        f"\nOdoo keeps running at {record.details['url']}; end it with ./mfg stop."
    )
    return 0
