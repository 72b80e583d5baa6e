"""Names of B2MML: versions with their namespaces, verbs, nouns, and the words of its lists.

V0401 and V0600 know ProductionSchedule and ProductionPerformance; V0700 has OperationsSchedule and
OperationsPerformance in their place, and a namespace without version.
"""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = [
    "CONSUMED",
    "FINISHED",
    "PRODUCED",
    "REWORK",
    "SCRAP",
    "VERBS",
    "VERSIONS",
    "Version",
    "version_of",
]


@dataclass(frozen=True, slots=True)
class Version:
    """A release of B2MML and the names in which it differs from the others.

    :param code: as partners call it, e.g. V0600
    :param schedule: noun of what is to be made; ``request`` its part for one order
    :param performance: noun of what was made; ``response`` its part for one order
    :param request_id: in a response, names the request that it answers
    :param parameter: of a segment requirement; ``data`` of a segment response
    :param child_requirement: a segment requirement inside another; ``child_response`` likewise
    """

    code: str
    namespace: str
    schedule: str
    request: str
    performance: str
    response: str
    request_id: str
    parameter: str
    data: str
    child_requirement: str
    child_response: str


def _production(code: str, namespace: str) -> Version:
    return Version(
        code,
        namespace,
        schedule="ProductionSchedule",
        request="ProductionRequest",
        performance="ProductionPerformance",
        response="ProductionResponse",
        request_id="ProductionRequestID",
        parameter="ProductionParameter",
        data="ProductionData",
        child_requirement="SegmentRequirement",
        child_response="SegmentResponse",
    )


VERSIONS: Mapping[str, Version] = {
    "V0700": Version(
        "V0700",
        "http://www.mesa.org/xml/B2MML",
        schedule="OperationsSchedule",
        request="OperationsRequest",
        performance="OperationsPerformance",
        response="OperationsResponse",
        request_id="OperationsRequestID",
        parameter="SegmentParameter",
        data="SegmentData",
        child_requirement="SegmentRequirementChild",
        child_response="SegmentResponseChild",
    ),
    "V0600": _production("V0600", "http://www.mesa.org/xml/B2MML-V0600"),
    "V0401": _production("V0401", "http://www.wbf.org/xml/B2MML-V0401"),
}

_BY_NAMESPACE = {version.namespace: version for version in VERSIONS.values()}


def version_of(namespace: str) -> Version | None:
    """The version that a namespace stands for, or None."""
    return _BY_NAMESPACE.get(namespace)


VERBS = (
    "Get",
    "Show",
    "Process",
    "Acknowledge",
    "Change",
    "Respond",
    "Cancel",
    "Sync",
)
"""Transaction verbs (ISA-95 part 5): the root of a message is verb and noun in one word."""

PRODUCED = frozenset({"Produced", "Material Produced"})
CONSUMED = frozenset({"Consumed", "Material Consumed", "Consumable"})
SCRAP = frozenset({"Scrap", "Scrapped", "Scrap Produced"})
REWORK = frozenset({"Rework", "Reworked"})
"""No words of the standard's own: MaterialUse ``Other`` with one of these as ``OtherValue``."""

FINISHED = frozenset({"Completed", "Closed"})
"""Response states after which nothing more is made; all others leave the work open."""
