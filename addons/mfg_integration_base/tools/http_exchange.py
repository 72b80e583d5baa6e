"""One HTTP exchange with aiohttp: request out, answer in, every failure classified.

Runs on the loop of ``http_client`` only.
"""

import asyncio
import contextlib
import dataclasses
import functools
import io
import re
import ssl
import zlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from http import HTTPStatus

import aiohttp
from yarl import URL

from . import redact
from .classify import from_failure, from_status, parse_retry_after
from .http_client import HttpAnswer, HttpCall
from .http_failures import BadHeadError, failure_of
from .http_pools import GuardedResolver, Pool
from .oauth_client import Grant, Token, TokenError, Tokens, read_answer
from .outcome import Retry
from .tls_contexts import TlsContexts
from .url_guard import (
    AllowList,
    ParsedUrl,
    UrlError,
    check_address,
    check_url,
)

_KEPT_HEADERS = (
    "content-type",
    "date",
    "location",
    "retry-after",
    "request-id",
    "x-request-id",
    "traceparent",
)
_MAX_HEADER_CHARS = 500
_LARGE_BODY = 256 * 1024
_DNS_THREADS = 32
_MAX_POOLS = 64
_MAX_TOKEN_ANSWER = 64 * 1024  # bytes
# "deflate" is zlib's format, but some servers send it bare (RFC 9110 section 8.4.1.2).
_WINDOWS = {
    "gzip": (zlib.MAX_WBITS | 16,),
    "x-gzip": (zlib.MAX_WBITS | 16,),
    "deflate": (zlib.MAX_WBITS, -zlib.MAX_WBITS),
}
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Exchanger:
    """Keeps connections alive between exchanges, apart for each allow-list and client certificate.

    A connection that one connector's allow-list permitted must not serve another connector that
    may not go there, so the pool is chosen by the allow-list. Within a pool, aiohttp reuses a
    connection only with the SSL context that opened it, and each certificate has its own.

    :param clock: current time with a zone
    """

    def __init__(self, clock: Callable[[], datetime]):
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        # Of its own, so that lookups at a dead name server hold up nothing else.
        self._dns = ThreadPoolExecutor(_DNS_THREADS, thread_name_prefix="mfg-dns")
        self._pools: OrderedDict[AllowList, Pool] = OrderedDict()
        self._contexts = TlsContexts()
        self._tokens = Tokens(self._loop.time)

    async def exchange(self, call: HttpCall) -> HttpAnswer:
        """Make one request and return what came of it."""
        started = self._loop.time()
        try:
            if call.grant is None:
                return await self._answer(call, started)
            return await self._authorized(call, started)
        except TokenError as error:
            return HttpAnswer(error.outcome, duration_ms=self._since(started))
        except Exception as error:
            failure = failure_of(error)
            if failure is None:
                raise
            return HttpAnswer(from_failure(*failure), duration_ms=self._since(started))

    def _since(self, started: float) -> float:
        return (self._loop.time() - started) * 1000

    async def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            await pool.session.close()
        self._pools.clear()
        await self._contexts.close()
        self._dns.shutdown(wait=False, cancel_futures=True)

    async def _authorized(self, call: HttpCall, started: float) -> HttpAnswer:
        """With an access token; a partner that does not take it any more gets a new one, once."""
        for last in (False, True):
            # A token that was fetched under lax rules does not serve a connector with strict ones.
            rules = (call.allow_list, call.allow_http, call.verify_tls, call.client_certificate)
            left = call.total_timeout - self._since(started) / 1000
            token = await asyncio.wait_for(
                self._tokens.get((call.grant, rules), functools.partial(self._fetch, call)),
                max(left, 0),
            )
            left = max(call.total_timeout - self._since(started) / 1000, 0.001)
            authorized = dataclasses.replace(
                call,
                headers=(*call.headers, ("authorization", f"Bearer {token}")),
                secrets=(*call.secrets, token),
                total_timeout=left,
            )
            answer = await self._answer(authorized, started)
            if answer.status != HTTPStatus.UNAUTHORIZED or last:
                return answer
            self._tokens.refused((call.grant, rules), token)
        raise AssertionError("not reached")

    async def _fetch(self, call: HttpCall, key: tuple[Grant, object]) -> Token:
        """Ask the token endpoint, under the same rules as the partner itself."""
        grant = key[0]
        headers, body = grant.request()
        request = dataclasses.replace(
            call, method="POST", url=grant.token_url, headers=headers, body=body, grant=None
        )
        try:
            response, pool = await self._request(request)
            try:
                content, _complete = await _body(response, _MAX_TOKEN_ANSWER)
            finally:
                response.release()
                pool.users -= 1
        except Exception as error:
            failure = failure_of(error)
            if failure is None:
                raise
            outcome = from_failure(*failure)
            detail = f"At the token endpoint. {outcome.detail}"
            # Retry, whatever it is: the message itself has not been tried.
            raise TokenError(Retry(outcome.reason, detail)) from None
        return read_answer(response.status, content)

    async def _answer(self, call: HttpCall, started: float) -> HttpAnswer:
        response, pool = await self._request(call)
        try:
            return await self._read(call, response, started)
        finally:
            response.release()
            pool.users -= 1

    async def _request(self, call: HttpCall) -> tuple[aiohttp.ClientResponse, Pool]:
        """Make the request; the answer, of which the body has not been read.

        The caller releases the answer and ends the pool's use.
        """
        _check_head(call)
        parsed, url = _target(call.url, call.allow_http)
        if parsed.address is not None:  # aiohttp does not ask the resolver for these
            _check_address(parsed.address, call.allow_list)
        context = await self._ssl(call, url)
        pool = self._pool(call.allow_list)
        pool.users += 1
        try:
            if len(self._pools) > _MAX_POOLS:
                await self._close_idle()
            response = await pool.session.request(
                call.method,
                url,
                headers=call.headers,
                data=_payload(call.body),
                allow_redirects=False,
                ssl=context,
                timeout=_timeout(call.total_timeout, call.connect_timeout, call.read_timeout),
            )
        except BaseException:
            pool.users -= 1
            raise
        return response, pool

    async def _ssl(self, call: HttpCall, url: URL) -> ssl.SSLContext | bool:
        """What aiohttp takes as ``ssl``; the same object for calls that may share a connection."""
        if call.client_certificate is None:
            return call.verify_tls
        if url.scheme != "https":  # the partner would not learn who we are
            raise UrlError("A client certificate needs an address that begins with https://.")
        return await self._contexts.get(call.client_certificate, verify=call.verify_tls)

    async def _read(
        self, call: HttpCall, response: aiohttp.ClientResponse, started: float
    ) -> HttpAnswer:
        """The status has come, and it decides: a body that breaks off does not unsay it."""
        limit = call.max_response_bytes
        body, complete = await _body(response, limit)
        excerpt = ""
        if body:
            # A receiver that echoes our request shows our own secrets.
            secrets = [value for name, value in call.headers if redact.is_sensitive(name)]
            secrets += call.secrets
            plain, whole = _decoded(body, response.headers.get("content-encoding"), limit)
            excerpt = redact.excerpt(plain, limit, secrets)
            if not (complete and whole):
                excerpt += " … [incomplete]"
        headers = response.headers
        wait = headers.get("retry-after")
        outcome = from_status(
            response.status,
            retry_after=None if wait is None else parse_retry_after(wait, self._clock()),
            body=excerpt,
        )
        kept = {
            name: redact.excerpt(headers[name], _MAX_HEADER_CHARS)
            for name in _KEPT_HEADERS
            if name in headers
        }
        return HttpAnswer(outcome, response.status, excerpt, self._since(started), kept)

    def _pool(self, allow_list: AllowList) -> Pool:
        pool = self._pools.get(allow_list)
        if pool is None:
            pool = self._pools[allow_list] = Pool(GuardedResolver(allow_list, self._dns))
        self._pools.move_to_end(allow_list)
        return pool

    async def _close_idle(self) -> None:
        """Close the pools unused for longest: allow-lists that were edited leave them behind."""
        idle = [key for key, pool in self._pools.items() if not pool.users]
        surplus = [self._pools.pop(key) for key in idle[: len(self._pools) - _MAX_POOLS]]
        for pool in surplus:
            await pool.session.close()


