"""The form that sends an event, made ready for its template."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from carepath import texts
from carepath.service.senders import kind_of
from carepath.texts import ZONE
from carepath.ui.forms import Form
from carepath.ui.send.fields import ANSWERS, Field, Layout, Widget, envelope, layout
from carepath.ui.send.values import Book, filled, indices
from carepath.ui.values import PatientPage, Receipt
from carepath.ui.words import Words
from pathways.access import Actor, Role
from pathways.events import RULES, WHOLE, Activity, EventCode, Family
from pathways.facts import PlanFacts, known_as
from pathways.messages import Record
from pathways.parties import Directory, Kind
from pathways.pathway import Thread
from pathways.sending import events_of
from pathways.situation import title
from pathways.states import Meeting

NOBODY_ASKS: Final = frozenset((EventCode.ACKNOWLEDGEMENT,))
"""Not sent by a form: a receipt is given where the message is read."""
ABOUT_ANYTHING: Final = frozenset((EventCode.REPLY, EventCode.SETTLED_BY_PHONE))
TO: Final = envelope("to", Widget.PARTIES)
COPIES: Final = envelope("copies", Widget.PARTIES)
HAPPENED: Final = envelope("happened", Widget.MOMENT)
SENDER: Final = envelope("sender", Widget.PARTY, needed=True)
_WHOLE: Final = frozenset((EventCode.MEASURE_PROMISED, EventCode.PLAN_MEETING))
"""What says anew what a matter is."""
_CLOSED: Final = 5
"""Closed matters that are offered: somebody may have more to say about the newest."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is told: an event, or the ``answer`` to one."""

    code: EventCode
    answer: bool = False

    @property
    def key(self) -> str:
        """In a form and an address."""
        return f"{self.code}.reply" if self.answer else str(self.code)

    @property
    def text_key(self) -> str:
        """Of what it is called."""
        return f"send.answer.{self.code}" if self.answer else f"entry.{self.code}"

    @property
    def activity(self) -> Activity:
        """What the message does."""
        return Activity.REPLY if self.answer else Activity.NEW

    @property
    def family(self) -> Family:
        """Of the matters that it is about."""
        return RULES[self.code].family


def steps(actor: Actor, directory: Directory) -> list[Step]:
    """What somebody may tell by a form; in open mode anything that anybody may."""
    party = directory.parties.get(actor.party or "")
    kind = kind_of(party, directory) if party else Kind.OTHER
    if party is None and actor.role is not Role.OPEN:
        return []
    codes = [code for code in events_of(actor.role, kind) if code not in NOBODY_ASKS]
    return [step for code in codes for step in _of(code)]


def corrected(receipt: Receipt, allowed: Sequence[Step]) -> Step | None:
    """What a message that stands is told anew by; an answer is given anew instead."""
    record = receipt.record
    if record is None or not receipt.stands or record.activity not in _TOLD:
        return None
    step = Step(record.code)
    return step if step in allowed else None


_TOLD: Final = (Activity.NEW, Activity.REVISE)


def _of(code: EventCode) -> Iterator[Step]:
    yield Step(code)
    if code in ANSWERS:
        yield Step(code, answer=True)


