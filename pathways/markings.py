"""What those who wrote a document decided about who may see it, and what a child wants kept from its parents."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Final

from pathways.access import Role
from pathways.corrections import standing
from pathways.events import Activity, EventCode, Family
from pathways.facts import Disclosure, InquiryFacts, StayFacts, StayKind, known_as
from pathways.messages import Record
from pathways.pathway import Thread


class Marking(StrEnum):
    """Each is a security label on the wire (docs/profile.md, *Markings*)."""

    LIMITED = "limited"  # to its receivers: NOLIST
    WITHHELD = "withheld"  # from the person until it is talked through: NOPAT
    HIDDEN = "hidden"  # from the parents: ADOL
    NEEDED = "needed"  # by the parents, for their responsibility: FAMRQT
    SENSITIVE = "sensitive"  # psychiatry, BUP, TSB: PSY, MH, BH, SUD, ETH
    CHILDS = "childs"  # of a child's own question; no label, it follows from who asked


class Protection(StrEnum):
    """Protected address: folkeregisterloven § 10-4, forskrift §§ 10-4-1 ff. (lawyer: numbers)."""

    STRICT = "strict"  # strengt fortrolig, kode 6
    CONFIDENTIAL = "confidential"  # fortrolig, kode 7


def markings(records: Collection[Record]) -> Mapping[str, frozenset[Marking]]:
    """The markings of one matter's events, by id, as all its ``records`` make them; events without any are left out."""
    private = {Marking.CHILDS} if _is_private(records) else set()
    by_id = {record.id: record for record in records}
    newest = _newest(by_id, standing(records).replaced_by)
    told = {id_: _of(record, newest[id_]) | private for id_, record in by_id.items()}
    return {id_: frozenset(marks) for id_, marks in told.items() if marks}


def _newest(by_id: Mapping[str, Record], replaced_by: Mapping[str, str]) -> dict[str, Record]:
    """Of each record its last revision: what is talked through is revised without its label."""
    found = {}
    for id_ in by_id:
        last = id_
        while (then := by_id.get(replaced_by.get(last, ""))) and then.activity is Activity.REVISE:
            last = then.id
        found[id_] = by_id[last]
    return found


def _is_private(records: Collection[Record]) -> bool:
    """A child asked, and no professional has decided that the parents may know."""
    if not any(record.citizen is Role.CHILD for record in records):
        return False
    answers = (record for record in records if record.citizen is None)
    decided = [r for r in answers if known_as(InquiryFacts, r.facts).disclosure]
    newest = max(decided, key=lambda record: record.order, default=None)
    said = known_as(InquiryFacts, newest and newest.facts).disclosure
    return said is not Disclosure.MAY_DISCLOSE


_LIFTED: Final = frozenset((Marking.WITHHELD, Marking.HIDDEN, Marking.NEEDED))
"""What a revision decides anew, for what it revises, too; the rest was said of that very document."""


def _of(record: Record, newest: Record) -> set[Marking]:
    marks = {Marking(mark) for mark in record.markings} - _LIFTED
    marks |= {Marking(mark) for mark in newest.markings} & _LIFTED
    return marks | {Marking.SENSITIVE} if is_mental_health(record) else marks


def is_mental_health(told: Record | Thread) -> bool:
    """Courses at a DPS, BUP or TSB, and stays there: their titles are for those they are addressed to."""
    stay = known_as(StayFacts, told.facts).stay_kind
    return told.family is Family.COURSE or stay is StayKind.MENTAL_HEALTH


def voices(records: Collection[Record]) -> Mapping[str, str]:
    """Whose (``Actor.person``) the events of one matter are: what a citizen sent, and the replies to who asked."""
    asker = min(
        (record for record in records if record.person is not None),
        key=lambda record: record.order,
        default=None,
    )
    found = {}
    for record in records:
        answers = asker and record.citizen is None and record.code is EventCode.REPLY
        if whose := asker and asker.person if answers else record.person:
            found[record.id] = whose
    return found
