"""Standard Webhooks: published vectors, the official library both ways, and tampering."""

import base64
import secrets as random_source
import time
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from odoo.addons.mfg_integration_base.tools.signature import (
    MAX_SIGNATURES,
    Secret,
    SignatureError,
    Verified,
    headers,
    sign,
    verify,
)

# The vector that the libraries of the Standard Webhooks project share.
VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
VECTOR_TIME = 1614265330
VECTOR_BODY = b'{"test": 2432232314}'
VECTOR_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

NOW = 1_700_000_000
OLD = Secret(b"o" * 32)
NEW = Secret(b"n" * 32)
BODY = b'{"good": 5}'
GOOD = headers([OLD], "msg_1", NOW, BODY)

_ids = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="."),
               min_size=1, max_size=255)  # fmt: skip
_keys = st.binary(min_size=24, max_size=64)


def _code(*args, **kwargs):
    with pytest.raises(SignatureError) as refused:
        verify(*args, **kwargs)
    return refused.value.code


# -- published vector and the official library


def test_published_vector():
    secret = Secret.parse(VECTOR_SECRET)
    assert sign(secret, VECTOR_ID, VECTOR_TIME, VECTOR_BODY) == VECTOR_SIGNATURE
    received = {
        "webhook-id": VECTOR_ID,
        "webhook-timestamp": str(VECTOR_TIME),
        "webhook-signature": VECTOR_SIGNATURE,
    }
    assert verify([secret], received, VECTOR_BODY, VECTOR_TIME) == Verified(
        VECTOR_ID, VECTOR_TIME, 0
    )


@given(_keys, _ids, st.text())
def test_the_official_library_verifies_ours(key, msg_id, text):
    made = headers([NEW, Secret(key)], msg_id, int(time.time()), text.encode())
    Webhook(Secret(key).encode()).verify(text.encode(), made, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD.encode()).verify(text.encode(), made, json_parse=False)


@given(_keys, _ids, st.integers(0, 2**32), st.text())
def test_we_verify_the_official_librarys(key, msg_id, timestamp, text):
    moment = datetime.fromtimestamp(timestamp, timezone.utc)
    received = {
        "Webhook-Id": msg_id,
        "Webhook-Timestamp": str(timestamp),
        "Webhook-Signature": Webhook(key).sign(msg_id, moment, text),
    }
    assert verify([OLD, Secret(key)], received, text.encode(), timestamp) == Verified(
        msg_id, timestamp, 1
    )


# -- what holds


@given(_keys, _ids, st.integers(0, 10**12 - 1), st.binary())
def test_round_trip_of_any_bytes(key, msg_id, timestamp, body):
    made = headers([Secret(key)], msg_id, timestamp, body)
    assert verify([Secret(key)], made, body, timestamp) == Verified(msg_id, timestamp, 0)


@pytest.mark.parametrize(
    ("signers", "checkers", "key_index"),
    [
        ([OLD], [OLD, NEW], 0),
        ([OLD], [NEW, OLD], 1),
        ([OLD, NEW], [NEW], 0),
        ([NEW, OLD], [OLD], 0),
    ],
)
def test_rotation(signers, checkers, key_index):
    made = headers(signers, "msg_1", NOW, BODY)
    assert verify(checkers, made, BODY, NOW).key_index == key_index


def test_a_secret_given_twice_signs_once():
    assert headers([OLD, OLD], "msg_1", NOW, BODY) == GOOD


@pytest.mark.parametrize("drift", [-300, 0, 300])
def test_the_edges_of_the_tolerance(drift):
    assert verify([OLD], GOOD, BODY, NOW + drift)


def test_other_schemes_beside_ours_are_skipped():
    mixed = {**GOOD, "webhook-signature": f"v1a,xx/yy== {GOOD['webhook-signature']} v9,"}
    assert verify([OLD], mixed, BODY, NOW).msg_id == "msg_1"


def test_headers_as_pairs():
    assert verify([OLD], list(GOOD.items()), BODY, NOW).msg_id == "msg_1"


# -- what does not hold


def _with(**changes):
    changed = {**GOOD, **{"webhook-" + name: value for name, value in changes.items()}}
    return {name: value for name, value in changed.items() if value is not None}


SIGNATURE = GOOD["webhook-signature"]


