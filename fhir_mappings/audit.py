"""The access log as FHIR: an AuditEvent for each line, as IHE BALP 1.1.4 has it.

PatientRead for what was asked of one resource, PatientQuery for what was asked of several, PrivacyDisclosure.Source for
what was sent without being asked for. What was asked stands there without values: they may name a person.
https://profiles.ihe.net/ITI/BALP/
"""

import base64
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from fhir_mappings.bundle import JSON
from fhir_mappings.codes import ACCESS_ACT, ACCESS_BASIS, ACCESS_ROLE
from fhir_mappings.times import instant_text
from pathways.access_log import Act, Line

_BALP: Final = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
READ: Final = f"{_BALP}PatientRead"
QUERY: Final = f"{_BALP}PatientQuery"
NOBODY: Final = f"{_BALP}Query"
DISCLOSURE: Final = f"{_BALP}PrivacyDisclosure.Source"

_TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem/"
_DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_SOURCE: Final = (_DCM, "110153", "Source Role ID")
_DESTINATION: Final = (_DCM, "110152", "Destination Role ID")
_OBJECT: Final = (f"{_TERMINOLOGY}audit-entity-type", "2", "System Object")
_REST: Final = (f"{_TERMINOLOGY}audit-event-type", "rest", "RESTful Operation")
_SUBTYPES: Final[Mapping[str, str]] = {
    "read": "read",
    "vread": "vread",
    "history": "history-instance",
    "search": "search-type",
    "search_by_form": "search-type",
}
"""Codes of http://hl7.org/fhir/restful-interaction; all else is an operation."""
_TOLD: Final = frozenset({"_count", "_sort", "_summary", "_elements", "_include", "_revinclude"})
"""Parameters whose values can name nobody."""


def audit_event(line: Line, base_url: str, text: str | None = None) -> JSON:
    """The AuditEvent of a line; ``text``: what it says in words, for people. Its id is the line's."""
    return {
        "resourceType": "AuditEvent",
        "id": line.id,
        **_shape(line),
        **({"text": _narrative(text)} if text else {}),
        "recorded": instant_text(line.at),
        "outcome": "0",
        "purposeOfEvent": [*_purposes(line)],
        "agent": [*_agents(line, base_url)],
        "source": {"observer": {"display": base_url}, "type": [_coding(*_APPLICATION)]},
        "entity": [*_entities(line)],
    }


_APPLICATION: Final = (f"{_TERMINOLOGY}security-source-type", "4", "Application Server")


def _coding(system: str, code: str, display: str | None = None) -> JSON:
    return {"system": system, "code": code} | ({"display": display} if display else {})


def _concept(*coding: str) -> JSON:
    return {"coding": [_coding(*coding)]}


def _narrative(text: str) -> JSON:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{escaped}</div>'
    return {"status": "generated", "div": div}


def is_read(line: Line) -> bool:
    """Whether one resource was asked for, and given."""
    return line.act is Act.READ and sum(map(len, line.shown.values())) == 1


def _shape(line: Line) -> JSON:
    """Profile, type, subtype and action."""
    if line.act is Act.DELIVERY:
        lifecycle = _coding(f"{_TERMINOLOGY}iso-21089-lifecycle", "disclose")
        return {
            "meta": {"profile": [DISCLOSURE]},
            "type": _coding(_DCM, "110106", "Export"),
            "subtype": [lifecycle, _coding(ACCESS_ACT, line.interaction)],
            "action": "R",
        }
    if line.act not in (Act.READ, Act.QUERY):
        return {
            "type": _coding(_DCM, "110100", "Application Activity"),
            "subtype": [_coding(ACCESS_ACT, str(line.act))],
            "action": "E",
        }
    profile = READ if is_read(line) else QUERY if line.patient else NOBODY
    interaction = _SUBTYPES.get(line.interaction, "operation")
    return {
        "meta": {"profile": [profile]},
        "type": _coding(*_REST),
        "subtype": [
            _coding("http://hl7.org/fhir/restful-interaction", interaction),
            _coding(ACCESS_ACT, line.interaction),
        ],
        "action": "R" if profile == READ else "E",
    }


