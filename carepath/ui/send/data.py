"""What the pages that send need to know besides the patient: the directory, and what became of what was sent."""

from collections.abc import Mapping
from dataclasses import dataclass

from carepath.service.drafts import Matter
from carepath.store import matters, parties, worklist
from carepath.store.database import Database
from carepath.store.sent import sent, waits
from carepath.ui.seeing import patient_page, seen
from carepath.ui.values import History, PlanPage, Receipt, Visit
from pathways.access import Role
from pathways.corrections import standing
from pathways.events import Family
from pathways.parties import Party
from pathways.plan_versions import versions


@dataclass(frozen=True, slots=True)
class Writing:
    """What those who write need to know; all of it runs in a worker thread."""

    database: Database

    def parties(self) -> Mapping[str, Party]:
        """The directory by key."""
        with self.database.read() as conn:
            return parties.directory(conn).parties

    def receipt(self, visit: Visit, message: str) -> Receipt | None:
        """What became of a message of theirs, by its id; ``None``: they have sent none such."""
        sender = visit.actor.party
        if sender is None and visit.actor.role is not Role.OPEN:
            return None
        if known := self._told(visit, sender, message):
            return known
        with self.database.read() as conn:  # no reader sees what waits: it is about nobody yet
            return Receipt(None) if waits(conn, sender, message) else None

    def _told(self, visit: Visit, sender: str | None, message: str) -> Receipt | None:
        with seen(self.database, visit) as (conn, seeing):
            record = sent(conn, sender, message)
            if record is None:
                return None
            thread = worklist.matter(conn, record.id) or ""
            told = matters.records(conn, [thread], seeing).get(thread, [])
        visit.disclosed.tell(record.patient, "Provenance", (record.id,))
        holds = record.id in {one.id for one in standing(told).records}
        return Receipt(record, Matter(thread, record.family), holds)

    def plans(self, visit: Visit, key: str) -> PlanPage | None:
        """A patient's plans, as far as they may see them; ``None``: nothing of the patient is theirs to see."""
        with seen(self.database, visit) as (conn, seeing):
            shown = patient_page(conn, seeing, key) if seeing.may_know(key) else None
            if shown is None:
                return None
            ids = [thread.id for thread in shown.threads if thread.family is Family.PLAN]
            told, number = matters.records(conn, ids, seeing), matters.numbers(conn, ids)
            histories = {
                id_: History(
                    versions=versions(found),
                    whole=len(found) == number.get(id_),
                    last=max(record.order for record in found)[-1],
                )
                for id_, found in told.items()
            }
            return PlanPage(shown, histories)