@functools.lru_cache(maxsize=1024)
def _target(url: str, allow_http: bool) -> tuple[ParsedUrl, URL]:
    parsed = check_url(url, allow_http=allow_http)
    return parsed, URL(parsed.url, encoded=True)


_timeout = functools.lru_cache(256)(
    lambda total, connect, read: aiohttp.ClientTimeout(total=total, connect=connect, sock_read=read)
)
_check_address = functools.lru_cache(1024)(check_address)
"""Remembers addresses that may be connected to; a refusal is raised anew each time."""


@functools.lru_cache(1024)
def _is_token(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None


def _check_head(call: HttpCall) -> None:
    if not _is_token(call.method):
        raise BadHeadError(f"{call.method[:40]!r} is not an HTTP method")
    for name, value in call.headers:
        if not _is_token(name):
            raise BadHeadError(f"{name[:40]!r} is not a header name")
        # A line break would let a value start a header of its own.
        if _CONTROL.search(value):
            raise BadHeadError(f"the header {name[:40]} holds a control character")


async def _body(response: aiohttp.ClientResponse, limit: int) -> tuple[bytes, bool]:
    """The body, or the first ``limit`` bytes of it and what came with them; whether that is all."""
    body = bytearray()
    complete = False
    with contextlib.suppress(aiohttp.ClientError, asyncio.TimeoutError, OSError):
        while len(body) <= limit:
            chunk = await response.content.readany()
            if not chunk:
                complete = True
                break
            body += chunk
    if not complete:
        response.close()  # what is left of the body must not be read as the next answer
    return bytes(body), complete


def _payload(body: bytes) -> bytes | io.BytesIO:
    # Large bytes would be written in one piece, holding up the loop; a file is sent in chunks.
    return body if len(body) < _LARGE_BODY else io.BytesIO(body)


def _decoded(body: bytes, encoding: str | None, limit: int) -> tuple[bytes, bool]:
    """Return at most ``limit`` bytes of a body without its encoding, and whether that is all.

    Bounded while it decompresses: a few kilobytes may stand for gigabytes.
    """
    encoding = (encoding or "identity").strip().lower()
    if encoding == "identity":
        return body[:limit], len(body) <= limit
    for window in _WINDOWS.get(encoding, ()):
        inflater = zlib.decompressobj(window)
        with contextlib.suppress(zlib.error):
            return inflater.decompress(body, limit), inflater.eof
    return f"[{len(body)} bytes, encoded as {encoding[:40]}]".encode(), True
