"""One HTTP exchange as libcurl makes it: the options, what comes back, and what went wrong.

Every connection is checked twice against the addresses that its user may talk to: before it is
opened, and before each request that uses it, because libcurl keeps connections for whoever comes
next.
"""

import functools
import re
import socket
import ssl

import pycurl

from . import client_certificate
from .http_client import HttpCall, HttpTarget
from .http_failures import BadHeadError
from .url_guard import AllowList, BlockedAddress, ParsedUrl, UrlError, check_address, check_url

_KEEPALIVE = 30  # seconds; receivers commonly close idle connections after 60 or more
_LONGEST_HEAD = 64 * 1024  # bytes
_LARGE = 64 * 1024  # bytes of a request's body that may take a while
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_UNLESS_GIVEN = (
    ("accept-encoding", "Accept-Encoding: identity"),
    # Left out, which libcurl would add of its own accord.
    *((name, f"{name}:") for name in ("accept", "content-type", "expect", "user-agent")),
    ("transfer-encoding", "transfer-encoding:"),
)


class Transfer:
    """An easy handle for one request after the other to the same target."""

    def __init__(self, target: HttpTarget, parsed: ParsedUrl):
        self.target = target
        self.refusal: BlockedAddress | None = None
        self._parsed = parsed
        self.handle = handle = pycurl.Curl()
        options = {
            pycurl.URL: parsed.url,
            pycurl.PATH_AS_IS: 1,
            pycurl.PROTOCOLS: pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS,
            pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_1_1,
            pycurl.FOLLOWLOCATION: 0,
            pycurl.PROXY: "",  # whatever the environment says
            pycurl.NOPROXY: "*",
            pycurl.NOSIGNAL: 1,
            pycurl.TCP_NODELAY: 1,
            pycurl.MAXAGE_CONN: _KEEPALIVE,
            pycurl.CONNECTTIMEOUT_MS: milliseconds(target.connect_timeout),
            pycurl.OPENSOCKETFUNCTION: self._open_socket,
            pycurl.PREREQFUNCTION: self._may_send,
            pycurl.HEADERFUNCTION: self._on_head,
            pycurl.WRITEFUNCTION: self._on_body,
            pycurl.POST: 1,
            **_tls_options(target, parsed),
        }
        if target.method != "POST":
            options[pycurl.CUSTOMREQUEST] = target.method
        for option, value in options.items():
            handle.setopt(option, value)
        self._addresses: tuple[str, ...] = ()
        self._opened: list[socket.socket] = []

    def prepare(
        self, call: HttpCall, addresses: tuple[str, ...], total_timeout: float, now: float
    ) -> None:
        """Set up the next request.

        :param addresses: where the host name leads to; empty where the host is an address
        :param now: the loop's time
        :raises BadHeadError: a header cannot be sent
        """
        self.lines: list[bytes] = []
        self.chunks: list[bytes] = []
        self.size = self._head_size = 0
        self.head_complete = self.body_cut = self.head_too_long = False
        self.refusal = None
        self._heard = now  # when something moved last
        self._came = self._seen = self._sent = 0
        self.connected = False  # the request could be sent
        self._large = len(call.body) > _LARGE
        handle = self.handle
        if addresses != self._addresses:
            self._addresses = addresses
            shown = ",".join(f"[{one}]" if ":" in one else one for one in addresses)
            parsed = self._parsed
            handle.setopt(pycurl.RESOLVE, [f"{parsed.host}:{parsed.port}:{shown}"])
        handle.setopt(pycurl.HTTPHEADER, header_lines(call.headers))
        handle.setopt(pycurl.POSTFIELDS, call.body)
        handle.setopt(pycurl.TIMEOUT_MS, milliseconds(total_timeout))

    # === What libcurl asks and brings === #

    def _open_socket(self, _purpose: int, address: tuple) -> socket.socket | int:
        family, kind, protocol, place = address
        if not self._permits(place[0]):
            return pycurl.SOCKET_BAD
        opened = socket.socket(family, kind, protocol)
        self._opened.append(opened)  # libcurl has a copy of its own; see forget
        return opened

    def _may_send(self, address: str, *_others: object) -> int:
        # libcurl sends again by itself when a kept connection breaks before the answer. The partner
        # may have taken it the first time: whoever counts attempts has to know.
        if self.connected or not self._permits(address):
            return pycurl.PREREQFUNC_ABORT
        self.connected = True
        return pycurl.PREREQFUNC_OK

    def _permits(self, address: str) -> bool:
        try:
            _check(address, self.target.allow_list, self._parsed.host)
        except BlockedAddress as error:
            self.refusal = error
            return False
        return True

    def _on_head(self, line: bytes) -> int | None:
        self._came += 1
        if line.startswith(b"HTTP/"):  # the answer, or another one after an interim one (1xx)
            self.lines = []
            self.head_complete = False
        if line == b"\r\n" and self.lines:
            self.head_complete = not self.lines[0].split(b" ", 2)[1].startswith(b"1")
            return None
        self._head_size += len(line)
        if self._head_size > _LONGEST_HEAD:
            self.head_too_long = True
            return 0
        if not self.head_complete:  # else trailers, which nobody asked for
            self.lines.append(line)
        return None

    def _on_body(self, data: bytes) -> int | None:
        self._came += 1
        self.chunks.append(data)
        self.size += len(data)
        if self.size > self.target.max_response_bytes:
            self.body_cut = True
            return 0
        return None

    # === What came of it === #

    def os_errno(self) -> int:
        """What the operating system said when a connection could not be made."""
        return self.handle.getinfo(pycurl.OS_ERRNO)

    def new_and_encrypted(self) -> bool:
        """Whether this request was the first on an encrypted connection."""
        return self._parsed.scheme == "https" and self.handle.getinfo(pycurl.NUM_CONNECTS) > 0

    def silent(self, now: float) -> bool:
        """Whether nothing has moved for longer than the target allows; ask now and then.

        :param now: the loop's time
        """
        # How long connecting may take is another limit's matter, and a body on its way moves too.
        if not self.connected:
            moved = True
        elif self._large:
            moved = self._sent != (sent := self.handle.getinfo(pycurl.SIZE_UPLOAD))
            self._sent = sent
        else:
            moved = False
        if moved or self._seen != self._came:
            self._seen, self._heard = self._came, now
        return now - self._heard > self.target.read_timeout

    def status(self) -> int:
        return self.handle.getinfo(pycurl.RESPONSE_CODE)

    def header(self, name: str) -> str | None:
        """One of the answer's headers; of one that comes twice, the first.

        :param name: in lower case
        """
        start = f"{name}:".encode()
        for line in self.lines:
            if line[: len(start)].lower() == start:
                return line[len(start) :].decode("utf-8", "replace").strip()
        return None

    def forget(self) -> None:
        """Let go of the request and its secrets, and of what was opened for it."""
        self.handle.setopt(pycurl.HTTPHEADER, [])
        self.handle.setopt(pycurl.POSTFIELDS, b"")
        self.lines, self.chunks = [], []
        while self._opened:
            self._opened.pop().close()


