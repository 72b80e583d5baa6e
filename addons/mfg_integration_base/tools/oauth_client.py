"""Access tokens that a partner's token endpoint gives us: OAuth 2.0 client credentials.

RFC 6749 section 4.4. Runs on the loop of ``http_client`` only; a token is kept in memory until
shortly before it ends, and is fetched once however many requests wait for it.
"""

import asyncio
import base64
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote_plus, urlencode

from .outcome import Outcome, Retry

MARGIN = 30
"""How long before its end a token is no longer used, in seconds; never more than half its life."""
DEFAULT_LIFE = 300
"""How long a token is used whose answer does not say ``expires_in``, in seconds."""
LONGEST_LIFE = 24 * 3600
_MAX_HELD = 256
_MAX_TOKEN = 16 * 1024


class TokenError(Exception):
    """No token: ``outcome`` is what that means for the message, ``Retry`` always.

    Nothing was sent to the partner itself, and a person can put the grant right meanwhile.
    """

    def __init__(self, outcome: Outcome):
        super().__init__(outcome.detail)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Grant:
    """What we are at a token endpoint.

    :param in_body: send id and secret in the form instead of an Authorization header, for servers
        that understand nothing else (section 2.3.1)
    """

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    in_body: bool = False

    def request(self) -> tuple[tuple[tuple[str, str], ...], bytes]:
        """``(headers, body)`` of the token request (section 4.4.2)."""
        form = {"grant_type": "client_credentials"}
        if self.scope:
            form["scope"] = self.scope
        headers = [("content-type", "application/x-www-form-urlencoded")]
        if self.in_body:
            form |= {"client_id": self.client_id, "client_secret": self.client_secret}
        else:
            # Both are form-encoded before they are joined: a colon in the id would end it.
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
            encoded = base64.b64encode(pair.encode()).decode()
            headers.append(("authorization", f"Basic {encoded}"))
        headers.append(("accept", "application/json"))
        return tuple(headers), urlencode(form).encode()


class Token(NamedTuple):
    """An access token and how long it is good for, in seconds."""

    text: str
    life: float


def read_answer(status: int, body: bytes) -> Token:
    """Read the answer of a token endpoint (sections 5.1 and 5.2).

    :raises TokenError: it refuses, is out of order, or does not say what it has to; never shows
        the body, which may hold a token
    """
    document = _json_object(body)
    if status != 200:
        raise TokenError(_refusal(status, document))
    text, kind = document.get("access_token"), document.get("token_type", "")
    if not isinstance(text, str) or not _is_usable(text):
        raise _bad_answer("has no access_token that can be sent")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise _bad_answer("gives tokens of another type than Bearer")
    return Token(text, _life(document.get("expires_in")))


def _refusal(status: int, document: dict) -> Retry:
    error = document.get("error")
    # A code of section 5.2; whatever else stands there may be anything.
    known = error if isinstance(error, str) and error.isascii() and error.isidentifier() else ""
    detail = f"The token endpoint answered {status}" + (f": {known[:60]}" if known else "")
    if status in (408, 429) or status >= 500:
        return Retry("server_error", detail, status=status)
    return Retry("auth", f"{detail}. Check client id, secret and scope of the credential.")


def _bad_answer(what: str) -> TokenError:
    return TokenError(Retry("bad_response", f"The answer of the token endpoint {what}."))


def _json_object(body: bytes) -> dict:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _is_usable(token: str) -> bool:
    return 0 < len(token) <= _MAX_TOKEN and all("!" <= char <= "~" for char in token)


def _life(expires_in: object) -> float:
    if isinstance(expires_in, str) and expires_in.isascii() and expires_in.isdigit():
        expires_in = int(expires_in[:9])  # some servers write the number as text
    if isinstance(expires_in, bool) or not isinstance(expires_in, (int, float)):
        return DEFAULT_LIFE
    return max(0.0, min(float(expires_in), LONGEST_LIFE))


Key = Hashable
"""What a token is kept by: the grant, and what else decides who may use it."""
Fetch = Callable[[Key], Awaitable[Token]]


class Tokens:
    """Tokens in hand. All methods on one event loop.

    :param clock: monotonic seconds
    """

    def __init__(self, clock: Callable[[], float]):
        self._clock = clock
        self._held: OrderedDict[Key, tuple[str, float]] = OrderedDict()
        self._fetching: dict[Key, asyncio.Task[str]] = {}

    async def get(self, grant: Key, fetch: Fetch) -> str:
        """A token that is good for a while yet; ``fetch`` is called if there is none.

        :raises TokenError: there is none to be had; all that wait for it get the same answer
        """
        held = self._held.get(grant)
        if held and self._clock() < held[1]:
            return held[0]
        task = self._fetching.get(grant)
        if task is None:
            task = self._fetching[grant] = asyncio.ensure_future(self._fetch(grant, fetch))
            task.add_done_callback(lambda _task: self._fetching.pop(grant, None))
        # Shielded: the request that asked first may give up, the others still wait.
        return await asyncio.shield(task)

    async def _fetch(self, grant: Key, fetch: Fetch) -> str:
        token = await fetch(grant)
        until = self._clock() + token.life - min(MARGIN, token.life / 2)
        self._held[grant] = (token.text, until)
        self._held.move_to_end(grant)
        while len(self._held) > _MAX_HELD:
            self._held.popitem(last=False)
        return token.text

    def refused(self, grant: Key, token: str) -> None:
        """The partner does not take this token: do not use it again."""
        held = self._held.get(grant)
        if held and held[0] == token:
            del self._held[grant]
