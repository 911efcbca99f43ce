"""References inside stored resources, all relative to the FHIR base URL, and the times beside them."""

from datetime import datetime

from fhir_mappings import times
from fhir_mappings.bundle import JSON
from fhir_mappings.elements import Writing, as_identifier
from fhir_mappings.options import OSLO
from pathways.moments import Moment
from pathways.parties import Directory, PartyRef


def writing(directory: Directory, at: datetime) -> Writing:
    """How facts are written: parties as the directory knew them at ``at``."""
    return Writing(OSLO, lambda ref: _organization(ref, directory, at))


def about(kind: str, id_: str) -> JSON:
    """The Reference to a resource."""
    return {"reference": f"{kind}/{id_}"}


def party(name: str, key: str | None) -> JSON:
    """An element that refers to a party by its directory key; nothing without one."""
    return {name: about("Organization", key)} if key else {}


def instant(name: str, moment: Moment | None) -> JSON:
    """An element always to the second: FHIRPath cannot compare a day with a time (Task inv-1)."""
    return {name: times.instant_text(moment.at)} if moment else {}


def _organization(ref: PartyRef, directory: Directory, at: datetime) -> JSON:
    """The Reference to a party: by key if the directory knows it, else as it was named."""
    named = {"display": ref.name} if ref.name else {}
    if known := directory.find(ref.known_by, at):
        return {**about("Organization", known.key), "display": known.name}
    return {"identifier": as_identifier(ref.known_by[0]), **named}
