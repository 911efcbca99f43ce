"""One patient's page, made ready for its template: the situation, the picture, and the same as a list."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import groupby
from typing import Final

from markupsafe import Markup

from carepath.service.terms import NORWAY
from carepath.texts import ZONE
from carepath.ui.picture.drawing import Drawing
from carepath.ui.picture.legend import Sample, legend
from carepath.ui.picture.shapes import icon, shape_of
from carepath.ui.picture.strip import strip
from carepath.ui.picture.svg import tag
from carepath.ui.picture.zoom import PICTURE, Asked, Link, steps, zooms
from carepath.ui.values import PatientPage
from carepath.ui.words import Words
from pathways.axis import Window
from pathways.deadlines import Commitment
from pathways.lanes import Lanes, Level, grain_for
from pathways.layout import kept_late
from pathways.moments import first_instant, has_passed
from pathways.parties import Directory
from pathways.pathway import Thread
from pathways.picture import Picture, Scene, picture
from pathways.situation import Matter, Situation, situation, title
from pathways.states import Provision
from pathways.timeline import Entry, Mark

MOST_LANES: Final = 14
"""Units; of more, the organisations are shown."""
MOST_LISTED: Final = 60
"""Entries that are listed at once; earlier months are opened by who wants them."""


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as the list tells it; ``lateness``: how long after it happened it came, where it came late."""

    entry: Entry
    clock: str
    said: str
    icon: Markup
    received: str
    lateness: str


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the list, the newest entry first."""

    heading: str
    iso: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Month:
    """Days under a heading that is opened; ``folded``: not before somebody asks for it."""

    heading: str
    number: int
    days: tuple[Day, ...]
    folded: bool


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has the patient: a unit or a person, where, who wrote from there last, and whom to call."""

    name: str
    where: str | None
    person: str | None
    phone: str | None


_HOURS_TELL: Final = timedelta(days=2)


