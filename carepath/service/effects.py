"""What follows from an accepted message: grants, deliveries, a newcomer's handover summary, FHIR versions.

Everything has a deterministic id, so a repeat changes nothing. A delivery is a row in the outbox, written in the
same transaction; the relay numbers it afterwards.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from carepath.service.joining import joins
from carepath.service.promised import Promised
from carepath.service.views import Matter, View, of_matter
from carepath.store.arrivals import PatientState
from carepath.store.times import micros, stamp
from carepath.store.unit import Unit
from fhir_mappings import outbound, resources, summary
from fhir_mappings import promised as shown
from fhir_mappings.indexing import Indexed, indexed
from pathways import plans, sharing
from pathways.access import Basis, Grant
from pathways.bars import LAY
from pathways.events import RULES, Activity, EventCode, Family
from pathways.handing import may_locate, without_place
from pathways.messages import Message, Record, stable_id
from pathways.parties import Directory
from pathways.pathway import Header, Thread
from pathways.recipients import Recipient

OPERATOR: Final = "*"
"""The operator's own feed: everything."""
REPORTS: Final = tuple(code.value for code, rule in RULES.items() if rule.report)


@dataclass(slots=True)
class Effects:
    """Writes what follows into the unit of work."""

    unit: Unit
    directory: Directory
    base_url: str
    promised: Promised
    _matters: dict[str, Matter] = field(default_factory=dict)  # by thread

    def deliver(
        self,
        record: Record,
        thread: Thread,
        patient: PatientState,
        before: Header,
        told: Sequence[Recipient],
        message: Message,
    ) -> None:
        """One delivery for each recipient and one for the operator; a newcomer gets the summary first.

        What is taken over at go-live may be seen, but nobody is told of it.
        """
        self._grant(record, thread, Recipient(record.sender, Basis.SENT))
        for recipient in told:
            self._grant(record, thread, recipient)
        if self.promised.quiet:
            return
        if before.participants and (joining := _who_joins(record, thread, told, before)):
            self._hand_over(record, patient, before, joining)
        cut = self._without_place(message, record.receivers, patient.header)
        for receiver in (*record.receivers, OPERATOR):
            self.unit.send(
                id=stable_id("outbox", record.id, receiver, record.code),
                receiver=receiver,
                kind=record.code.value,
                patient=patient.key,
                event=record.id,
                message_id=record.message_id,
                body=cut.get(receiver),
            )

    def _without_place(
        self, message: Message, receivers: Collection[str], header: Header
    ) -> dict[str, bytes]:
        """What those get who are not to know where a protected patient lives, instead of the sender's own bytes."""
        kept_from = [r for r in receivers if not may_locate(r, header, self.directory)]
        if not kept_from:
            return {}
        told = outbound.write(without_place(message), base_url=self.base_url)
        return dict.fromkeys(kept_from, orjson.dumps(told))

    def _grant(self, record: Record, thread: Thread, recipient: Recipient) -> None:
        self.unit.keep_grant(
            Grant(
                patient=record.patient,
                thread=thread.id,
                event=record.id,
                reader=recipient.party,
                basis=recipient.basis,
                since=self.unit.now,
            ),
            sharing.pair(
                record.sender, recipient.party, record.code, recipient.basis, self.directory
            ),
        )

    def _hand_over(
        self, record: Record, patient: PatientState, before: Header, newcomers: Iterable[str]
    ) -> None:
        """What somebody who joins must know at once: contacts, open matters, person sheet, titles."""
        whole = summary.Handover(
            patient=patient.key,
            identifiers=tuple(self.unit.identifiers([patient.key])[patient.key]),
            header=before,
            threads=self.unit.open_threads(patient),
            reports=self.unit.reports(patient, REPORTS),
            directory=self.directory,
        )
        for newcomer in newcomers:
            if self.directory.parties[newcomer].kind in LAY:
                continue  # no health service: what is addressed to it is all that it gets
            joining = joins(self.unit.connection, newcomer, before, self.directory, self.unit.now)
            id_ = stable_id("summary", record.id, newcomer)
            made = summary.message(
                summary.cut(whole, joining),
                id=id_,
                receiver=self.directory.parties[newcomer],
                at=self.unit.now,
                base_url=self.base_url,
            )
            self._send(record, newcomer, EventCode.HANDOVER_SUMMARY, id_, orjson.dumps(made))

    def misaddressed(self, record: Record, ke: str) -> None:
        """The KE gets the envelope; the content only when it takes the matter over."""
        id_ = stable_id("misaddressed", record.id, ke)
        made = summary.misaddressed(
            id=id_,
            record=record,
            receiver=self.directory.parties[ke],
            at=self.unit.now,
            base_url=self.base_url,
        )
        self._send(record, ke, EventCode.MISADDRESSED, id_, orjson.dumps(made))

    def _send(
        self, record: Record, receiver: str, kind: EventCode, message_id: str, body: bytes
    ) -> None:
        """A message the broker made itself."""
        self.unit.send(
            id=stable_id("outbox", record.id, receiver, kind),
            receiver=receiver,
            kind=kind.value,
            patient=record.patient,
            event=record.id,
            message_id=message_id,
            body=body,
        )

    def show(
        self,
        thread: Thread,
        records: Sequence[Record],
        *,
        whole: bool,
        instead_of: Iterable[str] = (),
    ) -> None:
        """Something new was told of a thread: ``records``, or all it has when ``whole``."""
        for gone in instead_of:
            self._matters.pop(gone, None)
        known = self._matters.get(thread.id)
        if known is None or whole:
            self._matters[thread.id] = Matter(thread, [*records], whole)
        else:
            known.thread = thread
            known.records.extend(records)

    @property
    def matters(self) -> Collection[Matter]:
        """The matters of which something new was told."""
        return self._matters.values()

    def keep_promises(self) -> int:
        """What the matters of this batch promise, and whose it is now; how many rows were not as they are now."""
        for thread in self.promised.besides(self._matters):
            self.show(thread, (), whole=False)
        return self.promised.keep([matter.thread for matter in self._matters.values()])

    def _linked(self, thread: Thread) -> Collection[str]:
        header = self.unit.patients[thread.patient].header
        return plans.linked(header.plans, header.measures).get(thread.id, ())

    def _show_linked(self) -> None:
        """A plan shows its measures, and a measure its plan: what is new of one is new of the other, too."""
        for patient in self.unit.changed_patients():
            was, now = patient.loaded or Header(), patient.header
            before = plans.linked(was.plans, was.measures)
            after = plans.linked(now.plans, now.measures)
            changed = {id_ for id_ in {*before, *after} if before.get(id_) != after.get(id_)}
            for thread in self.unit.stored_threads(changed - {*self._matters}):
                self.show(thread, (), whole=False)

    def keep_versions(self, *, anew: bool = False) -> int:
        """A new version of every FHIR resource that this batch changed, promises too; how many there were.

        ``anew``: what has not changed is indexed again, too.
        """
        self._show_linked()
        made = self._views()
        known = self.unit.versions({(view.type, view.id) for view in made})
        changed = 0
        for view in made:
            row = known.get((view.type, view.id))
            content = orjson.dumps(view.resource, option=orjson.OPT_SORT_KEYS)
            digest = hashlib.blake2b(content, digest_size=16).digest()
            if row is None or row["deleted"] or row["digest"] != digest:
                self._keep_version(view, 1 + (row["version"] if row else 0), digest)
                changed += 1
            elif anew:
                self.unit.find(view.type, view.id, self._found(view))
        return changed

    def _views(self) -> list[View]:
        """The patients that look different, and the matters of which something new was told."""
        changed = [p for p in self.unit.changed_patients() if _looks_different(p)]
        described = self.unit.identifiers([patient.key for patient in changed])
        made = []
        for patient in changed:
            body = resources.patient(patient.header, described[patient.key], patient.key)
            made.append(View(patient.key, None, body))
        told = self._matters.values()
        histories = self.unit.histories([m.thread.id for m in told if m.lacks_some])
        for matter in told:
            if records := histories.get(matter.thread.id):
                matter.records, matter.whole = records, True
            made += of_matter(matter, self.directory, self._linked(matter.thread))
            made += self._tasks(matter)
        return made

    def _tasks(self, matter: Matter) -> Iterator[View]:
        thread = matter.thread
        for one in self.promised.of(thread.id, every=matter.whole):
            yield View(thread.patient, thread.id, shown.task(one, thread.family))

    def _found(self, view: View) -> Indexed:
        """What the view is found by; a patient's identifiers, by the table that says whose they are."""
        found = indexed(view.resource, self.base_url)
        return replace(found, identifiers=frozenset()) if view.type == "Patient" else found

    def _keep_version(self, view: View, version: int, digest: bytes) -> None:
        now = self.unit.now
        meta = {"versionId": str(version), "lastUpdated": stamp(now)}
        index = {
            "type": view.type,
            "id": view.id,
            "version": version,
            "patient": view.patient,
            "thread": view.thread,
            "updated": micros(now),
            "deleted": False,
            "digest": digest,
            **_searched(view.resource),
        }
        body = orjson.dumps({**view.resource, "meta": {**view.resource.get("meta", {}), **meta}})
        self.unit.keep_version(index, body, self._found(view))


