"""One's own page, made ready for its template: what comes, whom to call, what was promised, and what may be done."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from carepath.texts import ZONE
from carepath.ui.pathway.acts import Act, offered
from carepath.ui.pathway.ground import Ground, told
from carepath.ui.patient.view import Line, View
from carepath.ui.picture.zoom import Asked
from carepath.ui.rendering import full_name
from carepath.ui.values import PatientPage
from carepath.ui.words import Words
from pathways.access import Role
from pathways.corrections import Mark
from pathways.deadlines import Commitment
from pathways.events import Activity, EventCode, Family
from pathways.facts import (
    ApplicationFacts,
    InquiryFacts,
    MeasureFacts,
    Outcome,
    StayFacts,
    StayKind,
    known_as,
)
from pathways.moments import Moment, has_passed
from pathways.pathway import Thread
from pathways.situation import Coming, Matter, Planned
from pathways.states import Absence
from pathways.timeline import Entry
from pathways.transitions import Status

NEWEST: Final = 8
"""Lines of what has happened that are shown at once."""


@dataclass(frozen=True, slots=True)
class Call:
    """Whom to call: ``why`` them, where they are, their number; ``away``: for whom they stand in, and until when."""

    name: str
    why: str
    where: str
    phone: str | None
    away: str = ""


@dataclass(frozen=True, slots=True)
class Promised:
    """Something that somebody owes. ``late``: its time has passed; ``moved``: it was put off: from when, and why."""

    one: Commitment
    said: str
    who: str
    phone: str | None
    late: bool
    moved: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Question:
    """A question of somebody's and what was answered. ``to``: whom it is with; ``due``: when an answer is due."""

    asked: Entry
    answers: tuple[Entry, ...]
    to: str
    due: Commitment | None

    @property
    def text(self) -> str:
        """As it was asked."""
        return known_as(InquiryFacts, self.asked.facts).text or ""


