"""CSV that csv readers read back and spreadsheets do not execute."""

import csv
import io
import string
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odoo.addons.mfg_integration_base.tools.csv_cells import plain_text, row, safe_text


def read(line):
    [cells] = csv.reader(io.StringIO(line, newline=""), strict=True)
    return cells


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        ("", '""'),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-5, "-5"),
        (2**70, "1180591620717411303424"),
        (1.5, "1.5"),
        (Decimal("5.50"), "5.50"),
        (Decimal("-0.10"), "-0.10"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("1E+400"), "1E+400"),
        ("plain", '"plain"'),
        ("a,b;c\td", '"a,b;c\td"'),
        ('say "x"', '"say ""x"""'),
        ("two\r\nlines", '"two\r\nlines"'),
        ({"b": 1, "a": [None, Decimal("2.5")]}, '"{""a"":[null,2.5],""b"":1}"'),
        ([], '"[]"'),
    ],
)
def test_cells(value, cell):
    assert row([value]) == f"{cell}\r\n"


FORMULAS = [
    "=1+1",
    "+49 30 1234",
    "-2+3",
    "-",
    "--5",
    "-5e3",
    "-5.",
    "+5",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_texts(text):
    assert safe_text(text) == f"'{text}"
    assert read(row([text])) == [f"'{text}"]
    assert plain_text(safe_text(text)) == text


@pytest.mark.parametrize(
    "text", ["", "a=1", "1-2", "-5", "-5.25", "5", "'tis", "''", "WH/MO/1", " ", "{=1}", "[-1]"]
)
def test_harmless_texts_stay_as_they_are(text):
    assert safe_text(text) == plain_text(text) == text


def test_apostrophes_of_the_text_itself_survive():
    assert safe_text("'=1") == "''=1"
    assert plain_text("''=1") == "'=1"
    assert plain_text("'=1") == "=1"


def test_a_row():
    assert row([1, None, "x", None]) == '1,,"x",\r\n'
    assert row([]) == "\r\n"


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), Decimal("NaN"), Decimal("Infinity"), "\ud800", ["\ud800"]]
)
def test_what_cannot_be_written(value):
    with pytest.raises(ValueError):
        row([value]).encode()


def test_only_json():
    with pytest.raises(TypeError):
        row([object()])


_texts = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("=+-@\t\r\n'\"0.5"))


@given(_texts)
def test_texts_come_back(text):
    assert plain_text(safe_text(text)) == text


@given(_texts)
def test_nothing_begins_like_a_formula_but_numbers(text):
    shown = safe_text(text)
    if shown[:1] in tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"):
        assert shown.lstrip("-").replace(".", "", 1).strip(string.digits) == ""
        Decimal(shown)


@given(st.lists(_texts.filter(lambda text: "\0" not in text), min_size=1))
def test_any_texts_are_read_back_by_the_csv_module(texts):
    assert [plain_text(cell) for cell in read(row(texts))] == texts
