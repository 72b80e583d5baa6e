"""Host names, looked up in threads and kept for a moment."""

import asyncio
import functools
import socket
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from .url_guard import AllowList, permitted

TTL = 10
"""How long an answer is used, in seconds."""
_THREADS = 32
_MAX_KEPT = 1024


class _Known(NamedTuple):
    addresses: tuple[str, ...]
    until: float  # the loop's time


class Names:
    """Resolves host names to those addresses that may be connected to. Lives on one event loop.

    In threads of its own, so that lookups at a dead name server hold up nothing else.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop):
        self._loop = loop
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="mfg-dns")
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._asking: dict[str, asyncio.Future[tuple[str, ...]]] = {}

    def known(self, host: str, allow_list: AllowList) -> tuple[str, ...] | None:
        """The permitted addresses of a name that was looked up of late; None: it was not.

        :raises BlockedAddress: none of them is permitted
        """
        known = self._known.get(host)
        if known is None or self._loop.time() >= known.until:
            return None
        return _permitted(known.addresses, allow_list, host)

    async def get(self, host: str, allow_list: AllowList) -> tuple[str, ...]:
        """The permitted addresses of a name.

        :raises socket.gaierror: it cannot be resolved
        :raises BlockedAddress: none of its addresses is permitted
        """
        if (found := self.known(host, allow_list)) is not None:
            return found
        asking = self._asking.get(host)
        if asking is None:
            asking = self._asking[host] = asyncio.ensure_future(self._ask(host))
            asking.add_done_callback(lambda _done: self._asking.pop(host, None))
        # Shielded: others may wait for it too when this request is given up.
        return _permitted(await asyncio.shield(asking), allow_list, host)

    async def _ask(self, host: str) -> tuple[str, ...]:
        ask = functools.partial(
            socket.getaddrinfo, host, None, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM
        )
        found = await self._loop.run_in_executor(self._executor, ask)
        # A link-local address brings its zone along; the guard refuses it anyway.
        addresses = tuple(dict.fromkeys(info[4][0].partition("%")[0] for info in found))
        self._known[host] = _Known(addresses, self._loop.time() + TTL)
        self._known.move_to_end(host)
        if len(self._known) > _MAX_KEPT:
            self._known.popitem(last=False)
        return addresses

    def close(self) -> None:
        """Whoever still waits gets no answer."""
        for asking in self._asking.values():
            asking.cancel()
        self._executor.shutdown(wait=False, cancel_futures=True)


@functools.lru_cache(maxsize=1024)
def _permitted(addresses: tuple[str, ...], allow_list: AllowList, host: str) -> tuple[str, ...]:
    return tuple(permitted(addresses, allow_list, host=host))
