"""HTTP exchanges: request out, answer in, every failure classified.

Runs on the loop of ``http_client`` only.
"""

import asyncio
import dataclasses
import functools
import logging
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar

from . import client_certificate
from .classify import from_failure
from .client_certificate import ClientCertificateError
from .http_answer import read_answer
from .http_client import HttpCall, HttpTarget, OnDone
from .http_failures import LookupTimeoutError, failure_of_code, failure_of_error
from .http_multi import Multi
from .http_names import Names
from .http_transfer import Transfer, check_target
from .oauth_client import Grant, Token, TokenError, Tokens
from .oauth_client import read_answer as read_token
from .outcome import Answer, Retry

_logger = logging.getLogger(__name__)

_MAX_LINES = 64
_MAX_TOKEN_ANSWER = 64 * 1024  # bytes
_LOOK_SECONDS = 0.1
"""How often to look whether a partner has fallen silent, in seconds."""

# Their alert may be lost: the connection's end overtakes it where we are still sending.
_MAYBE_CERTIFICATE = (
    "So do partners that ask for a client certificate and do not accept what they get."
)

Read = TypeVar("Read")
Failure = tuple[str, str] | None
OnEnd = Callable[[Transfer, Failure], None]
"""Called once with the transfer and what it failed of; what it brought must be read in there."""


class _Line:
    """A target, and the handles that have served it and are free."""

    __slots__ = ("idle", "parsed", "target")

    def __init__(self, target: HttpTarget):
        self.target = target
        self.parsed = check_target(target)
        self.idle: list[Transfer] = []

    def transfer(self) -> Transfer:
        return self.idle.pop() if self.idle else Transfer(self.target, self.parsed)


class _Open:
    """An exchange that has not ended."""

    __slots__ = ("call", "on_done", "started")

    def __init__(self, call: HttpCall, on_done: OnDone, started: float):
        self.call = call
        self.on_done = on_done
        self.started = started


