"""libcurl's transfers on an asyncio loop: many at once, woken by the sockets that are ready.

All methods run on the loop's thread, and so do the callbacks of the transfers.
"""

import asyncio
import contextlib
import select
from collections.abc import Callable

import pycurl

KEPT_CONNECTIONS = 512
"""How many connections are kept alive for later requests, over all partners."""
_EVENTS = 256  # read from the kernel in one go
_READABLE = select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR
_WRITABLE = select.EPOLLOUT | select.EPOLLHUP | select.EPOLLERR
_MASKS = {
    pycurl.POLL_IN: select.EPOLLIN,
    pycurl.POLL_OUT: select.EPOLLOUT,
    pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
}

OnEnd = Callable[[int, str], None]


class Multi:
    """Runs easy handles until they end.

    The sockets are in an epoll set of our own, of which asyncio watches a single descriptor: a
    wake-up serves all sockets that are ready, without a callback of asyncio for each.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop):
        self._loop = loop
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, KEPT_CONNECTIONS)
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_NOTHING)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._ends: dict[pycurl.Curl, OnEnd] = {}
        self._wanted: dict[int, int] = {}
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._epoll = select.epoll()
        loop.add_reader(self._epoll.fileno(), self._on_ready)

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, handle: pycurl.Curl, on_end: OnEnd) -> None:
        """Start a transfer at the next ``kick``.

        :param on_end: called once, with one of libcurl's error codes (0: it went well) and what
            libcurl says of it; must not raise. The handle can be used again by then.
        """
        self._ends[handle] = on_end
        self._multi.add_handle(handle)

    def kick(self) -> None:
        """Let what was added begin now."""
        self._act(pycurl.SOCKET_TIMEOUT, 0)

    def cancel(self, handle: pycurl.Curl) -> None:
        """End a transfer without calling ``on_end``; its connection is closed."""
        if self._ends.pop(handle, None) is not None:
            self._multi.remove_handle(handle)

    def close(self) -> None:
        """Cancel everything and close all connections."""
        for handle in list(self._ends):
            self.cancel(handle)
        if self._timer:
            self._timer.cancel()
        self._loop.remove_reader(self._epoll.fileno())
        self._multi.close()
        self._epoll.close()

    # === What libcurl asks for === #

    def _watch(self, what: int, fd: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            # It stays in the set while its connection is kept alive, which saves two calls of the
            # kernel a request; what it then has to say is not for us (_on_ready).
            self._wanted.pop(fd, None)
            return
        self._wanted[fd] = mask = _MASKS[what]
        try:
            self._epoll.modify(fd, mask)
        except FileNotFoundError:  # new, or the number of one that was closed
            self._epoll.register(fd, mask)

    def _set_timer(self, milliseconds: int) -> None:
        if milliseconds < 0:
            self._due = None
            return
        self._due = due = self._loop.time() + milliseconds / 1000
        # A timer that fires too early looks again: cheaper than a new one a request.
        if self._timer is None or due < self._timer.when():
            if self._timer:
                self._timer.cancel()
            self._timer = self._loop.call_at(due, self._on_timer)

    # === What has happened === #

    def _on_timer(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if self._loop.time() < self._due:
            self._timer = self._loop.call_at(self._due, self._on_timer)
            return
        self._due = None
        self._act(pycurl.SOCKET_TIMEOUT, 0)

    def _on_ready(self) -> None:
        for fd, events in self._epoll.poll(0, _EVENTS):
            if fd not in self._wanted:
                with contextlib.suppress(OSError):  # closed meanwhile
                    self._epoll.unregister(fd)
                continue
            what = pycurl.CSELECT_IN if events & _READABLE else 0
            if events & _WRITABLE:
                what |= pycurl.CSELECT_OUT
            self._multi.socket_action(fd, what)
        self._collect()

    def _act(self, fd: int, what: int) -> None:
        self._multi.socket_action(fd, what)
        self._collect()

    def _collect(self) -> None:
        more = True
        ended = []
        while more:
            more, good, bad = self._multi.info_read()
            ended += [(handle, 0, "") for handle in good]
            ended += bad
        for handle, code, message in ended:
            self._multi.remove_handle(handle)
            self._ends.pop(handle)(code, message)
