"""Who is who: the organisations that send and receive, and how a municipality is reached by function."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Function(StrEnum):
    """The part of an organisation that a message is for."""

    CASE_OFFICE = "case-office"
    NURSING = "nursing"
    MENTAL_HEALTH = "mental-health"
    DOCTOR = "doctor"
    REHAB = "rehab"
    ON_DUTY = "on-duty"
    KE = "ke"
    WARD = "ward"
    HOSPITAL_KE = "hospital-ke"


class Kind(StrEnum):
    """What sort of organisation a party is."""

    HOSPITAL = "hospital"
    MUNICIPALITY = "municipality"
    LEGEVAKT = "legevakt"
    GP = "gp"
    HOME = "home"
    SCHOOL = "school"  # and PPT
    NAV = "nav"
    CITIZENS = "citizens"  # the people themselves, who have no organisation
    OTHER = "other"


HER_ID = "urn:oid:2.16.578.1.12.4.1.2"
"""Names one communication party; an organisation number may be that of several."""
_KEY = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
CITIZENS = "citizens"
"""The key of the one party that everybody sends as who sends for themselves or their own."""
_RESERVED = frozenset({"parked", "carepath", CITIZENS})
"""The receiver of the operator's notices; the broker itself; the people."""


def is_key(text: str) -> bool:
    """Whether a party may have this key: it names topics, so lower-case letters, digits, ``-`` and ``.``."""
    return text not in _RESERVED and _KEY.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Identifier:
    """A FHIR identifier: ``system`` is a URI, empty when the sender gave none."""

    system: str
    value: str


@dataclass(frozen=True, slots=True)
class PartyRef:
    """An organisation as a message names it."""

    identifiers: tuple[Identifier, ...] = ()
    name: str | None = None
    endpoint: str | None = None

    @property
    def known_by(self) -> tuple[Identifier, ...]:
        """What it is found by: its identifiers; without any its endpoint, else its name."""
        if self.identifiers:
            return self.identifiers
        told = self.endpoint or (f"urn:name:{self.name}" if self.name else None)
        return (Identifier("urn:ietf:rfc:3986", told),) if told else ()


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """Open from ``opens`` to ``closes`` (local ``HH:MM``) on ``weekday`` (0 = Monday)."""

    weekday: int
    opens: str
    closes: str


@dataclass(frozen=True, slots=True)
class Party:
    """One entry of the directory. ``key`` is a short slug that is never re-used: it names topics and feeds."""

    key: str
    name: str
    kind: Kind = Kind.OTHER
    identifiers: tuple[Identifier, ...] = ()
    neutral_name: str | None = None
    parent: str | None = None
    municipality: str | None = None  # kommunenummer it serves
    function: Function | None = None
    acts_for: tuple[str, ...] = ()
    dialect: str = "carepath"
    receipt_mode: str = "transport"  # pathways.receipts.Mode
    tells_reading: bool = False
    phone: str | None = None
    endpoint: str | None = None  # base URL of its own FHIR server, for answers given later
    transport: str | None = (
        None  # the network its updates go over: edi, mllp://… or mllps://HOST:PORT
    )
    contacts: tuple[str, ...] = ()  # for escalation
    opening_hours: tuple[OpeningHours, ...] = ()
    seen: bool = False  # entered by open mode, not by an administrator
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    @property
    def carrier(self) -> str | None:
        """Who carries its updates over its own network: ``edi`` or ``mllp``; ``None``: it has none."""
        return self.transport and self.transport.partition("://")[0].removesuffix("s")

    def valid_at(self, moment: datetime) -> bool:
        """Whether the entry holds at ``moment`` (from included, to excluded)."""
        started = self.valid_from is None or self.valid_from <= moment
        return started and (self.valid_to is None or moment < self.valid_to)


FALLBACK = (Function.CASE_OFFICE, Function.KE)
"""Where a message goes when a municipality has no unit of the wanted function."""


@dataclass(frozen=True)
class Directory:
    """The parties, looked up by key, identifier, or municipality and function."""

    parties: Mapping[str, Party] = field(default_factory=dict)
    _by_identifier: dict[Identifier, list[Party]] = field(init=False, repr=False, compare=False)
    _units: dict[str, list[Party]] = field(init=False, repr=False, compare=False)
    _municipalities: dict[str, list[Party]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_identifier: dict[Identifier, list[Party]] = {}
        units: dict[str, list[Party]] = {}
        municipalities: dict[str, list[Party]] = {}
        for party in self.parties.values():
            for identifier in party.identifiers:
                by_identifier.setdefault(identifier, []).append(party)
            if party.parent is not None:
                units.setdefault(party.parent, []).append(party)
            if party.kind is Kind.MUNICIPALITY and party.municipality and not party.function:
                municipalities.setdefault(party.municipality, []).append(party)
        object.__setattr__(self, "_by_identifier", by_identifier)
        object.__setattr__(self, "_units", units)
        object.__setattr__(self, "_municipalities", municipalities)

    def find(self, identifiers: Iterable[Identifier], at: datetime) -> Party | None:
        """The party that bears one of the identifiers at ``at``; a HER-id counts first, then the first that fits."""
        for identifier in sorted(identifiers, key=lambda one: one.system != HER_ID):
            for party in self._by_identifier.get(identifier, ()):
                if party.valid_at(at):
                    return party
        return None

    def ref(self, key: str) -> PartyRef:
        """How a message names the party with this key; who is not known is named by the key alone."""
        party = self.parties.get(key)
        return (
            PartyRef(party.identifiers, party.name, party.endpoint) if party else PartyRef(name=key)
        )

    def municipality(self, number: str, at: datetime) -> Party | None:
        """The municipality with this kommunenummer."""
        return next((p for p in self._municipalities.get(number, ()) if p.valid_at(at)), None)

    def unit(self, owner: Party, function: Function, at: datetime) -> Party:
        """Who answers for ``function`` at ``owner``: its unit, else case-office, else KE, else itself."""
        units = [unit for unit in self._units.get(owner.key, ()) if unit.valid_at(at)]
        for wanted in (function, *FALLBACK):
            for unit in units:
                if unit.function is wanted:
                    return unit
        return owner

    def lineage(self, key: str) -> tuple[str, ...]:
        """The party and those it is a unit of, from the innermost on."""
        found = [key]
        party = self.parties.get(key)
        while party and party.parent and party.parent not in found:
            found.append(party.parent)
            party = self.parties.get(party.parent)
        return tuple(found)

    def root(self, key: str) -> str | None:
        """The topmost parent of the party, or ``None`` when no parent is known."""
        top = self.house(key)
        return None if top == key else top

    def house(self, key: str) -> str:
        """The organisation that it is a unit of: its topmost parent, or itself."""
        return self.lineage(key)[-1]

    def within(self, key: str) -> frozenset[str]:
        """The party and whatever is below it."""
        found, new = set[str](), {key}
        while new:
            found |= new
            new = {unit.key for one in new for unit in self._units.get(one, ())} - found
        return frozenset(found)

    def same_house(self, one: str, other: str) -> bool:
        """Whether two parties are units of the same organisation."""
        return self.house(one) == self.house(other)
