"""Problem documents have the members of RFC 9457 and types that do not change."""

import json
import re

import pytest

from odoo.addons.mfg_integration_base.tools.problem import PROBLEMS, FieldError, Problem

# Partners act on these; one that is removed or renumbered breaks them.
STABLE = {
    "malformed-body": 400,
    "unauthorized": 401,
    "unknown-message-type": 404,
    "too-large": 413,
    "unsupported-media-type": 415,
    "unsupported-encoding": 415,
    "schema": 422,
    "conflict-id-reuse": 422,
    "backlog-full": 429,
    "not-activated": 503,
    "not-configured": 503,
}


def test_types_are_stable():
    assert STABLE.items() <= {slug: status for slug, (status, _title) in PROBLEMS.items()}.items()


@pytest.mark.parametrize("slug", PROBLEMS)
def test_types_are_well_formed(slug):
    status, title = PROBLEMS[slug]
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", slug)
    assert 400 <= status < 600
    assert title[0].isupper()
    assert not title.endswith(".")


def test_document():
    problem = Problem(
        "schema", 422, "No", "Look.", [FieldError("/a/0", "is missing"), FieldError("", "ä")]
    )
    assert json.loads(problem.encode()) == {
        "type": "urn:mfg:problem:schema",
        "title": "No",
        "status": 422,
        "detail": "Look.",
        "errors": [
            {"pointer": "/a/0", "detail": "is missing"},
            {"pointer": "", "detail": "ä"},
        ],
    }


@pytest.mark.parametrize(
    ("status", "title"),
    [(404, "Not Found"), (500, "Internal Server Error"), (799, "HTTP status 799")],
)
def test_a_bare_status(status, title):
    assert json.loads(Problem.of_status(status).encode()) == {
        "type": "about:blank",
        "title": title,
        "status": status,
    }


def test_a_quoted_half_character_stops_nothing():
    assert (
        json.loads(Problem("schema", 422, "No", "\ud800 quoted").encode())["detail"] == "? quoted"
    )
