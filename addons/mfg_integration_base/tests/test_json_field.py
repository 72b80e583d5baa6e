import json

from odoo.tests import HttpCase, tagged

CASES = {
    "": "",
    "{}": "{}",
    "[ ]": "[]",
    '{"a":1}': '{\n  "a": 1\n}',
    '{"a":{},"b":[]}': '{\n  "a": {},\n  "b": []\n}',
    '[1,[2,{"a":null}]]': '[\n  1,\n  [\n    2,\n    {\n      "a": null\n    }\n  ]\n]',
    # Values stay as they came, whatever JavaScript would make of them.
    '{"n":12345678901234567890.10,"n":1e400}': (
        '{\n  "n": 12345678901234567890.10,\n  "n": 1e400\n}'
    ),
    '{"s":"a,b:{[\\"\\\\"}': '{\n  "s": "a,b:{[\\"\\\\"\n}',
    '{"s":"  two  blanks  "}': '{\n  "s": "  two  blanks  "\n}',
    "true": "true",
    # What is not JSON is not touched.
    "{a: 1}": "{a: 1}",
    "ISA*00*          ~GS*PO~": "ISA*00*          ~GS*PO~",
    "<b>1</b>": "<b>1</b>",
}

RUN = """
const {indentJson} = odoo.loader.modules.get("@mfg_integration_base/json_field/indent_json");
const wrong = Object.entries(CASES).filter(([text, expected]) => indentJson(text) !== expected);
for (const [text] of wrong) {
    console.error(`${text} became ${indentJson(text)}`);
}
if (!wrong.length) {
    console.log("test successful");
}
"""


@tagged("post_install", "-at_install")
class TestJsonField(HttpCase):
    def test_indented_without_touching_values(self):
        self.browser_js(
            "/odoo",
            RUN.replace("CASES", json.dumps(CASES)),
            ready="odoo.isReady",
            login="admin",
        )
