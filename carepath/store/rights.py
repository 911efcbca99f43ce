"""Who may see what: the one predicate that every query about patients asks, whatever it is asked for.

An organisation sees what grants name to it; a citizen what their ``Sight`` of a patient covers; open mode's operator
everything; everybody else nothing. Times are microseconds. PostgreSQL has a second wall behind it (``store.walls``).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Connection, and_, exists, false, not_, or_, select

from carepath.store.blind import Keys
from carepath.store.disclosures import Disclosures
from carepath.store.making import Making, nothing
from carepath.store.tables import (
    bars,
    events,
    grants,
    meta,
    promises,
    resources,
    sharing,
    subscriptions,
    threads,
)
from pathways.access import Basis
from pathways.consents import folded
from pathways.sight import Sight

PERSONS: Final = frozenset({"Patient", "RelatedPerson"})
"""The patient, and the relatives, who follow the patient to every newcomer."""
ENTRIES: Final = frozenset({"Provenance", "Composition", "Communication", "Consent"})
"""What stands for one entry: it has the event's id."""

Text: TypeAlias = ColumnElement[str]
Conditions: TypeAlias = tuple[ColumnElement[bool], ...]
Readers: TypeAlias = str | Collection[str] | ColumnElement[Any]
"""Keys of readers, or the column that has one."""
Moment: TypeAlias = int | ColumnElement[int]


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks, and when.

    ``reader``: the directory key whose grants count, and whose Subscriptions and feed they are; ``None`` is open
    mode's operator, who sees everything. ``person``: the key under which a person at work has grants of their own.
    ``professional``: the key under which a patient may have shut them out by name (``professional``).
    ``sights``: where they are given no grant counts, and these are all there is to see; ``()`` is no patient at all.
    ``disclosed`` collects what the store gives out to them: the access log is written of it. ``parts`` makes what
    shows a matter of which they were told only a part (``store.parts``).
    """

    reader: str | None
    now: int
    sights: tuple[Sight, ...] | None = None
    person: str | None = None
    professional: str | None = None
    disclosed: Disclosures = field(default_factory=Disclosures, compare=False)
    parts: Making = field(default=nothing, compare=False)

    @property
    def sees_all(self) -> bool:
        """Whether nothing is kept from them."""
        return self.reader is None and self.sights is None

    @property
    def knows_whole(self) -> bool:
        """Whether they know all of each matter of which they see anything: citizens see it whole or not at all."""
        return self.sees_all or self.sights is not None

    @property
    def masked(self) -> bool:
        """Whether what they get of feeds and messages is that there is something, not what: they see no patient."""
        return self.sights == ()

    @property
    def patients(self) -> tuple[str, ...]:
        """Of whom a citizen sees anything."""
        return tuple(sight.patient for sight in self.sights or ())

    def may_know(self, patient: str) -> bool:
        """Whether they may know who the patient is, and not only of some matters."""
        return self.sights is None or any(s.of_person for s in self.sights if s.patient == patient)

    def may_know_relatives(self, patient: str) -> bool:
        """``of_relatives``, of a patient whom they may see."""
        seen = [one for one in self.sights or () if one.patient == patient]
        return self.sights is None or any(sight.families is None for sight in seen)

    def may_locate(self, patient: str) -> bool:
        """Whether they may know where the patient lives, once they may see the patient."""
        return self.sights is None or any(s.address for s in self.sights if s.patient == patient)

    @property
    def readers(self) -> tuple[str, ...]:
        """The keys whose grants count."""
        keys = (self.reader, self.person, self.professional)
        return tuple(key for key in keys if key is not None)


def granted(readers: Readers, now: Moment) -> ColumnElement[bool]:
    """A grant that one of ``readers`` holds at ``now``.

    It holds from when it is there. ``since`` is not asked: it is by the clock of whoever wrote it, and one that
    runs ahead, or a moment taken before the snapshot, would withhold an update from its receiver for good.
    """
    lasting = or_(grants.c.until.is_(None), grants.c.until > now)
    return and_(_is_one_of(grants.c.reader, readers), lasting, ~_barred(readers, now), _shared(now))


def _barred(readers: Readers, now: Moment) -> ColumnElement[bool]:
    """What the patient keeps from whom the grant names; or from a reader as a person, but for an emergency."""
    this = and_(bars.c.reader == grants.c.reader, bars.c.event == grants.c.event)
    person = and_(
        bars.c.event == EVERYTHING,
        _is_one_of(bars.c.reader, readers),
        grants.c.basis != Basis.BREAK_GLASS.value,
    )
    found = exists().where(
        bars.c.patient == grants.c.patient,
        bars.c.begins <= now,
        or_(bars.c.ends.is_(None), bars.c.ends > now),
        or_(this, person),
    )
    return found.correlate_except(bars)


def _shared(now: Moment) -> ColumnElement[bool]:
    """What is only shared between two houses needs their agreement, once people and systems sign in."""
    agreed = (
        exists()
        .where(
            sharing.c.pair == grants.c.pair,
            sharing.c.since <= now,
            or_(sharing.c.until.is_(None), sharing.c.until > now),
        )
        .correlate_except(sharing)
    )
    asked = exists().where(meta.c.name == SHARING_ASKED, meta.c.value != 0).correlate_except(meta)
    return or_(grants.c.pair.is_(None), agreed, ~asked)


EVERYTHING: Final = ""
"""The event of a bar on all there is of a patient."""
SHARING_ASKED: Final = "sharing_asked"
"""The row of ``meta`` that says whether agreements count: not in open mode, where nobody can tell who asks."""


def professional(keys: Keys, name: str) -> str:
    """The reader's key of a person at work as a patient may shut them out: by name, blind."""
    return f"professional:{keys.blind(f'professional|{folded(name)}').hex()}"


