"""Where we may connect to: the form of an address, and the IP addresses behind it.

A connector's address is typed by a person and its host name is resolved by somebody else's DNS,
so neither may lead into the server's own network (server-side request forgery). Plants do have
partners in private networks: those are listed in the connector's allow-list.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import idna

# From the IANA special-purpose address registries. Written out, because what Python's own
# ``is_private`` and ``is_global`` mean changed between the versions we run on.
_BLOCKED_V4 = [
    (IPv4Network(network), label)
    for network, label in [
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "private (carrier NAT)"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "reserved (documentation)"),
        ("192.88.99.0/24", "reserved (6to4 relay)"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "reserved (benchmarks)"),
        ("198.51.100.0/24", "reserved (documentation)"),
        ("203.0.113.0/24", "reserved (documentation)"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    ]
]
_BLOCKED_V6 = [
    (IPv6Network(network), label)
    for network, label in [
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("ff00::/8", "multicast"),
        ("2001::/32", "tunnelled (Teredo)"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "reserved (documentation)"),
        ("2002::/16", "tunnelled (6to4)"),
        ("3fff::/20", "reserved (documentation)"),
    ]
]
_GLOBAL_V6 = IPv6Network("2000::/3")
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
# They hand out credentials of the machine they run on. Some lie in public or private ranges.
_METADATA = frozenset(
    ipaddress.ip_address(address)
    for address in (
        "100.100.100.200",
        "168.63.129.16",
        "169.254.169.254",
        "169.254.170.2",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
    )
)

_URL_CHARACTERS = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*", re.ASCII)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)


class UrlError(ValueError):
    """An address or an allow-list is not written as it must be; the message says what is wrong."""


class BlockedAddress(Exception):
    """We do not connect to this IP address. ``address``: the text of it; ``kind``: what it is."""

    def __init__(self, address: str, kind: str):
        super().__init__(
            f"{address} is a {kind} address; only the connector's allow-list can permit it."
        )
        self.address = address
        self.kind = kind


@dataclass(frozen=True, slots=True)
class AllowList:
    """Networks that may be connected to, and host names that may lie in private networks."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    hosts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ParsedUrl:
    """An address that has passed ``check_url``.

    :param url: normalised: scheme and host in lower case, the host in ASCII, the port only where
        it is not the scheme's own, path and query untouched
    :param host: in ASCII and lower case; an IPv6 address without brackets
    :param address: the IP address when the host is one, else None
    """

    url: str
    scheme: str
    host: str
    port: int
    address: IPv4Address | IPv6Address | None


def parse_allow_list(text: str) -> AllowList:
    """Read networks, addresses and host names, one a line; ``#`` starts a comment.

    A network permits what lies in it, loopback included. A host name permits that this name
    resolves to a private address; loopback and link-local stay refused, since whoever runs the
    DNS could point the name there.

    :raises UrlError: names the line
    """
    networks: list[IPv4Network | IPv6Network] = []
    hosts: set[str] = set()
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        try:
            if _looks_like_address(entry.partition("/")[0]):
                networks.append(_network(entry))
            elif entry.lower().rstrip(".") == "localhost":
                raise UrlError("write 127.0.0.0/8 or ::1 instead")
            else:
                hosts.add(_host_name(entry))
        except UrlError as error:
            reason = str(error).rstrip(".")
            raise UrlError(f"Line {number}, “{entry[:60]}”: {reason}.") from None
    return AllowList(tuple(dict.fromkeys(networks)), frozenset(hosts))


def check_url(url: str, *, allow_http: bool) -> ParsedUrl:
    """Check the form of an address; nothing is resolved.

    :param allow_http: accept unencrypted ``http`` as well
    :raises UrlError: one sentence that names what is wrong, without repeating a password
    """
    if not url or url != url.strip():
        raise UrlError("The address is empty or has spaces around it.")
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in ("http", "https"):
        raise UrlError("The address does not begin with https://.")
    if scheme == "http" and not allow_http:
        raise UrlError("The address is not encrypted: use https, or allow http for the connector.")
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    # First of all that follows: later messages may repeat parts of the address.
    if "@" in authority:
        raise UrlError("The address holds a user name or password; use a credential instead.")
    if "#" in rest:
        raise UrlError("The address has a fragment (#); it would never be sent.")
    tail = rest[len(authority) :]
    valid = _URL_CHARACTERS.match(tail).end()
    if valid < len(tail):
        raise UrlError(f"The character {tail[valid]!r} in the address must be percent-encoded.")
    host_text, port = _split_authority(authority, 443 if scheme == "https" else 80)
    address = None
    if host_text.startswith("["):
        try:
            address = IPv6Address(host_text[1:-1])
        except ValueError:
            raise UrlError("The IPv6 address is not valid.") from None
        if address.scope_id:
            raise UrlError("The IPv6 address has a zone, which only this machine understands.")
        host, shown = str(address), f"[{address}]"
    else:
        host = shown = _host_name(host_text)
        if _looks_like_address(host.rstrip(".")):
            # Resolvers read "2130706433", "0x7f.1" and "127.1" as 127.0.0.1: only the plain form.
            try:
                address = IPv4Address(host)
            except ValueError:
                raise UrlError("The host looks like an IPv4 address but is not one.") from None
    default = port == (443 if scheme == "https" else 80)
    if not tail.startswith("/"):
        tail = "/" + tail
    normalised = f"{scheme}://{shown}{'' if default else f':{port}'}{tail}"
    return ParsedUrl(normalised, scheme, host, port, address)


