"""Codecs read what they promise to read, and refuse everything else in one way."""

import random

import pytest

from odoo.addons.mfg_integration_base.exceptions import BusinessReject

from tests.simulators.b2mml_mes import performance

CONTRACT = "mfg.codec"
REPORT = {
    "order": "0192f3a0-0000-7000-8000-000000000001",
    "workorder": "0192f3a0-0000-7000-8000-000000000011",
    "sequence": 3,
    "status": "progress",
    "good_total": 8,
    "reported_at": "2026-11-24T08:51:02Z",
}
X12 = (
    b"ISA*00*          *00*          *01*123456789      *ZZ*PARTNER        *261126*1201*^*00501*"
    b"000000007*1*T*>~IEA*0*000000007~"
)
X12_DOCUMENT = {
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
EDIFACT = b"UNB+UNOC:3+4012345000009:14+PARTNER+261126:1201+7'UNZ+0+7'"
EDIFACT_DOCUMENT = {
    "standard": "edifact",
    "syntax": "UNOC:3",
    "sender": {"qualifier": "14", "id": "4012345000009"},
    "receiver": {"qualifier": "", "id": "PARTNER"},
    "prepared_at": "261126:1201",
    "control_number": "7",
    "application": "",
    "acknowledgment_requested": False,
    "test": False,
    "separators": {"element": "+", "component": ":", "segment": "'", "release": "?"},
    "messages": [],
}

SAMPLES = {
    "json": {
        "content_type": "application/json",
        "good": [(b'{"a": [1, 2.5, "\xc3\xa4", null]}', {"a": [1, 2.5, "ä", None]}), (b"{}", {})],
        "bad": [
            b"", b"{", b'{"a": }', b"\xff\xfe", b'{"a": NaN}', b'{"a": 1e999}', b'{"a": "\\ud800"}',
            b'{"a": "\\u0000"}', b"[" * 100_000, b'{"a": 1} {"b": 2}', b"9" * 10_000,
        ],
    },
    "b2mml": {
        "content_type": "application/xml",
        "good": [
            (performance(version, [REPORT], created=REPORT["reported_at"]), REPORT)
            for version in ("V0700", "V0600", "V0401")
        ],
        "bad": [
            b"", b"{}", b"<r/>", b"<!DOCTYPE r><r/>",
            b'<ProcessOperationsPerformance xmlns="http://www.mesa.org/xml/B2MML"/>',
            performance("V0700", []), performance("V0700", [REPORT, REPORT]),
        ],
    },
    "x12": {
        "content_type": "application/edi-x12",
        "good": [(X12, X12_DOCUMENT)],
        "bad": [b"", b"ISA", b"{}", X12[:-1], X12 + b"GS*", X12.replace(b"IEA*0", b"IEA*1")],
    },
    "edifact": {
        "content_type": "application/edifact",
        "good": [(EDIFACT, EDIFACT_DOCUMENT)],
        "bad": [
            b"", b"UNB", b"{}", EDIFACT[:-1], EDIFACT + b"UNB'",
            EDIFACT.replace(b"+7'U", b"+8'U"),
        ],
    },
    "xml": {
        "content_type": "application/xml",
        "good": [
            (b'<r id="7"><a>1</a><a>2</a></r>', {"@id": "7", "a": ["1", "2"]}), (b"<r/>", ""),
        ],
        "bad": [
            b"", b"<r>", b"{}", b"<r>a<b/></r>", b"<!DOCTYPE r><r/>", b"<r>\xff</r>",
            b"<r>" * 100_000, b'<?xml version="1.0" encoding="utf-7"?><r/>',
        ],
    },
}  # fmt: skip
"""By code: a Content-Type that it accepts, ``(bytes, document)``, and what it has to refuse."""


@pytest.fixture(params=sorted(SAMPLES))
def codec(request, plugins):
    return plugins(CONTRACT)[request.param], SAMPLES[request.param]


def test_every_codec_has_samples(plugins):
    assert set(plugins(CONTRACT)) == set(SAMPLES)


def test_reads_what_is_right(codec):
    model, samples = codec
    assert model._accepts(samples["content_type"])
    for raw, document in samples["good"]:
        assert model._decode(raw=raw, content_type=samples["content_type"]) == document


def test_refuses_what_is_wrong_with_a_reason_for_a_person(codec):
    model, samples = codec
    for raw in samples["bad"]:
        with pytest.raises(BusinessReject) as refused:
            model._decode(raw=raw, content_type=samples["content_type"])
        assert refused.value.reason == "codec"
        assert refused.value.detail


@pytest.mark.parametrize("content_type", ["", ";", "text/plain; charset=\x00", "a/b" * 1000, "/"])
def test_judges_any_content_type_without_raising(codec, content_type):
    model, _samples = codec
    assert model._accepts(content_type) in (True, False)


def test_bytes_that_nobody_thought_of(codec):
    """A good message with bytes changed, cut and doubled: read or refused, nothing else."""
    model, samples = codec
    rng = random.Random(20261123)
    for _round in range(300):
        raw = bytearray(rng.choice(samples["good"])[0])
        for _change in range(rng.randint(1, 4)):
            place = rng.randrange(len(raw) + 1)
            raw[place : place + rng.randint(0, 2)] = rng.randbytes(rng.randint(0, 3))
        try:
            model._decode(raw=bytes(raw), content_type=samples["content_type"])
        except BusinessReject as refused:
            assert refused.reason == "codec"
