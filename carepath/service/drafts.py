"""What somebody does from a page, as the message that says so (``docs/adr/0023``).

It goes in by the one door, as everybody's messages do: who may send what, and what the rules say to it, is decided
there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from carepath.service.composing import rank
from carepath.service.senders import PEOPLE
from carepath.store import naming
from carepath.store.blind import Keys
from carepath.store.database import Connection
from fhir_mappings.codes import MATTER_ID
from fhir_mappings.identifiers import birth_date
from pathways.access import CITIZENS, Actor
from pathways.events import RULES, WHOLE, Activity, EventCode, Family
from pathways.facts import Facts
from pathways.messages import Author, Destination, Key, Message, Patient, Record, stable_id
from pathways.moments import Moment
from pathways.parties import Directory, Identifier, Party, PartyRef


@dataclass(frozen=True, slots=True)
class Matter:
    """A thread, by its id here."""

    id: str
    family: Family


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An event that somebody tells of. Organisations are directory keys.

    ``id``: the message's, made with the form, so that a form that is sent twice says it once.
    ``patient``: an id of ours; or identifiers, of whom we may not have heard.
    ``matter``: what it is about, where that has begun. ``happened``: ``None`` is now.
    ``after``: the id of the matter's newest record as its writer knows it; if there is a newer one, nothing is done.
    ``sender``: on whose behalf, where nobody signs in; who has signed in speaks for their own.
    """

    code: EventCode
    facts: Facts
    patient: str | tuple[Identifier, ...]
    id: str = field(default_factory=lambda: str(uuid4()))
    matter: Matter | None = None
    activity: Activity = Activity.NEW
    target: str | None = None  # the id of the message that it answers or corrects
    happened: Moment | None = None
    to: Sequence[str] = ()
    copies: Sequence[str] = ()
    sender: str | None = None
    after: str | None = None


def withdrawal(record: Record, matter: Matter | None) -> Draft:
    """That a message does not hold, from who sent it; the same each time it is made, so that it is said once."""
    return Draft(
        code=record.code,
        facts=record.facts,
        patient=record.patient,
        id=stable_id("undo", record.sender, record.message_id),
        matter=matter,
        activity=Activity.CANCEL,
        target=record.message_id,
        sender=record.sender,
    )


class UnknownParty(Exception):
    """A draft names an organisation that is not in the directory; its key."""


def sender_of(draft: Draft, actor: Actor, directory: Directory) -> Party:
    """Who sends it. Raises ``UnknownParty``."""
    if actor.role in CITIZENS:
        return PEOPLE
    return _party(actor.party or draft.sender or "", directory)


def message(
    conn: Connection, keys: Keys, draft: Draft, actor: Actor, directory: Directory, now: datetime
) -> Message:
    """What it says, written at ``now``. Raises ``UnknownParty``."""
    told = draft.patient
    known = naming.identifiers(conn, keys, told) if isinstance(told, str) else told
    own = RULES[draft.code].family
    about = draft.matter.family if draft.matter else own
    return Message(
        id=draft.id,
        format="carepath",
        envelope=None,
        content=b"",
        code=draft.code,
        activity=draft.activity,
        target=draft.target,
        sender=_ref(sender_of(draft, actor, directory)),
        author=Author(actor.name),
        happened=draft.happened or Moment(now),
        written=now,
        destinations=(
            *(Destination(_ref(_party(key, directory))) for key in draft.to),
            *(Destination(_ref(_party(key, directory)), copy=True) for key in draft.copies),
        ),
        patient=_patient(draft, known),
        keys=_keys(draft),
        facts=draft.facts,
        matter=about if about is not own else None,
    )


def _patient(draft: Draft, known: tuple[Identifier, ...]) -> Patient:
    """Of somebody of whom we may not have heard, also what their number says: children have rules of their own."""
    if isinstance(draft.patient, str):
        return Patient(known)
    return Patient(known, birth_date=next(filter(None, map(birth_date, known)), None))


def _keys(draft: Draft) -> tuple[Key, ...]:
    matter = draft.matter
    if matter is None or matter.family in WHOLE:
        return ()
    return (Key(rank(draft.code, matter.family), f"{MATTER_ID}|{matter.id}"),)


def _party(key: str, directory: Directory) -> Party:
    if found := directory.parties.get(key):
        return found
    raise UnknownParty(key)


def _ref(party: Party) -> PartyRef:
    return PartyRef(party.identifiers, party.name)
