"""What of a pathway is handed over to somebody who joins it, and who is told where a protected person lives."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pathways import bars
from pathways.access import Basis
from pathways.facts import PersonFacts
from pathways.markings import Marking, is_mental_health
from pathways.messages import Message, Record
from pathways.parties import Directory, Kind
from pathways.pathway import Header, Thread

_TO_THOSE_TOLD: Final = frozenset((Marking.LIMITED, Marking.SENSITIVE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """Who joins. ``partners``: the houses that agreed to share with theirs, ``None`` where nothing has to be agreed."""

    reader: str
    ground: bars.Ground
    partners: frozenset[str] | None = None

    def matters(self, threads: Collection[Thread]) -> list[Thread]:
        """The open matters they are told of: of psychiatry, BUP and TSB only those they have a part in."""
        return [t for t in threads if self.reader in t.told or self._may_know_of(t)]

    def _may_know_of(self, thread: Thread) -> bool:
        return not is_mental_health(thread) and self._shares(thread.owner or thread.sender)

    def reports(self, records: Sequence[Record]) -> list[Record]:
        """The documents whose titles they are told."""
        return [record for record in records if self._is_told(record) or self._may_be_told(record)]

    def _is_told(self, record: Record) -> bool:
        told = self.reader in (record.sender, *record.receivers)
        return told and self._holds(record, Basis.ADDRESSED)

    def _may_be_told(self, record: Record) -> bool:
        secret = is_mental_health(record) or _TO_THOSE_TOLD & {*record.markings}
        shared = not secret and self._shares(record.sender)
        return shared and self._holds(record, Basis.SHARED)

    def _holds(self, record: Record, basis: Basis) -> bool:
        grant = bars.Held(
            event=record.id,
            reader=self.reader,
            basis=basis,
            code=record.code,
            family=record.family,
            thread=record.id,
            message_id=record.message_id,
        )
        return bars.holds(grant, self.ground, self.ground.at)

    def _shares(self, party: str) -> bool:
        if self.partners is None:
            return True
        directory = self.ground.directory
        other = directory.house(party)
        return other in self.partners or other == directory.house(self.reader)


def may_locate(reader: str, header: Header, directory: Directory) -> bool:
    """Whether a party is told where the patient lives: of a protected person only the municipality that has the duty.

    It needs it to do its duty (helse- og omsorgstjenesteloven § 3-1); folkeregisterloven § 10-4 keeps it from others.
    """
    if header.told("protection") is None:
        return True
    owner = directory.parties.get(directory.house(reader))
    if owner is None or owner.kind is not Kind.MUNICIPALITY:
        return False
    return owner.municipality == header.municipality


def without_place(message: Message) -> Message:
    """The message without where the patient lives: what is left when our profile says no more than it has to."""
    facts, patient = message.facts, message.patient
    if isinstance(facts, PersonFacts):
        facts = replace(facts, home_municipality=None, stay_municipality=None)
    if patient is not None:
        patient = replace(patient, municipality=None, district=None)
    return replace(message, patient=patient, facts=facts)