class Exchanger:
    """Makes exchanges, many at once, over connections that are kept alive.

    :param loop: on which all methods are called
    :param clock: current time with a zone
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], datetime]):
        self._clock = clock
        self._loop = loop
        self._multi = Multi(self._loop)
        self._names = Names(self._loop)
        self._tokens = Tokens(self._loop.time)
        self._lines: OrderedDict[int, _Line] = OrderedDict()
        self._open: dict[_Open, None] = {}
        self._busy: dict[Transfer, OnEnd] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._look: asyncio.TimerHandle | None = None

    def start(self, call: HttpCall, on_done: OnDone) -> None:
        """Make a request; ``on_done`` gets what came of it, once. It begins with ``kick``."""
        opened = _Open(call, on_done, self._loop.time())
        self._open[opened] = None
        try:
            addresses = self._ready(call.target)
            if addresses is None:
                task = self._loop.create_task(self._slowly(opened))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                return
            end = functools.partial(self._answered, opened)
            self._send(call, addresses, call.target.total_timeout, end)
        except Exception as error:  # noqa: BLE001 - it must cost this message only
            self._end(opened, self._failed(opened, error))

    def kick(self) -> None:
        """Let what was started begin."""
        self._multi.kick()
        if self._busy and self._look is None:
            self._look = self._loop.call_later(_LOOK_SECONDS, self._look_around)

    async def close(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds for what is under way, and interrupt the rest."""
        until = self._loop.time() + timeout
        while self._open and self._loop.time() < until:
            await asyncio.sleep(min(0.01, timeout))
        late, self._open = list(self._open), {}
        # Also those that fetch a token or look a name up, which belong to no exchange.
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._look:
            self._look.cancel()
        self._multi.close()
        self._names.close()
        for opened in late:
            self._tell(opened, Answer(from_failure("interrupted")))

    def _ready(self, target: HttpTarget) -> tuple[str, ...] | None:
        """Where the target's host leads to, empty if it is an address itself; None if something
        has to be asked for first."""
        parsed = self._line(target).parsed
        if target.grant is not None:
            return None
        if parsed.address is not None:
            return ()
        return self._names.known(parsed.host, target.allow_list)

    def _line(self, target: HttpTarget) -> _Line:
        # By identity, which costs less than comparing: a line holds its target, so that no other
        # one can have its id.
        line = self._lines.get(id(target))
        if line is None:
            line = self._lines[id(target)] = _Line(target)
            if len(self._lines) > _MAX_LINES:
                self._lines.popitem(last=False)
        return line

    # === Transfers === #

    def _send(self, call: HttpCall, addresses: tuple[str, ...], left: float, on_end: OnEnd) -> None:
        """Start a transfer.

        :param left: seconds that it may take
        """
        line = self._line(call.target)
        transfer = line.transfer()
        transfer.prepare(call, addresses, left, self._loop.time())
        self._busy[transfer] = on_end
        self._multi.add(transfer.handle, functools.partial(self._ended, line, transfer))

    def _ended(self, line: _Line, transfer: Transfer, code: int, message: str) -> None:
        failure = None
        if transfer.refusal:
            failure = "blocked_address", str(transfer.refusal)
        elif transfer.head_too_long:
            failure = "too_large", ""
        elif code:
            failure = self._failure(transfer, code, message)
        self._busy.pop(transfer)(transfer, failure)
        transfer.forget()
        line.idle.append(transfer)

    def _failure(self, transfer: Transfer, code: int, message: str) -> tuple[str, str]:
        kind, detail = failure_of_code(
            code, message, connected=transfer.connected, os_errno=transfer.os_errno()
        )
        certificate = transfer.target.client_certificate
        if kind == "tls" and certificate:
            # libcurl says of that alert that the other side's certificate is the trouble.
            try:
                client_certificate.parse(certificate).check_valid(self._clock())
            except ClientCertificateError as error:
                detail = str(error)
        elif kind == "reset" and transfer.new_and_encrypted():
            detail = "right after encryption was set up. " + _MAYBE_CERTIFICATE
        return kind, detail

    def _look_around(self) -> None:
        """End transfers whose partner has been silent for too long."""
        now = self._loop.time()
        for transfer in [one for one in self._busy if one.silent(now)]:
            self._multi.cancel(transfer.handle)
            on_end = self._busy.pop(transfer)
            on_end(transfer, ("timeout", "while waiting for the answer"))
            transfer.forget()
        self._look = None
        if self._busy:
            self._look = self._loop.call_later(_LOOK_SECONDS, self._look_around)

    # === Ends === #

    def _answered(self, opened: _Open, transfer: Transfer, failure: Failure) -> None:
        try:
            answer = self._answer(opened, opened.call, transfer, failure)
        except Exception as error:  # noqa: BLE001 - as in start
            answer = self._failed(opened, error)
        self._end(opened, answer)

    def _answer(
        self, opened: _Open, call: HttpCall, transfer: Transfer, failure: Failure
    ) -> Answer:
        duration = self._since(opened.started)
        # The status decides once it has come: a body that breaks off does not unsay it.
        if not transfer.head_complete:
            return Answer(from_failure(*failure or ("reset", "")), duration_ms=duration)
        return read_answer(call, transfer, not failure, duration, self._clock)

    def _failed(self, opened: _Open, error: Exception) -> Answer:
        if isinstance(error, TokenError):
            return Answer(error.outcome, duration_ms=self._since(opened.started))
        failure = failure_of_error(error)
        if failure is None:
            # A fault of ours, not the partner's: it must cost this message only.
            _logger.error("A request could not be made.", exc_info=error)
            failure = "prepare", f"{type(error).__name__}: {error}"
        return Answer(from_failure(*failure), duration_ms=self._since(opened.started))

    def _end(self, opened: _Open, answer: Answer) -> None:
        if opened in self._open:  # else interrupted
            del self._open[opened]
            self._tell(opened, answer)

    @staticmethod
    def _tell(opened: _Open, answer: Answer) -> None:
        try:
            opened.on_done(answer)
        except Exception:
            _logger.exception("The callback of a request failed; its answer is lost.")

    def _since(self, started: float) -> float:
        return (self._loop.time() - started) * 1000

    # === What has to be asked for first === #

    async def _slowly(self, opened: _Open) -> None:
        try:
            if opened.call.target.grant is None:
                answer = await self._asked(opened, opened.call)
            else:
                answer = await self._authorized(opened)
        except Exception as error:  # noqa: BLE001 - as in start
            answer = self._failed(opened, error)
        self._end(opened, answer)

    async def _asked(self, opened: _Open, call: HttpCall) -> Answer:
        read = functools.partial(self._answer, opened, call)
        left = call.target.total_timeout - self._since(opened.started) / 1000
        return await self._perform(call, left, read)

    async def _perform(
        self, call: HttpCall, left: float, read: Callable[[Transfer, Failure], Read]
    ) -> Read:
        """Look the host up, make the request, and return what ``read`` makes of it.

        :param left: seconds that it may take
        :raises LookupTimeoutError: nobody answers where the host name leads to
        """
        target = call.target
        addresses: tuple[str, ...] = ()
        parsed = self._line(target).parsed
        if parsed.address is None:
            asked, limit = self._loop.time(), min(target.connect_timeout, max(left, 0))
            try:
                addresses = await asyncio.wait_for(
                    self._names.get(parsed.host, target.allow_list), limit
                )
            except asyncio.TimeoutError:
                raise LookupTimeoutError from None
            left -= self._loop.time() - asked
        future = self._loop.create_future()

        def end(transfer: Transfer, failure: Failure) -> None:
            if future.done():  # nobody waits any more
                return
            try:
                future.set_result(read(transfer, failure))
            except Exception as error:  # noqa: BLE001 - for whoever waits
                future.set_exception(error)

        self._send(call, addresses, max(left, 0.001), end)
        self.kick()
        return await future

    async def _authorized(self, opened: _Open) -> Answer:
        """With an access token; a partner that does not take it any more gets a new one, once."""
        call, target = opened.call, opened.call.target
        # A token that was fetched under lax rules does not serve a connector with strict ones.
        rules = (
            target.allow_list, target.allow_http, target.verify_tls, target.client_certificate,
        )  # fmt: skip
        key = (target.grant, rules)
        for last in (False, True):
            left = target.total_timeout - self._since(opened.started) / 1000
            try:
                token = await asyncio.wait_for(
                    self._tokens.get(key, functools.partial(self._fetch, target)), max(left, 0)
                )
            except asyncio.TimeoutError:
                failure = from_failure("timeout", "while waiting for the answer")
                return Answer(failure, duration_ms=self._since(opened.started))
            authorized = call._replace(
                target=dataclasses.replace(target, secrets=(*target.secrets, token)),
                headers=(*call.headers, ("authorization", f"Bearer {token}")),
            )
            answer = await self._asked(opened, authorized)
            if answer.status != HTTPStatus.UNAUTHORIZED or last:
                return answer
            self._tokens.refused(key, token)
        raise AssertionError("not reached")

    async def _fetch(self, target: HttpTarget, key: tuple[Grant, object]) -> Token:
        """Ask the token endpoint, under the same rules as the partner itself."""
        grant = key[0]
        endpoint = dataclasses.replace(
            target,
            method="POST",
            url=grant.token_url,
            grant=None,
            max_response_bytes=_MAX_TOKEN_ANSWER,
        )
        try:
            return await self._perform(
                HttpCall(endpoint, *grant.request()), target.total_timeout, _read_token
            )
        except Exception as error:
            failure = failure_of_error(error)
            if failure is None:
                raise
            raise _no_token(failure) from None


def _read_token(transfer: Transfer, failure: Failure) -> Token:
    if not transfer.head_complete:
        raise _no_token(failure or ("reset", ""))
    return read_token(transfer.status(), b"".join(transfer.chunks))


def _no_token(failure: tuple[str, str]) -> TokenError:
    outcome = from_failure(*failure)
    # Retry, whatever it is: the message itself has not been tried.
    return TokenError(Retry(outcome.reason, f"At the token endpoint. {outcome.detail}"))
