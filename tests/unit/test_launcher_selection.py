"""`./mfg test WORDS`: paths, keywords and pytest's own options told apart."""

import pytest

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
]


@pytest.mark.parametrize(("words", "arguments", "pure"), CASES)
def test_words(root, words, arguments, pure):
    selection = Selection.parse(words, root)
    assert selection.arguments() == arguments
    assert selection.is_pure(root) is pure


def test_only_modules_that_run_are_offered(root):
    folder = root / "tests" / "bench"
    folder.mkdir()
    (folder / "latency.py").write_text('if __name__ == "__main__":\n    main()\n')
    (folder / "kit.py").write_text("def helper(): ...\n")
    (folder / "__init__.py").touch()
    assert benches(root) == ["latency"]
