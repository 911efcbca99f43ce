"""A message from what people type: who, about whom, to whom, and what (``told``)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from carepath.service import typed as told
from carepath.service.typed import Typing, Unfit
from fhir_mappings import keys as of
from fhir_mappings.identifiers import national
from pathways.events import RULES, WHOLE, Activity, EventCode, Family
from pathways.facts import ReportFacts
from pathways.messages import Author, Destination, Key, KeyRank, Message, Patient
from pathways.moments import Moment
from pathways.parties import Identifier, PartyRef

_NATIONAL: Final = 11
_ABOUT_ANYTHING: Final = (EventCode.REPLY, EventCode.SETTLED_BY_PHONE)
_NOBODY: Final = (EventCode.ACKNOWLEDGEMENT,)


@dataclass(frozen=True, slots=True)
class Who:
    """Who sends, about whom, to whom."""

    patient: str | None = None
    municipality: str | None = None
    sender: str | None = None
    to: Sequence[str] = ()
    copies: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed, as it was typed; ``settings`` are ``field=value``."""

    event: str | None
    who: Who
    settings: Sequence[str] = ()
    about: Sequence[str] = ()
    author: str | None = None
    happened: str | None = None
    activity: Activity = Activity.NEW
    target: str | None = None
    id: str | None = None


def compose(typed: Typed, typing: Typing) -> Message:
    """The message. Raises ``Unfit`` that names what cannot be used.

    It is a fact's name, or one of ``event``, ``from``, ``to``, ``copy``, ``patient``, ``about``, ``happened``.
    """
    code = event(typed.event)
    sender = _needed(typed.who.sender, "from")
    party = told.checked("from", PartyRef, sender, typing)
    matter, keys = _about(code, typed.about, party, typing)
    at = typed.happened
    return Message(
        id=typed.id or str(uuid4()),
        format="carepath",
        envelope=None,
        content=b"",
        code=code,
        activity=typed.activity,
        target=typed.target,
        sender=party,
        author=Author(typed.author),
        happened=told.checked("happened", Moment, at, typing) if at else Moment(typing.written),
        written=typing.written,
        destinations=_destinations(typed.who, typing),
        patient=None if code in _NOBODY else _patient(typed.who, typing),
        keys=tuple(sorted(keys)),
        facts=told.facts(code, typed.settings, typing),
        matter=matter,
    )


def event(text: str | None) -> EventCode:
    """An event that may be sent, by its code."""
    known = {str(code): code for code, rule in RULES.items() if not rule.ours}
    if text not in known:
        raise Unfit("event", text or "", "event")
    return known[text]


def _needed(text: str | None, field: str) -> str:
    if not text:
        raise Unfit(field, "", field)
    return text


def _destinations(who: Who, typing: Typing) -> tuple[Destination, ...]:
    wanted = [*((one, False) for one in who.to), *((one, True) for one in who.copies)]
    return tuple(
        Destination(told.checked("copy" if copy else "to", PartyRef, one, typing), copy)
        for one, copy in wanted
    )


def _patient(who: Who, typing: Typing) -> Patient:
    """By a national number (its first digit tells which), or ``system|value``."""
    text = _needed(who.patient, "patient")
    number = named(told.checked("patient", Identifier, text, typing))
    return Patient((number,), municipality=who.municipality)


def named(number: Identifier) -> Identifier:
    """A person's number with its system, which a national number itself tells."""
    value = number.value
    if number.system or len(value) != _NATIONAL or not value.isdecimal():
        return number
    return national(value)


def _about(
    code: EventCode, texts: Sequence[str], sender: PartyRef, typing: Typing
) -> tuple[Family | None, set[Key]]:
    """The numbers of the matter; a call or an answer may name another family's: ``stay=77``."""
    matter: Family | None = None
    keys: set[Key] = set()
    for text in texts:
        family, equals, number = text.rpartition("=")
        if equals:
            matter = _family(code, family)
        one = told.checked("about", Identifier, number, typing)
        keys.add(of.key(rank(code, matter or RULES[code].family), one, sender))
    return matter, set() if matter in WHOLE else keys


def _family(code: EventCode, text: str) -> Family:
    if code not in _ABOUT_ANYTHING:
        raise Unfit("about", text, "own-matter", event=code)
    if text not in set(Family):
        raise Unfit("about", text, "one-of", codes=", ".join(Family))
    return Family(text)


def rank(code: EventCode, family: Family) -> KeyRank:
    """How strong the number is that such an event names a matter of this family by."""
    if family in of.NUMBERED and RULES[code].facts is not ReportFacts:
        return of.NUMBERED[family].rank
    return KeyRank.STAY
