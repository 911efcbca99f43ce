"""What the sender is told: a receipt for what was done, an OperationOutcome for what was not."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import orjson

from carepath.store.arrivals import Arrival
from carepath.store.positions import Origin
from fhir_mappings.dialects.dialect import Told
from fhir_mappings.dialects.table import NAMED
from fhir_mappings.outcome import issues, outcome
from fhir_mappings.receipt import receipt
from fhir_mappings.reply import Reply, told
from pathways.access import Actor
from pathways.messages import stable_id
from pathways.refusals import Issue, Reason, Refusal

STATUS: Final[Mapping[Reason, int]] = {
    Reason.MALFORMED: 400,
    Reason.TOO_LARGE: 413,
    Reason.INVALID: 422,
    Reason.UNKNOWN_EVENT: 422,
    Reason.PATIENT: 422,
    Reason.FUTURE: 422,
    Reason.CONFLICT: 409,
    Reason.FORBIDDEN: 403,
    Reason.NOT_FOUND: 404,
    Reason.UNKNOWN_RECEIVER: 422,
    Reason.TRANSIENT: 500,
}
"""The HTTP status of a refusal (https://hl7.org/fhir/R4/http.html#Status-Codes)."""


class Verdict(StrEnum):
    """What became of a message."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class Submission:
    """A message as it came. ``organisation`` is who acts (a directory key), when the transport says so.

    ``again``: the id that it is parked under, when it is tried once more; its earlier verdict does not count.
    ``origin``: where in a stream it stood; its sender cannot be answered, and hears in its feed.
    ``actor``: who signed in, ``None`` in open mode; they may send what ``pathways.sending`` says.
    ``after``: the id of the record that is the newest of its matter, as far as who writes it knows: where there is a
    newer one, nothing is done.
    """

    source: bytes
    media_type: str = "application/fhir+json"
    organisation: str | None = None
    again: str | None = None
    origin: Origin | None = None
    actor: Actor | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The definitive answer; ``body`` is FHIR JSON, empty when ``status`` is 204.

    ``format``: what the message was in (``Message.format``), where that can be told.
    ``refusal`` and ``parked`` say why, when it is refused or parked now; a repeat has the bytes of then, and ``at``
    is when those were made, where they are kept.
    """

    verdict: Verdict
    status: int
    body: bytes
    at: datetime | None = None
    message_id: str | None = None
    event_id: str | None = None
    patient: str | None = None
    refusal: Refusal | None = None
    parked: str | None = None
    format: str | None = None


def accepted(
    arrival: Arrival, *, base_url: str, at: datetime, warnings: Sequence[Issue] = ()
) -> bytes:
    """The positive receipt. Its ids follow from the message's, so a repeat gives the same bytes."""
    return _receipt(arrival, "ok", base_url, at, warnings)


def fatal(arrival: Arrival, outcome: bytes, *, base_url: str, at: datetime) -> bytes:
    """The negative receipt, where no HTTP status can say it; ``outcome`` is the body that would have gone with one."""
    return _receipt(arrival, "fatal-error", base_url, at, issues(orjson.loads(outcome)))


def receipt_id(arrival: Arrival) -> str:
    """The MessageHeader.id of the answer to a message."""
    return stable_id("receipt", arrival.id)


def _receipt(
    arrival: Arrival, code: str, base_url: str, at: datetime, told: Sequence[Issue]
) -> bytes:
    id_ = receipt_id(arrival)
    return orjson.dumps(
        receipt(arrival.message, id=id_, code=code, issues=told, at=at, base_url=base_url)
    )


def refused(refusal: Refusal, message_id: str | None = None) -> Answer:
    """What was not done, and why."""
    return Answer(
        verdict=Verdict.REFUSED,
        status=STATUS[refusal.reason],
        body=orjson.dumps(outcome(refusal.issues)),
        message_id=message_id,
        refusal=refusal,
        format=refusal.format,
    )


def reply(answer: Answer, source: bytes, now: datetime) -> Reply:
    """An answer to ``source`` for those who do not speak FHIR; what was kept says the same at every repeat."""
    about = answer.event_id or hashlib.sha256(source).hexdigest()
    failed = "transient-error" if answer.status >= 500 else "fatal-error"
    return Reply(
        id=stable_id("reply", about, str(answer.status)),
        code="ok" if answer.status < 400 else failed,
        issues=told(answer.body) if answer.body else (),
        at=answer.at or now,
    )


def in_dialect(answer: Answer) -> tuple[int, bytes]:
    """Status and body of an answer, by the rules of its dialect where that has its own for refusals and repeats."""
    dialect = NAMED.get(answer.format or "")
    repeat = answer.verdict is Verdict.DUPLICATE and answer.status == 200
    if dialect is None or dialect.answer is None or not (repeat or answer.status >= 400):
        return answer.status, answer.body
    reason = answer.refusal.reason if answer.refusal else None
    status, said = dialect.answer(
        Told(
            status=answer.status,
            issues=() if repeat else told(answer.body),
            unread=reason in _UNREAD,
            repeat=answer.message_id if repeat else None,
        )
    )
    return status, orjson.dumps(said)


_UNREAD: Final = frozenset((Reason.MALFORMED, Reason.INVALID, Reason.UNKNOWN_EVENT, Reason.PATIENT))
"""There was no message in what was sent."""


def custody(reason: str) -> bytes:
    """The answer to what is kept until it can be placed."""
    issue = Issue("informational", _KEPT[reason], "Bundle", severity="information")
    return orjson.dumps(outcome((issue,)))


_KEPT: Final[Mapping[str, str]] = {
    "unknown-matter": "kept: it is about a matter that nobody has told of yet, and is placed when somebody does",
    "identity-conflict": "kept: its identifiers belong to different patients, which a person has to look at",
    "unmatched-receipt": "kept: it answers a message that was not sent to you",
}