def _is_one_of(column: Text, readers: Readers) -> ColumnElement[bool]:
    if isinstance(readers, str | ColumnElement):
        return column == readers
    return column == next(iter(readers)) if len(readers) == 1 else column.in_(readers)


def of_patient(viewer: Viewer, patient: Text) -> Conditions:
    """A row about the person in the column ``patient``: any grant about them, or a Sight of them."""
    if viewer.sees_all:
        return ()
    if viewer.sights is not None:
        return (patient.in_([sight.patient for sight in viewer.sights]),)
    return (exists().where(granted(viewer.readers, viewer.now), grants.c.patient == patient),)


def of_person(viewer: Viewer, patient: Text) -> Conditions:
    """Who the patient is: as the patient's, but for citizens who only see some matters."""
    if viewer.sights is None:
        return of_patient(viewer, patient)
    return (patient.in_([sight.patient for sight in viewer.sights if sight.of_person]),)


def of_thread(viewer: Viewer, patient: Text, thread: Text) -> Conditions:
    """The state of a matter: a grant in it; of citizens' nothing in it may be hidden from them."""
    if viewer.sees_all:
        return ()
    if viewer.sights is not None:
        return (_any(_matter(sight, patient, thread) for sight in viewer.sights),)
    held = granted(viewer.readers, viewer.now)
    return (exists().where(held, grants.c.patient == patient, grants.c.thread == thread),)


def of_promise(viewer: Viewer, patient: Text, thread: Text, promise: Text) -> Conditions:
    """What was promised in a matter: for both sides of it, and for those who know the whole matter."""
    seen = of_thread(viewer, patient, thread)
    if viewer.knows_whole:
        return seen
    at = promises.alias().c  # the promise itself may be what is read
    own = exists().where(at.id == promise, theirs(viewer, at.responsible, at.other))
    return (*seen, or_(own, not_(in_part(viewer, patient, thread))))


def theirs(viewer: Viewer, responsible: Text, other: Text) -> ColumnElement[bool]:
    """A promise by or to the reader."""
    return or_(_is_one_of(responsible, viewer.readers), _is_one_of(other, viewer.readers))


def of_entry(
    viewer: Viewer, patient: Text, thread: Text, event: Text, *, whole: bool = True
) -> Conditions:
    """An entry: a grant on that one, or a Sight that covers it. ``whole``: with all it says, not only that it is."""
    if viewer.sees_all:
        return ()
    if viewer.sights is not None:
        return (_any(_entry(sight, patient, thread, event, whole) for sight in viewer.sights),)
    held = granted(viewer.readers, viewer.now)
    return (exists().where(held, grants.c.patient == patient, grants.c.event == event),)


def in_part(viewer: Viewer, patient: Text, thread: Text) -> ColumnElement[bool]:
    """Whether the matter has entries that they were not told of; of citizens' it is hidden then (``of_thread``)."""
    if viewer.knows_whole:
        return false()
    at = events.alias().c
    told = of_entry(viewer, at.patient, at.thread, at.id)
    return exists().where(at.patient == patient, at.thread == thread, not_(and_(*told)))