@functools.lru_cache(maxsize=1024)
def check_target(target: HttpTarget) -> ParsedUrl:
    """What a target's address says.

    :raises UrlError: the address, or a client certificate for it, is not allowed
    :raises BadHeadError: the method is none
    :raises BlockedAddress: the host is an address that may not be connected to
    """
    if not _TOKEN.fullmatch(target.method):
        raise BadHeadError(f"{target.method[:40]!r} is not an HTTP method")
    parsed = check_url(target.url, allow_http=target.allow_http)
    if parsed.address is not None:
        check_address(parsed.address, target.allow_list)
    if target.client_certificate and parsed.scheme != "https":
        # The partner would not learn who we are.
        raise UrlError("A client certificate needs an address that begins with https://.")
    return parsed


def milliseconds(seconds: float) -> int:
    """libcurl's unit; its zero means "no limit"."""
    return max(1, round(seconds * 1000))


def header_lines(headers: tuple[tuple[str, str], ...]) -> list[bytes]:
    """Headers as libcurl wants them; nothing is sent but these, ``Host`` and the body's length.

    :raises BadHeadError: one cannot be sent
    """
    lines, names = [], set()
    for name, value in headers:
        names.add(_lower(name))
        # A line break would let a value start a header of its own.
        if _CONTROL.search(value):
            raise BadHeadError(f"the header {name[:40]} holds a control character")
        # A semicolon: send it although it is empty.
        lines.append(f"{name}: {value}" if value.strip() else f"{name};")
    lines += [line for name, line in _UNLESS_GIVEN if name not in names]
    return [line.encode() for line in lines]


@functools.lru_cache(maxsize=1024)
def _lower(name: str) -> str:
    """:raises BadHeadError: not a name"""
    if not _TOKEN.fullmatch(name):
        raise BadHeadError(f"{name[:40]!r} is not a header name")
    return name.lower()


@functools.lru_cache(maxsize=1024)
def _check(address: str, allow_list: AllowList, host: str) -> None:
    """Remembers addresses that may be connected to; a refusal is raised anew each time."""
    # A link-local address brings its zone along; it is refused anyway.
    check_address(address.partition("%")[0], allow_list, host=host)


def _tls_options(target: HttpTarget, parsed: ParsedUrl) -> dict[int, object]:
    if parsed.scheme != "https":
        return {}
    options: dict[int, object] = {
        pycurl.SSL_VERIFYPEER: int(target.verify_tls),
        pycurl.SSL_VERIFYHOST: 2 if target.verify_tls else 0,
    }
    # The authorities that this machine trusts, not those that libcurl was built with.
    trusted = ssl.get_default_verify_paths()
    if trusted.cafile:
        options[pycurl.CAINFO] = trusted.cafile
    if trusted.capath:
        options[pycurl.CAPATH] = trusted.capath
    if target.client_certificate:
        pem = client_certificate.parse(target.client_certificate).pem.encode()
        options[pycurl.SSLCERT_BLOB] = options[pycurl.SSLKEY_BLOB] = pem
    return options
