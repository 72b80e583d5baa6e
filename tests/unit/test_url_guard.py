"""Where we may connect to: tables of addresses, and tricks that must not work."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.url_guard import (
    AllowList,
    BlockedAddress,
    UrlError,
    check_address,
    check_url,
    parse_allow_list,
    permitted,
)

NOBODY = AllowList()


# -- form of an address


@pytest.mark.parametrize(
    ("url", "normalised"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://Example.COM:443/A?b=C", "https://example.com/A?b=C"),
        ("http://example.com:80/", "http://example.com/"),
        ("http://example.com:8069/x", "http://example.com:8069/x"),
        ("https://example.com?x=1", "https://example.com/?x=1"),
        ("https://example.com/%7Ea%2fb;c=d,e", "https://example.com/%7Ea%2fb;c=d,e"),
        ("https://mes_host-1.plant.local./in", "https://mes_host-1.plant.local./in"),
        ("https://münchen.example/", "https://xn--mnchen-3ya.example/"),
        ("https://10.0.0.1/", "https://10.0.0.1/"),
        ("https://[2001:DB8:0::1]:8443/", "https://[2001:db8::1]:8443/"),
        ("https://３com.example/", "https://3com.example/"),  # noqa: RUF001  full-width on purpose
    ],
)
def test_accepted(url, normalised):
    parsed = check_url(url, allow_http=True)
    assert parsed.url == normalised
    assert check_url(parsed.url, allow_http=True) == parsed


def test_parts():
    parsed = check_url("https://[::ffff:10.0.0.1]:8443/x", allow_http=False)
    assert (parsed.scheme, parsed.port) == ("https", 8443)
    assert "[" not in parsed.host  # and Python 3.13 spells it differently than 3.12
    assert parsed.address == ipaddress.ip_address("::ffff:10.0.0.1")
    assert check_url("https://example.com/", allow_http=False).address is None
    assert check_url("https://192.0.2.7/", allow_http=False).address.version == 4


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "empty"),
        (" https://example.com/", "spaces"),
        ("https://example.com/\n", "spaces"),
        ("example.com/hook", "https://"),
        ("//example.com/", "https://"),
        ("ftp://example.com/", "https://"),
        ("file:///etc/passwd", "https://"),
        ("javascript:alert(1)", "https://"),
        ("http://example.com/", "not encrypted"),
        ("https://user@example.com/", "user name or password"),
        ("https://user:hunter2@example.com/", "user name or password"),
        ("https://good.example\\@evil.example/", "percent-encoded|not valid"),
        ("https:///path", "no host"),
        ("https://:8443/", "no host"),
        ("https://example.com:0/", "port"),
        ("https://example.com:65536/", "port"),
        ("https://example.com:https/", "port"),
        ("https://example.com:/", "port"),
        ("https://example.com:-1/", "port"),
        ("https://example.com/#top", "fragment"),
        ("https://example.com/a b", "' ' in the address"),
        ("https://example.com/{order}", "'{'"),
        ("https://example.com/ü", "'ü'"),
        ("https://example.com/100%", "'%'"),
        ("https://example.com/%zz", "'%'"),
        ("https://example.com/\tx", "percent-encoded"),
        ("https://exa mple.com/", "host name"),
        ("https://exam\nple.com/", "host name"),
        ("https://-x.example/", "host name"),
        ("https://a..b/", "host name"),
        ("https://" + "a" * 64 + ".example/", "host name"),
        ("https://" + "a." * 130 + "b/", "host name"),
        ("https://ex\u200bample\u2028.com/", "host name"),
        ("https://[::1/", "bracket"),
        ("https://[::1]x/", "bracket"),
        ("https://[::g]/", "IPv6"),
        ("https://[fe80::1%25eth0]/", "IPv6"),
        ("https://[fe80::1%eth0]/", "IPv6"),
        # Other spellings of 127.0.0.1 that resolvers understand
        ("https://2130706433/", "looks like an IPv4"),
        ("https://0x7f000001/", "looks like an IPv4"),
        ("https://127.1/", "looks like an IPv4"),
        ("https://0177.0.0.1/", "looks like an IPv4"),
        ("https://127.0.0.1./", "looks like an IPv4"),
        ("https://127.0.0.0x1/", "looks like an IPv4"),
        ("https://1.2.3.4.5/", "looks like an IPv4"),
        ("https://999.1.1.1/", "looks like an IPv4"),
    ],
)
def test_refused(url, said):
    with pytest.raises(UrlError) as refused:
        check_url(url, allow_http=False)
    assert any(part in str(refused.value) for part in said.split("|")), str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_an_address_in_other_digits_is_the_address():
    parsed = check_url("https://①②⑦.0。0.1/", allow_http=False)
    assert parsed.address == ipaddress.ip_address("127.0.0.1")


@given(st.text() | st.text("htps:/@[]%.0123456789ax#?\\ \n").map("https://".__add__))
def test_any_text_is_an_address_or_a_url_error(url):
    try:
        parsed = check_url(url, allow_http=True)
    except UrlError as error:
        assert str(error).endswith(".")
    else:
        assert parsed.url.isascii()
        assert check_url(parsed.url, allow_http=True) == parsed


# -- IP addresses


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "unspecified"),
        ("10.0.0.1", "private"),
        ("10.255.255.255", "private"),
        ("100.64.0.1", "private (carrier NAT)"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("169.254.0.1", "link-local"),
        ("169.254.169.254", "cloud metadata service"),
        ("168.63.129.16", "cloud metadata service"),
        ("100.100.100.200", "cloud metadata service"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.0.0.8", "reserved"),
        ("192.0.2.1", "reserved (documentation)"),
        ("192.168.1.1", "private"),
        ("198.18.0.1", "reserved (benchmarks)"),
        ("198.51.100.1", "reserved (documentation)"),
        ("203.0.113.1", "reserved (documentation)"),
        ("224.0.0.1", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::127.0.0.1", "reserved"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:10.0.0.1", "private"),
        ("::ffff:169.254.169.254", "cloud metadata service"),
        ("64:ff9b::a00:1", "private"),
        ("64:ff9b::7f00:1", "loopback"),
        ("64:ff9b:1::1", "reserved"),
        ("100::1", "reserved"),
        ("2001::1", "tunnelled (Teredo)"),
        ("2001:20::1", "reserved"),
        ("2001:db8::1", "reserved (documentation)"),
        ("2002:7f00:1::", "tunnelled (6to4)"),
        ("2002:808:808::1", "tunnelled (6to4)"),
        ("3fff::1", "reserved (documentation)"),
        ("fc00::1", "private"),
        ("fd00:ec2::254", "cloud metadata service"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("fec0::1", "reserved"),
        ("ff02::1", "multicast"),
    ],
)
def test_blocked(address, kind):
    with pytest.raises(BlockedAddress) as refused:
        check_address(address, NOBODY)
    assert refused.value.kind == kind
    assert kind in str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "172.15.255.255",
        "172.32.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "192.0.1.1",
        "223.255.255.255",
        "2600::1",
        "2a00:1450:4001::1",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_public(address):
    check_address(address, NOBODY)


@given(st.ip_addresses())
def test_nothing_that_python_calls_special_passes(address):
    try:
        check_address(address, NOBODY)
    except BlockedAddress:
        return
    inner = getattr(address, "ipv4_mapped", None) or address
    assert not inner.is_loopback
    assert not inner.is_private
    assert not inner.is_link_local
    assert not inner.is_multicast
    assert not inner.is_unspecified


@given(st.ip_addresses(v=4))
def test_ipv4_inside_ipv6_is_judged_as_itself(address):
    def kind(candidate):
        try:
            check_address(candidate, NOBODY)
        except BlockedAddress as error:
            return error.kind
        return None

    mapped = ipaddress.IPv6Address(0xFFFF << 32 | int(address))
    translated = ipaddress.IPv6Address((0x64FF9B << 96) | int(address))
    assert kind(mapped) == kind(translated) == kind(address)


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "1.2.3.4/32"])
def test_not_an_address(text):
    with pytest.raises(ValueError, match="IPv4 or IPv6"):
        check_address(text, NOBODY)


# -- allow-list


def test_an_allow_list_is_read_line_by_line():
    text = (
        "\n# plant 1\n10.20.0.0/16   # the MES\r\n127.0.0.1\n::1\n MES.Plant.local \n10.20.0.0/16\n"
    )
    assert parse_allow_list(text) == AllowList(
        (
            ipaddress.ip_network("10.20.0.0/16"),
            ipaddress.ip_network("127.0.0.1/32"),
            ipaddress.ip_network("::1/128"),
        ),
        frozenset({"mes.plant.local"}),
    )
    assert parse_allow_list("") == NOBODY
    assert hash(parse_allow_list(text)) == hash(parse_allow_list(text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10.0.0.0/8\n10.20.0.5/16", "Line 2, “10.20.0.5/16”: has bits set behind its prefix; the "
         "network is 10.20.0.0/16."),
        ("10.0.0.0/33", "Line 1, “10.0.0.0/33”: is not an IP network"),
        ("10.0.0", "is not an IP network"),
        ("300.0.0.1", "is not an IP network"),
        ("2130706433", "host name is not valid|not an IP network"),
        ("0.0.0.0/0", "too wide"),
        ("128.0.0.0/1", "too wide"),
        ("::/0", "too wide"),
        ("localhost", "write 127.0.0.0/8"),
        ("LOCALHOST.", "write 127.0.0.0/8"),
        ("*.plant.local", "host name is not valid"),
        ("https://mes.local", "host name is not valid"),
        ("mes.local:8443", "host name is not valid"),
        ("a b", "host name is not valid"),
        ("x" * 500, "host name is not valid"),
    ],
)  # fmt: skip
def test_a_bad_allow_list_names_the_line(text, said):
    with pytest.raises(UrlError) as refused:
        parse_allow_list(text)
    assert any(part in str(refused.value) for part in said.split("|")), str(refused.value)
    assert str(refused.value).startswith("Line ")
    assert len(str(refused.value)) < 200


@given(st.text() | st.text("0123456789abcdef.:/\n#"))
def test_any_text_is_an_allow_list_or_a_url_error(text):
    try:
        parse_allow_list(text)
    except UrlError as error:
        assert str(error).startswith("Line ")


@pytest.mark.parametrize(
    ("entry", "address", "allowed"),
    [
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", "192.168.0.1", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("::1", "::1", True),
        ("::1", "127.0.0.1", False),
        ("fd00::/8", "fd12::1", True),
        ("2002::/16", "2002:7f00:1::", True),
        # The metadata services need an entry of exactly their address.
        ("169.254.0.0/16", "169.254.1.1", True),
        ("169.254.0.0/16", "169.254.169.254", False),
        ("169.254.169.254", "169.254.169.254", True),
        ("fc00::/7", "fd00:ec2::254", False),
    ],
)
def test_networks_permit(entry, address, allowed):
    allow_list = parse_allow_list(entry)
    if allowed:
        check_address(address, allow_list)
    else:
        with pytest.raises(BlockedAddress):
            check_address(address, allow_list)


@pytest.mark.parametrize(
    ("host", "address", "allowed"),
    [
        ("mes.plant.local", "10.1.2.3", True),
        ("MES.plant.local", "192.168.0.1", True),
        ("mes.plant.local", "100.64.0.1", True),
        ("mes.plant.local", "fd12::1", True),
        ("mes.plant.local", "8.8.8.8", True),
        ("other.plant.local", "10.1.2.3", False),
        ("x.mes.plant.local", "10.1.2.3", False),
        ("", "10.1.2.3", False),
        # Whoever runs the DNS must not get further than into a private network.
        ("mes.plant.local", "127.0.0.1", False),
        ("mes.plant.local", "::1", False),
        ("mes.plant.local", "169.254.1.1", False),
        ("mes.plant.local", "169.254.169.254", False),
        ("mes.plant.local", "fd00:ec2::254", False),
        ("mes.plant.local", "0.0.0.0", False),
    ],
)
def test_host_names_permit_private_addresses_only(host, address, allowed):
    allow_list = parse_allow_list("mes.plant.local")
    if allowed:
        check_address(address, allow_list, host=host)
    else:
        with pytest.raises(BlockedAddress):
            check_address(address, allow_list, host=host)


def test_permitted_keeps_what_may_be_used():
    mixed = ["10.0.0.1", "8.8.8.8", "127.0.0.1"]
    assert permitted(mixed, NOBODY, host="x") == ["8.8.8.8"]
    assert permitted(mixed, parse_allow_list("x"), host="x") == ["10.0.0.1", "8.8.8.8"]
    assert permitted([], NOBODY, host="x") == []
    with pytest.raises(BlockedAddress, match=r"10\.0\.0\.1"):
        permitted(["10.0.0.1", "127.0.0.1"], NOBODY, host="x")
