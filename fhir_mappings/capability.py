"""The CapabilityStatement: what this server can do.

https://hl7.org/fhir/R4/capabilitystatement.html
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from fhir_mappings.bundle import JSON
from fhir_mappings.codes import CAREPATH
from fhir_mappings.times import instant_text
from pathways.events import EventCode

RELIABLE_CACHE_MINUTES: Final = 7 * 24 * 60
"""A repeat within this time gets the original answer; in fact it always does."""

_DEFINITIONS: Final = "http://hl7.org/fhir"
_SEARCHED: Final[Mapping[str, Mapping[str, str]]] = {
    "Patient": {"identifier": "token"},
    "Encounter": {
        "identifier": "token",
        "patient": "reference",
        "status": "token",
        "class": "token",
        "date": "date",
    },
    "ServiceRequest": {
        "identifier": "token",
        "patient": "reference",
        "status": "token",
        "priority": "token",
    },
    "Task": {"patient": "reference", "status": "token", "code": "token"},
    "Organization": {"identifier": "token", "name": "string"},
}
_EVERY: Final[Mapping[str, str]] = {"_id": "token", "_lastUpdated": "date"}
_OPERATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "Patient": ("timeline", "summary"),
    "MessageHeader": ("where",),
}
_MADE_HERE: Final = frozenset({EventCode.HANDOVER_SUMMARY, EventCode.MISADDRESSED})


def statement(*, base_url: str, version: str, date: datetime) -> JSON:
    """The statement of this instance. ``base_url`` is its FHIR address, ``version`` that of Carepath."""
    return {
        "resourceType": "CapabilityStatement",
        "id": "carepath",
        "url": f"{base_url}/metadata",
        "version": version,
        "name": "Carepath",
        "title": "Carepath: a broker for care pathways",
        "status": "active",
        "date": instant_text(date),
        "description": "One timeline per patient across all levels of care.",
        "kind": "instance",
        "software": {"name": "Carepath", "version": version},
        "implementation": {"description": "This Carepath server", "url": base_url},
        "fhirVersion": "4.0.1",
        "format": ["json", "application/fhir+json"],
        "rest": [_rest()],
        "messaging": [_messaging(base_url)],
    }


def _rest() -> JSON:
    listed = [_resource(kind, searched) for kind, searched in _SEARCHED.items()]
    return {
        "mode": "server",
        "resource": [*listed, *_others()],
        "operation": [
            {
                "name": "process-message",
                "definition": f"{_DEFINITIONS}/OperationDefinition/MessageHeader-process-message",
            }
        ],
    }


def _resource(kind: str, searched: Mapping[str, str]) -> JSON:
    resource: JSON = {
        "type": kind,
        "interaction": _interactions("read", "vread", "history-instance", "search-type"),
        "versioning": "versioned",
        "readHistory": True,
        "updateCreate": False,
        "conditionalRead": "full-support",
        "searchParam": [
            {"name": name, "type": type_} for name, type_ in {**_EVERY, **searched}.items()
        ],
    }
    return resource | _operations(kind)


def _others() -> Iterable[JSON]:
    """Types that have no search."""
    yield {"type": "Binary", "interaction": _interactions("read")}
    yield {"type": "MessageHeader", **_operations("MessageHeader")}


def _interactions(*codes: str) -> list[JSON]:
    return [{"code": code} for code in codes]


def _operations(kind: str) -> JSON:
    offered = [
        {"name": name, "definition": f"{CAREPATH}/OperationDefinition/{kind}-{name}"}
        for name in _OPERATIONS.get(kind, ())
    ]
    return {"operation": offered} if offered else {}


def _messaging(base_url: str) -> JSON:
    protocol = {
        "system": "http://terminology.hl7.org/CodeSystem/message-transport",
        "code": "http",
        "display": "HTTP",
    }
    return {
        "endpoint": [{"protocol": protocol, "address": f"{base_url}/$process-message"}],
        "reliableCache": RELIABLE_CACHE_MINUTES,
        "supportedMessage": [*_supported("receiver", _MADE_HERE), *_supported("sender", ())],
    }


def _supported(mode: str, left_out: Iterable[EventCode]) -> list[JSON]:
    return [
        {"mode": mode, "definition": f"{CAREPATH}/MessageDefinition/{code}"}
        for code in EventCode
        if code not in left_out
    ]
