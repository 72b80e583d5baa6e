"""One HTTP exchange with aiohttp: request out, answer in, every failure classified.

Runs on the loop of ``http_client`` only.
"""

import asyncio
import contextlib
import functools
import io
import re
import socket
import ssl
import zlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.http_exceptions import LineTooLong
from yarl import URL

from . import redact
from .classify import from_failure, from_status, parse_retry_after
from .client_certificate import ClientCertificateError
from .http_client import HttpAnswer, HttpCall
from .patient_socket import connection_socket
from .tls_contexts import TlsContexts
from .url_guard import (
    AllowList,
    BlockedAddress,
    ParsedUrl,
    UrlError,
    check_address,
    check_url,
    permitted,
)

_AUTOMATIC_HEADERS = ("User-Agent", "Accept", "Content-Type")
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
_DNS_TTL = 10  # seconds
_DNS_THREADS = 32
_KEEPALIVE = 30  # seconds; receivers commonly close idle connections after 60 or more
_MAX_POOLS = 64
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
        self._pools: OrderedDict[AllowList, _Pool] = OrderedDict()
        self._contexts = TlsContexts()

    async def exchange(self, call: HttpCall) -> HttpAnswer:
        """Make one request and return what came of it."""
        started = self._loop.time()
        try:
            return await self._answer(call, started)
        except Exception as error:
            failure = _failure(error)
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

    async def _answer(self, call: HttpCall, started: float) -> HttpAnswer:
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
            try:
                return await self._read(call, response, started)
            finally:
                response.release()
        finally:
            pool.users -= 1

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
        excerpt = ""
        if body:
            # A receiver that echoes our request shows our own secrets.
            secrets = [value for name, value in call.headers if redact.is_sensitive(name)]
            plain, whole = _decoded(bytes(body), response.headers.get("content-encoding"), limit)
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

    def _pool(self, allow_list: AllowList) -> "_Pool":
        pool = self._pools.get(allow_list)
        if pool is None:
            pool = self._pools[allow_list] = _Pool(_GuardedResolver(allow_list, self._dns))
        self._pools.move_to_end(allow_list)
        return pool

    async def _close_idle(self) -> None:
        """Close the pools unused for longest: allow-lists that were edited leave them behind."""
        idle = [key for key, pool in self._pools.items() if not pool.users]
        surplus = [self._pools.pop(key) for key in idle[: len(self._pools) - _MAX_POOLS]]
        for pool in surplus:
            await pool.session.close()


class _Pool:
    """A session with its connections, and how many exchanges use it right now."""

    def __init__(self, resolver: AbstractResolver):
        self.users = 0
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                resolver=resolver,
                ttl_dns_cache=_DNS_TTL,
                keepalive_timeout=_KEEPALIVE,
                socket_factory=connection_socket,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity"},
            skip_auto_headers=_AUTOMATIC_HEADERS,
            auto_decompress=False,
            trust_env=False,
        )


class _GuardedResolver(AbstractResolver):
    """Resolves host names to those addresses that may be connected to, and to no others.

    What it returns is what aiohttp connects to, so there is no gap between check and use.
    """

    def __init__(self, allow_list: AllowList, executor: ThreadPoolExecutor):
        self._allow_list = allow_list
        self._executor = executor

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().run_in_executor(
            self._executor,
            functools.partial(
                socket.getaddrinfo, host, port, family=family, type=socket.SOCK_STREAM
            ),
        )
        # A link-local address brings its zone along as a fourth part; the guard refuses it anyway.
        families = {info[4][0].partition("%")[0]: info[0] for info in found}
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=families[address],
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in permitted(families, self._allow_list, host=host)
        ]

    async def close(self) -> None:
        """Nothing to close: the threads belong to the exchanger."""


@functools.lru_cache(maxsize=1024)
def _target(url: str, allow_http: bool) -> tuple[ParsedUrl, URL]:
    parsed = check_url(url, allow_http=allow_http)
    return parsed, URL(parsed.url, encoded=True)


_timeout = functools.lru_cache(256)(
    lambda total, connect, read: aiohttp.ClientTimeout(total=total, connect=connect, sock_read=read)
)
_check_address = functools.lru_cache(1024)(check_address)
"""Remembers addresses that may be connected to; a refusal is raised anew each time."""


class _BadHeadError(ValueError):
    """The method or a header cannot be sent; never shows a header's value."""


@functools.lru_cache(1024)
def _is_token(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None


def _check_head(call: HttpCall) -> None:
    if not _is_token(call.method):
        raise _BadHeadError(f"{call.method[:40]!r} is not an HTTP method")
    for name, value in call.headers:
        if not _is_token(name):
            raise _BadHeadError(f"{name[:40]!r} is not a header name")
        # A line break would let a value start a header of its own.
        if _CONTROL.search(value):
            raise _BadHeadError(f"the header {name[:40]} holds a control character")


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


def _failure(error: Exception) -> tuple[str, str] | None:
    """Return the kind of a failure (see ``classify.FAILURES``) and its particulars.

    None: not a failure that a partner or the network can cause.
    """
    if isinstance(error, BlockedAddress):
        return "blocked_address", str(error)
    if isinstance(error, (UrlError, _BadHeadError, ClientCertificateError)):
        return "prepare", str(error)
    if isinstance(error, aiohttp.InvalidURL):
        return "prepare", "the address is not valid"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "timeout", "while connecting"
    if isinstance(error, asyncio.TimeoutError):
        return "timeout", "while waiting for the answer"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "dns", _reason(error)
    if isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError, ssl.CertificateError)):
        return "tls", _reason(error)
    if alert := _tls_alert(error):
        return "tls", _reason(alert)
    if isinstance(error, aiohttp.ClientConnectorError):
        return "connect", _reason(error)
    if isinstance(error, aiohttp.ClientResponseError):
        if isinstance(error.__cause__, LineTooLong):
            return "too_large", ""
        return "protocol", redact.excerpt(error.message, 200)
    if isinstance(error, (aiohttp.ClientError, ConnectionError)):
        return "reset", ""
    if isinstance(error, OSError):
        return "connect", _reason(error)
    return None


def _tls_alert(error: Exception) -> ssl.SSLError | None:
    """Return what the partner's TLS told us when it ended the connection.

    In TLS 1.3 the partner looks at our certificate when our side of the handshake is over: a
    refusal comes in place of the answer.
    """
    cause = error.__cause__
    is_alert = isinstance(cause, ssl.SSLError) and "_ALERT_" in (cause.reason or "")
    return cause if is_alert else None


def _reason(error: Exception) -> str:
    """Return what the operating system or OpenSSL says, without the address in front of it."""
    for inner in (getattr(error, "certificate_error", None), getattr(error, "os_error", None)):
        error = inner or error
    text = getattr(error, "verify_message", "") or getattr(error, "strerror", "") or str(error)
    return redact.excerpt(text, 200)
