"""Unit tests import ``odoo.addons.<addon>.tools`` without a server and without a database.

Alone (``-p no:odoo``) each addon is put into ``sys.modules`` as a bare package: its folder is on
the path, but its ``__init__`` and with it its models are not run, so the tests start at once and
prove that ``tools/`` needs no odoo. In one process with pytest-odoo the real packages are needed
by other tests, so there only the path is extended.
"""

import importlib.util
import sys
import types
from pathlib import Path

import hypothesis

ADDONS = Path(__file__).resolve().parents[2] / "addons"


def _bare_package(name, paths):
    package = sys.modules.get(name)
    if package is None:
        package = sys.modules[name] = types.ModuleType(name)
        package.__path__ = paths
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, package)
    return package


def _make_importable():
    if importlib.util.find_spec("odoo"):
        import odoo.addons

        if str(ADDONS) not in odoo.addons.__path__:
            odoo.addons.__path__.append(str(ADDONS))
    else:
        _bare_package("odoo", [])
        _bare_package("odoo.addons", [str(ADDONS)])
    if "pytest_odoo" not in sys.modules:
        for manifest in ADDONS.glob("*/__manifest__.py"):
            _bare_package(f"odoo.addons.{manifest.parent.name}", [str(manifest.parent)])


_make_importable()

# A shared machine may pause for longer than any deadline; what is too slow shows in the benches.
hypothesis.settings.register_profile("unit", deadline=None)
hypothesis.settings.load_profile("unit")
