"""The state table: every pair, the properties it must have, and the page that shows it."""

import re
from pathlib import Path

import pytest

from odoo.addons.mfg_integration_base.tools.lifecycle import (
    FINAL,
    OPEN,
    REASONS,
    SPAWNING,
    TRANSITIONS,
    InvalidTransition,
    State,
    Verb,
    mermaid,
    next_state,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "state_machine.md"

# One line a state, one column a verb; "-" is refused.
EXPECTED = """
            claim    deliver  retry     bury  replay   cancel     release  expire
pending     running  -        -         -     -        cancelled  -        -
running     -        done     retrying  dead  -        cancelled  pending  pending
retrying    running  -        pending   -     -        cancelled  -        -
done        -        -        -         -     pending  -          -        -
dead        -        -        pending   -     pending  cancelled  -        -
cancelled   -        -        -         -     pending  -          -        -
"""


def _expected_pairs():
    header, *rows = [line.split() for line in EXPECTED.strip().splitlines()]
    return [
        (state, verb, after)
        for state, *cells in rows
        for verb, after in zip(header, cells, strict=True)
    ]


@pytest.mark.parametrize(("state", "verb", "after"), _expected_pairs())
def test_every_pair(state, verb, after):
    if after == "-":
        with pytest.raises(InvalidTransition) as refused:
            next_state(state, verb)
        assert (refused.value.state, refused.value.verb) == (state, verb)
        assert state in str(refused.value)
        assert verb in str(refused.value)
    else:
        assert next_state(State(state), Verb(verb)) is State(after)


def test_the_expectation_names_all_states_and_verbs():
    pairs = {(state, verb) for state, verb, _after in _expected_pairs()}
    assert pairs == {(str(state), str(verb)) for state in State for verb in Verb}


def test_words_are_their_text():
    assert f"{State.DONE}" == str(State.DONE) == State.DONE == "done"
    assert [str(state) for state in State] == [
        "pending",
        "running",
        "retrying",
        "done",
        "dead",
        "cancelled",
    ]
    assert [str(verb) for verb in Verb] == [
        "claim",
        "deliver",
        "retry",
        "bury",
        "replay",
        "cancel",
        "release",
        "expire",
    ]


@pytest.mark.parametrize(("state", "verb"), [("open", "claim"), ("done", "send"), ("", "")])
def test_an_unknown_word_is_not_a_transition(state, verb):
    with pytest.raises(ValueError, match="is not a valid"):
        next_state(state, verb)


def test_groups():
    assert FINAL | OPEN | {State.DEAD} == set(State)
    assert not FINAL & OPEN


def test_final_rows_are_left_alone():
    leaving = {verb for (state, verb) in TRANSITIONS if state in FINAL}
    assert leaving <= SPAWNING


def test_no_state_is_a_trap():
    """Every state can be reached from pending, and from each an end can be reached."""

    def reach(start):
        seen, rest = {start}, [start]
        while rest:
            here = rest.pop()
            for (state, _verb), after in TRANSITIONS.items():
                if state == here and after not in seen:
                    seen.add(after)
                    rest.append(after)
        return seen

    assert reach(State.PENDING) == set(State)
    assert all(reach(state) & FINAL for state in State)


def test_only_a_lease_holder_ends_an_attempt():
    ending = {Verb.DELIVER, Verb.BURY, Verb.EXPIRE}
    assert {state for (state, verb) in TRANSITIONS if verb in ending} == {State.RUNNING}


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        TRANSITIONS[State.DONE, Verb.CLAIM] = State.RUNNING


@pytest.mark.parametrize("code", REASONS)
def test_reasons_are_readable(code):
    reason = REASONS[code]
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)
    assert len(code) <= 32
    assert reason.resolves in ("time", "person", "none")
    assert reason.label[0].isupper()
    assert not reason.label.endswith(".")
    assert reason.hint.endswith(".")


def test_labels_tell_reasons_apart():
    labels = [reason.label for reason in REASONS.values()]
    assert len(set(labels)) == len(labels)


# -- docs/state_machine.md


def _page_table(heading):
    """Return the rows below a heading of the page as lists of cells, without code marks."""
    section = PAGE.read_text().split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows[2:]]


def test_the_page_shows_the_diagram():
    assert f"```mermaid\n{mermaid()}```\n" in PAGE.read_text()


def test_the_diagram_has_every_transition():
    arrows = re.findall(r"(\w+) --> (\w+): (.+)", mermaid())
    drawn = {
        (before, re.match(r"\w+", label)[0], after)
        for before, after, labels in arrows
        for label in labels.split(", ")
    }
    assert drawn == {(str(s), str(v), str(after)) for (s, v), after in TRANSITIONS.items()}


def test_the_page_lists_every_transition():
    rows = {(before, verb, after) for before, verb, after, _when in _page_table("Transitions")}
    assert rows == {(str(s), str(v), str(after)) for (s, v), after in TRANSITIONS.items()}


def test_the_page_lists_every_reason():
    rows = _page_table("Reasons")
    assert {code: tuple(rest) for code, *rest in rows} == {
        code: (reason.label, reason.resolves, reason.hint) for code, reason in REASONS.items()
    }