@pytest.mark.parametrize(
    ("received", "code"),
    [
        ({}, "missing_header"),
        (_with(id=None), "missing_header"),
        (_with(id=""), "missing_header"),
        (_with(timestamp=None), "missing_header"),
        (_with(signature=None), "missing_header"),
        (_with(signature=""), "missing_header"),
        ([*GOOD.items(), ("Webhook-ID", "msg_2")], "duplicate_header"),
        ([*GOOD.items(), ("WEBHOOK-SIGNATURE", SIGNATURE)], "duplicate_header"),
        (_with(id="msg.1"), "bad_id"),
        (_with(id="msg 1"), "bad_id"),
        (_with(id="msg_ü"), "bad_id"),
        (_with(id="msg_1\n"), "bad_id"),
        (_with(id="m" * 256), "bad_id"),
        (_with(timestamp="NaN"), "bad_timestamp"),
        (_with(timestamp="inf"), "bad_timestamp"),
        (_with(timestamp="1e9"), "bad_timestamp"),
        (_with(timestamp=f"{NOW}.0"), "bad_timestamp"),
        (_with(timestamp=f"+{NOW}"), "bad_timestamp"),
        (_with(timestamp=f" {NOW}"), "bad_timestamp"),
        (_with(timestamp=f"0{NOW}"), "bad_timestamp"),
        (_with(timestamp="-5"), "bad_timestamp"),
        (_with(timestamp="9" * 400), "bad_timestamp"),
        (_with(timestamp="\u0661\u0662"), "bad_timestamp"),
        (_with(timestamp=str(NOW - 301)), "too_old"),
        (_with(timestamp=str(NOW + 301)), "too_new"),
        (_with(timestamp="0"), "too_old"),
        (_with(signature="v1"), "bad_signature"),
        (_with(signature=f"{SIGNATURE} "), "bad_signature"),
        (_with(signature=f"{SIGNATURE}  {SIGNATURE}"), "bad_signature"),
        (_with(signature="v1,not base64"), "bad_signature"),
        (_with(signature="v1,###="), "bad_signature"),
        (_with(signature="v1,ü"), "bad_signature"),
        (_with(signature="v1,AAAA"), "bad_signature"),
        (_with(signature="v1,"), "bad_signature"),
        (_with(signature=SIGNATURE + "\n"), "bad_signature"),
        (_with(signature=f"{SIGNATURE},v1"), "bad_signature"),
        (_with(signature=f"{SIGNATURE} {SIGNATURE}"), "duplicate_signature"),
        (_with(signature=" ".join(["v2,x"] * (MAX_SIGNATURES + 1))), "too_many_signatures"),
        (_with(signature="v1a,AAAA"), "no_usable_signature"),
        (_with(signature="V1," + SIGNATURE[3:]), "no_usable_signature"),
        (_with(signature="v1," + base64.b64encode(b"x" * 32).decode()), "mismatch"),
        (_with(id="msg_2"), "mismatch"),
        (_with(timestamp=str(NOW + 1)), "mismatch"),
    ],
)
def test_malformed_or_wrong(received, code):
    assert _code([OLD], received, BODY, NOW) == code


def test_wrong_secret_body_and_none_at_all():
    assert _code([NEW], GOOD, BODY, NOW) == "mismatch"
    assert _code([OLD], GOOD, BODY + b" ", NOW) == "mismatch"
    assert _code([OLD], GOOD, b"", NOW) == "mismatch"
    assert _code([], GOOD, BODY, NOW) == "no_secret"


@given(st.data())
def test_any_changed_byte_is_noticed(data):
    place = data.draw(st.integers(0, len(BODY) - 1))
    flip = data.draw(st.integers(1, 255))
    changed = BODY[:place] + bytes([BODY[place] ^ flip]) + BODY[place + 1 :]
    assert _code([OLD, NEW], GOOD, changed, NOW) == "mismatch"


@given(st.dictionaries(st.sampled_from(list(GOOD)), st.text()), st.binary())
def test_no_header_text_raises_anything_else(changes, body):
    received = {**GOOD, **changes}
    if received != GOOD or body != BODY:
        assert _code([OLD], received, body, NOW)


def test_moving_the_full_stop_does_not_move_the_meaning():
    """Ids with a full stop would let one signature serve two requests."""
    with pytest.raises(SignatureError, match="full stop"):
        sign(OLD, f"msg.{NOW}", NOW, b"x")
    made = headers([OLD], "msg", NOW, f"{NOW}.x".encode())
    shifted = {**made, "webhook-id": f"msg.{NOW}"}
    assert _code([OLD], shifted, b"x", NOW) == "bad_id"


@pytest.mark.parametrize(
    ("msg_id", "timestamp", "code"),
    [("", 1, "bad_id"), ("a.b", 1, "bad_id"), ("a", -1, "bad_timestamp"),
     ("a", 10**12, "bad_timestamp")],
)  # fmt: skip
def test_we_do_not_sign_what_nobody_could_verify(msg_id, timestamp, code):
    with pytest.raises(SignatureError) as refused:
        sign(OLD, msg_id, timestamp, b"")
    assert refused.value.code == code


def test_signing_without_a_secret_is_refused():
    with pytest.raises(SignatureError) as refused:
        headers([], "m", NOW, b"")
    assert refused.value.code == "no_secret"


# -- secrets


@given(_keys)
def test_secret_text_form(key):
    text = Secret(key).encode()
    assert Secret.parse(text) == Secret(key)
    assert Secret.parse(text.rstrip("=")) == Secret(key)
    assert Secret.parse(f" {text}\n") == Secret(key)
    assert len({Secret(key), Secret.parse(text)}) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "begin with whsec_"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begin with whsec_"),
        ("whsec_", "0 bytes"),
        ("whsec_AAAA", "3 bytes"),
        ("whsec_" + "A" * 88, "66 bytes"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa!!", "not base64"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwA", "not base64"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSü", "not base64"),
    ],
)
def test_a_bad_secret_says_why_and_shows_nothing(text, said):
    with pytest.raises(SignatureError) as refused:
        Secret.parse(text)
    assert refused.value.code == "bad_secret"
    assert said in str(refused.value)
    assert "MfKQ" not in str(refused.value)


def test_nothing_prints_a_secret():
    secret = Secret.generate(random_source.token_bytes)
    shown = f"{secret!r} {secret!s} {secret} {[secret]}"
    assert secret.encode()[6:] not in shown
    assert shown.count("whsec_***") == 4


def test_generated_secrets_differ_and_work():
    one, other = (Secret.generate(random_source.token_bytes) for _n in range(2))
    assert one != other
    assert verify([one], headers([one], "m", NOW, b""), b"", NOW)
