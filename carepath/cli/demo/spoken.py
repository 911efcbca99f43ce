"""What the demo's organisations speak: the bytes of each step, as the system of its sender writes them.

Bjørkelia's system, and home nursing's, speak PLO; the one at Slagen's emergency ward speaks HL7 v2 over MLLP. Whatever
these have no message for (a move inside the house, a planned departure) is told in FHIR, as by all others.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

import orjson

from carepath.cli.demo.people import REFERENCES, parties
from carepath.cli.demo.week import Step
from carepath.delivery.letters import letter
from fhir_mappings import outbound
from fhir_mappings.hl7v2 import writing as hl7v2
from fhir_mappings.kith import writing as kith
from fhir_mappings.letters import Letter, Line
from pathways.parties import Directory


class Language(StrEnum):
    """Named by how its files end."""

    FHIR = "json"
    PLO = "xml"
    HL7V2 = "hl7"


_ADT: Final = frozenset(("visit", "visit-over"))
_PLO: Final = frozenset(
    (
        *("admission", "duplicate", "correction", "early-notice", "home-report"),
        *("ready", "withdrawn", "ready-again", "discharge", "report"),
    )
)
_DIRECTORY: Final = Directory({party.key: party for party in parties()})


def language(step: Step) -> Language:
    """What a step is told in."""
    if step.name in _ADT:
        return Language.HL7V2
    return Language.PLO if step.name in _PLO else Language.FHIR


def source(step: Step, base_url: str) -> bytes:
    """What its sender sends."""
    return _WRITERS[language(step)](step, base_url)


def _fhir(step: Step, base_url: str) -> bytes:
    return orjson.dumps(outbound.write(step.message, base_url=base_url))


def _plo(step: Step, _base_url: str) -> bytes:
    return kith.write(step.message, _letter(step))


def _hl7v2(step: Step, _base_url: str) -> bytes:
    return hl7v2.write(step.message, _letter(step))


_WRITERS: Final[Mapping[Language, Callable[[Step, str], bytes]]] = {
    Language.FHIR: _fhir,
    Language.PLO: _plo,
    Language.HL7V2: _hl7v2,
}


def _letter(step: Step) -> Letter:
    """From the sender to whom the message is addressed."""
    [to] = step.message.destinations
    receiver = _DIRECTORY.find(to.party.known_by, step.message.written)
    return letter(
        step.message, _line(step.sender), _line(receiver.key) if receiver else (to.party,)
    )


def _line(key: str) -> Line:
    """The party after the house that it belongs to."""
    return tuple(REFERENCES[one] for one in dict.fromkeys((_DIRECTORY.house(key), key)))