def grouped(told: Sequence[Step], words: Words) -> list[tuple[str, list[tuple[str, str]]]]:
    """By family, for a list to choose from: a heading, and the steps with what they are called."""
    found: dict[Family, list[tuple[str, str]]] = {}
    for step in told:
        found.setdefault(step.family, []).append((step.key, words.text(step.text_key)))
    return [(words.text(f"family.{family}"), listed) for family, listed in found.items()]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A form to fill in. ``whom``: the identifier of somebody of whom we may not have heard.

    ``corrects``: a message of theirs that is told anew, in the same matter.
    """

    step: Step
    form: Form
    book: Book
    words: Words
    patient: str = ""
    shown: PatientPage | None = None
    whom: str = ""
    asks_sender: bool = False
    refused: str = ""
    corrects: Record | None = None

    @property
    def address(self) -> str:
        """Where the form is sent to."""
        return f"/send/{self.corrects.message_id}/correct" if self.corrects else "/send"

    @property
    def title(self) -> str:
        """What is told."""
        return self.words.text(self.step.text_key)

    @property
    def layout(self) -> Layout:
        """The event's own fields."""
        return layout(self.step.code, answer=self.step.answer)

    def unfolded(self) -> bool:
        """Whether anything stands in the fields that are mostly empty, or is wrong there."""
        names = {*self.form.problems, *(name for name in self.form.fields if self.form.one(name))}
        rare = tuple(one.name for one in self.layout.more)
        return any(name == one or name.startswith(f"{one}-") for name in names for one in rare)

    def label(self, one: Field) -> str:
        """What a field is called."""
        said = self.words.text(one.label)
        return said[:1].upper() + said[1:]

    def options(self, one: Field) -> list[tuple[str, str]]:
        """What there is to choose from."""
        if self.is_plan(one):
            return self.plans()
        return [(code, self._called(key)) for code, key in one.options]

    def _called(self, key: str) -> str:
        return texts.render(key, {}, self.words.language)

    def rows(self, path: str) -> list[int]:
        """The numbers of the rows that are shown: those that there are, and one to fill in."""
        there = [*indices(self.form, path)]
        last = there[-1] if there else -1
        blank = not there or self._is_filled(f"{path}-{last}")
        return [*there, last + 1] if blank or self.form.one("act") == f"more.{path}" else there

    def _is_filled(self, row: str) -> bool:
        return any(
            self.form.one(n) for n in self.form.fields if n == row or n.startswith(f"{row}-")
        )

    # --- which matter

    def threads(self) -> list[Thread]:
        """The matters that it may be about: open ones, the newest first, then some that are closed."""
        if self.shown is None or self.corrects or self.step.family in WHOLE:
            return []
        anything = self.step.code in ABOUT_ANYTHING
        told = [t for t in self.shown.threads if self._fits(t.family, anything=anything)]
        closed = [thread for thread in told if not thread.is_open]
        return [thread for thread in told if thread.is_open] + closed[:_CLOSED]

    def _fits(self, family: Family, *, anything: bool) -> bool:
        if anything:
            return family not in (Family.BROKER, Family.DEADLINE)
        return family is self.step.family

    def matters(self) -> list[tuple[str, str]]:
        """The same with what they are called."""
        return [(thread.id, self.matter(thread)) for thread in self.threads()]

    def matter(self, thread: Thread) -> str:
        """What a matter is called, with its status and when it began."""
        words = self.words
        name = title(thread)
        family = words.text(f"family.{thread.family}")
        since = words.dated(thread.begun.at.astimezone(ZONE).date()) if thread.begun else ""
        status = words.text(f"status.{thread.status}")
        return ", ".join(filter(None, (f"{family}: {name}" if name else family, since, status)))

    def chosen(self) -> Thread | None:
        """The matter that was chosen."""
        wanted = self.form.one("matter")
        return next((thread for thread in self.threads() if thread.id == wanted), None)

    def begun(self) -> "Sheet":
        """The form with what is known of its matter, where the event says all of it anew."""
        thread = self.chosen()
        known = thread.facts if thread else None
        known = known.facts if isinstance(known, Meeting) else known
        if self.step.code not in _WHOLE or self.step.answer or known is None:
            return self
        told = filled(self.layout.main, known, self.book)
        return replace(self, form=Form({**told, **self.form.fields}))

    # --- which plan

    def is_plan(self, one: Field) -> bool:
        """Whether a field names a plan, and there are any to choose from."""
        return one.name == "plan" and bool(self.plans())

    def plans(self) -> list[tuple[str, str]]:
        """The patient's plans that can be named: their number, and what they are called."""
        threads = self.shown.threads if self.shown else ()
        facts = ((t, known_as(PlanFacts, t.facts)) for t in threads if t.family is Family.PLAN)
        return [
            (f"{one.system}|{one.value}" if one.system else one.value, self.matter(thread))
            for thread, known in facts
            for one in (known.identifiers or ())[:1]
        ]

    def anew(self) -> "Sheet":
        """The form as another message: what was refused is not sent again."""
        fields = {**self.form.fields, "id": [Form().id]}
        return replace(self, form=replace(self.form, fields=fields))

    def with_problems(self, problems: Mapping[str, str], refused: str = "") -> "Sheet":
        """The same, with what is wrong."""
        form = replace(self.form, problems={**self.form.problems, **problems})
        return replace(self, form=form, refused=refused)
