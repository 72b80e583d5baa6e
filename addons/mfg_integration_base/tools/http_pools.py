"""Connections that are kept alive, and the addresses they may lead to."""

import asyncio
import functools
import socket
from concurrent.futures import ThreadPoolExecutor

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from .patient_socket import connection_socket
from .url_guard import AllowList, permitted

_AUTOMATIC_HEADERS = ("User-Agent", "Accept", "Content-Type")
_DNS_TTL = 10  # seconds
_KEEPALIVE = 30  # seconds; receivers commonly close idle connections after 60 or more


class Pool:
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


class GuardedResolver(AbstractResolver):
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
