"""Organisations and persons as messages name them."""

from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from fhir_mappings.bundle import JSON, Resources, identifiers
from fhir_mappings.identifiers import check_organisation
from pathways.messages import Author
from pathways.parties import PartyRef
from pathways.refusals import Reason

_OWNER: Final = {
    "PractitionerRole": "organization",
    "HealthcareService": "providedBy",
}


def party(parts: Resources, reference: JSON | None, holder: JSON | None = None) -> PartyRef | None:
    """The organisation behind a Reference; ``None`` when nothing can tell which it is."""
    if not reference:
        return None
    resource = parts.resolve(reference, holder)
    kind = resource["resourceType"] if resource else None
    if resource and kind == "Organization":
        return organisation(resource)
    if resource and kind in _OWNER:
        return party(parts, resource.get(_OWNER[kind]), resource)
    if resource:
        return None
    _check(parts, reference)
    return _named(PartyRef(identifiers(reference.get("identifier")), reference.get("display")))


def _check(parts: Resources, reference: JSON) -> None:
    """The control digit of an organisation that a Reference names by its number alone."""
    told = reference.get("identifier")
    if told and (wrong := check_organisation((told,), "")):
        issue = replace(wrong, where=f"{parts.place(told)}.value")
        parts.note(issue, Reason.INVALID)


def organisation(resource: JSON) -> PartyRef | None:
    """An Organization resource as a party; its endpoint is its ``url`` telecom."""
    endpoint = telecom(resource, "url")
    return _named(PartyRef(identifiers(resource.get("identifier")), resource.get("name"), endpoint))


def _named(found: PartyRef) -> PartyRef | None:
    return found if found != PartyRef() else None


def telecom(resource: JSON, system: str) -> str | None:
    """The first contact point of a system (phone, url, …)."""
    points = resource.get("telecom", ())
    return next((p["value"] for p in points if p.get("system") == system and p.get("value")), None)


def is_endpoint(url: str) -> bool:
    """Whether ``url`` is a base address that messages can be sent to: http or https, and nothing after its path."""
    try:
        parts = urlsplit(url)
        hidden = parts.username or parts.password or parts.query or parts.fragment or ".." in url
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return False
    return bool(sound) and not hidden and url.isascii() and url.isprintable() and " " not in url


def author(parts: Resources, reference: JSON | None, holder: JSON | None = None) -> Author | None:
    """The person behind a Reference: Practitioner, PractitionerRole, or its display; no organisation."""
    resource = parts.resolve(reference, holder)
    kind = resource["resourceType"] if resource else None
    display = reference.get("display") if reference else None
    if resource and kind == "Practitioner":
        return Author(human_name(resource) or display, telecom(resource, "phone"))
    if resource and kind == "PractitionerRole":
        return _in_role(parts, resource, display)
    if resource:
        return None
    return Author(display) if display else None


def _in_role(parts: Resources, role: JSON, display: str | None) -> Author:
    person = author(parts, role.get("practitioner")) or Author()
    return Author(
        person.name or display,
        telecom(role, "phone") or person.phone,
        next(iter(_role_texts(role)), None),
    )


def _role_texts(role: JSON) -> list[str]:
    return [
        text
        for concept in role.get("code", ())
        for text in (concept.get("text"), *(c.get("display") for c in concept.get("coding", ())))
        if text
    ]


def human_name(resource: JSON) -> str | None:
    """A person's name as one text: as given, else given names and family name."""
    name = official(resource)
    if text := name.get("text"):
        return str(text)
    words = [*(given for given in name.get("given", ()) if given), name.get("family") or ""]
    return " ".join(word for word in words if word) or None


def official(resource: JSON) -> JSON:
    """The official name, else the first that is not an old one."""
    names: list[JSON] = resource.get("name", [])
    usable = [name for name in names if name.get("use") != "old"] or names
    return next((n for n in usable if n.get("use") == "official"), usable[0] if usable else {})
