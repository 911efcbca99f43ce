"""Security labels: what a document's author, a child or the population register decided (docs/profile.md, *Markings*).

https://hl7.org/fhir/R4/security-labels.html. Labels that we do not know say nothing: they ask for no more than what
holds for all health data here.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from fhir_mappings.bundle import JSON
from fhir_mappings.codes import ACT_CODE, ACT_REASON, CONFIDENTIALITY
from pathways.markings import Marking, Protection

_WRITTEN: Final[Mapping[Marking, tuple[str, str]]] = {
    Marking.LIMITED: (ACT_CODE, "NOLIST"),
    Marking.WITHHELD: (ACT_CODE, "NOPAT"),
    Marking.HIDDEN: (ACT_CODE, "ADOL"),
    Marking.NEEDED: (ACT_REASON, "FAMRQT"),
    Marking.SENSITIVE: (ACT_CODE, "PSY"),
}
"""Each marking's label, the first we write; ``CHILDS`` has none."""
_READ: Final[Mapping[tuple[str, str], Marking]] = {
    **{label: marking for marking, label in _WRITTEN.items()},
    **{(ACT_CODE, code): Marking.SENSITIVE for code in ("MH", "BH", "SUD", "ETH", "PSYTHPN")},
}
_PLACE: Final = (ACT_CODE, "LOCIS")
_VERY: Final = (CONFIDENTIALITY, "V")
_RESTRICTED: Final = (CONFIDENTIALITY, "R")


def markings(resources: Iterable[JSON]) -> frozenset[str]:
    """What the labels of a message say: of the Bundle, its header, and what the event is about."""
    found = (_READ.get(label) for resource in resources for label in _labels(resource))
    return frozenset(str(marking) for marking in found if marking)


def protection(patient: JSON) -> str | None:
    """Whether the patient's address is protected: ``LOCIS``, and strictly so with ``V``."""
    labels = {*_labels(patient)}
    if _PLACE not in labels:
        return None
    return str(Protection.STRICT if _VERY in labels else Protection.CONFIDENTIAL)


def put_markings(resource: JSON, marks: Iterable[str]) -> None:
    """Label a header."""
    _put(resource, [_WRITTEN[one] for one in _WRITTEN if one in {*marks}])


def put_protection(patient: JSON, told: str | None) -> None:
    """Label a Patient."""
    if told is not None:
        _put(patient, [_PLACE, _VERY if told == Protection.STRICT else _RESTRICTED])


def _labels(resource: JSON) -> Iterator[tuple[str, str]]:
    for coding in resource.get("meta", {}).get("security", ()):
        yield coding.get("system", ""), coding.get("code", "")


def _put(resource: JSON, labels: list[tuple[str, str]]) -> None:
    if labels:
        listed = [{"system": system, "code": code} for system, code in labels]
        resource.setdefault("meta", {})["security"] = listed
