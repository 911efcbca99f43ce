"""A Bundle of Organizations as entries of the directory: what ``carepath org import`` reads.

============================== ===========================================================================
Party                          Organization
============================== ===========================================================================
key                            ``id`` if it is a slug, else its organisation number
name, identifiers              ``name``, ``identifier`` (canonical system URIs, check digits)
neutral_name                   ``alias[0]``
kind, function                 ``type[].coding[]`` of ``party-kind`` and ``party-function``
parent                         ``partOf``: an Organization of the Bundle (``fullUrl`` or ``Organization/id``), or an id
municipality                   ``address[]`` with the extension no-basis-municipalitycode on ``_district``
phone                          the first ``telecom`` of system phone
endpoint                       the first ``telecom`` of system url: the base address of its FHIR server
============================== ===========================================================================

Organizations with ``active: false`` are left out. hl7.org/fhir/R4/organization.html
"""

from typing import Any

from fhir_mappings import models
from fhir_mappings.bundle import JSON, Resources, identifiers, last_segment
from fhir_mappings.codes import (
    MUNICIPALITY_CODE,
    ORGANISATION_NUMBER,
    PARTY_FUNCTION,
    PARTY_KIND,
)
from fhir_mappings.formats import parse
from fhir_mappings.identifiers import check_organisation
from fhir_mappings.parties import is_endpoint, telecom
from pathways.parties import Function, Kind, Party, is_key
from pathways.refusals import Reason, Refusal


def read(source: bytes) -> list[Party] | Refusal:
    """The directory entries of a FHIR Bundle, or everything that is wrong with it."""
    bundle = parse(source)
    if isinstance(bundle, Refusal):
        return bundle
    if issues := models.faults(bundle):
        return Refusal(Reason.INVALID, issues)
    parts = Resources(bundle)
    found = [one for one in parts.of("Organization") if one.get("active") is not False]
    if not found:
        parts.fault("required", "the Bundle has no active Organization", bundle, "entry")
    parties = [_party(parts, one) for one in found]
    return parts.refusal() or parties


def _party(parts: Resources, resource: JSON) -> Party:
    """One Organization; faults are noted in ``parts``."""
    listed = resource.get("identifier", [])
    if wrong := check_organisation(listed, "Organization"):
        parts.fault(wrong.code, wrong.text, resource, "identifier")
    if not resource.get("name"):
        parts.fault("required", "an entry of the directory needs a name", resource, "name")
    return Party(
        key=_key(parts, resource) or "",
        name=resource.get("name", ""),
        identifiers=identifiers(listed),
        neutral_name=next(iter(resource.get("alias", ())), None),
        kind=Kind(_code(parts, resource, PARTY_KIND, [*Kind]) or Kind.OTHER),
        function=_function(parts, resource),
        parent=_parent(parts, resource),
        municipality=_municipality(resource),
        phone=telecom(resource, "phone"),
        endpoint=_endpoint(parts, resource),
    )


def _endpoint(parts: Resources, resource: JSON) -> str | None:
    told = telecom(resource, "url")
    if told is not None and not is_endpoint(told):
        text = "a url must be an http or https address without user, query and fragment"
        parts.fault("value", text, resource, "telecom")
    return told and told.rstrip("/")


def _key(parts: Resources, resource: JSON) -> str | None:
    own = resource.get("id", "")
    numbers = [
        i.value for i in identifiers(resource.get("identifier")) if i.system == ORGANISATION_NUMBER
    ]
    if is_key(own):
        return str(own)
    if not numbers:
        text = "needs an id in lower case that is not 'parked', or an organisation number"
        parts.fault("required", text, resource, "id")
    return numbers[0] if numbers else None


def _function(parts: Resources, resource: JSON) -> Function | None:
    code = _code(parts, resource, PARTY_FUNCTION, [*Function])
    return Function(code) if code else None


def _code(parts: Resources, resource: JSON, system: str, allowed: list[Any]) -> str | None:
    """The code of one of our systems among the types."""
    for concept in resource.get("type", ()):
        for coding in concept.get("coding", ()):
            if coding.get("system") != system:
                continue
            if coding.get("code") in allowed:
                return str(coding["code"])
            parts.fault("code-invalid", f"not a code of {system}", resource, "type")
    return None


def _parent(parts: Resources, resource: JSON) -> str | None:
    reference = resource.get("partOf")
    if not reference:
        return None
    if found := parts.resolve(reference, resource):
        return _key(parts, found)
    return last_segment(reference["reference"]) if "reference" in reference else None


def _municipality(resource: JSON) -> str | None:
    for address in resource.get("address", ()):
        for extension in address.get("_district", {}).get("extension", ()):
            if extension.get("url") == MUNICIPALITY_CODE:
                code = extension.get("valueCoding", {}).get("code")
                return str(code) if code else None
    return None
