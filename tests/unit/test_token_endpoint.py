"""The token endpoint: both ways to send a secret, never two of a kind, and answers by the book."""

import base64
import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.token_endpoint import (
    ERRORS,
    TokenRequest,
    TokenRequestError,
    token_answer,
    token_error,
    token_request,
)

FORM = "application/x-www-form-urlencoded"
GRANT = {"grant_type": "client_credentials"}
POST = {"client_id": "press-7", "client_secret": "s3cret"}


def basic(text, scheme="Basic"):
    return f"{scheme} {base64.b64encode(text.encode()).decode()}"


HEADER = basic("press-7:s3cret")


def asked(body, authorization=None, content_type=FORM):
    body = urlencode(body).encode() if isinstance(body, dict | list) else body
    return token_request(content_type, body, authorization)


def code_of(*args, **kwargs):
    with pytest.raises(TokenRequestError) as refused:
        asked(*args, **kwargs)
    assert "s3cret" not in str(refused.value)
    assert refused.value.code in ERRORS
    return refused.value.code


@pytest.mark.parametrize(
    ("body", "header", "scope"),
    [
        (GRANT | POST, None, None),
        (GRANT, HEADER, None),
        (GRANT, basic("press-7:s3cret", "BASIC"), None),
        (GRANT, HEADER.replace(" ", "   "), None),
        (GRANT, basic("press%2D7:s%33cret"), None),
        (GRANT | {"client_id": "press-7"}, HEADER, None),
        (GRANT | {"client_secret": ""}, HEADER, None),
        (GRANT | POST | {"scope": ""}, None, None),
        (GRANT | POST | {"scope": "read:a write:b.*"}, None, "read:a write:b.*"),
        (GRANT | POST | {"resource": "ignored"}, None, None),
    ],
)
def test_granted(body, header, scope):
    assert asked(body, header) == TokenRequest("press-7", "s3cret", scope)


@pytest.mark.parametrize("kind", [FORM.upper(), FORM + "; charset=UTF-8", f" {FORM} ;x"])
def test_content_types(kind):
    assert asked(GRANT | POST, content_type=kind)


@pytest.mark.parametrize("kind", [None, "", "application/json", "multipart/form-data", FORM + "x"])
def test_other_content_types(kind):
    assert code_of(GRANT | POST, content_type=kind) == "invalid_request"


@pytest.mark.parametrize(
    ("body", "header", "code"),
    [
        (POST, None, "invalid_request"),
        (POST | {"grant_type": ""}, None, "invalid_request"),
        (POST | {"grant_type": "password"}, None, "unsupported_grant_type"),
        (POST | {"grant_type": "Client_Credentials"}, None, "unsupported_grant_type"),
        (GRANT, None, "invalid_client"),
        (b"", None, "invalid_client"),
        (b"", HEADER, "invalid_request"),
        (GRANT | {"client_id": "press-7"}, None, "invalid_client"),
        (GRANT | {"client_secret": "s3cret"}, None, "invalid_client"),
        (GRANT | {"client_id": "press-7", "client_secret": ""}, None, "invalid_client"),
        (GRANT | POST, HEADER, "invalid_request"),
        (GRANT | {"client_secret": "s3cret"}, HEADER, "invalid_request"),
        (GRANT | {"client_id": "press-8"}, HEADER, "invalid_request"),
        (GRANT, basic("press-7:"), "invalid_client"),
        (GRANT, basic(":s3cret"), "invalid_client"),
        (GRANT, basic("press-7"), "invalid_client"),
        (GRANT, basic("press-7:s3cret\n"), "invalid_client"),
        (GRANT, basic("press-7:s3cret%00"), "invalid_client"),
        (GRANT, basic("press-7:s3cret%ff"), "invalid_client"),
        (GRANT, basic("press-7:s3cret", "Bearer"), "invalid_client"),
        (GRANT | POST, basic("press-7:s3cret", "Bearer"), "invalid_client"),
        (GRANT, "Basic", "invalid_client"),
        (GRANT, "Basic !", "invalid_client"),
        (GRANT, "Basic é", "invalid_client"),
        (GRANT, HEADER + "!", "invalid_client"),
        (GRANT, "Basic //8=", "invalid_client"),
        (GRANT, basic("press-7:" + "s" * 9000), "invalid_client"),
        ([*GRANT.items(), *GRANT.items(), *POST.items()], None, "invalid_request"),
        ([*GRANT.items(), *POST.items(), ("client_id", "x")], None, "invalid_request"),
        ([*GRANT.items(), *POST.items(), ("scope", ""), ("scope", "")], None, "invalid_request"),
        ([*GRANT.items(), *POST.items(), ("x", "1"), ("x", "2")], None, "invalid_request"),
        (GRANT | POST | {"scope": "a  b"}, None, "invalid_scope"),
        (GRANT | POST | {"scope": " a"}, None, "invalid_scope"),
        (GRANT | POST | {"scope": 'a"b'}, None, "invalid_scope"),
        (GRANT | POST | {"scope": "a\\b"}, None, "invalid_scope"),
        (GRANT | POST | {"scope": "a\nb"}, None, "invalid_request"),
        (GRANT | POST | {"client_secret": "é"}, None, "invalid_request"),
        (b"grant_type=client_credentials&client_id", None, "invalid_request"),
        (b"grant_type=client_credentials&x=%ff", None, "invalid_request"),
        ("grant_type=é".encode(), None, "invalid_request"),
        (b"\xff\x00", None, "invalid_request"),
        (GRANT | POST | {f"p{n}": "x" for n in range(18)}, None, "invalid_request"),
        (GRANT | POST | {"x": "y" * 8192}, None, "invalid_request"),
    ],
)
def test_refused(body, header, code):
    assert code_of(body, header) == code


def test_limits_are_no_lower():
    assert asked(GRANT | POST | {f"p{n}": "x" for n in range(17)})
    body = urlencode(GRANT | POST | {"x": ""}).encode()
    assert asked(body + b"y" * (8192 - len(body)))
    assert code_of(body + b"y" * (8193 - len(body))) == "invalid_request"


@given(st.binary(max_size=60), st.none() | st.text(max_size=40).map("Basic {}".format))
def test_nothing_else_is_raised(body, header):
    assert code_of(b"client_id=a&" + body, header)


def test_the_secret_does_not_print():
    assert "s3cret" not in repr(asked(GRANT, HEADER))
    assert "abc.def" not in repr(token_answer("abc.def", 600, ""))


def test_the_granting_answer():
    answer = token_answer("abc.def", 600, "read:a")
    assert answer.status == 200
    assert json.loads(answer.body) == {
        "access_token": "abc.def",
        "token_type": "Bearer",
        "expires_in": 600,
        "scope": "read:a",
    }
    assert answer.headers == {
        "Cache-Control": "no-store",
        "Pragma": "no-cache",
        "Content-Type": "application/json",
    }


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_the_refusing_answer(code):
    answer = token_error(code)
    assert (answer.status, json.loads(answer.body)) == (ERRORS[code], {"error": code})
    assert answer.headers["Cache-Control"] == "no-store"
    challenge = answer.headers.get("WWW-Authenticate", "")
    assert challenge.startswith("Basic ") is (code == "invalid_client")
    assert answer.status == (401 if code == "invalid_client" else 400)


def test_a_description_has_only_what_it_may_have():
    answer = token_error("invalid_scope", '“a” is\n not "granted" \\ ~!#[]')
    assert json.loads(answer.body)["error_description"] == "?a? is? not ?granted? ? ~!#[]"


def test_only_known_codes():
    with pytest.raises(KeyError):
        token_error("slow_down")
