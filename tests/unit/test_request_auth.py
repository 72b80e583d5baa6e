"""What stands in a request's headers to say who we are."""

import base64

import pytest

from odoo.addons.mfg_integration_base.tools import request_auth
from odoo.addons.mfg_integration_base.tools.oauth_client import Grant
from odoo.addons.mfg_integration_base.tools.request_auth import RequestAuthError


def test_a_bearer_token():
    auth = request_auth.bearer("mF_9.B5f-4.1JqM==")  # the form of RFC 6750 section 2.1
    assert auth.headers == (("authorization", "Bearer mF_9.B5f-4.1JqM=="),)
    assert auth.secrets == ("mF_9.B5f-4.1JqM==",)


def test_user_name_and_password():
    # RFC 7617 section 2 and, for UTF-8, section 2.1.
    assert request_auth.basic("Aladdin", "open sesame").headers == (
        ("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
    )
    assert request_auth.basic("test", "123£").headers == (
        ("authorization", "Basic dGVzdDoxMjPCow=="),
    )


def test_a_password_may_hold_colons():
    (_name, value), *_rest = request_auth.basic("user", "a:b:c").headers
    assert base64.b64decode(value.removeprefix("Basic ")) == b"user:a:b:c"


def test_a_key_in_a_header_of_the_partners_own():
    assert request_auth.api_key(" X-Api-Key ", "k 1").headers == (("x-api-key", "k 1"),)


@pytest.mark.parametrize(
    ("make", "arguments", "says"),
    [
        (request_auth.bearer, ("two words",), "bearer token"),
        (request_auth.bearer, ("",), "bearer token"),
        (request_auth.bearer, ("a\r\nhost: b",), "bearer token"),
        (request_auth.basic, ("a:b", "c"), "colon"),
        (request_auth.basic, ("", "c"), "empty"),
        (request_auth.basic, ("a", "b\n"), "control"),
        (request_auth.api_key, ("X Key", "k"), "not the name"),
        (request_auth.api_key, ("", "k"), "not the name"),
        (request_auth.api_key, ("Webhook-Signature", "k"), "ours"),
        (request_auth.api_key, ("Host", "k"), "ours"),
        (request_auth.api_key, ("X-Key", "k\r\nx: y"), "visible ASCII"),
        (request_auth.api_key, ("X-Key", ""), "visible ASCII"),
        (request_auth.api_key, ("X-Key", " k"), "visible ASCII"),
        (request_auth.client_credentials, (Grant("https://x/t", "", "s3cret"),), "client id"),
    ],
)
def test_what_cannot_be_sent_is_refused_when_it_is_entered(make, arguments, says):
    with pytest.raises(RequestAuthError, match=says) as raised:
        make(*arguments)
    assert "s3cret" not in str(raised.value)


def test_no_form_of_it_shows_a_secret():
    for auth in (
        request_auth.bearer("t0psecret"),
        request_auth.basic("me", "t0psecret"),
        request_auth.api_key("x-key", "t0psecret"),
        request_auth.client_credentials(Grant("https://x/t", "me", "t0psecret")),
    ):
        assert "t0psecret" not in repr(auth)
        assert "t0psecret" in "".join(auth.secrets)
