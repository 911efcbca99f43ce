"""The CapabilityStatement: what this server can do.

https://hl7.org/fhir/R4/capabilitystatement.html
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from fhir_mappings.bundle import JSON
from fhir_mappings.codes import CAREPATH
from fhir_mappings.formats import FHIR_JSON, FHIR_XML
from fhir_mappings.search_parameters import (
    IDENTIFIER,
    PARAMETERS,
    Parameter,
    chains,
    includes,
    revincludes,
)
from fhir_mappings.subscribing import SERVER, of_subscriptions
from fhir_mappings.times import instant_text
from pathways.events import EventCode

RELIABLE_CACHE_MINUTES: Final = 7 * 24 * 60
"""A repeat within this time gets the original answer; in fact it always does."""

_DEFINITIONS: Final = "http://hl7.org/fhir"
_OPERATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "Patient": ("timeline", "summary", "everything", "access-log"),
    "Encounter": ("payment-days",),
    "MessageHeader": ("where",),
}
_PARAMETERS: Final = "http://hl7.org/fhir/SearchParameter"
_OAUTH_URIS: Final = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_MADE_HERE: Final = frozenset(
    {EventCode.HANDOVER_SUMMARY, EventCode.MISADDRESSED, EventCode.GLASS_BROKEN}
)


def statement(*, base_url: str, version: str, date: datetime, token_url: str | None = None) -> JSON:
    """The statement of this instance. ``base_url`` is its FHIR address, ``version`` that of Carepath.

    ``token_url``: where clients get access tokens (SMART App Launch 2.2); none in open mode.
    """
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
        "instantiates": [SERVER],
        "implementation": {"description": "This Carepath server", "url": base_url},
        "fhirVersion": "4.0.1",
        "format": ["json", "xml", FHIR_JSON, FHIR_XML],
        "rest": [_rest() | _security(token_url)],
        "messaging": [_messaging(base_url)],
    }


def _security(token_url: str | None) -> JSON:
    if token_url is None:
        return {}
    coding = {
        "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
        "code": "SMART-on-FHIR",
    }
    token = {"url": "token", "valueUri": token_url}
    return {
        "security": {
            "extension": [{"url": _OAUTH_URIS, "extension": [token]}],
            "service": [{"coding": [coding]}],
            "description": "SMART Backend Services: see .well-known/smart-configuration.",
        }
    }


def _rest() -> JSON:
    listed = [_resource(kind) for kind in PARAMETERS]
    return {
        "mode": "server",
        "resource": [*listed, *_others()],
        "operation": [
            {
                "name": "process-message",
                "definition": f"{_DEFINITIONS}/OperationDefinition/MessageHeader-process-message",
            },
            *(
                {"name": name, "definition": f"{CAREPATH}/OperationDefinition/{name}"}
                for name in ("mailbox", "confirm", "worklist", "quiet", "statistics", "break-glass")
            ),
        ],
    }


def _resource(kind: str) -> JSON:
    resource: JSON = {
        "type": kind,
        "interaction": _interactions("read", "vread", "history-instance", "search-type"),
        "versioning": "versioned",
        "readHistory": True,
        "updateCreate": False,
        "conditionalRead": "full-support",
        **_included("searchInclude", includes(kind)),
        **_included("searchRevInclude", revincludes(kind)),
        "searchParam": [_parameter(name, one) for name, one in PARAMETERS[kind].items()],
    }
    whole = resource | _operations(kind)
    return of_subscriptions(whole) if kind == "Subscription" else whole


def _included(name: str, values: Sequence[str]) -> JSON:
    return {name: [*values]} if values else {}


def _parameter(name: str, parameter: Parameter) -> JSON:
    told: JSON = {"name": name, "definition": parameter.definition, "type": str(parameter.kind)}
    if chains(name, parameter):
        told["documentation"] = f"Also {name}.{IDENTIFIER}."
    return told


def _others() -> Iterable[JSON]:
    """Types that have no search."""
    yield {"type": "Binary", "interaction": _interactions("read")}
    yield {"type": "Bundle", "interaction": _interactions("read")}
    yield {"type": "MessageHeader", **_operations("MessageHeader")}
    yield {
        "type": "AuditEvent",
        "interaction": _interactions("read", "search-type"),
        "searchParam": [
            {"name": name, "definition": f"{_PARAMETERS}/{of}", "type": type_}
            for name, of, type_ in (
                ("patient", "AuditEvent-patient", "reference"),
                ("date", "AuditEvent-date", "date"),
            )
        ],
    }


def _interactions(*codes: str) -> list[JSON]:
    return [{"code": code} for code in codes]


def _operations(kind: str) -> JSON:
    offered = [
        {"name": name, "definition": f"{_defined(name)}/OperationDefinition/{kind}-{name}"}
        for name in _OPERATIONS.get(kind, ())
    ]
    return {"operation": offered} if offered else {}


def _defined(operation: str) -> str:
    """Whose operation it is: HL7's, or our own."""
    return _DEFINITIONS if operation == "everything" else CAREPATH


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
