"""Who cannot be answered at once hears in its feed: of what came in a stream, and of what was parked first.

What was turned away is parked.

Everything is in the batch's own transaction and has a deterministic id: read again, it changes nothing.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from carepath.service import answers
from carepath.service.answers import Answer, Submission, Verdict
from carepath.service.intake import parked_id
from carepath.store import feed
from carepath.store.arrivals import Arrival
from carepath.store.feed import PARKED
from carepath.store.positions import Origin, Position
from carepath.store.unit import Unit
from fhir_mappings.receipt import rejection
from pathways.events import EventCode
from pathways.messages import stable_id
from pathways.parties import Directory, PartyRef
from pathways.refusals import Reason, Refusal

FAULT: Final = "fault"
"""Why something was parked that we failed at."""


@dataclass(frozen=True, slots=True)
class _Record:
    """What an answer is for: the organisation that gets it, and where the record stood, if in a stream."""

    organisation: str
    where: tuple[str, ...] = ()


@dataclass(slots=True)
class Streamed:
    """Writes what follows from the answers to a stream's messages into the unit of work."""

    unit: Unit
    directory: Directory
    base_url: str
    positions: Mapping[tuple[str, int], Position]  # before this batch

    def turned_away(
        self, submission: Submission, refusal: Refusal, about: str | None, id_: str | None = None
    ) -> None:
        """Not a message, or not the organisation's to send: parked with its bytes, and the sender told.

        ``about`` is the message id, when it is known; ``id_`` what it is parked as, else its place in the stream.
        """
        fault = refusal.reason is Reason.TRANSIENT
        id_ = id_ or _place(submission)
        self._park(submission, id_, FAULT if fault else refusal.reason.value, about)
        receipt = rejection(
            self._party(submission.organisation),
            id=stable_id("receipt", id_),
            about=about or id_,
            code="transient-error" if fault else "fatal-error",
            issues=refusal.issues,
            at=self.unit.now,
            base_url=self.base_url,
        )
        record = _record(submission)
        self._tell(record, id_, stable_id("receipt", id_), orjson.dumps(receipt))

    def answered(self, submission: Submission, arrival: Arrival, answer: Answer) -> None:
        """The receipt in the feed; and where the bytes would be kept nowhere else, they are parked.

        A record that is read again had its answer, or gets it when what waits is placed.
        """
        if answer.verdict is Verdict.DUPLICATE and self._read_before(submission):
            return
        if answer.parked is not None:
            self._notice(submission, parked_id(arrival), answer.parked)
        elif answer.refusal is not None and answer.event_id is None:
            self.turned_away(submission, answer.refusal, arrival.message.id, parked_id(arrival))
        else:
            self._answer(_record(submission), arrival, answer)

    def answered_later(self, parked: str, arrival: Arrival, answer: Answer) -> None:
        """The verdict on what was parked first under that id: the answer to the record it came in."""
        if answer.verdict is not Verdict.DUPLICATE and answer.event_id is not None:
            self._answer(self._parked_record(parked, arrival), arrival, answer)

    def _answer(self, record: _Record, arrival: Arrival, answer: Answer) -> None:
        """Once there is a verdict that its sender is told of."""
        if answer.status >= 400:
            receipt = answers.fatal(arrival, answer.body, base_url=self.base_url, at=self.unit.now)
            self._tell(record, arrival.id, answers.receipt_id(arrival), receipt)
        elif answer.status == 200:
            self._tell(record, arrival.id, answers.receipt_id(arrival), answer.body)

    def _park(self, submission: Submission, id_: str, reason: str, about: str | None) -> None:
        self.unit.park(
            id=id_,
            reason=reason,
            sender=submission.organisation,
            message_id=about,
            patient=None,
            media_type=submission.media_type,
            source=submission.source,
        )
        self._notice(submission, id_, reason)

    def _read_before(self, submission: Submission) -> bool:
        origin = _origin(submission)
        at = self.positions.get((origin.topic, origin.partition))
        return at is not None and at.topic_id == origin.topic_id and origin.offset < at.next

    def _notice(self, submission: Submission, id_: str, reason: str) -> None:
        """For the operator: where it stood and why, nothing of what is in it."""
        origin = _origin(submission)
        told = {
            "id": id_,
            "reason": reason,
            "organisation": submission.organisation,
            "topic": origin.topic,
            "partition": origin.partition,
            "offset": origin.offset,
        }
        self.unit.send(
            id=_notice_id(id_),
            receiver=PARKED,
            kind=PARKED,
            patient=None,
            event=None,
            message_id=id_,
            body=orjson.dumps(told),
        )

    def _parked_record(self, parked: str, arrival: Arrival) -> _Record:
        """As the notice tells it; the sender itself, where it came over HTTP or the notice's content has expired."""
        if not (notice := feed.said(self.unit.connection, _notice_id(parked))):
            return _Record(arrival.sender)
        told = orjson.loads(notice)
        where = (told["topic"], str(told["partition"]), str(told["offset"]))
        return _Record(told["organisation"], where)

    def _tell(self, record: _Record, about: str, receipt_id: str, receipt: bytes) -> None:
        """To the organisation whose stream it is, which may send for its units.

        Once for each record: who sends a message again is answered again, a record that is read again is not, not
        even under another UUID of its topic (``_place``), or when it was parked and is answered later.
        """
        self.unit.send(
            id=stable_id(
                "outbox", about, record.organisation, EventCode.ACKNOWLEDGEMENT, *record.where
            ),
            receiver=record.organisation,
            kind=EventCode.ACKNOWLEDGEMENT.value,
            patient=None,
            event=None,
            message_id=receipt_id,
            body=receipt,
        )

    def _party(self, key: str | None) -> PartyRef:
        return self.directory.ref(key or "")


def _place(submission: Submission) -> str:
    """Which record it is, by what stands there: a worker may know a topic that was made anew by its old UUID."""
    origin, content = _origin(submission), hashlib.sha256(submission.source).hexdigest()
    return stable_id("parked", origin.topic, str(origin.partition), str(origin.offset), content)


def _record(submission: Submission) -> _Record:
    origin = _origin(submission)
    where = (origin.topic, str(origin.partition), str(origin.offset))
    return _Record(submission.organisation or "", where)


def _notice_id(parked: str) -> str:
    return stable_id("outbox", parked, PARKED)


def _origin(submission: Submission) -> Origin:
    assert submission.origin is not None  # noqa: S101 -- only what came in a stream gets here
    return submission.origin
