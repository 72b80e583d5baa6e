"""SSL contexts of client certificates: made once, off the event loop, and kept."""

import asyncio
import hashlib
import ssl
from collections import OrderedDict

from . import client_certificate

LIMIT = 32
"""Contexts that are kept; each takes about 1 MB, most of it the authorities that are trusted."""


class TlsContexts:
    """Gives the same context for the same certificate, so that its connections can be reused.

    aiohttp reuses a connection only for requests with the very same context: what one certificate
    opened never serves another, nor a request without one. Lives on one event loop.

    :param limit: how many are kept; those unused for longest go first
    """

    def __init__(self, limit: int = LIMIT):
        self._limit = limit
        self._made: OrderedDict[tuple[bytes, bool], asyncio.Task[ssl.SSLContext]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._made)

    async def get(self, pem: str, *, verify: bool) -> ssl.SSLContext:
        """Return the context that presents this certificate.

        :param pem: certificate and key, see ``client_certificate.parse``
        :param verify: check the other side's certificate and host name
        :raises ClientCertificateError: it cannot be used
        """
        key = (hashlib.sha256(pem.encode()).digest(), verify)
        making = self._made.get(key)
        if making is None:
            # In a thread: reading the trusted authorities would hold up every other request.
            making = asyncio.create_task(asyncio.to_thread(_make, pem, verify))
            self._made[key] = making
            making.add_done_callback(lambda task: self._forget_failed(key, task))
            if len(self._made) > self._limit:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        # Shielded: others may wait for it too when this request is given up.
        return await asyncio.shield(making)

    async def close(self) -> None:
        """Forget all of them."""
        tasks = list(self._made.values())
        self._made.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget_failed(self, key: tuple[bytes, bool], task: asyncio.Task[ssl.SSLContext]) -> None:
        # The next request tries again: a lack of file descriptors, say, does not last.
        if (task.cancelled() or task.exception()) and self._made.get(key) is task:
            del self._made[key]


def _make(pem: str, verify: bool) -> ssl.SSLContext:
    return client_certificate.ssl_context(client_certificate.parse(pem), verify=verify)
