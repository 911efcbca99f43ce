"""What the patient permits, and what they object to.

Most of it needs a consent. Between health personnel the rule is need, unless the patient objects
(pasientjournalloven § 17, helsepersonelloven §§ 25, 45).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Final

from pathways.coordination import unknown
from pathways.events import EventCode
from pathways.facts import ConsentFacts, ConsentKind, Relative, known_as
from pathways.messages import Record
from pathways.moments import Moment, first_instant, has_passed
from pathways.refusals import Cause, Refusal, no
from pathways.states import Consents, Provision, State

if TYPE_CHECKING:
    from pathways.decide import Case
    from pathways.pathway import Thread

C = EventCode


def consented(state: Consents, kind: ConsentKind, to: str, at: datetime, zone: tzinfo) -> bool:
    """Whether the patient lets ``to`` know: a directory key, or a relative's name as registered.

    ``zone``: of what begins or ends with a day. Between a word about all and one about ``to``, the no counts.
    """
    words = _words(state, kind, to, at, zone)
    return all(words) and (bool(words) or kind is ConsentKind.HEALTH_PERSONNEL)


def objected(state: Consents, kind: ConsentKind, to: str, at: datetime, zone: tzinfo) -> bool:
    """Whether the patient has said no to ``to``, which is more than not having said yes."""
    return not all(_words(state, kind, to, at, zone))


def _words(
    state: Consents, kind: ConsentKind, to: str, at: datetime, zone: tzinfo
) -> Collection[bool]:
    """Yes or no: the newest that is in force on each matter. What is about one document is about no more."""
    newest: dict[object, bool] = {}
    for one in state.provisions:
        about_it = one.kind is kind and _is_general(one) and _is_for(one, to)
        if about_it and is_in_force(one, at, zone):
            newest[_whom(one)] = one.permit
    return newest.values()


def _is_general(one: Provision) -> bool:
    """Not about one document, nor about one person at work."""
    return one.document is None and one.professional is None


def covered(
    state: Consents, kind: ConsentKind, to: str, at: datetime, zone: tzinfo
) -> frozenset[str] | None:
    """Of which matters (``events.Family``) ``to`` may know where they are ``consented``; ``None``: of all."""
    said = [
        one.covers
        for one in state.provisions
        if one.permit and one.kind is kind and _is_for(one, to) and is_in_force(one, at, zone)
    ]
    narrow = [families for families in said if families is not None]
    return frozenset().union(*narrow) if len(narrow) == len(said) else None


def is_in_force(provision: Provision, at: datetime, zone: tzinfo) -> bool:
    """From its begin on, until it ends or was withdrawn."""
    begun = first_instant(provision.since, zone) <= at
    return begun and not has_passed(provision.until, at, zone)


def _is_for(provision: Provision, to: str) -> bool:
    """What names nobody is for everybody."""
    if provision.person is None and provision.party is None:
        return True
    return to == provision.key or folded(to) == folded(provision.person)


def folded(name: str | None) -> str:
    """A name whatever its case and spaces: how relatives are told apart."""
    return " ".join((name or "").casefold().split())


# --- the state


def consents_after(known: State | None, record: Record) -> Consents:
    """What is permitted after one more record, the newest so far."""
    state = known_as(Consents, known)
    said = record.facts
    if not isinstance(said, ConsentFacts):
        return state
    return _CHANGES[record.code](state, said, record)


def _stated(state: Consents, said: ConsentFacts, record: Record, *, permit: bool) -> Consents:
    """The newest word holds from its begin on: what it takes the place of ends there."""
    if said.consent is None:
        return state
    new = Provision(
        permit=permit,
        kind=said.consent,
        record=record.id,
        since=said.since or record.happened,
        until=said.until,
        party=said.party,
        key=next(iter(record.named.get("party", ())), None),
        person=said.person,
        professional=said.professional,
        document=said.document,
        covers=said.covers,
    )
    kept = (_cut(p, new) if _replaces(new, p) else p for p in state.provisions)
    return Consents(provisions=(*(p for p in kept if p), new))


def _cut(old: Provision, new: Provision) -> Provision | None:
    if old.since.at >= new.since.at:
        return None
    ends = old.until is not None and old.until.at < new.since.at
    return old if ends else replace(old, until=new.since)


def _withdrawn(state: Consents, said: ConsentFacts, record: Record, *, permit: bool) -> Consents:
    """Ends what fits, at once: what a withdrawal does not name is withdrawn for all."""
    ends = Moment((said.until or record.happened).at)

    def after(provision: Provision) -> Provision:
        over = provision.until is not None and provision.until.at <= ends.at
        if provision.permit is not permit or over or not _is_meant(provision, said):
            return provision
        return replace(provision, until=ends)

    return Consents(provisions=tuple(after(provision) for provision in state.provisions))


def _is_meant(provision: Provision, said: ConsentFacts) -> bool:
    return (
        said.consent in (None, provision.kind)
        and (said.person is None or folded(said.person) == folded(provision.person))
        and (said.party is None or _party(said.party) == _party(provision.party))
        and (said.professional is None or _at_work(said) == _at_work(provision))
        and said.document in (None, provision.document)
    )


def _party(ref: object) -> object:
    return getattr(ref, "known_by", None)


def _at_work(one: ConsentFacts | Provision) -> str:
    return folded(one.professional)


def _whom(one: Provision) -> tuple[object, ...]:
    return folded(one.person), _at_work(one), _party(one.party)


def _replaces(new: Provision, old: Provision) -> bool:
    """A newer consent takes the place of an older one, a newer objection of an older one."""
    return (new.permit, new.kind, new.document, _whom(new)) == (
        old.permit,
        old.kind,
        old.document,
        _whom(old),
    )


def _given(state: Consents, said: ConsentFacts, record: Record) -> Consents:
    return _stated(state, said, record, permit=True)


def _objected(state: Consents, said: ConsentFacts, record: Record) -> Consents:
    return _stated(state, said, record, permit=False)


def _taken_back(state: Consents, said: ConsentFacts, record: Record) -> Consents:
    """Of a plan nobody need have given it in words, being a participant is one: then it is a no from now on."""
    given = any(one.permit and _is_meant(one, said) for one in state.provisions)
    if said.consent is ConsentKind.PLAN and not given:
        return _stated(state, replace(said, since=said.until, until=None), record, permit=False)
    return _withdrawn(state, said, record, permit=True)


def _given_up(state: Consents, said: ConsentFacts, record: Record) -> Consents:
    return _withdrawn(state, said, record, permit=False)


_CHANGES: Final[Mapping[EventCode, Callable[[Consents, ConsentFacts, Record], Consents]]] = {
    C.CONSENT_GIVEN: _given,
    C.CONSENT_WITHDRAWN: _taken_back,
    C.OBJECTION_REGISTERED: _objected,
    C.OBJECTION_WITHDRAWN: _given_up,
}


# --- what the rules refuse


def may_be_given(case: Case, _: Thread | None = None) -> Refusal | None:
    """A consent for somebody nobody knows would let whoever bears that name know."""
    said = case.message.facts
    if not isinstance(said, ConsentFacts):
        return None
    relatives = case.header.person.relatives or ()
    known = {folded(relative.name) for relative in relatives}
    if said.person is not None and folded(said.person) not in known:
        text = "the consent is for a person who is not registered as a relative"
        return no(Cause.NOT_REGISTERED, text)
    return unknown(case, said.party)


# --- relatives


def relatives_told(
    relatives: tuple[Relative, ...] | None, state: Consents, at: datetime, zone: tzinfo
) -> list[Relative]:
    """The registered relatives whom the patient lets know."""
    return [
        one
        for one in relatives or ()
        if consented(state, ConsentKind.RELATIVES, one.name, at, zone)
    ]
