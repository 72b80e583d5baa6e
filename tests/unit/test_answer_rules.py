"""Rules per partner error code: what they do to answers, and readable errors."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools import answer_rules
from odoo.addons.mfg_integration_base.tools.answer_rules import RuleError, apply, parse_rules
from odoo.addons.mfg_integration_base.tools.classify import from_failure, from_status
from odoo.addons.mfg_integration_base.tools.lifecycle import REASONS
from odoo.addons.mfg_integration_base.tools.outcome import Answer, Delivered, Reject, Retry


def answer(status, body="", retry_after=None):
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer(from_status(status, retry_after=retry_after, body=text), status, text)


def code(value):
    return {"error": {"code": value}}


def rules(*raw):
    return parse_rules(json.dumps(raw))


CODE = {"pointer": "/error/code", "equals": "LOCKED"}


@pytest.mark.parametrize(
    ("rule", "status", "body", "fits"),
    [
        ({"status": "422"}, 422, "", True),
        ({"status": 422}, 422, "", True),
        ({"status": "422"}, 423, "", False),
        ({"status": "4xx"}, 400, "", True),
        ({"status": "4XX"}, 499, "", True),
        ({"status": "4xx"}, 399, "", False),
        ({"status": "4xx"}, 500, "", False),
        ({"status": "*"}, 200, "", True),
        ({"status": "*"}, 999, "", True),
        ({"status": "2xx", **CODE}, 200, code("LOCKED"), True),
        ({"status": "422", **CODE}, 422, code("locked"), False),
        ({"status": "422", **CODE}, 422, code("LOCKED "), False),
        ({"status": "422", **CODE}, 409, code("LOCKED"), False),
        ({"status": "422", **CODE}, 422, "", False),
        ({"status": "422", **CODE}, 422, "LOCKED", False),
        ({"status": "422", **CODE}, 422, json.dumps(code("LOCKED"))[:-1] + "… [cut", False),
        ({"status": "422", **CODE}, 422, "[" * 100_000, False),
        ({"status": "422", **CODE}, 422, {"error": "LOCKED"}, False),
        ({"status": "422", **CODE}, 422, {"error": [code("LOCKED")]}, False),
        ({"status": "422", **CODE}, 422, code(["LOCKED"]), False),
        ({"status": "422", **CODE}, 422, code(None), False),
        ({"status": "*", "pointer": "/0/c", "equals": 4711}, 400, [{"c": "4711"}], True),
        ({"status": "*", "pointer": "/c", "equals": "4711"}, 400, {"c": 4711}, True),
        ({"status": "*", "pointer": "/c", "equals": 4711}, 400, {"c": 4711.5}, False),
        ({"status": "*", "pointer": "/c", "equals": True}, 400, {"c": True}, True),
        ({"status": "*", "pointer": "/c", "equals": True}, 400, {"c": 1}, False),
        ({"status": "*", "pointer": "/c", "equals": 1}, 400, {"c": True}, False),
        ({"status": "*", "pointer": "/c", "equals": False}, 400, {"c": 0}, False),
        ({"status": "*", "pointer": "/c", "in": ["A", 7]}, 400, {"c": 7}, True),
        ({"status": "*", "pointer": "/c", "in": ["A", 7]}, 400, {"c": "A"}, True),
        ({"status": "*", "pointer": "/c", "in": ["A", 7]}, 400, {"c": "B"}, False),
        ({"status": "*", "pointer": "/c", "in": ["AB"]}, 400, {"c": "A"}, False),
    ],
)
def test_what_fits(rule, status, body, fits):
    given_answer = answer(status, body)
    decided = apply(rules({**rule, "then": "pause"}), given_answer)
    if fits:
        assert isinstance(decided, Reject)
        assert decided.pause
    else:
        assert decided is given_answer.outcome


def test_the_first_rule_that_fits_decides():
    both = rules(
        {"status": "422", **CODE, "then": "retry"},
        {"status": "4xx", "then": "done"},
        {"status": "*", "then": "pause"},
    )
    assert isinstance(apply(both, answer(422, code("LOCKED"))), Retry)
    assert isinstance(apply(both, answer(422, code("OTHER"))), Delivered)
    assert isinstance(apply(both, answer(500)), Reject)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"then": "retry"}, Retry("partner_busy", status=409, response="{}")),
        ({"then": "retry", "after": 120}, Retry("partner_busy", status=409, response="{}",
                                                delay=120.0)),
        ({"then": "retry", "reason": "rate_limited"},
         Retry("rate_limited", status=409, response="{}")),
        ({"then": "dead"}, Reject("rejected_by_partner", status=409, response="{}")),
        ({"then": "dead", "reason": "closed_order"},
         Reject("closed_order", status=409, response="{}")),
        ({"then": "pause"}, Reject("paused_by_rule", status=409, response="{}", pause=True)),
        ({"then": "pause", "reason": "auth"},
         Reject("auth", status=409, response="{}", pause=True)),
        ({"then": "done"}, Delivered(409, response="{}")),
    ],
)  # fmt: skip
def test_what_a_rule_makes_of_an_answer(rule, expected):
    outcome = apply(rules({"status": "409", **rule}), answer(409, "{}"))
    said = outcome.note if isinstance(outcome, Delivered) else outcome.detail
    assert said == (f"Answered 409 (Conflict); decided by rule 1 (409: {rule['then']})")
    field = "note" if isinstance(outcome, Delivered) else "detail"
    assert outcome == type(expected)(
        **{name: getattr(expected, name) for name in expected.__slots__ if name != field},
        **{field: said},
    )


def test_the_detail_names_the_place():
    outcome = apply(
        rules({"status": "500", "then": "dead"}, {"status": "2xx", **CODE, "then": "dead"}),
        answer(200, code("LOCKED")),
    )
    assert outcome.detail == "Answered 200; decided by rule 2 (2xx, /error/code: dead)"


def test_the_partners_wish_counts_where_the_rule_names_no_time():
    plain = apply(rules({"status": "503", "then": "retry"}), answer(503, retry_after=7))
    assert (plain.after, plain.delay) == (7, None)
    ruled = apply(rules({"status": "503", "then": "retry", "after": 9}), answer(503, retry_after=7))
    assert ruled.delay == 9


def test_without_an_answer_no_rule_is_asked():
    outcome = from_failure("connect")
    assert apply(rules({"status": "*", "then": "done"}), Answer(outcome)) is outcome


def test_no_rules():
    assert parse_rules("") == parse_rules(" \n") == parse_rules("[]") == ()
    given_answer = answer(422)
    assert apply((), given_answer) is given_answer.outcome


def test_the_example_of_the_module_works():
    text = answer_rules.__doc__.split("::\n", 1)[1].split("===", 1)[0]
    found = parse_rules(text)
    assert [rule.then for rule in found] == ["done", "retry", "dead", "pause"]
    assert isinstance(apply(found, answer(409, code("ALREADY_POSTED"))), Delivered)
    assert apply(found, answer(423, code("BUSY"))).delay == 120
    assert apply(found, answer(422, code("ORDER_CLOSED"))).reason == "closed_order"
    assert apply(found, answer(403)).pause


WRONG = [
    ("{", "The rules are not JSON: "),
    ('{"status": "422", "then": "dead"}', "not a list"),
    ("[1]", "Rule 1 is not an object"),
    ('[{"status":"1","status":"2"}]', "given twice"),
    ("\ud800", "not JSON"),
    ([{"status": "422", "then": "dead"}] * 101, "101 rules; 100 are the most"),
    ([{"then": "dead"}], "Rule 1, status: "),
    ([{"status": "42", "then": "dead"}], "Rule 1, status: "),
    ([{"status": "42x", "then": "dead"}], "Rule 1, status: "),
    ([{"status": "600", "then": "dead"}], "Rule 1, status: "),
    ([{"status": "4224", "then": "dead"}], "Rule 1, status: "),
    ([{"status": "\u0664\u0662\u0662", "then": "dead"}], "Rule 1, status: "),
    ([{"status": True, "then": "dead"}], "Rule 1, status: "),
    ([{"status": 422.0, "then": "dead"}], "Rule 1, status: "),
    ([{"status": ["422"], "then": "dead"}], "Rule 1, status: "),
    ([{"status": "422", "then": "dead"}, {"status": "422"}], "Rule 2, then: write one of retry,"),
    ([{"status": "422", "then": "Dead"}], "Rule 1, then: "),
    ([{"status": "422", "then": ["dead"]}], "Rule 1, then: "),
    ([{"status": "422", "then": "dead", "code": "X"}], "Rule 1, “code”: there is no such field"),
    ([{"status": "422", "then": "dead", "x" * 999: 1}], "Rule 1, “x"),
    ([{"status": "422", "then": "dead", "pointer": "error", "equals": 1}], "Rule 1, pointer: "),
    ([{"status": "422", "then": "dead", "pointer": "/a~", "equals": 1}], "Rule 1, pointer: "),
    ([{"status": "422", "then": "dead", "pointer": "", "equals": 1}], "Rule 1, pointer: "),
    ([{"status": "422", "then": "dead", "pointer": 1, "equals": 1}], "Rule 1, pointer: "),
    ([{"status": "422", "then": "dead", "pointer": "/a"}], "Rule 1, pointer: needs one of"),
    ([{"status": "422", "then": "dead", "pointer": "/a", "equals": 1, "in": [1]}],
     "Rule 1, pointer: needs one of"),
    ([{"status": "422", "then": "dead", "equals": 1}], "Rule 1, equals: needs a pointer"),
    ([{"status": "422", "then": "dead", "in": [1]}], "Rule 1, in: needs a pointer"),
    ([{"status": "422", "then": "dead", "pointer": "/a", "in": []}], "Rule 1, in: "),
    ([{"status": "422", "then": "dead", "pointer": "/a", "in": "AB"}], "Rule 1, in: "),
    ([{"status": "422", "then": "dead", "pointer": "/a", "in": ["A", None]}], "Rule 1, in: "),
    ([{"status": "422", "then": "dead", "pointer": "/a", "equals": None}], "Rule 1, equals: "),
    ([{"status": "422", "then": "dead", "pointer": "/a", "equals": {}}], "Rule 1, equals: "),
    ([{"status": "422", "then": "dead", "after": 5}], "Rule 1, after: only “retry” waits"),
    ([{"status": "422", "then": "retry", "after": 0}], "Rule 1, after: "),
    ([{"status": "422", "then": "retry", "after": -1}], "Rule 1, after: "),
    ([{"status": "422", "then": "retry", "after": "60"}], "Rule 1, after: "),
    ([{"status": "422", "then": "retry", "after": True}], "Rule 1, after: "),
    ([{"status": "422", "then": "retry", "after": 2592001}], "Rule 1, after: "),
    ([{"status": "422", "then": "done", "reason": "timeout"}], "Rule 1, reason: “done” has none"),
    ([{"status": "422", "then": "dead", "reason": "timeout"}], "Rule 1, reason: with “dead”"),
    ([{"status": "422", "then": "retry", "reason": "auth"}], "Rule 1, reason: with “retry”"),
    ([{"status": "422", "then": "pause", "reason": "superseded"}], "Rule 1, reason: "),
    ([{"status": "422", "then": "dead", "reason": "because"}], "Rule 1, reason: "),
    ([{"status": "422", "then": "dead", "reason": ["auth"]}], "Rule 1, reason: "),
]  # fmt: skip


@pytest.mark.parametrize(("text", "named"), WRONG)
def test_errors_name_the_rule_and_the_field(text, named):
    with pytest.raises(RuleError) as refused:
        parse_rules(text if isinstance(text, str) else json.dumps(text))
    assert named in str(refused.value)
    assert str(refused.value).endswith(".")
    assert len(str(refused.value)) < 1000


def test_the_longest_wait_is_allowed():
    [rule] = rules({"status": "4xx", "then": "retry", "after": answer_rules.MAX_AFTER})
    assert rule.after == 30 * 86400


def test_the_implied_reasons_fit_what_they_stand_for():
    for then, resolves in (("retry", "time"), ("dead", "person"), ("pause", "person")):
        [rule] = rules({"status": "*", "then": then})
        assert REASONS[rule.reason].resolves == resolves


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)


_rule_like = st.dictionaries(st.sampled_from(answer_rules._FIELDS), _json, max_size=5)


@given(st.lists(_rule_like, max_size=3))
def test_nothing_but_a_rule_error_is_raised(raw):
    try:
        found = parse_rules(json.dumps(raw))
    except RuleError:
        return
    assert len(found) == len(raw)


_SOME = rules(
    {"status": "4xx", "pointer": "/a/0", "equals": "x", "then": "retry"},
    {"status": "*", "pointer": "/a", "in": [1, True, "b"], "then": "done"},
)


@given(st.integers(100, 999), _json | st.fixed_dictionaries({"a": _json}))
def test_any_answer_has_an_outcome(status, body):
    assert isinstance(apply(_SOME, answer(status, body)), (Delivered, Retry, Reject))
