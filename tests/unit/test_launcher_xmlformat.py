"""The XML format check, and that its fix satisfies it."""

from pathlib import Path

import pytest

from mfg_launcher.xmlformat import DECLARATION, check, fix

GOOD = f"""{DECLARATION}
<odoo>
    <!-- a comment
      with its own lines -->
    <record id="a" model="b">
        <field name="arch" type="xml">
            <list>
                <field name="name"
                       optional="show"/>
            </list>
        </field>
        <field name="code">
if record:
    pass
</field>
        <field name="note">one <b>bold</b> word</field>
    </record>
</odoo>
"""

BAD = [
    # the file, (line, part of the finding)
    (GOOD.replace("    <record", "  <record"), (5, "indented by 2, expected 4")),
    (GOOD.replace("    </record", "\t</record"), (17, "indented by 1, expected 4")),
    (GOOD.replace("<odoo>", "<odoo> "), (2, "blanks at the end")),
    (GOOD.replace("UTF-8", "x").replace("utf-8", "UTF-8"), (1, "expected <?xml")),
    (GOOD.removeprefix(DECLARATION + "\n"), (1, "expected <?xml")),
    (GOOD.rstrip("\n"), (18, "one newline at the end")),
    (GOOD + "\n", (20, "one newline at the end")),
]


def test_a_well_formatted_file():
    assert check(GOOD) == []


@pytest.mark.parametrize(("source", "expected"), BAD)
def test_what_is_found_and_mended(source, expected):
    line, text = expected
    assert any(f.line == line and text in f.text for f in check(source)), check(source)
    assert check(fix(source)) == []


def test_a_file_that_is_not_well_formed_is_reported_and_left():
    source = f"{DECLARATION}\n<odoo>\n</oodo>\n"
    assert [f.line for f in check(source)] == [3]
    assert fix(source) == source


def test_text_inside_an_element_is_left_alone():
    assert "\nif record:\n    pass\n</field>\n" in fix(GOOD.replace("    <record", "<record"))


def test_the_shipped_files_are_kept_as_they_are():
    for path in (Path(__file__).resolve().parents[2] / "addons").rglob("*.xml"):
        text = path.read_text()
        if not check(text):
            assert fix(text) == text
