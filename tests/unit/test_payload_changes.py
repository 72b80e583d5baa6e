"""What was changed in a payload, as evidence keeps it."""

import hashlib
import json

from odoo.addons.mfg_integration_base.tools.payload_changes import MAX_CHANGES, changes


def changed(before, after):
    return tuple(json.loads(side)["changed"] for side in changes(before, after))


def test_only_what_differs_is_kept():
    before = {"id": 1, "lines": [{"qty": 5, "unit": "kg"}], "gone": None, "a/b": 1}
    after = {"id": 1, "lines": [{"qty": 7, "unit": "kg"}], "new": [1], "a/b": 2}
    assert changed(json.dumps(before), json.dumps(after)) == (
        {"/a~1b": 1, "/gone": None, "/lines/0/qty": 5},
        {"/a~1b": 2, "/lines/0/qty": 7, "/new": [1]},
    )


def test_a_list_of_another_length_is_kept_whole():
    assert changed("[1,2]", "[1]") == ({"": [1, 2]}, {"": [1]})


def test_true_is_not_one():
    assert changed('{"a": 1}', '{"a": true}') == ({"/a": 1}, {"/a": True})


def test_other_texts_by_line():
    assert changed("UNH'\nBGM+1'\nUNT'", "UNH'\nBGM+2'\nUNT'") == (["BGM+1'"], ["BGM+2'"])


def test_each_side_has_the_digest_of_the_whole():
    before, after = changes('{"a": 1}', '{"a": 2}')
    assert json.loads(before)["sha256"] == hashlib.sha256(b'{"a": 1}').hexdigest()
    assert json.loads(after)["sha256"] == hashlib.sha256(b'{"a": 2}').hexdigest()


def test_secrets_are_masked():
    for before, after in (
        ('{"api_key": "aaaaaaaa"}', '{"api_key": "bbbbbbbb"}'),
        ('{"auth": null}', '{"auth": {"password": "bbbbbbbb"}}'),
        ("token=aaaaaaaa", "token=bbbbbbbb"),
    ):
        assert "bbbbbbbb" not in "".join(changes(before, after))


def test_very_many_changes_are_cut():
    before, after = ({str(n): n + add for n in range(1000)} for add in (0, 1))
    assert len(changed(json.dumps(before), json.dumps(after))[0]) == MAX_CHANGES
