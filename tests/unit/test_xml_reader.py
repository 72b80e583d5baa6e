"""XML from strangers: read with a place for each error, and nothing that XML can do to a reader."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.xml_reader import XmlError, path_of, read_xml


@pytest.mark.parametrize(
    "raw",
    [
        b"<a><b>5</b></a>",
        b"\xef\xbb\xbf<a><b>5</b></a>",
        b'<?xml version="1.0" encoding="UTF-8"?>\n<a><b>5</b></a>\n',
        b"<!-- before --><a><!-- in --><b>5</b><?tool do?></a><!-- after -->",
        '<?xml version="1.0" encoding="UTF-16"?><a><b>5</b></a>'.encode("utf-16"),
        b'<?xml version="1.0" encoding="iso-8859-1"?><a><b>5</b></a>',
        b"<a><b><![CDATA[5]]></b></a>",
    ],
)
def test_the_same_document_in_every_dress(raw):
    root = read_xml(raw, 8)
    assert root.tag == "a"
    assert [(node.tag, node.text) for node in root] == [("b", "5")]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "Line 1: Not well-formed XML"),
        (b"hello", "Line 1: Not well-formed XML"),
        (b"<a>\n<b>\n</a>", "Line 3: Not well-formed XML: Opening and ending tag mismatch"),
        (b"<a/><b/>", "Line 1: Not well-formed XML"),
        (b"<a>\xff</a>", "Line 1: Not well-formed XML"),
        (b"<a>&#0;</a>", "Not well-formed XML"),
        (b"<a>&unknown;</a>", "Not well-formed XML"),
        (b'<a b="1" b="2"/>', "Not well-formed XML"),
        (b"<x:a/>", "Not well-formed XML"),
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', "Line 1: The encoding utf-7"),
        (b'<?xml version="1.0" encoding="cp037"?><a/>', "Line 1: The encoding cp037"),
    ],
)
def test_what_is_not_xml_is_refused_with_its_line(raw, words):
    with pytest.raises(XmlError) as refused:
        read_xml(raw, 8)
    assert words in str(refused.value)


BOMB = b"<!DOCTYPE a [<!ENTITY e0 'lol'>%s]>" % b"".join(
    b"<!ENTITY e%d '%s'>" % (n, (b"&e%d;" % (n - 1)) * 10) for n in range(1, 12)
)


@pytest.mark.parametrize(
    "raw",
    [
        BOMB + b"<a>&e11;</a>",
        BOMB + b'<a b="&e11;"/>',
        b"\n<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
        b"<!DOCTYPE a [<!ENTITY % x SYSTEM 'http://127.0.0.1:1/x'>%x;]><a/>",
        (BOMB + b"<a>&e11;</a>").decode().encode("utf-16"),
    ],
)
def test_a_document_type_is_refused_unseen(raw):
    with pytest.raises(XmlError, match="DOCTYPE"):
        read_xml(raw, 8)


def test_a_document_type_in_ebcdic_is_refused_unseen():
    raw = '<?xml version="1.0" encoding="cp037"?><!DOCTYPE a [<!ENTITY x "y">]><a/>'.encode("cp037")
    with pytest.raises(XmlError, match="EBCDIC"):
        read_xml(raw, 8)


def test_depth_is_limited_and_told_where():
    assert read_xml(b"<a><a><a/></a></a>", 3) is not None
    with pytest.raises(XmlError, match=r"a/a/a/a \(line 1\): .*deeper than 3"):
        read_xml(b"<a><a><a><a/></a></a></a>", 3)
    with pytest.raises(XmlError):
        read_xml(b"<a>" * 200_000, 64)


def test_attributes_and_elements_are_limited():
    """The parser would take a quarter of a minute for so many attributes."""
    many = b" ".join(b'a%d="1"' % n for n in range(80_000))
    for raw in (b"<r>\n<a %s/></r>" % many, b"<r>\n<a %s></a></r>" % many.replace(b'"', b"'")):
        with pytest.raises(XmlError, match="Line 2: An element has more than 1000 attributes"):
            read_xml(raw, 8)
    thousand = b" ".join(b'a%d="a>=1"' % n for n in range(1000))
    assert len(read_xml(b"<r %s>%s</r>" % (thousand, b'x="1" ' * 10_000), 8).attrib) == 1000
    assert read_xml(b"<r>%s</r>" % (b'x="1" ' * 10_000), 8) is not None
    assert read_xml(b"<r><![CDATA[%s]]></r>" % (b'x="1" ' * 10_000), 8) is not None
    with pytest.raises(XmlError, match="more than 100000 elements"):
        read_xml(b"<r>" + b"<a/>" * 100_000 + b"</r>", 8)


def test_the_place_of_an_element_among_its_like():
    root = read_xml(b'<o xmlns="urn:x"><line/><line><qty/></line></o>', 8)
    assert path_of(root[1][0]) == "o/line[2]/qty"


def test_reading_grows_with_the_body_and_not_faster():
    """Many attributes, many siblings, long names: nothing that is quadratic."""

    def seconds(count):
        raw = b"<a>" + b"".join(b'<b c="%d">%d</b>' % (n, n) for n in range(count)) + b"</a>"
        best = float("inf")
        for _round in range(3):
            started = time.perf_counter()
            read_xml(raw, 8)
            best = min(best, time.perf_counter() - started)
        return best

    assert seconds(32_000) < 40 * seconds(2_000)  # 16 times as many


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw):
    try:
        read_xml(raw, 8)
    except XmlError as error:
        assert str(error)
