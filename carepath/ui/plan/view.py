"""A patient's plans, made ready for their template: what is next, where, who is responsible, and what has changed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from itertools import pairwise
from typing import Final

from carepath.texts import ZONE
from carepath.ui.send.pages import link
from carepath.ui.send.view import Step, steps
from carepath.ui.values import History, PatientPage, PlanPage
from carepath.ui.words import Words
from pathways import plans
from pathways.access import Actor
from pathways.events import EventCode, Family
from pathways.facts import Goal, MeasureFacts, MeetingFacts, Participant, PlanFacts, known_as
from pathways.moments import Moment, has_passed
from pathways.parties import Directory, Identifier
from pathways.pathway import Thread
from pathways.plan_versions import Change, Value, Version, differences
from pathways.states import Meeting
from pathways.transitions import TRANSITIONS, Status

C = EventCode
_SAFE: Final = ("https://", "http://")
"""Where a link to a video room may lead: a sender's ``javascript:`` leads nowhere."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that can be done: what it is called, and where."""

    said: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A measure as it stands; ``late``: it is open, and its due time has passed."""

    thread: Thread
    facts: MeasureFacts
    late: bool
    acts: Sequence[Act]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summons:
    """A meeting: who is summoned, each with the key of what they have answered. ``link``: its video room."""

    thread: Thread
    facts: MeetingFacts
    answers: Sequence[tuple[str, str]]
    link: str | None
    over: bool
    acts: Sequence[Act]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """A step of the plan: what, when, where, who is responsible, and how it stands (texts)."""

    what: str
    when: Moment | None
    where: str
    who: str
    status: str
    late: bool


@dataclass(frozen=True, slots=True)
class Revision:
    """A version, and what it changed in the one before."""

    version: Version
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan with what belongs to it; without a thread: what belongs to no plan that they see."""

    thread: Thread | None
    facts: PlanFacts
    measures: Sequence[Measure]
    meetings: Sequence[Summons]
    revisions: Sequence[Revision]
    edit: str | None
    acts: Sequence[Act]


