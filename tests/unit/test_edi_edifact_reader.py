"""EDIFACT interchanges: read with the envelope checked, refused with the segment that is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_edi.tools.edifact_reader import read_edifact, split_interchanges
from odoo.addons.mfg_integration_edi.tools.interchange import DEFAULT_SEPARATORS
from odoo.addons.mfg_integration_edi.tools.segments import EdiError, write_segment

from tests.harness.corpora import samples

MOST = 10_000
UNB = "UNB+UNOC:3+4012345000009:14+PARTNER:ZZZ+261126:1201+REF7++ORDERS++1++1'"
ORDER = "UNH+M1+ORDERS:D:96A:UN:EAN008'BGM+220+4711+9'FTX+AAI+++it?'s 5 ?+ 3 ?: 2??'UNT+4+M1'"
WHOLE = f"{UNB}{ORDER}UNZ+1+REF7'"


def read(text, encoding="latin-1"):
    return read_edifact(text.encode(encoding), MOST)


def test_an_order():
    assert read(WHOLE) == {
        "standard": "edifact",
        "syntax": "UNOC:3",
        "sender": {"qualifier": "14", "id": "4012345000009"},
        "receiver": {"qualifier": "ZZZ", "id": "PARTNER"},
        "prepared_at": "261126:1201",
        "control_number": "REF7",
        "application": "ORDERS",
        "acknowledgment_requested": True,
        "test": True,
        "separators": {"element": "+", "component": ":", "segment": "'", "release": "?"},
        "messages": [
            {
                "type": "ORDERS",
                "version": "D",
                "release": "96A",
                "agency": "UN",
                "association": "EAN008",
                "reference": "M1",
                "group": None,
                "segments": [
                    {"tag": "BGM", "elements": ["220", "4711", "9"]},
                    {"tag": "FTX", "elements": ["AAI", "", "", "it's 5 + 3 : 2?"]},
                ],
            }
        ],
    }


def test_other_separators():
    others = str.maketrans("+:'?", "*|~!")
    text = "UNA|*,! ~" + WHOLE.replace("it?'s", "its").translate(others)
    [message] = read(text)["messages"]
    assert message["segments"][1]["elements"][3] == "its 5 * 3 | 2!"


def test_groups():
    text = WHOLE.replace(ORDER, f"UNG+ORDERS+A+B+261126:1201+G1+UN+D:96A'{ORDER}UNE+1+G1'")
    [message] = read(text)["messages"]
    assert message["group"] == "G1"


@pytest.mark.parametrize("layout", ["\n", "\r\n"])
def test_line_breaks_between_segments_are_layout(layout):
    assert read(WHOLE.replace("9'", f"9'{layout}")) == read(WHOLE)


@pytest.mark.parametrize(
    ("level", "encoding", "word"),
    [("UNOC", "latin-1", "Größe"), ("UNOE", "iso-8859-5", "Привет"), ("UNOY", "utf-8", "Ω長")],
)
def test_the_syntax_level_names_the_characters(level, encoding, word):
    text = WHOLE.replace("UNOC", level).replace("4711", word)
    [message] = read(text, encoding)["messages"]
    assert message["segments"][0]["elements"][1] == word


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("UNB+", "ISA*", "Segment 1: An EDIFACT interchange begins with UNB"),
        ("UNOC", "UNOX", "Segment 1: The syntax level 'UNOX'"),
        ("+REF7++", "+++", "Segment 1: UNB has no interchange control reference"),
        ("UNT+4+M1'", "UNT+5+M1'", "Segment 5: UNT says 5; there are 4 segments"),
        ("UNT+4+M1'", "UNT+4+M2'", "Segment 5: The reference of UNT is 'M2', that of UNH 'M1'"),
        ("UNT+4+M1'", "", "Segment 2: There is no UNT for message M1"),
        ("UNZ+1+", "UNZ+2+", "Segment 6: UNZ says 2; there are 1 messages"),
        ("UNZ+1+REF7'", "UNZ+1+REF8'", "Segment 6: The reference of UNZ is 'REF8'"),
        ("UNZ+1+REF7'", "", "There is no UNZ"),
        ("UNZ+1+REF7'", "UNZ+1+REF7", "does not end with the segment terminator"),
        ("UNZ+1+REF7'", "UNZ+1+REF7?'", "does not end with the segment terminator"),
        ("BGM+", "bgm+", "Segment 3: 'bgm' is not a segment tag"),
        ("UNH+M1+ORDERS:D:96A:UN:EAN008'", "", "Segment 2: BGM stands outside of a message"),
        ("UNZ+1+REF7'", "UNZ+1+REF7'BGM'", "Segment 7: BGM stands after UNZ"),
        ("UNB+UNOC", "UNA::.? 'UNB+UNOC", "UNA: The component and element"),
    ],
)
def test_what_is_damaged_is_refused_with_its_segment(old, new, words):
    assert old in WHOLE
    with pytest.raises(EdiError) as refused:
        read(WHOLE.replace(old, new, 1))
    assert words in str(refused.value)


def test_a_byte_that_is_no_character_of_its_level():
    with pytest.raises(EdiError, match="Segment 3: The byte 0xF6 is no character of UNOA"):
        read(WHOLE.replace("UNOC", "UNOA").replace("4711", "ö"))


def test_interchanges_of_a_transmission():
    second = "UNA:+.? '" + WHOLE.replace("REF7", "REF8")
    found = split_interchanges(f"{WHOLE}\r\n{second}\n".encode(), MOST)
    assert found == [WHOLE.encode(), second.encode()]
    assert split_interchanges(b"\n", MOST) == []
    with pytest.raises(EdiError):
        split_interchanges(WHOLE[:-1].encode(), MOST)


def test_a_released_release_character_before_the_trailer():
    text = WHOLE.replace("M1", "M1??")
    assert split_interchanges(text.encode(), MOST) == [text.encode()]


def test_a_text_that_looks_like_the_trailer_is_none():
    text = WHOLE.replace("4711", "4711?'UNZ?+1?+REF7?'")
    assert split_interchanges(text.encode(), MOST) == [text.encode()]


NO_INTERCHANGE = [
    f"edifact-rs-{release}_{kind}_{state}.edi"
    for release in ("d96a", "d01b")
    for kind in ("invoic", "orders")
    for state in ("conforming", "malformed")
]
"""Messages without an interchange around them."""
WRONG_COUNT = [
    "edifact_rails-one_line.edi",
    "edifact_rails-seperate_lines.edi",
    "edifact_rails-seperate_lines_different_special_characters.edi",
]
WRONG_LEVEL = ["staedi-invoic_d93a_una.edi", "staedi-invoic_d97b.edi"]
"""They say UNOA, which is ASCII, and hold UTF-8."""
NO_END = ["pydifact-order.edi", "pydifact-order2.edi"]


@pytest.mark.parametrize("path", samples("edifact"))
def test_samples_of_real_systems(path):
    """What is not read has a reason that its name or its content gives."""
    refused = {
        **dict.fromkeys(NO_INTERCHANGE, "begins with UNB, not with"),
        "pydifact-wikipedia_de.edi": "The reference of UNZ is '1234567', that of UNB '1'",
        **dict.fromkeys(NO_END, "There is no UNZ"),
        **dict.fromkeys(WRONG_COUNT, "UNT says 22; there are 20 segments"),
        **dict.fromkeys(WRONG_LEVEL, "The byte 0xC3 is no character of UNOA"),
    }
    try:
        documents = [
            read_edifact(each, 100_000) for each in split_interchanges(path.read_bytes(), MOST)
        ]
    except EdiError as error:
        assert path.name in refused, str(error)
        assert refused[path.name] in str(error)
        return
    assert documents
    assert all(document["messages"] for document in documents)


SEPARATORS = DEFAULT_SEPARATORS["edifact"]
words = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=6)
values = words | st.lists(words, min_size=2, max_size=4)
elements = st.lists(values, max_size=5).map(lambda each: [*each, "end"])


@given(st.lists(st.tuples(st.sampled_from(["BGM", "FTX", "LIN"]), elements), max_size=5))
def test_segments_that_are_written_come_back(content):
    inside = "".join(write_segment(tag, each, SEPARATORS) for tag, each in content)
    text = f"{UNB}UNH+M1+ORDERS:D:96A:UN'{inside}UNT+{len(content) + 2}+M1'UNZ+1+REF7'"
    [message] = read(text)["messages"]
    assert message["segments"] == [{"tag": tag, "elements": each} for tag, each in content]


@given(st.data())
def test_damaged_bytes_are_read_or_refused(data):
    raw = bytearray(WHOLE.encode())
    for _change in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        read_edifact(bytes(raw), MOST)
        split_interchanges(bytes(raw), MOST)
    except EdiError as error:
        assert str(error)


def test_interchanges_beyond_the_most_are_not_looked_at():
    found = split_interchanges(WHOLE.encode() * 5 + b"UNB", 2)
    assert found == [WHOLE.encode()] * 3


@pytest.mark.parametrize("body", [b"UNZ+" * 100_000, b"'UNZ" * 100_000, b"?" * 400_000])
def test_hostile_bodies_take_no_time_to_speak_of(body):
    """Quadratic, it would take minutes: the test's own time limit would tell."""
    with pytest.raises(EdiError):
        split_interchanges(b"UNB+" + body, MOST)
