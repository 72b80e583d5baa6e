"""Headers of X12 and EDIFACT interchanges: what fits, and what is refused with a reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_edi.tools.interchange import (
    DEFAULT_SEPARATORS,
    EDIFACT_A,
    EDIFACT_B,
    InterchangeError,
    Separators,
    check_application,
    check_identity,
    check_separators,
    check_versions,
)

X12 = DEFAULT_SEPARATORS["x12"]
EDIFACT = DEFAULT_SEPARATORS["edifact"]


@pytest.mark.parametrize("standard", DEFAULT_SEPARATORS)
def test_default_separators_are_good(standard):
    check_separators(standard, DEFAULT_SEPARATORS[standard])


@pytest.mark.parametrize(
    ("standard", "separators", "field"),
    [
        ("x12", Separators("", ">", "~"), "element"),
        ("x12", Separators("*", "", "~"), "component"),
        ("x12", Separators("*", ">", ""), "segment"),
        ("x12", Separators("*", "*", "~"), "component"),
        ("x12", Separators("*", ">", "~", "~"), "repetition"),
        ("x12", Separators("A", ">", "~"), "element"),
        ("x12", Separators("7", ">", "~"), "element"),
        ("x12", Separators(" ", ">", "~"), "element"),
        ("x12", Separators("**", ">", "~"), "element"),
        ("x12", Separators("ß", ">", "~"), "element"),
        ("x12", Separators("*", ">", "~", release="?"), "release"),
        ("edifact", Separators("+", ":", "'"), "release"),
        ("edifact", Separators("+", ":", "'", release="+"), "release"),
    ],
)
def test_separators_refused(standard, separators, field):
    with pytest.raises(InterchangeError) as caught:
        check_separators(standard, separators)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("qualifier", "identifier"),
    [
        ("01", "123456789"),
        ("ZZ", "A"),
        ("12", "2125551212"),
        ("14", "FIFTEEN-CHARS15"),
        ("ZZ", "a b_c"),
    ],
)
def test_x12_identity_fits(qualifier, identifier):
    check_identity("x12", qualifier, identifier, X12, "00401")


@pytest.mark.parametrize(
    ("qualifier", "identifier", "field"),
    [
        ("", "A", "qualifier"),
        ("1", "A", "qualifier"),
        ("ZZZ", "A", "qualifier"),
        ("zz", "A", "qualifier"),
        ("Z ", "A", "qualifier"),
        ("Z\n", "A", "qualifier"),
        ("ZZ", "", "identifier"),
        ("ZZ", "SIXTEEN-CHARS-16", "identifier"),
        ("ZZ", " A", "identifier"),
        ("ZZ", "A ", "identifier"),
        ("ZZ", "A*B", "identifier"),
        ("ZZ", "A~B", "identifier"),
        ("ZZ", "MÜLLER", "identifier"),
        ("ZZ", "A\tB", "identifier"),
        ("ZZ", "A\nB", "identifier"),
    ],
)
def test_x12_identity_refused(qualifier, identifier, field):
    with pytest.raises(InterchangeError) as caught:
        check_identity("x12", qualifier, identifier, X12, "00401")
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("syntax", "qualifier", "identifier"),
    [
        ("UNOA", "14", "4012345000009"),
        ("UNOA", "", "PARTNER"),
        ("UNOB", "ZZZ", "partner"),
        ("UNOC", "1", "Müller"),
        ("UNOC", "1", "X" * 35),
    ],
)
def test_edifact_identity_fits(syntax, qualifier, identifier):
    check_identity("edifact", qualifier, identifier, EDIFACT, syntax)


@pytest.mark.parametrize(
    ("syntax", "qualifier", "identifier", "field"),
    [
        ("UNOA", "14", "lower", "identifier"),
        ("UNOB", "14", "Müller", "identifier"),
        ("UNOC", "14", "X" * 36, "identifier"),
        ("UNOC", "14", "A+B", "identifier"),
        ("UNOC", "14", "A?B", "identifier"),
        ("UNOC", "12345", "A", "qualifier"),
        ("UNOC", "zz", "A", "qualifier"),
    ],
)
def test_edifact_identity_refused(syntax, qualifier, identifier, field):
    with pytest.raises(InterchangeError) as caught:
        check_identity("edifact", qualifier, identifier, EDIFACT, syntax)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("standard", "code", "fits"),
    [
        ("x12", "", True),
        ("x12", "AB", True),
        ("x12", "A", False),
        ("x12", "X" * 15, True),
        ("x12", "X" * 16, False),
        ("edifact", "A", True),
        ("edifact", "X" * 14, True),
        ("edifact", "X" * 15, False),
    ],
)
def test_application_code(standard, code, fits):
    separators = DEFAULT_SEPARATORS[standard]
    if fits:
        check_application(standard, code, separators)
        return
    with pytest.raises(InterchangeError) as caught:
        check_application(standard, code, separators)
    assert caught.value.field == "application"


@pytest.mark.parametrize(
    ("standard", "syntax", "release", "wrong"),
    [
        ("x12", "00401", "004010", None),
        ("x12", "00200", "004010VICS", None),
        ("x12", "00801", "008010", None),
        ("x12", "401", "004010", "syntax"),
        ("x12", "UNOC:3", "004010", "syntax"),
        ("x12", "00401", "4010", "release"),
        ("x12", "00401", "004010vics", "release"),
        ("x12", "00401", "D.96A", "release"),
        ("edifact", "UNOA:1", "S.93A", None),
        ("edifact", "UNOC:3", "D.96A", None),
        ("edifact", "UNOY:4", "D.01B", None),
        ("edifact", "UNOZ:3", "D.96A", "syntax"),
        ("edifact", "UNOC:5", "D.96A", "syntax"),
        ("edifact", "UNOC", "D.96A", "syntax"),
        ("edifact", "UNOC:3", "D96A", "release"),
        ("edifact", "UNOC:3", "D.96D", "release"),
    ],
)
def test_versions(standard, syntax, release, wrong):
    if wrong is None:
        check_versions(standard, syntax, release)
        return
    with pytest.raises(InterchangeError) as caught:
        check_versions(standard, syntax, release)
    assert caught.value.field == wrong


def test_levels_contain_each_other():
    assert EDIFACT_A < EDIFACT_B


@given(st.text(max_size=20))
def test_what_is_accepted_can_be_written_and_read_back(identifier):
    """An accepted id survives ISA's fixed width and its separators."""
    try:
        check_identity("x12", "ZZ", identifier, X12, "00401")
    except InterchangeError:
        return
    segment = f"ISA{X12.element}ZZ{X12.element}{identifier:<15}{X12.segment}"
    assert len(segment) == 3 + 1 + 2 + 1 + 15 + 1
    body, _, rest = segment.partition(X12.segment)
    assert rest == ""
    assert body.split(X12.element)[2].rstrip() == identifier
