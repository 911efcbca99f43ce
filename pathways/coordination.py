"""Who coordinates: one baton for each role, handed on only to who accepts it, and never in two hands.

The state follows from the records in the order of events. Who has a baton *now* also depends on the time: a term may
be agreed ahead, and during an absence it is the substitute, without anybody doing anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Final

from pathways.events import EventCode
from pathways.facts import CoordinatorFacts, Role, known_as
from pathways.messages import Message, Record
from pathways.moments import first_instant, has_passed
from pathways.parties import Directory, Function, Kind, PartyRef
from pathways.promises import PromiseKind, Promises
from pathways.refusals import Cause, Reason, Refusal, no
from pathways.states import Absence, Baton, CoordinationNeed, Hand, Offer, State, Team, Tenure

if TYPE_CHECKING:
    from pathways.decide import Case
    from pathways.pathway import Thread

C = EventCode
COORDINATORS: Final = frozenset((Role.MUNICIPAL, Role.HOSPITAL, Role.CHILD))
"""Those that the law calls coordinators: one of them answers a need that names no role."""


# --- who has it


def holder(baton: Baton, at: datetime, zone: tzinfo) -> Hand | None:
    """Who has the baton at ``at``: the substitute during an absence; nobody before and after all terms."""
    for tenure in reversed(baton.tenures):
        if first_instant(tenure.since, zone) <= at:
            return None if has_passed(tenure.until, at, zone) else _present(baton, tenure, at, zone)
    return None


def _present(baton: Baton, tenure: Tenure, at: datetime, zone: tzinfo) -> Hand:
    for absence in reversed(baton.absences):
        if first_instant(absence.since, zone) <= at and not has_passed(absence.until, at, zone):
            return absence.substitute
    return tenure.hand


def holders(team: Team, at: datetime, zone: tzinfo) -> list[tuple[Role, Hand]]:
    """Everybody who has a baton at ``at``, whom the patient calls first before the others."""
    held = ((baton.role, holder(baton, at, zone)) for baton in team.batons)
    found = [(role, hand) for role, hand in held if hand]
    return sorted(found, key=lambda pair: pair[0] is not team.first)


def parties(team: Team) -> Iterable[str]:
    """The directory keys of those who have a baton, or stand in for who has."""
    for baton in team.batons:
        for hand in _in_charge(baton):
            if hand.key:
                yield hand.key


def _in_charge(baton: Baton) -> list[Hand]:
    return [baton.tenures[-1].hand, *(absence.substitute for absence in baton.absences)]


def baton_of(team: Team, role: Role | None) -> Baton | None:
    """The baton of a role, if anybody was ever given it."""
    return next((baton for baton in team.batons if baton.role is role), None)


# --- the state


def team_after(known: State | None, record: Record) -> Team:
    """The team after one more record, the newest so far."""
    team = known_as(Team, known)
    if not isinstance(record.facts, CoordinatorFacts):
        return team
    return _CHANGES[record.code](team, record.facts, record)


def _needed(team: Team, said: CoordinatorFacts, record: Record) -> Team:
    """One open need for each who reports, each role and each who is asked: asking again changes it."""
    need = CoordinationNeed(
        reporter=record.sender,
        asked=record.asked,
        role=said.role,
        since=record.happened,
        reason=said.reason,
        change=record.code is C.COORDINATOR_CHANGE_REQUESTED,
    )
    others = (n for n in team.needs if _same(n) != _same(need))
    return replace(team, needs=(*others, need))


def _same(need: CoordinationNeed) -> tuple[object, ...]:
    return need.reporter, need.asked, need.role, need.change


def _appointed(team: Team, said: CoordinatorFacts, record: Record) -> Team:
    return _given(team, said, record, _named(said, record), appointed_by=record.sender)


def _accepted(team: Team, said: CoordinatorFacts, record: Record) -> Team:
    """Who accepts is who was offered it, with what the offer said of them."""
    baton = baton_of(team, said.role)
    offer = baton.offer if baton else None
    hand = _named(said, record)
    if offer is not None:
        offered = offer.hand
        hand = replace(hand, name=hand.name or offered.name, phone=hand.phone or offered.phone)
        said = replace(said, since=said.since or offer.since)
        if said.party is None and offered.party is not None:
            hand = replace(hand, party=offered.party, key=offered.key)
    return _given(team, said, record, hand, appointed_by=baton.appointed_by if baton else None)


def _given(
    team: Team, said: CoordinatorFacts, record: Record, hand: Hand, *, appointed_by: str | None
) -> Team:
    """``hand`` has it from then on; whatever was agreed for later no longer holds."""
    if said.role is None:
        return team
    known = baton_of(team, said.role)
    tenure = Tenure(hand=hand, since=said.since or record.happened, until=said.until)
    earlier = [t for t in (known.tenures if known else ()) if t.since.at < tenure.since.at]
    changes = known is not None and not _same_person(known.tenures[-1].hand, hand)
    baton = Baton(
        role=said.role,
        tenures=(*earlier, tenure),
        appointed_by=appointed_by or record.sender,
        handovers=(known.handovers if known else 0) + changes,
        absences=() if changes or known is None else known.absences,
    )
    return replace(_with(team, baton), first=_first(team, said))


def answers(given: Role | None, wanted: Role | None) -> bool:
    """Whether a coordinator in one role is what was asked for."""
    return given is wanted if wanted else given in COORDINATORS


def _first(team: Team, said: CoordinatorFacts) -> Role | None:
    if said.first:
        return said.role
    return None if said.first is False and team.first is said.role else team.first


def _offered(team: Team, said: CoordinatorFacts, record: Record) -> Team:
    """Who has it keeps it."""
    if baton := baton_of(team, said.role):
        offer = Offer(hand=_named(said, record), since=said.since, reason=said.reason)
        return _with(team, replace(baton, offer=offer))
    return team


def _absent(team: Team, said: CoordinatorFacts, record: Record) -> Team:
    """Newer words on absences replace those that begin no earlier."""
    baton = baton_of(team, said.role)
    if baton is None:
        return team
    key = _key(record, "substitute_party") if said.substitute_party else record.sender
    substitute = Hand(
        name=said.substitute, phone=said.substitute_phone, party=said.substitute_party, key=key
    )
    since = said.since or record.happened
    absence = Absence(substitute=substitute, since=since, until=said.until, reason=said.reason)
    earlier = (a for a in baton.absences if a.since.at < since.at)
    return _with(team, replace(baton, absences=(*earlier, absence)))


def still_open(known: State | None, promises: Promises, record: Record) -> State | None:
    """Needs that are answered, by whatever word, are none; what somebody has said no to is not offered to them."""
    if not isinstance(known, Team):
        return known
    owed = {(p.kind, p.about, p.duty.party) for p in promises if p.is_open}
    kinds = {False: PromiseKind.COORDINATION_ANSWER, True: PromiseKind.CHANGE_ANSWER}
    needs = tuple(n for n in known.needs if (kinds[n.change], n.role, n.asked) in owed)
    declined = {
        p.about
        for p in promises
        if p.kind is PromiseKind.HANDOVER_ANSWER and p.closed_by == record.id
    }
    batons = known.batons
    if record.code is C.REPLY:
        batons = tuple(replace(b, offer=None) if b.role in declined else b for b in batons)
    return replace(known, needs=needs, batons=batons)


_CHANGES: Final[Mapping[EventCode, Callable[[Team, CoordinatorFacts, Record], Team]]] = {
    C.COORDINATION_NEED: _needed,
    C.COORDINATOR_CHANGE_REQUESTED: _needed,
    C.COORDINATOR_APPOINTED: _appointed,
    C.COORDINATOR_ABSENT: _absent,
    C.COORDINATOR_HANDOVER_OFFERED: _offered,
    C.COORDINATOR_HANDOVER_ACCEPTED: _accepted,
}


def _named(said: CoordinatorFacts, record: Record) -> Hand:
    """A person whose place of work is not told works where the message comes from."""
    key = _key(record, "party") if said.party else record.sender
    return Hand(name=said.name, phone=said.phone, party=said.party, key=key)


def _key(record: Record, fact: str) -> str | None:
    return next(iter(record.named.get(fact, ())), None)


def _same_person(one: Hand, other: Hand) -> bool:
    return (_folded(one.name), one.key) == (_folded(other.name), other.key)


def _folded(name: str | None) -> str:
    return " ".join((name or "").casefold().split())


def _with(team: Team, baton: Baton) -> Team:
    others = [one for one in team.batons if one.role is not baton.role]
    order = [*Role]
    return replace(team, batons=tuple(sorted((*others, baton), key=lambda b: order.index(b.role))))


# --- what the rules refuse


Judge = Callable[["Case", "Thread"], Refusal | None]


def _judge(rule: Callable[[Case, CoordinatorFacts, Team], Refusal | None]) -> Judge:
    def judge(case: Case, thread: Thread) -> Refusal | None:
        team = known_as(Team, thread.facts)
        said = _said(case)
        return unknown(case, said.party, said.substitute_party) or rule(case, said, team)

    return judge


def _said(case: Case) -> CoordinatorFacts:
    return known_as(CoordinatorFacts, case.message.facts)


def unknown(case: Case, *named: PartyRef | None) -> Refusal | None:
    """Refused where one of these is not in the directory."""
    at = case.now
    if all(ref is None or case.directory.find(ref.known_by, at) for ref in named):
        return None
    text = "an organisation that is named is not in the directory"
    return no(Cause.UNKNOWN_ORGANISATION, text, Reason.UNKNOWN_RECEIVER)


def may_be_appointed(case: Case, _: Thread | None = None) -> Refusal | None:
    """Somebody, at an organisation that is known. It may be the first word of coordination."""
    said = _said(case)
    return unknown(case, said.party) or _names_somebody(said.name, said.party)


def _may_be_absent(case: Case, said: CoordinatorFacts, team: Team) -> Refusal | None:
    baton = baton_of(team, said.role)
    if baton is None or not _is_theirs(case, baton):
        return _NOT_THEIRS
    if refused := _names_somebody(said.substitute, said.substitute_party):
        return refused
    hand = baton.tenures[-1].hand
    elsewhere = said.substitute_party is not None and said.substitute_party != hand.party
    if (
        said.substitute
        and not elsewhere
        and _folded(said.substitute) == _folded(said.name or hand.name)
    ):
        return no(Cause.OWN_SUBSTITUTE, "nobody stands in for themselves")
    return None


def _may_be_offered(case: Case, said: CoordinatorFacts, team: Team) -> Refusal | None:
    baton = baton_of(team, said.role)
    if baton is None or not _is_theirs(case, baton):
        return _NOT_THEIRS
    return _names_somebody(said.name, said.party)


def _may_be_accepted(case: Case, said: CoordinatorFacts, team: Team) -> Refusal | None:
    baton = baton_of(team, said.role)
    offer = baton.offer if baton else None
    if offer is None:
        return no(Cause.NOT_OFFERED, "nobody has offered this baton")
    other = said.name and offer.hand.name and _folded(said.name) != _folded(offer.hand.name)
    if other or not case.same_house(offer.hand.key):
        text = "the baton was offered to somebody else"
        return no(Cause.OFFERED_TO_ANOTHER, text, Reason.FORBIDDEN)
    return None


def _is_theirs(case: Case, baton: Baton) -> bool:
    """Those who have it, who stand in, and who appointed them."""
    keys = (*(hand.key for hand in _in_charge(baton)), baton.appointed_by)
    return any(case.same_house(key) for key in keys)


def _names_somebody(name: str | None, party: PartyRef | None) -> Refusal | None:
    return None if name or party else no(Cause.NOBODY_NAMED, "it names nobody who has it then")


_NOT_THEIRS: Final = no(
    Cause.NOT_THE_HOLDER, "only who has the baton, or has given it, may say this", Reason.FORBIDDEN
)

JUDGES: Final[Mapping[EventCode, Judge]] = {
    C.COORDINATOR_APPOINTED: may_be_appointed,
    C.COORDINATOR_ABSENT: _judge(_may_be_absent),
    C.COORDINATOR_HANDOVER_OFFERED: _judge(_may_be_offered),
    C.COORDINATOR_HANDOVER_ACCEPTED: _judge(_may_be_accepted),
    C.COORDINATOR_CHANGE_REQUESTED: _judge(lambda *_: None),
}


# --- one door in


def asked_to_answer(
    message: Message,
    sender: str,
    team: Team,
    directory: Directory,
    number: str | None,
    at: datetime,
) -> str | None:
    """Who answers a need that was sent to nobody; who gave the baton answers a wish for a change of hands.

    ``number``: of the municipality that has the duty. ``None`` for other events, and where nobody can be found.
    """
    if message.code is C.COORDINATOR_CHANGE_REQUESTED and isinstance(
        message.facts, CoordinatorFacts
    ):
        if baton := baton_of(team, message.facts.role):
            return baton.appointed_by
    elif message.code is not C.COORDINATION_NEED:
        return None
    house = directory.parties.get(directory.house(sender))
    if house is not None and house.kind is Kind.HOSPITAL:
        return directory.unit(house, Function.HOSPITAL_KE, at).key
    owner = directory.municipality(number, at) if number else None
    return directory.unit(owner, Function.KE, at).key if owner else None
