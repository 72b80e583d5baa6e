"""`./mfg lint`: every check of the source, each run to its end, so that one run shows all."""

import subprocess
from pathlib import Path

from . import venv, xmlformat
from .workspace import Workspace

#: where XML of ours may be
_XML_FOLDERS = ("addons", "tests")


def lint(workspace: Workspace, *, fix: bool = False) -> int:
    """Run all checks; 0 if all passed.

    :param fix: mend what can be mended without judgement
    """
    layout = workspace.layout
    venv.ensure(layout, workspace.runner, workspace.console, ("run", "test"))
    ruff = [layout.venv / "bin" / "ruff"]
    failed = []
    if fix:
        _run(workspace, [*ruff, "check", "--fix", "--quiet", "."])
        _run(workspace, [*ruff, "format", "--quiet", "."])
        _fix_xml(layout.root)
    if _run(workspace, [*ruff, "check", "--output-format=concise", "."]):
        failed.append("ruff check")
    if _run(workspace, [*ruff, "format", "--check", "--output-format=concise", "."]):
        failed.append("ruff format")
    manifests = [
        path
        for folder in ("addons", "tests/addons")
        for path in layout.root.glob(f"{folder}/*/__manifest__.py")
    ]
    addons = sorted(path.parent for path in manifests)
    if addons and _run(workspace, [layout.python, "-m", "pylint", *addons]):
        failed.append("pylint-odoo")
    if _check_xml(layout.root):
        failed.append("XML format")
    names = "ruff check, ruff format, pylint-odoo, XML format"
    print(f"lint: {', '.join(failed)} failed" if failed else f"lint: {names} passed")
    return 1 if failed else 0


def _run(workspace: Workspace, argv: list[str | Path]) -> int:
    return subprocess.run(argv, cwd=workspace.layout.root, check=False).returncode


def _xml_files(root: Path) -> list[Path]:
    return sorted(path for folder in _XML_FOLDERS for path in (root / folder).rglob("*.xml"))


def _check_xml(root: Path) -> int:
    count = 0
    for path in _xml_files(root):
        for finding in xmlformat.check(path.read_text()):
            print(f"{path.relative_to(root)}:{finding.line}: {finding.text}")
            count += 1
    return count


def _fix_xml(root: Path) -> None:
    for path in _xml_files(root):
        text = path.read_text()
        mended = xmlformat.fix(text)
        if mended != text:
            path.write_text(mended)
