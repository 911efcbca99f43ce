"""Which of a thread's records stand, and what became of the others.

Corrections are resolved in the fold, over the whole set, so the order of arrival cannot matter. A correction's
target is the message it names, else the newest of the same kind written before it; until there is one, a
cancellation waits, and a revision, which is a whole message, stands for itself.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pathways.events import Activity, EventCode
from pathways.messages import KeyRank, Record

CORRECTIONS = (Activity.REVISE, Activity.CANCEL)


class Mark(StrEnum):
    """What is special about an entry; codes of ``CodeSystem/timeline-mark``."""

    LATE = "late"
    CORRECTED = "corrected"
    CANCELLED = "cancelled"
    FORWARDED = "forwarded"
    TAKEN_AT_WORD = "taken-at-word"  # a correction by a sender whose right to it nobody could check
    WITHOUT_EFFECT = (
        "without-effect"  # a correction of nothing known, or of somebody else's message
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """The outcome: records that hold, in no order; marks and successor of each by record id.

    ``unsettled``: a record still to come may change a target, so the thread has to be folded anew.
    """

    records: tuple[Record, ...]
    marks: Mapping[str, frozenset[Mark]]
    replaced_by: Mapping[str, str]
    unsettled: bool


def standing(records: Collection[Record]) -> Standing:
    """Resolve all corrections among the records of one thread."""
    if not any(record.activity in CORRECTIONS for record in records):
        return Standing(tuple(records), {}, {}, unsettled=False)
    return _Resolution(records).outcome()


def entitled(correction: Record, target: Record) -> Mark | bool:
    """Whether ``correction`` may touch ``target``: its sender, the parent, or a unit of the same parent.

    Where no parents are known, a sender that knows the matter's own id is taken at its word.
    """
    if (correction.sender_root or correction.sender) == (target.sender_root or target.sender):
        return True
    if correction.sender_root or target.sender_root:
        return False
    shared = {key for key in correction.keys if key.rank <= KeyRank.CONVERSATION}
    return Mark.TAKEN_AT_WORD if shared.intersection(target.keys) else False


@dataclass(slots=True)
class _Resolution:
    """Targets, then what is alive, then one standing version for each chain."""

    records: Collection[Record]
    targets: dict[str, Record] = field(default_factory=dict)
    marks: dict[str, set[Mark]] = field(default_factory=dict)
    replaced_by: dict[str, str] = field(default_factory=dict)
    unsettled: bool = False

    def outcome(self) -> Standing:
        for record in self.records:
            if record.activity in CORRECTIONS:
                self._aim(record)
        self._break_rings()
        cancelled = self._cancelled()
        stand: list[Record] = []
        for root, chain in self._chains():
            stand += self._stand(root, chain, cancelled)
        marks = {id_: frozenset(marks) for id_, marks in self.marks.items()}
        return Standing(tuple(stand), marks, self.replaced_by, self.unsettled)

    def _aim(self, correction: Record) -> None:
        named = [
            r for r in self.records if r.message_id == correction.target and r is not correction
        ]
        self.unsettled |= not named
        for target in self._newest_first(named or self._same_kind(correction)):
            right = entitled(correction, target)
            if right:
                self.targets[correction.id] = target
                if right is Mark.TAKEN_AT_WORD:
                    self._mark(correction, Mark.TAKEN_AT_WORD)
                return
        if named or correction.activity is Activity.CANCEL:
            self._mark(correction, Mark.WITHOUT_EFFECT)

    def _same_kind(self, correction: Record) -> list[Record]:
        """HL7 v2 tells a death by a discharge (A03), and takes both back by the same message (A13)."""
        earlier = [
            r
            for r in self.records
            if r.activity not in CORRECTIONS
            and (r.written, r.id) < (correction.written, correction.id)
        ]
        same = [r for r in earlier if r.code is correction.code]
        undone = (correction.activity, correction.code) == (Activity.CANCEL, EventCode.DISCHARGE)
        return same or [r for r in earlier if undone and r.code is EventCode.DEATH]

    @staticmethod
    def _newest_first(records: Iterable[Record]) -> list[Record]:
        return sorted(records, key=lambda r: r.order, reverse=True)

    def _path(self, record: Record) -> list[Record]:
        """The record, its target, the target's target, … up to an end or back to where it began."""
        path = [record]
        seen = {record.id}
        while (target := self.targets.get(path[-1].id)) and target.id not in seen:
            path.append(target)
            seen.add(target.id)
        return path

    def _break_rings(self) -> None:
        """Messages that correct each other in a ring correct nothing."""
        rings = [
            path
            for record in self.records
            if (path := self._path(record)) and self.targets.get(path[-1].id) is record
        ]
        for member in (record for ring in rings for record in ring):
            self.targets.pop(member.id, None)
            self._mark(member, Mark.WITHOUT_EFFECT)

    def _cancelled(self) -> set[str]:
        """Ids that an uncancelled cancellation aims at; the longest path has the last word."""
        aimed = [r for r in self.records if r.activity is Activity.CANCEL and r.id in self.targets]
        cancelled: set[str] = set()
        for cancel in sorted(aimed, key=lambda r: len(self._path(r)), reverse=True):
            if cancel.id in cancelled:
                self._mark(cancel, Mark.CANCELLED)
            else:
                cancelled.add(self.targets[cancel.id].id)
        return cancelled

    def _chains(self) -> Iterable[tuple[Record, list[Record]]]:
        """Each message with its revisions, oldest writing first."""
        chains: dict[str, tuple[Record, list[Record]]] = {}
        for record in sorted(self.records, key=lambda r: (r.written, r.id)):
            if record.activity is Activity.CANCEL:
                continue
            root = record
            while root.activity is Activity.REVISE and (target := self.targets.get(root.id)):
                root = target
            chains.setdefault(root.id, (root, []))[1].append(record)
        return chains.values()

    def _stand(self, root: Record, chain: list[Record], cancelled: set[str]) -> list[Record]:
        """The version of the chain that holds, if any."""
        if root.activity is Activity.CANCEL or Mark.WITHOUT_EFFECT in self.marks.get(root.id, ()):
            self._mark_all(chain, Mark.WITHOUT_EFFECT)
            return []
        if root.id in cancelled:
            self._mark_all(chain, Mark.CANCELLED)
            return []
        self._mark_all([r for r in chain if r.id in cancelled], Mark.CANCELLED)
        *revisions, newest = [root, *(r for r in chain if r is not root and r.id not in cancelled)]
        for record in revisions:
            self._mark(record, Mark.CORRECTED)
            self.replaced_by[record.id] = newest.id
        return [newest]

    def _mark_all(self, records: Iterable[Record], mark: Mark) -> None:
        for record in records:
            self._mark(record, mark)

    def _mark(self, record: Record, mark: Mark) -> None:
        self.marks.setdefault(record.id, set()).add(mark)
