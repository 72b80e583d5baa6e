"""Messages against the schemas of MESA International (V0700, shipped in ``data/xsd``)."""

import functools
import threading
from pathlib import Path

from lxml import etree

from .names import VERSIONS
from .nodes import B2mmlError

__all__ = ["check"]

_FILE = Path(__file__).parents[2] / "data" / "xsd" / "B2MML.xsd"
_NAMESPACE = VERSIONS["V0700"].namespace
_MESSAGE_CHARS = 300

# A compiled schema keeps the errors of its last use: one thread at a time.
_lock = threading.Lock()


@functools.cache
def _schema() -> etree.XMLSchema:
    """Compiled once per process (about 40 ms)."""
    return etree.XMLSchema(file=str(_FILE))


def check(root: etree._Element) -> None:
    """Refuse a message that is not valid against the schemas.

    :raises B2mmlError: the first thing that is wrong; or a version of which no schema is here
    """
    if etree.QName(root).namespace != _NAMESPACE:
        raise B2mmlError("Only B2MML V0700 is checked against its schemas.", root)
    with _lock:
        if _schema().validate(root):
            return
        error = _schema().error_log[0]
    message = error.message.replace(f"{{{_NAMESPACE}}}", "")[:_MESSAGE_CHARS]
    raise B2mmlError(f"Line {error.line}: {message}")