@dataclass(frozen=True)
class PlanView:
    """What the template asks for. ``key``: the patient's; ``actor``: who looks."""

    key: str
    page: PlanPage
    words: Words
    actor: Actor

    @property
    def shown(self) -> PatientPage:
        """The patient's page."""
        return self.page.shown

    def plans(self) -> list[Plan]:
        """All of them, those that are open first; last what belongs to none."""
        threads = [t for t in self.shown.threads if t.family is Family.PLAN]
        threads.sort(key=lambda thread: not thread.is_open)
        found = [self._plan(thread) for thread in threads]
        placed = {one.thread.id for plan in found for one in plan.measures}
        placed |= {one.thread.id for plan in found for one in plan.meetings}
        rest = [t for t in self._others() if t.id not in placed]
        loose = self._with(None, PlanFacts(), rest)
        return [*found, loose] if rest else found

    def _others(self) -> list[Thread]:
        return [t for t in self.shown.threads if t.family in (Family.MEASURE, Family.MEETING)]

    def _plan(self, thread: Thread) -> Plan:
        facts = known_as(PlanFacts, thread.facts)
        own = {*(facts.identifiers or ())}
        return self._with(thread, facts, [t for t in self._others() if own & {*_plan_of(t)}])

    def _with(self, thread: Thread | None, facts: PlanFacts, others: Sequence[Thread]) -> Plan:
        history = self.page.histories.get(thread.id) if thread else None
        may_edit = thread and history and history.whole and Step(C.PLAN_UPDATED) in self._allowed
        measures = [self._measure(t) for t in others if t.family is Family.MEASURE]
        meetings = [self._summons(t) for t in others if t.family is Family.MEETING]
        return Plan(
            thread=thread,
            facts=facts,
            measures=sorted(measures, key=lambda m: (not m.thread.is_open, _due(m.facts.due))),
            meetings=sorted(meetings, key=lambda m: (m.over, _due(m.facts.begins))),
            revisions=_revisions(history),
            edit=f"/patients/{self.key}/plan/{thread.id}" if thread and may_edit else None,
            acts=self._begins(facts.identifiers or ()) if thread else (),
        )

    # --- what can be done

    @cached_property
    def _allowed(self) -> list[Step]:
        return steps(self.actor, Directory(self.shown.parties))

    def new(self) -> Act | None:
        """Another plan is made."""
        return self._act(Step(C.PLAN_CREATED))

    def _begins(self, numbers: Sequence[Identifier]) -> list[Act]:
        """What may be begun in a plan, which is named by its number."""
        told = {"plan": _number(numbers[0])} if numbers else {}
        codes = (C.MEASURE_PROPOSED, C.MEASURE_PROMISED, C.PLAN_MEETING) if numbers else ()
        return [act for code in codes if (act := self._act(Step(code), **told))]

    def _act(self, step: Step, called: str = "", **told: str) -> Act | None:
        if step not in self._allowed:
            return None
        address = link(patient=self.key, event=step.key, **told)
        return Act(self.words.text(f"plan.do.{called or step.key}"), address)

    # --- measures

    def _measure(self, thread: Thread) -> Measure:
        facts = known_as(MeasureFacts, thread.facts)
        codes = TRANSITIONS[Family.MEASURE].get(thread.status, {})
        acts = [self._act(Step(code), _called(code, thread), matter=thread.id) for code in codes]
        return Measure(
            thread=thread,
            facts=facts,
            late=thread.is_open and has_passed(facts.due, self.shown.at, ZONE),
            acts=[act for act in acts if act],
        )

    def owner(self, one: Measure) -> str:
        """Who does it: the person, if one is named, and where."""
        where = self.words.name(one.thread.owner) if one.thread.owner else ""
        return ", ".join(filter(None, (one.facts.owner_name, where)))

    # --- meetings

    def _summons(self, thread: Thread) -> Summons:
        meeting = known_as(Meeting, thread.facts)
        facts = meeting.facts
        told = {answer.party: answer for answer in meeting.answers}
        over = has_passed(facts.ends or facts.begins, self.shown.at, ZONE)
        link_ = facts.link if facts.link and facts.link.startswith(_SAFE) else None
        return Summons(
            thread=thread,
            facts=facts,
            answers=[
                (key, _ANSWER[told[key].accepts] if key in told else "plan.not-answered")
                for key in meeting.summoned
            ],
            link=link_,
            over=over,
            acts=() if over else self._answers(thread, meeting),
        )

    def _answers(self, thread: Thread, meeting: Meeting) -> list[Act]:
        """Those who are summoned answer, and who summons may do so anew; in open mode nobody is told apart."""
        mine = self.actor.party
        answer = Step(C.PLAN_MEETING, answer=True) if mine in (None, *meeting.summoned) else None
        acts = [self._act(answer, matter=thread.id)] if answer else []
        if mine in (None, thread.owner):
            acts.append(self._act(Step(C.PLAN_MEETING), "summon-again", matter=thread.id))
        return [act for act in acts if act]

    def kind(self, one: Summons) -> str:
        """What sort of meeting."""
        kind = one.facts.meeting
        if kind is None:
            return self.words.text("plan.meeting")
        return f"{self.words.text('family.meeting')}: {self.words.text(f'meetingkind.{kind}')}"

    # --- what is next

    def next(self, plan: Plan) -> list[Coming]:
        """Open measures and meetings that are to come, the first first; what has no time last."""
        words = self.words
        found = [
            Coming(
                what=one.facts.title or words.text("family.measure"),
                when=one.facts.due,
                where="",
                who=self.owner(one),
                status=words.text(f"status.{one.thread.status}"),
                late=one.late,
            )
            for one in plan.measures
            if one.thread.is_open
        ]
        found += [self._meets(one) for one in plan.meetings if not one.over]
        return sorted(found, key=lambda one: _due(one.when))

    def _meets(self, one: Summons) -> Coming:
        words, owner = self.words, one.thread.owner
        return Coming(
            what=self.kind(one),
            when=one.facts.begins,
            where=one.facts.place or (words.text("plan.video") if one.link else ""),
            who=words.name(owner) if owner else "",
            status=words.text(f"status.{one.thread.status}"),
            late=False,
        )

    # --- people, and what has changed

    def consent(self, one: Participant) -> str:
        """The period of a participant's consent, in words; whether it holds now."""
        words, at = self.words, self.shown.at
        if one.since is None and one.until is None:
            return ""
        since, until = (words.moment(m) if m else "" for m in (one.since, one.until))
        key = "plan.consent" if plans.takes_part(one, at, ZONE) else "plan.no-consent"
        return words.text(key, since=since, until=until)

    def said(self, value: Value | None) -> str:
        """One fact of a plan in words."""
        match value:
            case None:
                return self.words.text("plan.nothing-there")
            case Moment():
                return self.words.moment(value)
            case Goal():
                return ", ".join(filter(None, (value.text, self._by(value.by))))
            case Participant():
                party = value.party.name if value.party else None
                told = (value.name, value.role, party, self.consent(value))
                return ", ".join(filter(None, told))
            case _:
                return value

    def _by(self, day: date | None) -> str:
        return self.words.text("plan.by", day=self.words.dated(day)) if day else ""


def _called(code: EventCode, thread: Thread) -> str:
    """A measure may be promised again: then something else is promised."""
    if code is not C.MEASURE_PROMISED:
        return str(code)
    return "promise" if thread.status is Status.PROPOSED else "again"


_ANSWER: Final[Mapping[bool | None, str]] = {
    True: "plan.accepted",
    False: "plan.declined",
    None: "plan.tentative",
}
_LAST: Final = datetime.max.replace(tzinfo=ZONE)


def _due(moment: Moment | None) -> datetime:
    return moment.at if moment else _LAST


def _number(one: Identifier) -> str:
    return f"{one.system}|{one.value}" if one.system else one.value


def _plan_of(thread: Thread) -> tuple[Identifier, ...]:
    facts = thread.facts
    known = facts.facts if isinstance(facts, Meeting) else facts
    return getattr(known, "plan", None) or ()


def _revisions(history: History | None) -> list[Revision]:
    """The newest first; the first one changed nothing."""
    told = list(history.versions) if history else []
    pairs: Iterator[tuple[Version, Version]] = pairwise(told)
    changed = [Revision(new, differences(old.facts, new.facts)) for old, new in pairs]
    return [*reversed(changed), *(Revision(one, ()) for one in told[:1])]
