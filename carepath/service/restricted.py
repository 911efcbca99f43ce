"""What a batch changes in who may see what: bars, markings, and by what relatives are recognised.

All of it follows from events that are kept, is written in their transaction, and is the same in whatever order they
came. Run it once the batch is flushed.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from carepath.service.views import Matter
from carepath.store import bars as kept
from carepath.store import lost, sights
from carepath.store.arrivals import PatientState
from carepath.store.times import micros
from carepath.store.unit import Unit
from fhir_mappings.options import OSLO
from pathways.bars import LAY, Ground, Plan, bars, shut_out
from pathways.corrections import CORRECTIONS
from pathways.events import Family
from pathways.facts import MeasureFacts, PlanFacts, known_as
from pathways.markings import is_mental_health, markings, voices
from pathways.messages import Record
from pathways.parties import Directory, Identifier
from pathways.pathway import Header, Thread
from pathways.states import Consents, Meeting

_PLANNED = (Family.PLAN, Family.MEASURE, Family.MEETING)


@dataclass(slots=True)
class Restricted:
    """Writes it for the patients and matters of a unit of work."""

    unit: Unit
    directory: Directory

    def keep(self, matters: Collection[Matter], *, anew: bool = False) -> int:
        """Of what the batch told; ``anew``: of all its patients and matters. How many were not as they should be."""
        changed = self._keep_marks([m for m in matters if anew or _may_be_marked(m)])
        for patient in self.unit.changed_patients():
            changed += self._keep_relatives(patient, anew)
            if anew or self._may_be_barred(patient, matters):
                changed += self._keep_bars(patient)
        return changed

    # markings

    def _keep_marks(self, matters: Collection[Matter]) -> int:
        lacking = [matter.thread.id for matter in matters if not matter.whole]
        histories = self.unit.histories(lacking)
        changed = 0
        for matter in matters:
            records = matter.records if matter.whole else histories.get(matter.thread.id, [])
            changed += self._mark(matter.thread.patient, records)
        return changed

    def _mark(self, patient: str, records: Collection[Record]) -> int:
        conn, events = self.unit.connection, {record.id for record in records}
        marks, said = dict(markings(records)), dict(voices(records))
        known = {e: m for e, m in sights.marks_of(conn, patient).items() if e in events}
        spoken = {e: p for e, p in sights.voices_of(conn, patient).items() if e in events}
        if known != marks:
            sights.keep_marks(conn, patient, events, marks)
        if spoken != said:
            sights.keep_voices(conn, patient, events, said)
        return (known != marks) + (spoken != said)

    # relatives

    def _keep_relatives(self, patient: PatientState, anew: bool) -> int:
        before = patient.loaded or Header()
        if not anew and before.person.relatives == patient.header.person.relatives:
            return 0
        conn, keys = self.unit.connection, self.unit.keys
        if sights.relatives_of(conn, patient.key) == sights.blinds_of(keys, patient.header):
            return 0
        sights.know_relatives(conn, keys, patient.key, patient.header)
        return 1

    # bars

    def _may_be_barred(self, patient: PatientState, matters: Collection[Matter]) -> bool:
        """Most patients object to nothing, and nobody but health personnel takes part."""
        before = patient.loaded or Header()
        if before.consents.provisions or patient.header.consents.provisions:
            return True
        planned = [m for m in matters if m.thread.patient == patient.key and _is_planned(m.thread)]
        return bool(planned) or any(self._is_lay(r) for r in patient.records)

    def _is_lay(self, record: Record) -> bool:
        parties = (self.directory.parties.get(key) for key in record.receivers)
        return any(party is not None and party.kind in LAY for party in parties)

    def _keep_bars(self, patient: PatientState) -> int:
        others = kept.linked(self.unit.connection, patient.key)
        changed = self._bar(patient.key, patient.header, others)
        said = patient.header.consents
        if patient.loaded is None or patient.loaded.consents != said:
            for key, header in others.items():
                circle = kept.linked(self.unit.connection, key) | {patient.key: patient.header}
                changed += self._bar(key, header, circle)
        return changed

    def _bar(self, key: str, header: Header, others: dict[str, Header]) -> int:
        conn = self.unit.connection
        ground = self._ground(key, header, others.values())
        found = bars(kept.held(conn, key), ground)
        shut = shut_out(ground.consents, OSLO)
        readers = kept.keep(conn, self.unit.keys, key, found, shut)
        if readers:
            lost.note(conn, readers, micros(self.unit.now))
        return len(readers)

    def _ground(self, key: str, header: Header, others: Iterable[Header]) -> Ground:
        """What is said of somebody under any of their keys counts for all."""
        said = (header.consents, *(other.consents for other in others))
        provisions = tuple(one for consents in said for one in consents.provisions)
        planned = kept.threads_of(self.unit.connection, key, _PLANNED)
        plans = {t.id: t.facts for t in planned if isinstance(t.facts, PlanFacts)}
        return Ground(
            consents=Consents(provisions=provisions),
            directory=self.directory,
            at=self.unit.now,
            zone=OSLO,
            plans={
                id_: Plan(
                    identifiers=facts.identifiers or (), participants=facts.participants or ()
                )
                for id_, facts in plans.items()
            },
            belongs={t.id: named for t in planned if (named := _plan_named(t))},
        )


def _may_be_marked(matter: Matter) -> bool:
    """Whether anything new of a matter may say who is not to see it."""
    return any(
        record.markings
        or record.citizen
        or record.activity in CORRECTIONS
        or record.family is Family.INQUIRY
        or is_mental_health(record)
        for record in matter.records
    )


def _is_planned(thread: Thread) -> bool:
    return thread.family in _PLANNED


def _plan_named(thread: Thread) -> tuple[Identifier, ...]:
    if thread.family is Family.MEETING:
        return known_as(Meeting, thread.facts).facts.plan or ()
    return known_as(MeasureFacts, thread.facts).plan or ()
