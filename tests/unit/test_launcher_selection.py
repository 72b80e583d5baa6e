"""`./mfg test WORDS`: paths, keywords and pytest's own options told apart."""

import pytest

from mfg_launcher import cli, testing
from mfg_launcher.testing import Selection, benches


@pytest.fixture
def root(tmp_path):
    for path in ("tests/unit/test_a.py", "tests/integration/test_b.py", "addons/x/tests/test_c.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    return tmp_path


CASES = [
    # words, arguments for pytest, needs no database
    ([], [], False),
    (["tests/unit"], ["tests/unit"], True),
    (["tests/unit/test_a.py::test_x"], ["tests/unit/test_a.py::test_x"], True),
    (["tests/unit", "tests/integration"], ["tests/unit", "tests/integration"], False),
    (["tests/unit/../integration"], ["tests/unit/../integration"], False),
    (["claim", "race"], ["-k", "claim or race"], False),
    (["tests/unit", "vector"], ["tests/unit", "-k", "vector"], True),
    (["tests/unit", "-x", "--maxfail", "2"], ["tests/unit", "-x", "--maxfail", "2"], True),
    (["-k", "addons"], ["-k", "addons"], False),
    (["--long"], ["-m", "not bench"], False),
    (["--long", "tests/unit"], ["tests/unit", "-m", "not bench"], True),
    (["chaos", "--long", "-x"], ["-k", "chaos", "-m", "not bench", "-x"], False),
    (["chaos", "-x", "--long"], ["-k", "chaos", "-m", "not bench", "-x"], False),
    # what a person says of marks comes last and so holds
    (["--long", "chaos", "-m", "long"], ["-k", "chaos", "-m", "not bench", "-m", "long"], False),
]


@pytest.mark.parametrize(("words", "arguments", "pure"), CASES)
def test_words(root, words, arguments, pure):
    selection = Selection.parse(words, root)
    assert selection.arguments() == arguments
    assert selection.is_pure(root) is pure


LINES = [
    # what follows ./mfg test, what of it is for the run
    ([], []),
    (["chaos"], ["chaos"]),
    (["--long"], ["--long"]),
    (["--long", "chaos"], ["--long", "chaos"]),
    (["chaos", "--long"], ["chaos", "--long"]),
    (["--long", "chaos", "-x"], ["--long", "chaos", "-x"]),
    (["--long", "--", "-x"], ["--long", "-x"]),
]


@pytest.mark.parametrize(("line", "words"), LINES)
def test_command_line(monkeypatch, line, words):
    taken = []
    monkeypatch.setattr(cli, "_workspace", lambda _options: None)
    monkeypatch.setattr(testing, "test", lambda _workspace, words: taken.append(words) or 0)
    assert cli.main(["test", *line]) == 0
    assert taken == [words]


def test_only_modules_that_run_are_offered(root):
    folder = root / "tests" / "bench"
    folder.mkdir()
    (folder / "latency.py").write_text('if __name__ == "__main__":\n    main()\n')
    (folder / "kit.py").write_text("def helper(): ...\n")
    (folder / "__init__.py").touch()
    assert benches(root) == ["latency"]