@dataclass(frozen=True)
class OwnView:
    """What the template asks for; each part is made when it is asked for."""

    ground: Ground

    @property
    def shown(self) -> PatientPage:
        """What there is to see."""
        return self.ground.page.shown

    @property
    def words(self) -> Words:
        """In the reader's language."""
        return self.ground.words

    @cached_property
    def view(self) -> View:
        """The same as professionals see it."""
        return View(self.shown, Asked(None, None, None), self.words)

    @property
    def role(self) -> Role:
        """What they are to the person."""
        sight = self.ground.page.sight
        return sight.role if sight else Role.RELATIVE

    @property
    def is_child(self) -> bool:
        """Whether a child reads of itself."""
        return self.role is Role.CHILD

    @property
    def is_own(self) -> bool:
        """Whether they read of themselves."""
        return self.role in (Role.PATIENT, Role.CHILD)

    @property
    def knows_person(self) -> bool:
        """Whether they may see who it is, and what they are called."""
        sight = self.ground.page.sight
        return bool(sight and sight.patient and sight.of_person)

    def heading(self) -> str:
        """Whom it is about."""
        name = full_name(self.shown.header) if self.knows_person else ""
        if not self.is_own:
            return name or self.words.text("own.people.unnamed")
        given = (self.shown.header.told("given") or "").split(" ")[0]
        return self.words.text("own.hello", name=given) if given else self.words.text("own.title")

    def why(self) -> str:
        """Why they may see it."""
        sight = self.ground.page.sight
        if self.is_own or sight is None:
            return self.words.text("own.why.child" if self.is_child else "own.why.self")
        return self.words.text(f"own.people.{sight.basis}")

    @cached_property
    def late(self) -> list[Promised]:
        """What is too late."""
        return [one for one in self.promised if one.late]

    def when(self, moment: Moment) -> str:
        """As one says it; the day alone where no more is known."""
        if moment.day:
            return self.words.day(moment.at.astimezone(ZONE).date())
        return self.words.due(moment.at)

    @cached_property
    def acts(self) -> list[Act]:
        """What they may do."""
        return offered(self.ground)

    def can(self, *codes: str) -> list[Act]:
        """Those of these that they may do."""
        return [act for act in self.acts if act.code in codes]

    def first(self) -> list[Act]:
        """What people do most often."""
        return self.can(*_FIRST)

    def more(self) -> list[Act]:
        """What they do now and then; the rest stands where it belongs."""
        return self.can(*_MORE)

    # --- what comes, and whom to call

    def coming(self) -> list[Planned]:
        """What is to happen, the first first."""
        return list(self.view.situation.planned)

    def what(self, one: Planned) -> str:
        """What it is; an appointment's place is what it is for."""
        said = {"title": one.place} if one.place and one.what is Coming.APPOINTMENT else {}
        return self.words.text(f"own.coming.{one.what}", **said)

    def where(self, one: Planned) -> str:
        """Where it is."""
        place = None if one.what is Coming.APPOINTMENT else one.place
        return ", ".join(filter(None, (place, self.words.name(one.party))))

    def phone(self, key: str | None) -> str | None:
        """The number of a place."""
        party = self.shown.parties.get(key or "")
        return party.phone if party else None

    def calls(self) -> list[Call]:
        """Whom to call: who coordinates first, then where the patient stays."""
        found = []
        for role, hand in self.view.situation.batons:
            why = self.words.text(f"role.{role}")
            where = self.words.name(hand.key) if hand.key else ""
            name = hand.name or where
            phone = hand.phone or self.phone(hand.key)
            away = self._away(self._absence(role, hand.name))
            found.append(Call(name, why, where if hand.name else "", phone, away))
        stay = self.view.situation.stay
        if stay and stay.owner:
            why = self.words.text("own.call.stay")
            found.append(Call(self.words.name(stay.owner), why, "", self.phone(stay.owner)))
        return found or self._nobody()

    def _nobody(self) -> list[Call]:
        """Where nobody coordinates, the unit that finds who can help."""
        unit = self.ground.receiver(EventCode.INQUIRY)
        if unit is None:
            return []
        why = self.words.text("own.call.unit")
        return [Call(self.words.name(unit), why, "", self.phone(unit))]

    def _absence(self, role: object, name: str | None) -> tuple[str, Absence] | None:
        for baton in self.shown.header.team.batons:
            for absence in baton.absences if baton.role is role else ():
                if name and absence.substitute.name == name and self._is_on(absence):
                    return baton.tenures[-1].hand.name or "", absence
        return None

    def _is_on(self, absence: Absence) -> bool:
        at = self.shown.at
        return absence.since.at <= at and not has_passed(absence.until, at, ZONE)

    def _away(self, found: tuple[str, Absence] | None) -> str:
        if found is None:
            return ""
        name, absence = found
        said: dict[str, str | Moment] = {"name": name}
        return self.words.text("own.call.away", **said, **told("until", absence.until))

    # --- what was promised

    @cached_property
    def promised(self) -> list[Promised]:
        """What is owed, what is late first."""
        now = self.view.situation
        return [self._promised(one) for one in (*now.overdue, *now.owed)]

    def _promised(self, one: Commitment) -> Promised:
        thread = next((t for t in self.shown.threads if t.id == one.thread), None)
        said = self.words.text(
            f"own.promise.{one.promise.kind}", title=self.called(thread) if thread else ""
        )
        facts = known_as(MeasureFacts, thread.facts if thread else None)
        moved = self._moved(one, facts) if thread and thread.status is Status.DELAYED else ""
        return Promised(
            one=one,
            said=said,
            who=self._who(one),
            phone=self.phone(one.responsible),
            late=one.due < self.shown.at,
            moved=moved,
            reason=facts.reason if moved else None,
        )

    def _who(self, one: Commitment) -> str:
        where = self.words.name(one.responsible)
        person = self.shown.takers.get(one.id) or one.promise.duty.name
        return f"{person}, {where}" if person else where

    def _moved(self, one: Commitment, facts: MeasureFacts) -> str:
        """From which time it was put off."""
        told = [
            known_as(MeasureFacts, entry.facts).due
            for entry in self.shown.entries
            if entry.thread == one.thread and _holds(entry)
        ]
        before = [due for due in told if due and facts.due and due.at != facts.due.at]
        if not before:
            return self.words.text("own.moved")
        return self.words.text("own.moved.from", before=before[-1])

    # --- matters

    def matters(self) -> list[Matter]:
        """The open ones; questions, and who coordinates, stand by themselves."""
        open_ = self.view.situation.matters
        return [matter for matter in open_ if matter.thread.family not in _ELSEWHERE]

    def closed(self) -> list[Thread]:
        """Those that are over."""
        return [one for one in self.view.situation.closed if one.family not in _ELSEWHERE]

    def called(self, thread: Thread) -> str:
        """What a matter is called."""
        return self.view.name_of(thread) or self.words.text(f"family.{thread.family}")

    def status(self, thread: Thread) -> str:
        """How it stands, in plain words."""
        outcome = known_as(ApplicationFacts, thread.facts).outcome
        if outcome is Outcome.PARTLY and thread.status is Status.GRANTED:
            return self.words.text(f"outcome.{outcome}")
        if thread.status in _PLAINLY:
            return self.words.text(f"own.status.{thread.status}")
        return self.words.text(f"status.{thread.status}")

    def reason(self, thread: Thread) -> str | None:
        """Why it was decided so."""
        return known_as(ApplicationFacts, thread.facts).reason

    def costs(self, thread: Thread) -> str:
        """What is said of what it costs: the key of the text; empty where it is nothing that costs."""
        if thread.family is Family.STAY:
            kind = known_as(StayFacts, thread.facts).stay_kind
            return f"own.cost.{kind or 'unknown'}"
        match known_as(ApplicationFacts, thread.facts).outcome:
            case None:
                return ""
            case Outcome.REFUSED:
                return "own.cost.refused"
            case _:
                return "own.cost.service"

    def complaint(self, thread: Thread) -> str:
        """What is said of how to complain: the key of the text."""
        if thread.family is Family.STAY:
            kind = known_as(StayFacts, thread.facts).stay_kind
            return "own.complain.municipal" if kind in _MUNICIPAL else "own.complain.hospital"
        if thread.family is Family.APPLICATION:
            return "own.complain.decision" if self.can_complain(thread) else "own.complain.waiting"
        return "own.complain.referral" if thread.family is Family.REFERRAL else ""

    def can_complain(self, thread: Thread) -> bool:
        """Whether there is a decision to complain about."""
        return known_as(ApplicationFacts, thread.facts).outcome is not None

    def appeal_by(self, thread: Thread) -> Moment | None:
        """The last day, where the decision names it."""
        return known_as(ApplicationFacts, thread.facts).appeal_by

    # --- questions

    def questions(self) -> list[Question]:
        """Those that people asked and have not taken back, the newest first, and what was answered."""
        asked: dict[str, list[Entry]] = {}
        for entry in self.shown.entries:
            if entry.family is Family.INQUIRY and _holds(entry):
                asked.setdefault(entry.thread, []).append(entry)
        made = (self._question(entries) for entries in asked.values())
        return [one for one in made if one][::-1]

    def _question(self, entries: Sequence[Entry]) -> Question | None:
        first = next((one for one in entries if one.code is EventCode.INQUIRY), None)
        if first is None:
            return None
        answers = tuple(one for one in entries if one.code in _ANSWERS)
        passed = [one.asked for one in entries if one.asked]
        owed = (c for c in self.shown.commitments if c.thread == first.thread)
        due = next((c for c in owed if c.promise.is_open), None)
        return Question(first, answers, self.words.name(passed[-1]) if passed else "", due)

    # --- what happened

    def lines(self) -> list[Line]:
        """The newest, first."""
        found = [line for month in self.view.months() for day in month.days for line in day.lines]
        return found[:NEWEST]