def _purposes(line: Line) -> Iterator[JSON]:
    yield _concept(f"{_TERMINOLOGY}v3-ActReason", str(line.who.purpose))
    for basis in line.basis:
        yield _concept(ACCESS_BASIS, str(basis))


def _agents(line: Line, base_url: str) -> Iterator[JSON]:
    """The system that asked, or was sent it; we; the person; and the organisation they act for."""
    who = line.who
    sends = (
        is_read(line) or line.act is Act.DELIVERY
    )  # DICOM: in a query, it is the question that travels
    theirs, ours = (_DESTINATION, _SOURCE) if sends else (_SOURCE, _DESTINATION)
    party = {"reference": f"Organization/{who.party}"} if who.party else {"display": who.role.value}
    system = {"identifier": {"value": who.client}} if who.client else party
    yield {
        "type": _concept(*theirs),
        "who": system,
        "requestor": who.person is None and line.act is not Act.DELIVERY,
        "network": _network(line),
    }
    server = {"display": base_url}
    yield {
        "type": _concept(*ours),
        "who": server,
        "requestor": line.act is Act.DELIVERY,
        "network": {"address": base_url, "type": "5"},
    }
    if who.person is not None:
        recipient = (f"{_TERMINOLOGY}v3-ParticipationType", "IRCP", "information recipient")
        yield {
            "type": _concept(*recipient),
            "role": [_concept(ACCESS_ROLE, str(who.role))],
            "who": {"identifier": {"value": who.person}},
            **({"name": who.name} if who.name else {}),
            "requestor": True,
            "purposeOfUse": [_concept(f"{_TERMINOLOGY}v3-ActReason", str(who.purpose))],
        }
    if who.party is not None:
        provider = (f"{_TERMINOLOGY}v3-RoleClass", "PROV", "healthcare provider")
        yield {"type": _concept(*provider), "who": party, "requestor": False}


def _network(line: Line) -> JSON:
    """Where it came from, or by which channel it went."""
    if line.network is not None:
        return {"address": line.network, "type": "2"}
    return {"address": f"urn:carepath:{line.interaction}", "type": "5"}


def _entities(line: Line) -> Iterator[JSON]:
    request = ("https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "XrequestId")
    yield {"what": {"identifier": {"value": line.request}}, "type": _coding(*request)}
    if line.patient is not None:
        yield {
            "what": {"reference": f"Patient/{line.patient}"},
            "type": _coding(f"{_TERMINOLOGY}audit-entity-type", "1", "Person"),
            "role": _coding(f"{_TERMINOLOGY}object-role", "1", "Patient"),
        }
    if line.act in (Act.READ, Act.QUERY) and not is_read(line):
        asked = redacted(line.query or "")
        yield {
            "type": _coding(*_OBJECT),
            "role": _coding(f"{_TERMINOLOGY}object-role", "24", "Query"),
            "description": asked,
            "query": base64.b64encode(asked.encode()).decode(),
        }
    domain = _coding(f"{_TERMINOLOGY}object-role", "4", "Domain Resource")
    for type_, id_ in ((type_, id_) for type_, ids in line.shown.items() for id_ in ids):
        kind = _OBJECT if is_read(line) else ("http://hl7.org/fhir/resource-types", type_)
        yield {
            "what": {"reference": f"{type_}/{id_}"},
            "type": _coding(*kind),
            "role": domain,
        }


def redacted(query: str) -> str:
    """What was asked, with the names of parameters, and values of those that can name nobody."""
    asked, mark, parameters = query.partition("?")
    if not mark:
        return asked
    pairs: list[tuple[str, Any]] = parse_qsl(parameters, keep_blank_values=True)
    shown = (f"{name}={value}" if name in _TOLD else f"{name}=…" for name, value in pairs)
    return f"{asked}?{'&'.join(shown)}"
