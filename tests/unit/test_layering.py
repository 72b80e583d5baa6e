"""Imports go one way: tools <- models <- controllers, wizards; addons meet at three doors only."""

import ast
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

ADDONS = Path(__file__).resolve().parents[2] / "addons"
BASE = "mfg_integration_base"
DOORS = ("tools", "const", "exceptions")
LAYERS = {"tools": 0, "models": 1, "controllers": 2, "wizards": 2}


def imported_modules(source, path):
    """Return the absolute names of all modules that a file inside ``addons/`` imports.

    ``from a import b`` counts as ``a.b``, which is right when b is a module and harmless when not.

    :param path: of the file, relative to ``addons/``
    """
    package = ["odoo", "addons", *PurePosixPath(path).parent.parts]
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            module = [*start, node.module] if node.module else start
            names += [".".join([*module, alias.name]) for alias in node.names]
    return names


def violations(source, path):
    """Return what a file may not import; empty when all is well."""
    addon, *place = PurePosixPath(path).parts
    layer = LAYERS.get(place[0]) if len(place) > 1 else None
    bad = []
    for name in imported_modules(source, path):
        parts = name.split(".")
        if parts[0] != "odoo":
            continue
        is_ours = parts[1:2] == ["addons"] and parts[2:3] and parts[2].startswith("mfg_integration")
        inside = parts[3:] if is_ours else []
        foreign_addon = is_ours and parts[2] != addon
        if place[0] == "tools" and inside[:1] != ["tools"]:
            bad.append(f"{path}: tools/ imports {name}")
        elif foreign_addon and inside[:1] and inside[0] not in DOORS:
            bad.append(
                f"{path}: imports {name}, which is not among {', '.join(DOORS)} of its addon"
            )
        elif foreign_addon and not inside:
            bad.append(f"{path}: imports the whole of {name}")
        elif is_ours and layer is not None and LAYERS.get("".join(inside[:1]), -1) > layer:
            bad.append(f"{path}: {place[0]}/ imports {name}, which is above it")
    return bad


def production_files():
    files = sorted(ADDONS.glob("mfg_integration_*/**/*.py"))
    relative = [path.relative_to(ADDONS).as_posix() for path in files]
    # An addon's tests look behind every door.
    return [path for path in relative if "/tests/" not in path]


@pytest.mark.parametrize("path", production_files())
def test_imports_go_one_way(path):
    assert violations((ADDONS / path).read_text(), path) == []


def test_there_is_something_to_check():
    assert f"{BASE}/tools/lifecycle.py" in production_files()


@pytest.mark.parametrize(
    ("path", "source", "allowed"),
    [
        (f"{BASE}/tools/x.py", "import json, pycurl", True),
        (f"{BASE}/tools/x.py", "from . import redact", True),
        (f"{BASE}/tools/x.py", "from .outcome import Retry", True),
        (f"{BASE}/tools/x.py", "import odoo", False),
        (f"{BASE}/tools/x.py", "import odoo.tools", False),
        (f"{BASE}/tools/x.py", "from odoo import api", False),
        (f"{BASE}/tools/x.py", "from odoo.tools import SQL", False),
        (f"{BASE}/tools/x.py", "def f():\n    from odoo import api", False),
        (f"{BASE}/tools/x.py", "from .. import const", False),
        (f"{BASE}/tools/x.py", "from ..models import mfg_flow", False),
        (f"{BASE}/tools/deep/x.py", "from ..outcome import Retry", True),
        (f"{BASE}/tools/deep/x.py", "from ...models.x import y", False),
        (f"{BASE}/models/x.py", "from ..tools import redact", True),
        (f"{BASE}/models/x.py", "from ..const import API_PREFIX", True),
        (f"{BASE}/models/x.py", "from .mfg_flow import MfgFlow", True),
        (f"{BASE}/models/x.py", "from ..controllers import inbound", False),
        (f"{BASE}/models/x.py", "from ..wizards.x import y", False),
        (f"{BASE}/controllers/x.py", "from ..models.x import y", True),
        (f"{BASE}/controllers/x.py", "from ..wizards import y", True),
        (f"{BASE}/__init__.py", "from . import controllers, models, wizards", True),
        (f"{BASE}/hooks.py", "from .models import mfg_flow", True),
        ("mfg_integration_mes/models/x.py", "from odoo.addons.mrp.models import mrp_bom", True),
        ("mfg_integration_mes/models/x.py", f"from odoo.addons.{BASE}.tools import redact", True),
        ("mfg_integration_mes/models/x.py", f"from odoo.addons.{BASE}.const import X", True),
        ("mfg_integration_mes/models/x.py", f"from odoo.addons.{BASE} import exceptions", True),
        ("mfg_integration_mes/models/x.py", f"from odoo.addons.{BASE}.models import x", False),
        ("mfg_integration_mes/models/x.py", f"from odoo.addons.{BASE}.fields import x", False),
        ("mfg_integration_mes/models/x.py", f"import odoo.addons.{BASE}.models.x", False),
        ("mfg_integration_mes/models/x.py", f"import odoo.addons.{BASE}", False),
        ("mfg_integration_mes/models/x.py", f"from odoo.addons import {BASE}", False),
        ("mfg_integration_mes/models/x.py", f"from ...{BASE}.models import x", False),
        ("mfg_integration_mes/tools/x.py", f"from odoo.addons.{BASE}.tools import redact", True),
        ("mfg_integration_mes/tools/x.py", f"from odoo.addons.{BASE}.const import X", False),
    ],
)
def test_the_rules_themselves(path, source, allowed):
    assert (not violations(source, path)) is allowed


def test_tools_run_where_there_is_no_odoo():
    """Every module of every ``tools/`` is imported by a Python that finds no Odoo."""
    modules = [
        "odoo.addons." + path.removesuffix(".py").replace("/", ".")
        for path in production_files()
        if "/tools/" in path and not path.endswith("__init__.py")
    ]
    program = """
import importlib, sys, types
addons, *modules = sys.argv[1:]
for name in ["odoo", "odoo.addons", *{".".join(module.split(".")[:3]) for module in modules}]:
    package = sys.modules[name] = types.ModuleType(name)
    package.__path__ = [f"{addons}/{name[12:]}"] if name.startswith("odoo.addons.") else []
for module in modules:
    importlib.import_module(module)
"""
    # -I: neither PYTHONPATH nor the current folder may bring Odoo in.
    run = subprocess.run(
        [sys.executable, "-I", "-c", program, str(ADDONS), *modules],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