def _holds(entry: Entry) -> bool:
    """Whether it was neither corrected nor taken back, and takes nothing back itself."""
    gone = entry.replaced_by or Mark.CANCELLED in entry.marks
    return not gone and entry.activity is not Activity.CANCEL


_FIRST: Final = (
    *(EventCode.INQUIRY, EventCode.MEASURE_PROPOSED),
    *(EventCode.APPLICATION, EventCode.CARER_UNAVAILABLE),
)
_MORE: Final = (
    *(EventCode.COMPLAINT, EventCode.MEASURE_EVALUATED, EventCode.PLAN_MEETING),
    *(EventCode.COORDINATOR_CHANGE_REQUESTED, EventCode.FOLLOW_UP),
)
_ANSWERS: Final = (EventCode.REPLY, EventCode.SETTLED_BY_PHONE)
_PLAINLY: Final = frozenset(
    (Status.READY, Status.PROPOSED, Status.PROMISED, Status.RECEIVED, Status.REQUESTED)
)
"""What professionals have a word of their own for."""
_ELSEWHERE: Final = frozenset((Family.INQUIRY, Family.COORDINATION))
"""What the page tells of in another place."""
_MUNICIPAL: Final = frozenset(
    (StayKind.SHORT_STAY, StayKind.NURSING_HOME, StayKind.RESPITE, StayKind.MUNICIPAL_ACUTE)
)