def _searched(resource: dict[str, Any]) -> dict[str, Any]:
    """The columns that the release before searches by: it may run beside this one, or come back."""
    period = resource.get("period", {})
    code = resource.get("class", {}).get("code") or resource.get("priority")
    return {
        "status": resource.get("status"),
        "code": code or _code(resource),
        "starts": resources.search_instant(period.get("start")),
        "ends": resources.search_instant(period.get("end")),
    }


def _code(resource: dict[str, Any]) -> str | None:
    codings: Collection[dict[str, str]] = resource.get("code", {}).get("coding", ())
    return next((coding["code"] for coding in codings), None)


def _who_joins(
    record: Record, thread: Thread, told: Iterable[Recipient], before: Header
) -> list[str]:
    """Newcomers; and, at every admission, the ward, though it is the one that tells of it."""
    if record.family is Family.DEADLINE:
        return []
    joining = [one.party for one in told if one.party not in before.participants]
    begins = record.code is EventCode.ADMISSION and record.activity is Activity.NEW
    if begins and thread.begun == record.happened and before.participants - {thread.owner}:
        joining += [thread.owner] if thread.owner else []
    return [*dict.fromkeys(joining)]


def _looks_different(patient: PatientState) -> bool:
    """Whether the Patient resource may have changed: most messages say nothing new of the person."""
    if patient.loaded is None or patient.new_identifiers:
        return True
    return _shown(patient.loaded) != _shown(patient.header)


def _shown(header: Header) -> tuple[object, ...]:
    demographics = {name: told.value for name, told in header.demographics.items()}
    return demographics, header.deceased, header.person