@dataclass(frozen=True)
class View:
    """What the template asks for; each part is made when it is asked for, once."""

    shown: PatientPage
    asked: Asked
    words: Words

    @cached_property
    def directory(self) -> Directory:
        """Who is who."""
        return Directory(self.shown.parties)

    @cached_property
    def situation(self) -> Situation:
        """Who has it now, what is overdue, what comes next."""
        page = self.shown
        return situation(page.header, page.threads, page.commitments, page.at, ZONE)

    @cached_property
    def scene(self) -> Scene:
        """All that there is to see."""
        page = self.shown
        return Scene(
            entries=page.entries,
            commitments=page.commitments,
            planned=self.situation.planned,
            directory=self.directory,
            at=page.at,
        )

    @cached_property
    def reach(self) -> tuple[datetime, datetime] | None:
        """From the first to the last of it."""
        return self.scene.reach()

    @cached_property
    def window(self) -> Window:
        """The part of the time that is shown."""
        return self.asked.window(self.reach or (self.shown.at, self.shown.at))

    @cached_property
    def picture(self) -> Picture:
        """Laid out: units in their lanes while they are few, else their organisations."""
        grain = grain_for(self.scene.parties(), MOST_LANES)
        return picture(self.scene, self.window, Lanes(self.directory, grain))

    def svg(self) -> Markup:
        """The picture."""
        return Drawing(self.picture, self.words, NORWAY, self.asked).svg()

    def strip(self) -> Markup:
        """The whole time in small, with what is shown of it; nothing where that is all."""
        if not self.asked.zoomed or self.reach is None:
            return Markup("")
        return strip(self.scene, self.window, self.asked, self.words)

    def zooms(self) -> list[Link]:
        """How much time may be shown at once."""
        return zooms(self.asked, self.window, self.shown.entries, self.shown.at)

    def steps(self) -> list[Link]:
        """Earlier and later."""
        return steps(self.asked, self.window)

    def span(self) -> tuple[str, str]:
        """The first and the last day that are shown; of a short time, the hours."""
        ends = (self.window.begins, self.window.ends)
        if self.window.span < _HOURS_TELL:
            first, last = (self.words.moment(at) for at in ends)
        else:
            first, last = (self.words.dated(at.astimezone(ZONE).date()) for at in ends)
        return first, last

    def legend(self) -> list[Sample]:
        """What its marks and lines mean."""
        return legend(self.picture, self.words)

    def months(self) -> list[Month]:
        """The entries in the window, the newest first: by day and, where they are many, by month."""
        within = [e for e in self.scene.placed() if self.window.has(e[1].happened.at)][::-1]
        listed = 0
        made = []
        for month, told in groupby(within, key=lambda pair: _day(pair[1]).replace(day=1)):
            mine = list(told)
            days = tuple(self._days(mine))
            folded = len(within) > MOST_LISTED and listed >= MOST_LISTED
            listed += len(mine)
            made.append(Month(self._month(month), len(mine), days, folded))
        return made

    def _month(self, month: date) -> str:
        return self.words.month(month)

    def _days(self, told: Iterable[tuple[str, Entry]]) -> Iterator[Day]:
        for day, entries in groupby(told, key=lambda pair: _day(pair[1])):
            lines = tuple(self._line(party, entry) for party, entry in entries)
            yield Day(self.words.day(day), day.isoformat(), lines)

    def _line(self, party: str, entry: Entry) -> Line:
        words = self.words
        late = Mark.LATE in entry.marks
        return Line(
            entry=entry,
            clock="" if entry.happened.day else words.clock(entry.happened.at),
            said=words.entry(entry),
            icon=icon(shape_of(entry), self._level(party)),
            received=words.moment(entry.received),
            lateness=words.lasting(entry.received - entry.happened.at) if late else "",
        )

    def _level(self, party: str) -> Level:
        return self._levels.get(party, Level.OTHER)

    @cached_property
    def _levels(self) -> Mapping[str, Level]:
        lanes = Lanes(self.directory)
        keys = self.scene.parties()
        return {lane.key: lane.level for lane in lanes.order(keys)}

    # --- what is owed

    def owed(self) -> list[Commitment]:
        """Every promise that the picture shows, overdue first."""
        at = self.shown.at
        return sorted(self.scene.shown, key=lambda c: (not c.promise.is_open, c.due >= at, c.due))

    def stands(self, one: Commitment) -> str:
        """How late it is, or how long there is left."""
        words, at = self.words, self.shown.at
        if kept_late(one) and one.promise.proof:
            return words.text("owed.kept-late", span=words.lasting(one.promise.proof - one.due))
        if one.due < at:
            return words.text("owed.overdue", span=words.lasting(at - one.due))
        return words.text("owed.left", span=words.lasting(one.due - at))

    def is_overdue(self, one: Commitment) -> bool:
        """Whether it is open, and its time has passed."""
        return one.promise.is_open and one.due < self.shown.at

    def title(self, matter: Matter) -> str:
        """What an open matter is called."""
        return self.name_of(matter.thread)

    def name_of(self, thread: Thread) -> str:
        """What a matter is called, empty where nobody has said."""
        return title(thread) or ""

    # --- who

    def baton(self) -> Holder | None:
        """Who has the patient now: where they stay, else who coordinates, else whose matter is the most pressing."""
        now = self.situation
        if now.stay and now.stay.owner:
            return self._holder(now.stay.owner, title(now.stay))
        if now.batons:
            _, hand = now.batons[0]
            where = self.words.name(hand.key) if hand.key else None
            return Holder(hand.name or where or "", where if hand.name else None, None, hand.phone)
        owners = [matter.thread.owner for matter in now.matters if matter.thread.owner]
        return self._holder(owners[0], None) if owners else None

    def _holder(self, key: str, where: str | None) -> Holder:
        """With the person who wrote last from there, else the number of the place."""
        party, contact = self.shown.parties.get(key), self.shown.header.contacts.get(key)
        person = contact[1] if contact else None
        phone = (party.phone if party else None) or (person.phone if person else None)
        written_by = person.name if person else None
        name = self.words.name(key)
        told = where and where.casefold() in name.casefold()
        return Holder(name, None if told else where, written_by, phone)

    def phone(self, key: str) -> Markup:
        """A party's number, to be called."""
        party = self.shown.parties.get(key)
        if party is None or not party.phone:
            return Markup("")
        href = f"tel:{party.phone.replace(' ', '')}"
        return Markup(", ") + tag("a", party.phone, class_="ds-link phone", href=href)

    def age(self) -> int | None:
        """In whole years."""
        return age(self.shown.header.told("birth_date") or "", self.shown.at)

    def alerts(self) -> list[str]:
        """What nobody should overlook."""
        header, words = self.shown.header, self.words
        found = []
        if died := self.situation.deceased:
            found.append(words.text("alert.deceased", moment=words.moment(died)))
        if header.told("interpreter") == "true":
            found.append(words.text("alert.interpreter", language=header.told("language") or ""))
        at = self.shown.at
        if any(_holds(provision, at) for provision in header.consents.provisions):
            found.append(words.text("alert.objection"))
        return found

    # --- as of when

    def now(self) -> str:
        """The address of the same time as it is known now."""
        asked = self.asked
        return replace(asked, as_of=None).address(asked.begins, asked.ends, PICTURE)

    def as_of_local(self) -> str:
        """What the field of the form holds."""
        at = self.asked.as_of
        return f"{at.astimezone(ZONE):%Y-%m-%dT%H:%M}" if at else ""

    def known(self) -> Sequence[datetime]:
        """The moments of the slider: what is known changed at each."""
        return thinned(self.shown.known)

    def step(self) -> int:
        """Where the slider stands."""
        known = self.known()
        return sum(at <= self.shown.at for at in known) - 1 if known else 0


MOST_STEPS: Final = 120


def thinned(known: Sequence[datetime]) -> Sequence[datetime]:
    """All of them while they are few, else the last of each day; the first always."""
    if len(known) <= MOST_STEPS:
        return known
    last = {at.astimezone(ZONE).date(): at for at in known}
    days = [known[0], *last.values()]
    apart = -(-len(days) // MOST_STEPS)
    return [*days[:-1:apart], days[-1]]


def age(born: str, at: datetime) -> int | None:
    """Whole years at that time; ``None`` where the date cannot be read."""
    try:
        day = date.fromisoformat(born)
    except ValueError:
        return None
    today = at.astimezone(ZONE).date()
    return today.year - day.year - ((today.month, today.day) < (day.month, day.day))


def _holds(objection: Provision, at: datetime) -> bool:
    begun = first_instant(objection.since, ZONE) <= at
    return not objection.permit and begun and not has_passed(objection.until, at, ZONE)


def _day(entry: Entry) -> date:
    return entry.happened.at.astimezone(ZONE).date()