def check_address(
    address: str | IPv4Address | IPv6Address, allow_list: AllowList, *, host: str = ""
) -> None:
    """Refuse an IP address that is not a public one, unless the allow-list permits it.

    An IPv4 address inside an IPv6 one (mapped, NAT64) is judged as itself; other tunnels (6to4,
    Teredo) are refused, because where they end cannot be told. The metadata services of cloud
    machines need an entry of exactly their address.

    :param host: the host name that resolved to the address, if any
    :raises BlockedAddress: do not connect
    :raises ValueError: not an IP address
    """
    outer = ipaddress.ip_address(address)
    inner = _inner(outer)
    if inner in _METADATA:
        exact = ipaddress.ip_network(inner)
        if exact not in allow_list.networks:
            raise BlockedAddress(str(outer), "cloud metadata service")
        return
    if any(inner in network or outer in network for network in allow_list.networks):
        return
    kind = _blocked_kind(inner)
    if kind is None or (kind.startswith("private") and host.lower() in allow_list.hosts):
        return
    raise BlockedAddress(str(outer), kind)


def permitted(addresses: Iterable[str], allow_list: AllowList, *, host: str) -> list[str]:
    """Return those addresses of a host name that may be connected to.

    :raises BlockedAddress: there are addresses, but none may
    """
    kept: list[str] = []
    refusal = None
    for address in addresses:
        try:
            check_address(address, allow_list, host=host)
        except BlockedAddress as error:
            refusal = refusal or error
        else:
            kept.append(address)
    if refusal and not kept:
        raise refusal
    return kept


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv6Address) and (address in _MAPPED or address in _NAT64):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _blocked_kind(address: IPv4Address | IPv6Address) -> str | None:
    blocked = _BLOCKED_V4 if isinstance(address, IPv4Address) else _BLOCKED_V6
    for network, label in blocked:
        if address in network:
            return label
    if isinstance(address, IPv6Address) and address not in _GLOBAL_V6:
        return "reserved"
    return None


def _looks_like_address(text: str) -> bool:
    """Tell addresses, also mistyped ones, from host names: no top-level domain is a number."""
    if ":" in text:
        return bool(re.fullmatch(r"[0-9a-fA-F:.]+", text))
    return bool(_NUMERIC_LABEL.fullmatch(text.lower().rsplit(".", 1)[-1]))


def _network(entry: str) -> IPv4Network | IPv6Network:
    try:
        network = ipaddress.ip_network(entry)
    except ValueError:
        try:
            meant = ipaddress.ip_network(entry, strict=False)
        except ValueError:
            raise UrlError("is not an IP network such as 10.20.0.0/16") from None
        raise UrlError(f"has bits set behind its prefix; the network is {meant}") from None
    if network.prefixlen < (8 if network.version == 4 else 7):
        raise UrlError("is too wide: a prefix of at least /8 (IPv4) or /7 (IPv6) is needed")
    return network


def _split_authority(authority: str, default_port: int) -> tuple[str, int]:
    if authority.startswith("["):
        host, bracket, rest = authority.partition("]")
        host += bracket
        if not bracket or (rest and not rest.startswith(":")):
            raise UrlError("The IPv6 address is not closed by a bracket.")
        port = rest[1:] if rest else None
    else:
        host, colon, port_text = authority.partition(":")
        port = port_text if colon else None
    if not host:
        raise UrlError("The address has no host name.")
    if port is None:
        return host, default_port
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise UrlError("The port is not a number from 1 to 65535.")
    return host, int(port)


def _host_name(text: str) -> str:
    """Return a host name in ASCII and lower case.

    :raises UrlError: not a host name
    """
    host = text
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode()
        except idna.IDNAError:
            raise UrlError("The host name holds characters that no host name may have.") from None
    host = host.lower()
    labels = host[:-1].split(".") if host.endswith(".") else host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise UrlError("The host name is not valid.")
    return host
