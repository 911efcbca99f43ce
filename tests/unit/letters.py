"""A letter from a ward to home nursing, and what has to arrive in it whatever it is written in."""

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime

from carepath import texts
from fhir_mappings.codes import HER_ID
from fhir_mappings.inbound import Options
from fhir_mappings.kith.heads import clean
from fhir_mappings.letters import Letter
from pathways.moments import Moment
from pathways.parties import Identifier, PartyRef
from tests.unit.strategies import messages

WARD = (
    PartyRef((Identifier(HER_ID, "100"),), "Slagen sykehus"),
    PartyRef((Identifier(HER_ID, "101"),), "Post 3"),
)
NURSING = (
    PartyRef((Identifier(HER_ID, "200"),), "Solvik kommune"),
    PartyRef((Identifier(HER_ID, "201"),), "Sykepleie"),
)
LETTER = Letter(
    sender=WARD,
    receiver=NURSING,
    sentence="Noe har skjedd",
    words=lambda facts: texts.told(facts, "nb"),
)
OPTIONS = Options(received=datetime(2027, 6, 1, tzinfo=UTC))
ABOUT_SOMEBODY = messages().filter(lambda one: one.patient is not None)
CODES = frozenset(
    {"priority", "encounter_class", "response", "covers", "kind", "reason_code", "services"}
)
"""Facts that are said as codes of the format, or by what their codes are called (``texts.told``)."""


def words(value: object) -> list[str]:
    """Every text in the facts that a person has written."""
    if isinstance(value, str) and not hasattr(value, "value"):
        return clean(value).split()
    if isinstance(value, PartyRef):
        return words(value.name or "")
    if isinstance(value, tuple):
        return [word for one in value for word in words(one)]
    if is_dataclass(value) and not isinstance(value, Identifier | Moment):
        told = (one.name for one in fields(value) if one.name not in CODES)
        return [word for name in told for word in words(getattr(value, name))]
    return []
