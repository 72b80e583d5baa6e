"""Access tokens: what is issued holds, and nothing else does, however well it is signed."""

import base64
import json
import string

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.access_token import (
    AccessToken,
    AccessTokenError,
    issue,
    read,
)
from odoo.addons.mfg_integration_base.tools.mac_keys import MacKeys

NOW = 1_000_000_000  # long ago, so that a look at the real clock would show
K1, K2 = b"1" * 32, b"2" * 32
OLD, KEYS = MacKeys({"k1": K1}), MacKeys({"k2": K2, "k1": K1})
ISSUER, AUDIENCE = "https://erp.example", "https://erp.example/mfg/v1"
ASKED = {
    "issuer": ISSUER,
    "audience": AUDIENCE,
    "client_id": "press-7",
    "scope": "read:messages write:production.*",
    "token_id": "t1",
    "now": NOW,
}
TOKEN = issue(KEYS, **ASKED)
CLAIMS = jwt.decode(TOKEN, options={"verify_signature": False})


def reading(text, keys=KEYS, **changes):
    return read(keys, text, **{"now": NOW, "issuer": ISSUER, "audience": AUDIENCE} | changes)


def code_of(text, keys=KEYS, **changes):
    with pytest.raises(AccessTokenError) as refused:
        reading(text, keys, **changes)
    assert len(text) < 20 or text not in str(refused.value)
    return refused.value.code


def signed(claims=CLAIMS, key=K2, algorithm="HS256", **headers):
    return jwt.encode(
        claims, key, algorithm=algorithm, headers={"typ": "at+jwt", "kid": "k2"} | headers
    )


def part(document):
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def test_round_trip():
    assert reading(TOKEN) == AccessToken(
        "press-7", "press-7", ASKED["scope"], NOW, NOW + 600, "t1", "k2"
    )


def test_it_is_what_rfc_9068_asks_for():
    header = {"typ": "at+jwt", "alg": "HS256", "kid": "k2"}
    assert jwt.get_unverified_header(TOKEN) == header
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "press-7",
        "client_id": "press-7",
        "iat": NOW,
        "exp": NOW + 600,
        "jti": "t1",
        "scope": ASKED["scope"],
    }
    assert claims == CLAIMS


@given(*[st.text(min_size=1, max_size=20)] * 3)
def test_any_text(client_id, subject, scope):
    text = issue(KEYS, **ASKED | {"client_id": client_id, "scope": scope}, subject=subject)
    token = reading(text)
    assert (token.client_id, token.subject, token.scope) == (client_id, subject, scope)


@pytest.mark.parametrize(
    "wrong",
    [{"lifetime": 0}, {"lifetime": -1}, {"lifetime": 3601}, {"subject": ""}]
    + [{name: ""} for name in ("issuer", "audience", "client_id", "token_id")],
)
def test_what_is_not_issued(wrong):
    with pytest.raises(ValueError, match=r"is empty|is not between"):
        issue(KEYS, **ASKED | wrong)


def test_too_many_scopes_for_one_token():
    issued = issue(KEYS, **ASKED | {"scope": "x" * 2830})
    assert 4080 < len(issued) <= 4096 and reading(issued)
    with pytest.raises(ValueError, match="scope: makes a token of more than 4096 characters"):
        issue(KEYS, **ASKED | {"scope": "x" * 2840})


def test_rotation():
    by_old = issue(OLD, **ASKED)
    assert reading(by_old).key_id == "k1"
    assert code_of(by_old, MacKeys({"k2": K2})) == "unknown_key"
    assert code_of(by_old, MacKeys({"k1": K2})) == "bad_signature"
    assert code_of(signed(kid="k1")) == "bad_signature"


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (NOW - 31, "not_yet_valid"),
        (NOW - 30, None),
        (NOW, None),
        (NOW + 600, None),
        (NOW + 629, None),
        (NOW + 630, "expired"),
        (NOW + 10**9, "expired"),
    ],
)
def test_time(now, code):
    if code:
        assert code_of(TOKEN, now=now) == code
    else:
        assert reading(TOKEN, now=now)


def test_the_clock_of_the_machine_is_not_asked():
    future = 4_000_000_000
    assert reading(issue(KEYS, **ASKED | {"now": future}), now=future).issued_at == future
    assert code_of(signed(CLAIMS | {"exp": future}), now=future + 30) == "expired"


