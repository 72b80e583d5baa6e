"""The generated `.local/odoo.conf`: the checked-in file with this checkout's places filled in."""

import re
from collections.abc import Mapping

_KEY = re.compile(r"^\s*[;#]?\s*(?P<key>[a-z][a-z0-9_]*)\s*=")


def render(template: str, values: Mapping[str, object], origin: str) -> str:
    """``template`` with the keys of ``values`` set, comments and all other keys kept.

    A key that the template shows commented out (``; db_host = False``) is set in that place, so
    that its explanation stays above it; one that it does not have is added at the end.

    :param origin: named in the first line, so that nobody edits the wrong file
    """
    open_values = dict(values)
    lines = [f"; Made by ./mfg out of {origin}: change that file, not this one."]
    for line in template.splitlines():
        found = _KEY.match(line)
        if found and found["key"] in open_values:
            lines.append(f"{found['key']} = {open_values.pop(found['key'])}")
        elif not (found and found["key"] in values):  # else a second mention of a key just set
            lines.append(line)
    lines += [f"{key} = {value}" for key, value in open_values.items()]
    return "\n".join(lines) + "\n"
