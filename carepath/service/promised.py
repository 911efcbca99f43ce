"""What the matters of a batch promise: rows that the watch looks at, written with the events they follow from."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from carepath.service.terms import NORWAY
from carepath.store import promises, receipts
from carepath.store.arrivals import PatientState
from carepath.store.unit import Unit
from pathways.deadlines import Agreement, Terms
from pathways.escalation import Escalation
from pathways.parties import Directory
from pathways.pathway import Thread
from pathways.promises import Promise, PromiseKind
from pathways.receipts import Awaited, Mode, owed
from pathways.watched import Watched, follow


@dataclass(slots=True)
class Promised:
    """Keeps them. ``quiet``: what was overdue before we knew of it raises no alarm."""

    unit: Unit
    terms: Terms
    escalation: Escalation
    quiet: bool = False
    _awaited: dict[str, list[Awaited]] = field(default_factory=dict)  # by thread
    _looked: dict[str, Watched] = field(default_factory=dict)
    _changed: dict[str, Watched] = field(default_factory=dict)
    _standing: dict[str, list[Watched]] = field(default_factory=dict)  # by thread

    def looked(self, one: Watched) -> None:
        """The watch has looked at it; it is written as it stands since, and free."""
        self._looked[one.id] = one

    def awaits(self, one: Awaited) -> None:
        """From now on a receipt for it is a promise."""
        self._awaited.setdefault(one.thread, []).append(one)

    def settled(self, looked: Iterable[Watched]) -> set[str]:
        """Those of them that are receipts, and have come by now."""
        keys = {one.id: _message(one) for one in looked if one.kind is PromiseKind.RECEIPT}
        known = receipts.awaited(self.unit.connection, {*keys.values()})
        came = {(one.event, one.receiver) for one in known if self._heard(one)}
        return {id_ for id_, key in keys.items() if key in came}

    def _heard(self, one: Awaited) -> bool:
        receiver = self.terms.directory.parties.get(one.receiver)
        return receiver is None or one.heard(Mode(receiver.receipt_mode)) is not None

    def besides(self, shown: Collection[str]) -> list[Thread]:
        """Matters not ``shown`` that hang on what is new of the person: who has the duty for them, their death."""
        told = [p.key for p in self.unit.changed_patients() if _matters(p)]
        threads = promises.matters_of(self.unit.connection, told) - {*shown}
        return self.unit.stored_threads(threads)

    def keep(self, threads: Collection[Thread]) -> int:
        """Write what is promised in these matters as the events say now; how many rows were not so."""
        known = promises.of_threads(self.unit.connection, {thread.id for thread in threads})
        for thread in threads:
            self._follow(thread, known.get(thread.id, ()))
        promises.keep(self.unit.connection, self._changed.values())
        gone = {one.id for one in self._changed.values() if one.course.gone}
        promises.hide(self.unit.connection, gone)
        return len(self._changed)

    def of(self, thread: str, *, every: bool) -> Iterable[Watched]:
        """What is promised in a matter: all of it, else what is not as it was. What has gone is nothing to be shown."""
        standing = [one for one in self._standing.get(thread, ()) if not one.course.gone]
        return standing if every else [one for one in standing if one.id in self._changed]

    def _follow(self, thread: Thread, known: Collection[Watched]) -> None:
        owed = self._receipts(thread, known)
        if not known and not thread.promises and not owed:
            return
        header = self.unit.patients[thread.patient].header
        commitments = self.terms.commitments(thread, header)
        commitments += [self.terms.commitment(promise, thread, header) for promise in owed]
        before = {one.id: one for one in known}
        looked = [self._looked.get(one.id, one) for one in known]
        standing = follow(commitments, looked, self.escalation, self.unit.now, quiet=self.quiet)
        self._standing[thread.id] = standing
        self._changed |= {one.id: one for one in standing if self._is_new(one, before)}

    def _receipts(self, thread: Thread, known: Collection[Watched]) -> list[Promise]:
        """What receivers owe for messages in the matter: once it was late, until it has come."""
        late = (one for one in known if one.kind is PromiseKind.RECEIPT and not one.course.gone)
        stood = receipts.awaited(self.unit.connection, {_message(one) for one in late})
        found = {one.id: one for one in (*stood, *self._awaited.get(thread.id, ()))}
        told = self.unit.history([thread.id]) if found else ()
        whose = ((one, self.terms.directory.parties.get(one.receiver)) for one in found.values())
        return [owed(one, receiver, told) for one, receiver in whose if receiver]

    def _is_new(self, one: Watched, before: Mapping[str, Watched]) -> bool:
        return one != before.get(one.id) or one.id in self._looked


def _message(receipt: Watched) -> tuple[str, str]:
    """Which message it is for: its event, and who was sent it."""
    return receipt.course.opened_by, receipt.responsible


def _matters(patient: PatientState) -> bool:
    before, now = patient.loaded, patient.header
    if before is None:
        return False
    return (before.municipality, before.deceased) != (now.municipality, now.deceased)


def promised(
    unit: Unit, directory: Directory, agreed: Collection[Agreement], *, quiet: bool = False
) -> Promised:
    """With the working days of Norway, and what is agreed."""
    terms = Terms(NORWAY, directory, agreed)
    return Promised(unit, terms, Escalation(NORWAY, directory), quiet)
