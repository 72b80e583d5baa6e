"""X12 interchanges: read with their envelope checked, refused with the segment that is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_edi.tools.interchange import Separators
from odoo.addons.mfg_integration_edi.tools.segments import EdiError, write_segment
from odoo.addons.mfg_integration_edi.tools.x12_reader import read_x12, split_interchanges

from tests.harness.corpora import samples

MOST = 10_000
ISA = (
    "ISA*00*          *00*          *01*123456789      *ZZ*PARTNER        *261126*1201*^*00501*"
    "000000007*1*T*>~"
)
GROUP = "GS*PO*APP1*APP2*20261126*1201*7*X*005010~"
ORDER = "ST*850*0001~BEG*00*SA*4711**20261126~PO1*1*5*EA*2.5**VP*A-1~CTT*1~SE*5*0001~"
WHOLE = f"{ISA}{GROUP}{ORDER}GE*1*7~IEA*1*000000007~"


def read(text):
    return read_x12(text.encode("latin-1"), MOST)


def test_an_order():
    document = read(WHOLE)
    assert document | {"groups": []} == {
        "standard": "x12",
        "sender": {"qualifier": "01", "id": "123456789"},
        "receiver": {"qualifier": "ZZ", "id": "PARTNER"},
        "date": "261126",
        "time": "1201",
        "version": "00501",
        "control_number": "000000007",
        "acknowledgment_requested": True,
        "usage": "T",
        "separators": {"element": "*", "component": ">", "segment": "~", "repetition": "^"},
        "acknowledgments": [],
        "groups": [],
    }
    [group] = document["groups"]
    [order] = group.pop("transactions")
    assert group == {
        "code": "PO", "sender": "APP1", "receiver": "APP2", "date": "20261126", "time": "1201",
        "control_number": "7", "version": "005010",
    }  # fmt: skip
    assert (order["type"], order["control_number"]) == ("850", "0001")
    assert order["segments"] == [
        {"tag": "BEG", "elements": ["00", "SA", "4711", "", "20261126"]},
        {"tag": "PO1", "elements": ["1", "5", "EA", "2.5", "", "VP", "A-1"]},
        {"tag": "CTT", "elements": ["1"]},
    ]


def test_components_and_repetitions():
    text = WHOLE.replace("CTT*1~", "SV1*HC>99213>25*A^B>C~")
    [group] = read(text)["groups"]
    assert group["transactions"][0]["segments"][2]["elements"] == [
        ["HC", "99213", "25"],
        {"repeat": ["A", ["B", "C"]]},
    ]


def test_before_00402_the_eleventh_element_is_no_separator():
    text = WHOLE.replace("*^*00501*", "*U*00401*").replace("CTT*1~", "NTE*A^B*AUTO~")
    document = read(text)
    assert "repetition" not in document["separators"]
    [group] = document["groups"]
    assert group["transactions"][0]["segments"][2]["elements"] == ["A^B", "AUTO"]


@pytest.mark.parametrize("layout", ["\n", "\r\n", "\r"])
def test_line_breaks_between_segments_are_layout(layout):
    assert read(WHOLE.replace("~", f"~{layout}")) == read(WHOLE)


@pytest.mark.parametrize("terminator", ["\n", "\r\n"])
def test_a_line_break_as_terminator(terminator):
    document = read(WHOLE.replace("~", terminator))
    assert document["groups"] == read(WHOLE)["groups"]


def test_acknowledgments_stand_before_the_groups():
    text = WHOLE.replace(GROUP, f"TA1*000000006*261126*1200*A*000~{GROUP}")
    assert read(text)["acknowledgments"] == [
        {"tag": "TA1", "elements": ["000000006", "261126", "1200", "A", "000"]}
    ]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("ISA*", "UNB*", "Segment 1: An X12 interchange begins with ISA"),
        ("*01*123456789      *", "*01*1234567890123456*", "Segment 1: ISA06 is longer than 15"),
        ("*1*T*>~", "*1*T~", "Segment 1: "),
        ("*T*>~", "*T*A~", "Segment 1: The component separator must not be a letter"),
        ("*T*>~", "*T**~", "Segment 1: The component and element separators are both"),
        ("GE*1*7~", "GE*2*7~", "Segment 8: GE01 says 2; there are 1 transactions"),
        ("GE*1*7~", "GE*1*8~", "Segment 8: GE02 is '8', GS06 was '7'"),
        ("SE*5*", "SE*6*", "Segment 7: SE01 says 6; there are 5 segments"),
        ("SE*5*0001~", "SE*5*0002~", "Segment 7: SE02 is '0002', ST02 was '0001'"),
        ("SE*5*0001~", "", "Segment 3: There is no SE for transaction 0001"),
        ("GE*1*7~", "", "Segment 8: IEA stands outside of a transaction"),
        ("IEA*1*000000007~", "", "There is no IEA"),
        ("IEA*1*", "IEA**", "Segment 9: IEA01 says nothing"),
        ("IEA*1*000000007~", "IEA*1*000000008~", "Segment 9: IEA02 is '000000008'"),
        ("IEA*1*000000007~", "IEA*1*000000007", "Segment 9: 'IEA*1*000000007' does not end"),
        ("CTT*1~", "ctt*1~", "Segment 6: 'ctt' is not a segment tag"),
        ("IEA*1*000000007~", "IEA*1*000000007~GS*1~", "Segment 10: GS stands after IEA"),
        (GROUP, "", "Segment 2: ST stands outside of a group"),
    ],
)
def test_what_is_damaged_is_refused_with_its_segment(old, new, words):
    assert old in WHOLE
    with pytest.raises(EdiError) as refused:
        read(WHOLE.replace(old, new))
    assert words in str(refused.value)


@pytest.mark.parametrize("text", ["", "I", "ISA", "ISA*", ISA[:50], ISA[:-1]])
def test_less_than_an_isa(text):
    with pytest.raises(EdiError, match=r"begins with ISA|cut off"):
        read(text)


def test_too_many_segments():
    with pytest.raises(EdiError, match="more than 8"):
        read_x12(WHOLE.encode(), 8)


def test_interchanges_of_a_transmission():
    second = WHOLE.replace("000000007", "000000008")
    found = split_interchanges(f"\n{WHOLE}\r\n\r\n{second}\x1a".encode(), MOST)
    assert found == [WHOLE.encode(), second.encode()]
    assert split_interchanges(b"", MOST) == []
    for cut in (WHOLE[:-1], WHOLE[:200], WHOLE + "garbage"):
        with pytest.raises(EdiError):
            split_interchanges(cut.encode(), MOST)


@pytest.mark.parametrize("path", samples("x12"))
def test_samples_of_real_systems(path):
    """What is not read has a reason that its name or its content gives."""
    refused = {
        "x12.832.edi": "SE01 says 17; there are 12 segments",
        "x12.850.edi": "ISA02 is longer than 10 characters",
        "x12.850.issue135.edi": "GE02 is '', GS06 was '1'",
        "x12.850a.edi": "ISA02 is longer than 10 characters",
    }
    try:
        documents = [
            read_x12(each, 100_000) for each in split_interchanges(path.read_bytes(), MOST)
        ]
    except EdiError as error:
        assert path.name in refused, str(error)
        assert refused[path.name] in str(error)
        return
    assert documents
    for document in documents:
        assert document["groups"] or document["acknowledgments"]
        assert all(group["transactions"] for group in document["groups"])


SEPARATORS = Separators(element="*", component=">", segment="~", repetition="^")
words = st.text(
    st.characters(max_codepoint=255, exclude_characters="*>~^\r\n", exclude_categories=["Cc"]),
    max_size=6,
)
values = words | st.lists(words, min_size=2, max_size=4)
elements = st.lists(
    values | st.lists(values, min_size=2, max_size=3).map(lambda each: {"repeat": each}),
    max_size=5,
).map(lambda each: [*each, "end"])


@given(st.lists(st.tuples(st.sampled_from(["BEG", "N1", "PO1"]), elements), max_size=5))
def test_segments_that_are_written_come_back(content):
    inside = "".join(write_segment(tag, each, SEPARATORS) for tag, each in content)
    text = WHOLE.replace(ORDER, f"ST*850*0001~{inside}SE*{len(content) + 2}*0001~")
    [group] = read(text)["groups"]
    assert group["transactions"][0]["segments"] == [
        {"tag": tag, "elements": each} for tag, each in content
    ]


@given(st.data())
def test_damaged_bytes_are_read_or_refused(data):
    raw = bytearray(WHOLE.encode())
    for _change in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        read_x12(bytes(raw), MOST)
        split_interchanges(bytes(raw), MOST)
    except EdiError as error:
        assert str(error)


def test_interchanges_beyond_the_most_are_not_looked_at():
    assert split_interchanges(WHOLE.encode() * 5 + b"ISA", 2) == [WHOLE.encode()] * 3
