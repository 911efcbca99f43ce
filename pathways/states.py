"""What is known of a matter where that is more than the newest of each fact. Parties' ``key`` is the directory's."""

from dataclasses import dataclass, field
from typing import TypeAlias

from pathways.facts import ConsentKind, Facts, MeetingFacts, Participant, Role
from pathways.moments import Moment
from pathways.parties import Identifier, PartyRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """Who has a baton, or is to have it: a person, and where they work."""

    name: str | None = None
    phone: str | None = None
    party: PartyRef | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """``hand`` has it from ``since`` until the next one begins, or until ``until``, if that is agreed."""

    hand: Hand
    since: Moment
    until: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Offered to the next one, who has not accepted yet; ``since``: from when they are to have it."""

    hand: Hand
    since: Moment | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """``substitute`` stands in from ``since`` to ``until``."""

    substitute: Hand
    since: Moment
    until: Moment | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Baton:
    """One role: who has had it, in order, and who has it now. ``handovers``: how often it changed hands."""

    role: Role
    tenures: tuple[Tenure, ...]
    appointed_by: str  # directory key
    handovers: int = 0
    offer: Offer | None = None
    absences: tuple[Absence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinationNeed:
    """Reported, or a change asked for, and not answered yet. ``reporter`` and ``asked``: directory keys."""

    reporter: str
    asked: str | None = None
    role: Role | None = None
    since: Moment
    reason: str | None = None
    change: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """Who coordinates: one baton for each role. ``first``: the role whose holder the patient calls first."""

    batons: tuple[Baton, ...] = ()
    first: Role | None = None
    needs: tuple[CoordinationNeed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Provision:
    """A consent, or an objection where it does not ``permit``. For everybody, where it names nobody.

    ``record``: the id of the record that states it. ``key``: the directory's, of ``party``.
    """

    permit: bool
    kind: ConsentKind
    record: str
    since: Moment
    until: Moment | None = None
    party: PartyRef | None = None
    key: str | None = None
    person: str | None = None
    professional: str | None = None
    document: str | None = None
    covers: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Consents:
    """What the patient permits and objects to: also what has ended, and what is to begin."""

    provisions: tuple[Provision, ...] = ()


@dataclass(frozen=True, slots=True)
class MeetingAnswer:
    """Whether who was summoned will come. ``party``: directory key; ``accepts``: ``None`` where it is left open."""

    party: str
    accepts: bool | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """A meeting as it is arranged now; ``summoned``: directory keys, ``answers``: the newest of each party."""

    facts: MeetingFacts = field(default_factory=MeetingFacts)
    summoned: tuple[str, ...] = ()
    answers: tuple[MeetingAnswer, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanParties:
    """Whose a plan is (directory key), what it is called by, and who takes part in it."""

    owner: str | None
    identifiers: tuple[Identifier, ...]
    participants: tuple[Participant, ...]


State: TypeAlias = Facts | Team | Consents | Meeting
"""What is known of a thread."""
