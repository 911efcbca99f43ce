"""What follows from an accepted message: grants, deliveries, a newcomer's handover summary, FHIR versions.

Everything has a deterministic id, so a repeat changes nothing. A delivery is a row in the outbox, written in the
same transaction; the relay numbers it afterwards.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from carepath.store.arrivals import PatientState
from carepath.store.times import micros
from carepath.store.unit import Unit
from fhir_mappings import resources, summary
from pathways.access import Basis, Grant
from pathways.events import RULES, EventCode
from pathways.messages import Record, stable_id
from pathways.parties import Directory, Identifier
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

    def deliver(
        self,
        record: Record,
        thread: Thread,
        patient: PatientState,
        before: Header,
        told: Sequence[Recipient],
    ) -> None:
        """One delivery for each recipient and one for the operator; a newcomer gets the summary first."""
        self._grant(record, thread, Recipient(record.sender, Basis.SENT))
        for recipient in told:
            self._grant(record, thread, recipient)
            if before.participants and recipient.party not in before.participants:
                self._hand_over(record, patient, before, recipient.party)
        for receiver in (*record.receivers, OPERATOR):
            self.unit.send(
                id=stable_id("outbox", record.id, receiver, record.code),
                receiver=receiver,
                kind=record.code.value,
                patient=patient.key,
                event=record.id,
                message_id=record.message_id,
                body=None,
            )

    def _grant(self, record: Record, thread: Thread, recipient: Recipient) -> None:
        self.unit.keep_grant(
            Grant(
                patient=record.patient,
                thread=thread.id,
                event=record.id,
                reader=recipient.party,
                basis=recipient.basis,
                since=self.unit.now,
            )
        )

    def _hand_over(
        self, record: Record, patient: PatientState, before: Header, newcomer: str
    ) -> None:
        """What somebody who joins must know at once: contacts, open matters, person sheet, titles."""
        handover = summary.Handover(
            patient=patient.key,
            identifiers=tuple(self.unit.identifiers(patient)),
            header=before,
            threads=self.unit.open_threads(patient),
            reports=self.unit.reports(patient, REPORTS),
            directory=self.directory,
        )
        made = summary.message(
            handover,
            id=stable_id("summary", record.id, newcomer),
            receiver=self.directory.parties[newcomer],
            at=self.unit.now,
            base_url=self.base_url,
        )
        self._send(record, patient, newcomer, EventCode.HANDOVER_SUMMARY, made)

    def misaddressed(self, record: Record, patient: PatientState, ke: str) -> None:
        """The KE gets the envelope; the content only when it takes the matter over."""
        made = summary.misaddressed(
            id=stable_id("misaddressed", record.id, ke),
            record=record,
            receiver=self.directory.parties[ke],
            at=self.unit.now,
            base_url=self.base_url,
        )
        self._send(record, patient, ke, EventCode.MISADDRESSED, made)

    def _send(
        self,
        record: Record,
        patient: PatientState,
        receiver: str,
        kind: EventCode,
        message: dict[str, Any],
    ) -> None:
        self.unit.send(
            id=stable_id("outbox", record.id, receiver, kind),
            receiver=receiver,
            kind=kind.value,
            patient=patient.key,
            event=record.id,
            message_id=message["entry"][0]["resource"]["id"],
            body=orjson.dumps(message),
        )

    def keep_versions(self) -> int:
        """A new version of every FHIR resource that this batch changed; how many there were."""
        made = [view for patient in self.unit.changed_patients() for view in self._views(patient)]
        known = self.unit.versions({(view.type, view.id) for view in made})
        changed = 0
        for view in made:
            row = known.get((view.type, view.id))
            content = orjson.dumps(view.resource, option=orjson.OPT_SORT_KEYS)
            digest = hashlib.blake2b(content, digest_size=16).digest()
            if row is None or row["digest"] != digest:
                self._keep_version(view, 1 + (row["version"] if row else 0), digest)
                changed += 1
        return changed

    def _views(self, patient: PatientState) -> Iterable["View"]:
        """The patient, and the current state of every thread that changed."""
        body = resources.patient(patient.header, self.unit.identifiers(patient), patient.key)
        yield View(patient.key, None, body)
        for thread in self.unit.changed_threads(patient):
            for resource in resources.of_thread(thread, self.directory):
                yield View(patient.key, thread.id, resource)

    def _keep_version(self, view: "View", version: int, digest: bytes) -> None:
        now = self.unit.now
        stamp = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
        meta = {"versionId": str(version), "lastUpdated": stamp}
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
        tokens = view.resource.get("identifier", ()) if view.thread else ()
        known = {Identifier(token.get("system", ""), token["value"]) for token in tokens}
        self.unit.keep_version(index, body, known)


@dataclass(frozen=True, slots=True)
class View:
    """A FHIR resource made from state."""

    patient: str
    thread: str | None
    resource: dict[str, Any]

    @property
    def type(self) -> str:
        """The resource type."""
        return str(self.resource["resourceType"])

    @property
    def id(self) -> str:
        """The resource id."""
        return str(self.resource["id"])


def _searched(resource: dict[str, Any]) -> dict[str, Any]:
    """The values of the search parameters that have columns."""
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
