"""What a citizen may see of one patient: made when they ask, from what is known of the patient at that moment.

Organisations see what grants name; citizens have none. Without a ``Sight`` the patient does not exist for them.

The rules are those of pasient- og brukerrettighetsloven (pbrl) chapters 3 to 5: § 3-3 relatives, § 3-4 parents and the
ages 12, 16 and 18, §§ 4-3 and 4-4 who consents, § 5-1 the person's own right. A lawyer should check what stands under
*Decided here* in docs/adr/0016.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, tzinfo
from typing import Final

from pathways.access import Basis, Purpose, Role
from pathways.consents import consented, covered
from pathways.events import Family
from pathways.facts import ConsentKind, Relative, RelativeRole
from pathways.markings import Marking
from pathways.parties import Identifier
from pathways.pathway import Header


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Of ``patient`` (key), why, and how much; it holds for the moment it was made for, no longer.

    ``role``: what they are to this patient. ``families``: of which matters, ``None``: of all. Events by id:
    ``hidden`` do not exist for them, nor does the state of a matter that has one; ``named`` are told of by code, time
    and sender, without title, text or bytes; ``own`` they sent, or were answered, and see whatever the rest says.
    ``address``: whether they may know where the patient lives; ``log``: who has looked.
    """

    patient: str
    role: Role
    basis: Basis
    purpose: Purpose
    families: frozenset[Family] | None = None
    hidden: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    address: bool = False
    log: bool = False

    @property
    def of_person(self) -> bool:
        """Whether they may see who the patient is, and their relatives."""
        return self.families is None or Family.PERSON in self.families

    def tells_of(self, event: str, family: Family) -> bool:
        """Whether the event exists for them."""
        if event in self.own:
            return True
        return event not in self.hidden and (self.families is None or family in self.families)

    def shows(self, event: str, family: Family) -> bool:
        """Whether they may read it, too."""
        return self.tells_of(event, family) and (event in self.own or event not in self.named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a patient. By event: ``marks``, and ``sent``: by, or in answer to, which person at sign-in.

    ``zone``: of birthdays and of what begins or ends with a day.
    """

    patient: str
    header: Header
    marks: Mapping[str, frozenset[Marking]] = field(default_factory=dict)
    sent: Mapping[str, str] = field(default_factory=dict)
    at: datetime
    zone: tzinfo

    @property
    def age(self) -> int | None:
        """Whole years; ``None`` where the birth date is not known."""
        told = self.header.told("birth_date")
        return age(date.fromisoformat(told), self.at, self.zone) if told else None

    def marked(self, *marks: Marking) -> frozenset[str]:
        """The events that bear one of these."""
        return frozenset(id_ for id_, found in self.marks.items() if found & {*marks})

    def of(self, person: str | None) -> frozenset[str]:
        """The events that a person sent."""
        return frozenset(id_ for id_, by in self.sent.items() if person and by == person)


def age(born: date, at: datetime, zone: tzinfo) -> int:
    """Whole years at ``at``: full from the first instant of the birthday, 1 March where there is no 29 February."""
    today = at.astimezone(zone).date()
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


YOUNG: Final = 12
"""From here on parents are not told what the child for good reasons keeps to itself, pbrl § 3-4."""
OF_AGE_IN_HEALTH: Final = 16
"""From here on the person decides, pbrl § 4-3."""
OF_AGE: Final = 18

FOR_CHILDREN: Final = frozenset(
    (
        Family.INQUIRY,
        Family.COORDINATION,
        Family.PLAN,
        Family.MEETING,
        Family.MEASURE,
        Family.FOLLOW_UP,
        Family.PERSON,
    )
)
"""What a child below 12 reads by itself: who helps, what is planned, what it asked. A grown-up tells the rest."""
FOR_RELATIVES: Final = frozenset(Family) - {
    Family.INQUIRY,
    Family.CONSENT,
    Family.DEADLINE,
    Family.BROKER,
}
"""What a consent that does not say more reaches: not what others asked, and not what was consented."""


def own(known: Known, person: str | None) -> Sight:
    """What the patient sees: all, pbrl § 5-1, but a child what is fit for its age (§ 3-5)."""
    years = known.age
    child = years is not None and years < OF_AGE_IN_HEALTH
    small = years is not None and years < YOUNG
    return Sight(
        patient=known.patient,
        role=Role.CHILD if child else Role.PATIENT,
        basis=Basis.SELF,
        purpose=Purpose.PATIENT_REQUEST,
        families=FOR_CHILDREN if small else None,
        named=known.marked(Marking.WITHHELD),
        own=known.of(person),
        address=True,
        log=not child,
    )


def of_relative(known: Known, relative: Relative, person: str | None) -> Sight | None:
    """What a registered relative sees: as parent or guardian, by power of attorney, or as the patient consents."""
    found = _guardian(known, relative) or _attorney(known, relative) or _consented(known, relative)
    return found and replace(found, own=found.own | known.of(person))


def of_asker(known: Known, person: str | None) -> Sight | None:
    """Who asked something sees that and what was answered, and nothing of the patient."""
    sent = known.of(person)
    if not sent:
        return None
    return Sight(
        patient=known.patient,
        role=Role.RELATIVE,
        basis=Basis.SENT,
        purpose=Purpose.FAMILY_REQUEST,
        families=frozenset(),
        own=sent,
    )


def _family(known: Known, basis: Basis, *, hidden: frozenset[str] = frozenset()) -> Sight:
    return Sight(
        patient=known.patient,
        role=Role.GUARDIAN,
        basis=basis,
        purpose=Purpose.FAMILY_REQUEST,
        hidden=hidden,
        named=known.marked(Marking.WITHHELD) - hidden,
        address=known.header.told("protection") is None,
    )


def _guardian(known: Known, relative: Relative) -> Sight | None:
    """Parents by the child's age; of a grown-up only who has authority. A death ends both."""
    years = known.age
    if RelativeRole.GUARDIAN not in relative.roles or known.header.deceased or years is None:
        return None
    if years >= OF_AGE:
        return _family(known, Basis.GUARDIAN) if relative.authority else None
    if years >= OF_AGE_IN_HEALTH:
        return _of_youth(known, relative)
    secrets = (Marking.CHILDS,) if years < YOUNG else (Marking.CHILDS, Marking.HIDDEN)
    return replace(_family(known, Basis.GUARDIAN, hidden=known.marked(*secrets)), log=True)


def _of_youth(known: Known, relative: Relative) -> Sight | None:
    """Parents from 16 to 18: what the young person consents to, and what they need for their responsibility."""
    needed = known.marked(Marking.NEEDED)
    if permitted := _consented(known, relative):
        return replace(permitted, own=needed)
    return replace(
        _family(known, Basis.GUARDIAN), role=Role.RELATIVE, families=frozenset(), own=needed
    )


def _attorney(known: Known, relative: Relative) -> Sight | None:
    """A power of attorney is the patient's own word; it ends with their death (vergemålsloven ch. 10)."""
    holds = RelativeRole.ATTORNEY in relative.roles and relative.authority
    return _family(known, Basis.ATTORNEY) if holds and not known.header.deceased else None


_SECRET: Final = frozenset(Marking) - {Marking.NEEDED}


def _consented(known: Known, relative: Relative) -> Sight | None:
    """As the patient says: until when, and of what. What is sensitive only where the consent names its matters."""
    said = known.header.consents
    if not consented(said, ConsentKind.RELATIVES, relative.name, known.at, known.zone):
        return None
    named = covered(said, ConsentKind.RELATIVES, relative.name, known.at, known.zone)
    return Sight(
        patient=known.patient,
        role=Role.RELATIVE,
        basis=Basis.CONSENT,
        purpose=Purpose.FAMILY_REQUEST,
        families=frozenset(one for one in FOR_RELATIVES if named is None or one in named),
        hidden=known.marked(*(_SECRET if named is None else _SECRET - {Marking.SENSITIVE})),
    )


def sight(
    known: Known, mine: Collection[Identifier], person: str | None, *, is_self: bool
) -> Sight | None:
    """What whoever signed in may see of the patient, ``is_self``: of themselves.

    ``mine``: their identifiers, by which relatives are recognised, and by no name. ``person``: who they are at sign-in.
    """
    if is_self:
        return own(known, person)
    relatives = (r for r in known.header.person.relatives or () if {*r.identifiers} & {*mine})
    found = (of_relative(known, relative, person) for relative in relatives)
    return next(filter(None, found), None) or of_asker(known, person)
