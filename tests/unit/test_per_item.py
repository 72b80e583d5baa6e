"""Results of single events in the answer to a batch: shapes, words, and what is left out."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools import answer_rules
from odoo.addons.mfg_integration_base.tools.classify import from_failure, from_status
from odoo.addons.mfg_integration_base.tools.outcome import Answer, Delivered, Reject, Retry
from odoo.addons.mfg_integration_base.tools.per_item import WORDS, outcomes, read_results

IDS = ["A", "B", "C"]


def answer(status, body=""):
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer(from_status(status, body=text), status, text)


def kinds(found):
    return "".join({Delivered: "d", Retry: "r", Reject: "x"}[type(found[one])] for one in IDS)


SHAPES = [
    [{"id": "A", "status": 200}, {"id": "B", "status": 503}, {"id": "C", "status": 422}],
    {"results": [{"id": "A", "status": "ok"}, {"id": "B", "status": "retry"},
                 {"id": "C", "status": "error"}]},
    {"items": [{"id": "A", "status": "202"}, {"id": "B", "status": "429"},
               {"id": "C", "status": "404"}], "count": 3},
    {"results": {"A": 200, "B": {"status": 408}, "C": {"status": "rejected"}}},
    {"A": "accepted", "B": "busy", "C": 400},
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("status", [200, 202, 207])
def test_shapes(shape, status):
    found = outcomes(answer(status, shape), IDS)
    assert kinds(found) == "drx"
    assert list(found) == IDS
    assert read_results(json.dumps(shape), IDS, status=status) == found


def test_a_single_event():
    assert isinstance(outcomes(answer(200, {"id": "A", "status": 422}), ["A"])["A"], Reject)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([{"id": "A", "status": 200}, {"id": "C", "status": 200}], "drd"),
        ([{"id": "B", "status": 422}], "rxr"),
        ([{"id": "A", "status": 200}, {"id": "Z", "status": 500}, 7, None, []], "drr"),
        ([{"id": "A", "status": 200}, {"id": "B"}, {"status": 200}, {"id": 3, "status": 200}],
         "drr"),
        ({"A": 200, "B": None}, "drr"),
        # of two results the worse counts, in either order
        ([{"id": "A", "status": 200}, {"id": "A", "status": 422}, {"id": "A", "status": 503},
          {"id": "B", "status": 503}, {"id": "B", "status": 200}, {"id": "C", "status": 200}],
         "xrd"),
    ],
)  # fmt: skip
def test_what_is_left_out_is_sent_again(body, expected):
    found = outcomes(answer(200, body), IDS)
    assert kinds(found) == expected
    assert found.keys() == set(IDS)


def test_the_left_out_say_so():
    found = outcomes(answer(200, [{"id": "A", "status": 200}]), IDS)
    assert found["B"] == Retry(
        "unanswered_item", "The answer to the batch leaves it out.", status=200
    )


@pytest.mark.parametrize("status", [200, 202, 204])
@pytest.mark.parametrize(
    "body",
    ["", "ok", "<html>[]</html>", "[]", "{}", "null", '"A"', "7", '{"accepted":3}',
     '[{"id":"Z","status":500}]', '{"results":[]}', '{"results":"A"}',
     # an echo of what was sent
     '[{"specversion":"1.0","id":"A","type":"t"},{"id":"B"}]'],
)  # fmt: skip
def test_an_answer_that_speaks_of_no_event_holds_for_all(status, body):
    given_answer = answer(status, body)
    assert outcomes(given_answer, IDS) == dict.fromkeys(IDS, given_answer.outcome)
    assert read_results(body, IDS) is None


@pytest.mark.parametrize("body", ["", "ok", "[]", '{"accepted":3}', '[{"id":"Z","status":500}]'])
def test_multi_status_without_results_delivers_nothing(body):
    found = outcomes(answer(207, body), IDS)
    assert {one.reason for one in found.values()} == {"unanswered_item"}
    assert found["A"].detail == "The answer names no event."


@pytest.mark.parametrize("status", [200, 207])
@pytest.mark.parametrize(
    "body",
    ['[{"id":"A","status":200},{"id":"B","sta', ' {"A":200 … [incomplete]', "[" * 100_000],
)
def test_json_that_breaks_off_delivers_nothing(status, body):
    found = outcomes(answer(status, body), IDS)
    assert {one.reason for one in found.values()} == {"unanswered_item"}
    assert found["A"].detail == "The answer to the batch breaks off."


@pytest.mark.parametrize("status", [400, 409, 410, 413, 429, 500, 503, 302])
def test_other_answers_hold_for_all(status):
    given_answer = answer(status, [{"id": "A", "status": 200}])
    assert outcomes(given_answer, IDS) == dict.fromkeys(IDS, given_answer.outcome)


def test_no_answer_holds_for_all():
    outcome = from_failure("reset")
    assert outcomes(Answer(outcome), IDS) == dict.fromkeys(IDS, outcome)


RESULTS = [
    # result -> outcome, its response apart
    ({"status": 200}, Delivered(200)),
    ({"status": "201", "message": "new"}, Delivered(201, "new")),
    ({"status": "OK", "detail": "seen before"}, Delivered(207, "seen before")),
    ({"status": 409}, Reject("rejected_by_partner", "Answered 409 (Conflict)", 409)),
    ({"status": 409, "detail": "closed"},
     Reject("rejected_by_partner", "Answered 409 (Conflict): closed", 409)),
    ({"status": 410}, Reject("gone", "Answered 410 (Gone)", 410, pause=True)),
    ({"status": "Failed"}, Reject("rejected_by_partner", "Answered 'Failed'", 207)),
    ({"status": "failed", "error": "E1"}, Reject("rejected_by_partner", "E1", 207)),
    ({"status": "failed", "error": {"code": 1}},
     Reject("rejected_by_partner", "Answered 'failed'", 207)),
    ({"status": 503, "retry_after": 7}, Retry("server_error", "Answered 503 (Service Unavailable)",
                                              7, 503)),
    ({"status": 503, "retry_after": -7}, Retry("server_error", "Answered 503 (Service Unavailable)",
                                               None, 503)),
    ({"status": "busy", "retry_after": 1.5}, Retry("partner_busy", "Answered 'busy'", 1.5, 207)),
    ({"status": "busy", "retry_after": True}, Retry("partner_busy", "Answered 'busy'", None, 207)),
    ({"status": "busy", "retry_after": "9"}, Retry("partner_busy", "Answered 'busy'", None, 207)),
    *[({"status": odd}, Retry("unanswered_item", f"Answered {shown}: no status that we know", None,
                              207))
      for odd, shown in [("maybe", "'maybe'"), (0, "'0'"), (2000, "'2000'"), (True, "'True'"),
                         (200.0, "'200.0'"), (None, "'None'"), ([], "'[]'"), ("\0", "'\\x00'"),
                         ("x" * 999, repr("x" * 40)),
                         ("\u0662\u0660\u0660", "'\u0662\u0660\u0660'")]],
]  # fmt: skip


@pytest.mark.parametrize(("result", "expected"), RESULTS)
def test_results(result, expected):
    result = {"id": "A", **result}
    found = outcomes(answer(207, [result, {"id": "B", "status": 200}]), IDS)["A"]
    assert json.loads(found.response) == result
    fields = {name: getattr(found, name) for name in found.__slots__}
    assert type(found)(**{**fields, "response": ""}) == expected


@pytest.mark.parametrize("word", WORDS)
def test_words(word):
    for spelling in (word, word.upper()):
        found = outcomes(answer(200, {"A": spelling}), ["A"])["A"]
        assert type(found) is WORDS[word]


def test_what_a_partner_says_is_short_and_can_be_stored():
    said = "token=abcdefgh\0\ud800" + "x" * 999
    found = outcomes(answer(200, {"A": {"status": "failed", "detail": said}}), ["A"])["A"]
    assert found.detail.startswith("token=***")
    assert "\0" not in found.detail
    assert len(found.detail) <= 200
    found.detail.encode()
    found.response.encode()
    assert "\0" not in found.response


def test_rules_per_error_code_apply_to_single_events():
    rules = answer_rules.parse_rules(
        '[{"status": "422", "pointer": "/error/code", "equals": "LOCKED", "then": "retry"}]'
    )
    body = [
        {"id": "A", "status": 422, "error": {"code": "LOCKED"}},
        {"id": "B", "status": 422, "error": {"code": "CLOSED"}},
    ]
    found = outcomes(answer(207, body), ["A", "B"])
    ruled = {
        event_id: answer_rules.apply(rules, Answer(outcome, outcome.status, outcome.response))
        for event_id, outcome in found.items()
    }
    assert isinstance(ruled["A"], Retry)
    assert ruled["B"] is found["B"]


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([*IDS, *WORDS, "x"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from([*IDS, "id", "status", "results", "detail", "retry_after"]),
                      inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@given(st.integers(100, 999), _json | st.text())
def test_every_event_has_an_outcome_whatever_is_answered(status, body):
    found = outcomes(answer(status, body), IDS)
    assert list(found) == IDS
    assert all(isinstance(one, (Delivered, Retry, Reject)) for one in found.values())
    if not 200 <= status < 300:
        assert not any(isinstance(one, Delivered) for one in found.values())
