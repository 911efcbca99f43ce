"""Plans and what belongs to them: what is known of a meeting or a measure, and who takes part in which plan.

Measures and meetings are matters of their own, which name their plan by its identifier; they may be told before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from pathways.events import Activity, EventCode
from pathways.facts import MeasureFacts, MeetingFacts, Participant, PlanFacts, known_as, newest
from pathways.messages import Record
from pathways.moments import first_instant, has_passed
from pathways.parties import Identifier
from pathways.states import Meeting, MeetingAnswer, PlanParties, State

if TYPE_CHECKING:
    from pathways.pathway import Thread

Plans = Mapping[str, PlanParties]
"""By thread."""
Measures = Mapping[str, tuple[Identifier, ...]]
"""What a measure calls its plan, by its thread."""


def plan_after(known: State | None, record: Record) -> PlanFacts:
    """The newest of each; what is emptied is known no more."""
    before = known_as(PlanFacts, known)
    said = record.facts
    return updated(before, said) if isinstance(said, PlanFacts) else before


def updated(before: PlanFacts, said: PlanFacts) -> PlanFacts:
    """A plan after it was told of. What a message both empties and says, it says."""
    kept = replace(before, **dict.fromkeys(said.emptied or (), None))
    return replace(newest(kept, said), emptied=None)


def meeting_after(known: State | None, record: Record) -> Meeting:
    """A summons for another time or place asks everyone anew; what was answered to the same stands."""
    before = known_as(Meeting, known)
    said = record.facts
    if not isinstance(said, MeetingFacts):
        return before
    if record.activity is Activity.REPLY:
        answer = MeetingAnswer(record.sender, said.accepts, said.reason)
        others = (one for one in before.answers if one.party != record.sender)
        return replace(before, answers=tuple(sorted((*others, answer), key=lambda a: a.party)))
    facts = newest(before.facts, replace(said, accepts=None, reason=None))
    same = _appointed(facts) == _appointed(before.facts)
    return Meeting(
        facts=facts,
        summoned=record.named.get("summoned", before.summoned),
        answers=before.answers if same or not before.summoned else (),
    )


def _appointed(facts: MeetingFacts) -> tuple[object, ...]:
    return facts.begins, facts.place


def measure_after(known: State | None, record: Record) -> MeasureFacts:
    """The newest of each, but a proposal changes nothing that is promised already, and only a promise its due date.

    Another owner has another name, and a reason belongs to the event that gives it.
    """
    before = known_as(MeasureFacts, known)
    said = record.facts
    if not isinstance(said, MeasureFacts):
        return before
    if record.code is EventCode.MEASURE_PROPOSED and known is not None:
        return replace(newest(said, before), due=before.due, reason=before.reason)
    after = newest(before, said)
    if record.code in _OVER:
        after = replace(after, due=before.due)
    if said.owner not in (None, before.owner):
        after = replace(after, owner_name=said.owner_name)
    evaluated = record.code is EventCode.MEASURE_EVALUATED
    return after if evaluated else replace(after, reason=said.reason)


_OVER = frozenset((EventCode.MEASURE_DONE, EventCode.MEASURE_DROPPED, EventCode.MEASURE_EVALUATED))


def known(before: Plans, thread: Thread, gone: Collection[str]) -> Plans:
    """The plans that are open, with one thread's new state; ``gone``: ids that stand for it no longer."""
    others = {id_: plan for id_, plan in before.items() if id_ not in gone}
    facts = thread.facts
    if not isinstance(facts, PlanFacts) or not thread.is_open:
        return others
    return others | {
        thread.id: PlanParties(thread.owner, facts.identifiers or (), facts.participants or ())
    }


def measures(before: Measures, thread: Thread, gone: Collection[str]) -> Measures:
    """The same of the measures that belong to a plan."""
    others = {id_: named for id_, named in before.items() if id_ not in gone}
    named = known_as(MeasureFacts, thread.facts).plan
    return others | ({thread.id: named} if named else {})


def of(plans: Plans, named: tuple[Identifier, ...] | None) -> Iterator[tuple[str, PlanParties]]:
    """The plans that bear one of these identifiers."""
    for thread, plan in plans.items():
        if {*plan.identifiers} & {*(named or ())}:
            yield thread, plan


def linked(plans: Plans, measures: Measures) -> dict[str, set[str]]:
    """By thread: of a plan its measures, of a measure its plans."""
    found: dict[str, set[str]] = {}
    for measure, named in measures.items():
        for plan, _ in of(plans, named):
            found.setdefault(plan, set()).add(measure)
            found.setdefault(measure, set()).add(plan)
    return found


def takes_part(one: Participant, at: datetime, zone: tzinfo) -> bool:
    """Whether the consent to somebody's part in a plan holds at ``at``; ``zone``: of what begins or ends with a day."""
    begun = one.since is None or first_instant(one.since, zone) <= at
    return begun and not has_passed(one.until, at, zone)