def may_read(viewer: Viewer, event: str) -> ColumnElement[bool]:
    """Whether there is an entry with this id that they may read."""
    if viewer.sights is None:
        return exists().where(granted(viewer.readers, viewer.now), grants.c.event == event)
    at = events.c
    return exists().where(at.id == event, *of_entry(viewer, at.patient, at.thread, at.id))


def partly(viewer: Viewer) -> ColumnElement[bool]:
    """Whether a row of ``resources`` shows a matter of which they were told only a part.

    Of a promise by or to them they know all.
    """
    if viewer.knows_whole:
        return false()
    row, at = resources.c, promises.alias().c
    own = exists().where(at.id == row.id, theirs(viewer, at.responsible, at.other))
    part = in_part(viewer, row.patient, row.thread)
    return and_(row.type.not_in(PERSONS | ENTRIES), part, not_(and_(row.type == "Task", own)))


def visible(type_: str, viewer: Viewer) -> Conditions:
    """What a row of ``resources`` must fulfil, by what it shows."""
    row = resources.c
    if viewer.sees_all or type_ == "Organization":
        return ()
    if type_ == "Subscription":  # its subscriber's, also after it was deleted
        own = subscriptions.c.receiver == viewer.reader
        return (exists().where(own, subscriptions.c.id == row.id),)
    if type_ in PERSONS:
        return of_person(viewer, row.patient)
    if type_ == "Task":
        return _of_task(viewer)
    if type_ in ENTRIES:
        named = type_ == "Provenance"  # has no sentence and no content
        return of_entry(viewer, row.patient, row.thread, row.id, whole=not named)
    return of_thread(viewer, row.patient, row.thread)


def _of_task(viewer: Viewer) -> Conditions:
    """What is asked in a matter: of those told a part of it only what they were told, or promised, or are promised."""
    row = resources.c
    seen = of_thread(viewer, row.patient, row.thread)
    if viewer.knows_whole:
        return seen
    told = of_entry(viewer, row.patient, row.thread, row.id)
    promised = of_promise(viewer, row.patient, row.thread, row.id)
    return (or_(and_(*promised), and_(*seen, or_(row.id == row.thread, and_(*told)))),)


def entries_seen(
    conn: Connection, viewer: Viewer, linked: Collection[str], *, whole: bool = False
) -> frozenset[str] | None:
    """The ids of the patients' entries that ``viewer`` may see; ``None``: all."""
    if viewer.sees_all:
        return None
    wanted: Any
    if viewer.sights is None:
        held = granted(viewer.readers, viewer.now)
        wanted = select(grants.c.event).where(held, grants.c.patient.in_(linked))
    else:
        at = events.c
        seen = of_entry(viewer, at.patient, at.thread, at.id, whole=whole)
        wanted = select(at.id).where(at.patient.in_(linked), *seen)
    return frozenset(conn.execute(wanted).scalars())


# --- citizens


def _entry(
    sight: Sight, patient: Text, thread: Text, event: Text, whole: bool
) -> ColumnElement[bool]:
    """``Sight.tells_of``, or ``Sight.shows`` where it is ``whole``, in SQL."""
    unseen = sight.hidden | sight.named if whole else sight.hidden
    seen = and_(event.not_in(unseen), *_family(sight, thread))
    return and_(patient == sight.patient, or_(event.in_(sight.own), seen))


def _matter(sight: Sight, patient: Text, thread: Text) -> ColumnElement[bool]:
    """A hidden entry shows in the state of its matter, which is hidden with it."""
    at = events.alias().c  # the entry itself may be what is read
    hidden = exists().where(at.thread == thread, at.id.in_(sight.hidden - sight.own))
    return and_(patient == sight.patient, *_family(sight, thread), ~hidden)


def _family(sight: Sight, thread: Text) -> Conditions:
    if sight.families is None:
        return ()
    told = [family.value for family in sight.families]
    at = threads.alias().c  # the matter itself may be what is read
    return (exists().where(at.id == thread, at.family.in_(told)),)


def _any(conditions: Iterable[ColumnElement[bool]]) -> ColumnElement[bool]:
    return or_(false(), *conditions)
