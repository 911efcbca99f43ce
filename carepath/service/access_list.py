"""Who may read the access log, and what it says to people: the patient's own list, and an organisation's of its own.

The authorisation matrix (``pathways.access``) says who may ask at all. A citizen reads the log of whom their ``Sight``
gives it for; an administrator what was read and received by their own organisation and its units; the operator of a
broker that people sign in to checks that the log is whole, and reads nothing. In open mode everything is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from carepath import texts
from carepath.store import parties, queries
from carepath.store.audit import Asked
from carepath.store.blind import Keys
from carepath.store.database import Connection
from carepath.store.sights import sights
from carepath.store.times import instant
from pathways.access import CITIZENS, Actor, Role
from pathways.access_log import Act, Line

_ACTS: Final = frozenset({Act.READ, Act.QUERY, Act.DELIVERY})
"""What has a sentence of its own."""


@dataclass(frozen=True, slots=True)
class Said:
    """A line in words: who, what of the patient, and why; ``text`` is all of it as a sentence."""

    who: str
    what: str
    why: str
    text: str


def readable(
    conn: Connection, keys: Keys, actor: Actor, now: int, patient: str | None = None
) -> Asked | None:
    """Which lines ``actor`` may read: about ``patient``, or about whomever they may. ``None``: none at all."""
    about = None if patient is None else queries.closure(conn, (patient,))
    if actor.role is Role.OPEN:
        units = None if actor.party is None else parties.directory(conn).within(actor.party)
        return Asked(patients=about, parties=units)
    if actor.role is Role.ADMINISTRATOR and actor.party is not None:
        return Asked(patients=about, parties=parties.directory(conn).within(actor.party))
    if actor.role in CITIZENS:
        own = {one.patient for one in sights(conn, keys, actor, instant(now)) if one.log}
        wanted = own if about is None else own.intersection(about)
        return Asked(patients=sorted(wanted)) if wanted else None
    return None


def named(conn: Connection) -> Mapping[str, str]:
    """The names of all parties, by key."""
    return {key: one.name for key, one in parties.directory(conn).parties.items()}


def said(line: Line, names: Mapping[str, str], language: str) -> Said:
    """A line in the language, without anything but what the reader of the log may know."""
    who, what = _who(line, names, language), _what(line, language)
    why = _why(line, language)
    act = line.act if line.act in _ACTS else "other"
    told = {"who": who, "what": what, "why": why}
    return Said(who, what, why, texts.render(f"access.{act}", told, language))


def _who(line: Line, names: Mapping[str, str], language: str) -> str:
    """The person and whom they work for, as far as each is known."""
    who = line.who
    party = names.get(who.party, who.party) if who.party else None
    known = [one for one in (who.name, party) if one]
    return ", ".join(known) or texts.render(f"access.role.{who.role}", {}, language)


def _what(line: Line, language: str) -> str:
    kinds = [texts.render(_kind(type_, language), {}, language) for type_ in line.shown]
    return ", ".join(dict.fromkeys(kinds)) or texts.render("access.type.none", {}, language)


def _kind(type_: str, language: str) -> str:
    key = f"access.type.{type_}"
    return key if key in texts.catalogue(language) else "access.type.other"


def _why(line: Line, language: str) -> str:
    """The reason for looking: an emergency, else what gave the right, else the purpose."""
    if line.emergency:
        reason = {"reason": line.who.reason} if line.who.reason else {}
        return texts.render("access.emergency", reason, language)
    bases = [texts.render(f"access.basis.{basis}", {}, language) for basis in line.basis]
    return ", ".join(bases) or texts.render(f"access.purpose.{line.who.purpose}", {}, language)