def test_no_leeway():
    assert reading(TOKEN, now=NOW + 599, leeway=0)
    assert code_of(TOKEN, now=NOW + 600, leeway=0) == "expired"
    assert code_of(TOKEN, now=NOW - 1, leeway=0) == "not_yet_valid"


def test_for_whom():
    assert code_of(TOKEN, issuer=ISSUER + "/") == "wrong_issuer"
    assert code_of(TOKEN, audience=ISSUER) == "wrong_audience"
    assert code_of(signed(CLAIMS | {"aud": [AUDIENCE]})) == "wrong_audience"
    assert code_of(signed(CLAIMS | {"aud": [AUDIENCE, "x"]})) == "wrong_audience"


@pytest.mark.parametrize("name", sorted(CLAIMS))
def test_every_claim_is_needed(name):
    claims = {key: value for key, value in CLAIMS.items() if key != name}
    assert code_of(signed(claims)) == "bad_claims"


@pytest.mark.parametrize("name", ["client_id", "scope", "sub", "jti", "iat", "exp"])
@pytest.mark.parametrize("value", [None, True, 1.5, [], {}, float("inf")])
def test_every_claim_has_its_type(name, value):
    assert code_of(signed(CLAIMS | {name: value})) == "bad_claims"


@pytest.mark.parametrize("name", ["iat", "exp"])
def test_times_are_whole_numbers(name):
    assert code_of(signed(CLAIMS | {name: str(NOW)})) == "bad_claims"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"typ": "JWT"}, "bad_type"),
        ({"typ": "application/at+jwt"}, "bad_type"),
        ({"typ": "AT+JWT"}, "bad_type"),
        ({"kid": "k3"}, "unknown_key"),
        ({"kid": ""}, "unknown_key"),
        ({"jku": "https://evil.example"}, "malformed"),
        ({"crit": ["exp"]}, "malformed"),
        ({"cty": "JWT"}, "malformed"),
    ],
)
def test_headers(headers, code):
    assert code_of(signed(**headers)) == code


def test_without_key_id():
    header = {"alg": "HS256", "typ": "at+jwt"}
    assert code_of(jwt.encode(CLAIMS, K2, algorithm="HS256", headers=header)) == "malformed"


@pytest.mark.parametrize("algorithm", ["HS384", "HS512", "none"])
def test_the_algorithm_is_pinned(algorithm):
    key = None if algorithm == "none" else K2 * 2
    keys = MacKeys({"k2": K2 * 2})
    text = signed(key=key, algorithm=algorithm)
    assert code_of(text if algorithm != "none" else text + "AA", keys) == "bad_algorithm"


def test_without_signature():
    head, body, _ = TOKEN.split(".")
    for text in (f"{head}.{body}.", f"{head}.{body}", f"{part({'alg': 'none'})}.{body}."):
        assert code_of(text) == "malformed"
    assert code_of(f"{head}.{body}.AA") == "bad_signature"


def test_every_altered_character_is_noticed():
    # Of the last one, two bits mean nothing.
    for place in range(len(TOKEN) - 1):
        wrong = "A" if TOKEN[place] != "A" else "B"
        assert code_of(TOKEN[:place] + wrong + TOKEN[place + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "mfg_x",
        TOKEN + "\n",
        f" {TOKEN}",
        TOKEN + ".a",
        TOKEN + "=",
        "é.é.é",
        TOKEN[:-44] + "!" + TOKEN[-44:],
        "\ud800" + TOKEN,
        f"{part(b'[' * 2000)}.e30.AA",
        f"{part(b'1' * 2000)}.e30.AA",
        f"{part([])}.e30.AA",
        f"{part('x')}.e30.AA",
        f"{TOKEN[:-44]}{'A' * 4000}.AA",
    ],
)
def test_what_is_no_token(text):
    assert code_of(text) == "malformed"


@given(st.text(alphabet=string.ascii_letters + string.digits + "._-=", max_size=60))
def test_nothing_else_is_raised(text):
    assert code_of(text)


@given(st.binary(max_size=40))
def test_nothing_else_is_raised_for_signed_rubbish(payload):
    text = jwt.api_jws.encode(payload, K2, "HS256", headers={"typ": "at+jwt", "kid": "k2"})
    assert code_of(text) in ("bad_claims", "malformed")
