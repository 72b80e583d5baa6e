"""An MES that speaks B2MML: it writes performance messages, in any version that is read.

It shares no code with the codec that reads them.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

NAMESPACES = {
    "V0700": "http://www.mesa.org/xml/B2MML",
    "V0600": "http://www.mesa.org/xml/B2MML-V0600",
    "V0401": "http://www.wbf.org/xml/B2MML-V0401",
}


def performance(
    version: str,
    reports: Iterable[Mapping[str, Any]],
    *,
    created: str = "2026-11-24T08:51:02Z",
    bod_id: str = "",
    verb: str = "Process",
    extra: str = "",
) -> bytes:
    """A performance message: one segment response for each production report.

    :param reports: canonical documents; ``uom`` of the product beside them is written as well
    :param extra: XML at the end of each segment response's materials
    """
    noun = "OperationsPerformance" if version == "V0700" else "ProductionPerformance"
    inner = "".join(
        response(version, number, report, extra) for number, report in enumerate(reports)
    )
    head = "<ID>shift-1</ID>" if version == "V0700" else ""
    bod = f"<BODID>{escape(bod_id)}</BODID>" if bod_id else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<{verb}{noun} xmlns="{NAMESPACES[version]}" releaseID="">'
        "<ApplicationArea><Sender><LogicalID>MES</LogicalID></Sender>"
        f"<CreationDateTime>{created}</CreationDateTime>{bod}</ApplicationArea>"
        f"<DataArea><{verb}/><{noun}>{head}{inner}</{noun}></DataArea></{verb}{noun}>"
    ).encode()


def response(version: str, number: int, report: Mapping[str, Any], extra: str = "") -> str:
    """One response with one segment response."""
    kind = "Operations" if version == "V0700" else "Production"
    workorder = report.get("workorder", report["order"])
    head = f"<ID>response-{number}</ID>" if version == "V0700" else ""
    return (
        f"<{kind}Response>{head}"
        f"<{kind}RequestID>{report['order']}</{kind}RequestID>"
        f"{segment(version, number, workorder, report, extra)}</{kind}Response>"
    )


def segment(
    version: str, number: int, workorder: str, report: Mapping[str, Any], extra: str = ""
) -> str:
    """One segment response, its elements in the order of the version's schema."""
    new = version == "V0700"
    state = f"<SegmentState>{_state(report)}</SegmentState>"
    times = "".join(
        f"<{name}>{report[field]}</{name}>"
        for name, field in (("ActualStartTime", "started_at"), ("ActualEndTime", "ended_at"))
        if field in report
    )
    data = "".join(
        _data("SegmentData" if new else "ProductionData", name, value)
        for name, value in (
            ("Sequence", report.get("sequence")),
            ("Revision", report.get("revision")),
            ("CorrectionReason", report.get("correction_reason")),
        )
        if value is not None
    )
    person = ""
    if "operator" in report:
        key = "<ID>p1</ID>" if new else ""
        person = (
            f"<PersonnelActual>{key}<PersonID>{escape(report['operator'])}</PersonID>"
            "</PersonnelActual>"
        )
    body = data + person + "".join(materials(new, report)) + extra
    if new:
        reference = f"<SegmentRequirementID>{workorder}</SegmentRequirementID>"
        return (
            f"<SegmentResponse><ID>segment-{number}</ID>{times}{reference}{state}{body}"
            "</SegmentResponse>"
        )
    return f"<SegmentResponse><ID>{workorder}</ID>{times}{body}{state}</SegmentResponse>"


def materials(new: bool, report: Mapping[str, Any]) -> Iterable[str]:
    """The lines of a report, each as a MaterialActual."""
    key = "<ID>m</ID>" if new else ""
    lots = f"<MaterialLotID>{escape(report['lot'])}</MaterialLotID>" if "lot" in report else ""
    lots += "".join(
        f"<MaterialSubLotID>{escape(serial)}</MaterialSubLotID>"
        for serial in report.get("serials", ())
    )
    product = "<MaterialDefinitionID>THE-PRODUCT</MaterialDefinitionID>"
    yield (
        f"<MaterialActual>{key}{product}{lots}<MaterialUse>Produced</MaterialUse>"
        f"{_quantity(report['good_total'], report.get('uom', ''))}</MaterialActual>"
    )
    for use in ("Scrap", "Rework"):
        for line in report.get(use.lower(), ()):
            named = _named(line) if "product" in line else product
            yield (
                f"<MaterialActual>{key}{named}"
                f'<MaterialUse OtherValue="{use}">Other</MaterialUse>{_quantity(line["quantity"])}'
                f"<MaterialActualProperty><ID>{use}Reason</ID><Value>"
                f"<ValueString>{escape(line['reason'])}</ValueString><DataType>string</DataType>"
                "<UnitOfMeasure/></Value></MaterialActualProperty></MaterialActual>"
            )
    for line in report.get("consumption", ()):
        yield (
            f"<MaterialActual>{key}{_named(line)}<MaterialUse>Consumed</MaterialUse>"
            f"{_quantity(line['quantity'], line.get('uom', ''))}</MaterialActual>"
        )


def _named(line: Mapping[str, Any]) -> str:
    lot = f"<MaterialLotID>{escape(line['lot'])}</MaterialLotID>" if "lot" in line else ""
    return f"<MaterialDefinitionID>{escape(line['product'])}</MaterialDefinitionID>{lot}"


def _quantity(value: Any, unit: str = "") -> str:
    return (
        f"<Quantity><QuantityString>{value}</QuantityString><DataType>decimal</DataType>"
        f"<UnitOfMeasure name={quoteattr(unit)}>{escape(unit)}</UnitOfMeasure></Quantity>"
    )


def _data(name: str, identifier: str, value: Any) -> str:
    return (
        f"<{name}><ID>{identifier}</ID><Value><ValueString>{escape(str(value))}</ValueString>"
        f"<DataType>string</DataType><UnitOfMeasure/></Value></{name}>"
    )


def _state(report: Mapping[str, Any]) -> str:
    return "Completed" if report["status"] == "finished" else "Running"
