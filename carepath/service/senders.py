"""Whether whoever signed in may send a message: as whom, and such a one (``pathways.sending``).

Citizens all send as one party of the directory, which the broker enters itself; who of them it was stands in the
record. Whom they may speak of is judged when it is known whom the message is about.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from carepath.store.arrivals import Arrival
from fhir_mappings.identifiers import birth_date
from fhir_mappings.options import OSLO
from pathways import sending
from pathways.access import CITIZENS, Actor, Role
from pathways.consents import folded
from pathways.events import RULES, EventCode
from pathways.facts import InquiryFacts
from pathways.messages import Author, Message
from pathways.parties import CITIZENS as CITIZENS_KEY
from pathways.parties import Directory, Identifier, Kind, Party
from pathways.pathway import Header, Told
from pathways.refusals import Reason, Refusal, refuse
from pathways.sight import Known, Sight, own

PEOPLE: Final = Party(
    key=CITIZENS_KEY,
    name="Innbyggere",
    kind=Kind.CITIZENS,
    identifiers=(Identifier("https://carepath.example/fhir/sid/sender", CITIZENS_KEY),),
    receipt_mode="none",
)
"""Whoever sends for themselves or their own."""

_CODE: Final = "Bundle.entry[0].resource.eventCoding"
_SENDER: Final = "Bundle.entry[0].resource.sender"
_NOT_YOURS: Final = refuse(
    Reason.FORBIDDEN, "forbidden", "this event is not yours to send about this patient", _CODE
)


def is_citizen(actor: Actor | None) -> bool:
    """Whether somebody sends for themselves or their own."""
    return actor is not None and actor.role in CITIZENS


def objection(
    actor: Actor | None, sender: Party, message: Message, directory: Directory
) -> Refusal | None:
    """Why somebody in this role does not send such a message for ``sender``. Without an actor: open mode, or ours."""
    if actor is None or actor.role is Role.OPEN:
        return _as_people(sender)
    if is_citizen(actor):
        return _as_another(actor, sender, message)
    if refused := _as_people(sender):
        return refused
    if sending.may_send(actor.role, kind_of(sender, directory), message):
        return None
    return refuse(Reason.FORBIDDEN, "forbidden", "this event is not yours to send", _CODE)


def _as_people(sender: Party) -> Refusal | None:
    if sender.key != CITIZENS_KEY:
        return None
    return refuse(Reason.FORBIDDEN, "forbidden", "only who signs in sends as a citizen", _SENDER)


def _as_another(actor: Actor, sender: Party, message: Message) -> Refusal | None:
    """A person sends as nobody else, under no other name."""
    named = message.author.name
    if sender.key == CITIZENS_KEY and (not named or folded(named) == folded(actor.name)):
        return None
    return refuse(Reason.FORBIDDEN, "forbidden", "a person sends as themselves", _SENDER)


def kind_of(sender: Party, directory: Directory) -> Kind:
    """A ward that has no kind of its own is what its hospital is."""
    house = directory.parties.get(directory.house(sender.key), sender)
    return house.kind if sender.kind is Kind.OTHER else sender.kind


def by_citizen(message: Message, actor: Actor) -> Message:
    """The message with who signed in as its author, and as whoever asks."""
    facts = message.facts
    if isinstance(facts, InquiryFacts):
        facts = replace(facts, asker=actor.name)
    phone = message.author.phone
    return replace(message, author=Author(name=actor.name, phone=phone), facts=facts)


def role_in(sight: Sight | None) -> Role:
    """What a citizen is to the patient; of who sees nothing of them it is taken that they are close."""
    return sight.role if sight else Role.RELATIVE


def newcomer(actor: Actor, told: Sequence[Identifier], at: datetime) -> Sight | None:
    """What somebody of whom nobody has told anything yet sees of themselves; ``None``: ``told`` is another's.

    A child is known by the number that it signed in with.
    """
    mine = {*actor.identifiers}
    if not told or any(f"{one.system}|{one.value}" not in mine for one in told):
        return None
    born = next(filter(None, map(birth_date, told)), None)
    known = {"birth_date": Told((at, at, ""), born.isoformat())} if born else {}
    header = Header(demographics=known)
    return own(Known(patient="", header=header, at=at, zone=OSLO), actor.person)


def may_speak(sight: Sight | None, code: EventCode) -> bool:
    """Whether a citizen may send such an event of a patient: by what they are to them, and as far as they see."""
    role = role_in(sight)
    if role not in sending.CITIZENS_SEND.get(code, ()):
        return False
    if code in sending.ALWAYS or role is Role.PATIENT:
        return True
    return sight is not None and (sight.families is None or RULES[code].family in sight.families)


def out_of_sight(arrival: Arrival, sight: Sight | None) -> Refusal | None:
    """Why a citizen does not send it about this patient. The same whether the patient is known or not."""
    message = arrival.message
    taken = sending.may_send(role_in(sight), Kind.CITIZENS, message)
    return None if taken and may_speak(sight, message.code) else _NOT_YOURS
