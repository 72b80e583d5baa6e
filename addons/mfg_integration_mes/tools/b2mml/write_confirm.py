"""ConfirmBOD: tells a partner that a message of its was not taken, and why."""

from collections.abc import Mapping
from typing import Any

# The base addon's pure core is no import of Odoo's server.
from odoo.addons.mfg_integration_base.tools.envelope import EventRecord  # noqa: TID251

from .build import plain
from .envelope import area
from .names import Version

__all__ = ["write_rejected"]


def write_rejected(version: Version, record: EventRecord, data: Mapping[str, Any]):
    """The message for a report that was accepted and then not booked.

    :param data: of ``mfg.production.report.rejected.v1``
    """
    criteria = plain(version, "ResponseCriteria")
    expression = plain(version, "ResponseExpression", data["external_id"])
    expression.set("actionCode", "Rejected")
    criteria.append(expression)
    confirm = plain(version, "Confirm")
    confirm.append(criteria)
    bod = plain(version, "BOD")
    bod.append(plain(version, "Description", data["detail"]))
    for name in ("reason", "field", "order", "workorder", "sequence", "external_id"):
        if data[name] is not None:
            bod.append(plain(version, "Note", f"{name}: {data[name]}"))
    content = plain(version, "DataArea")
    content.append(confirm)
    content.append(bod)
    root = plain(version, "ConfirmBOD")
    if version.code != "V0700":
        root.set("releaseID", version.code)
    root.append(area(version, record))
    root.append(content)
    return root
