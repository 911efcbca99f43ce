"""An answer, whatever it is written in: what the doors say to those who do not speak FHIR.

The broker's own answers are FHIR: that is what is kept, and what a feed carries. At a door where another language is
spoken the same answer is said in that, by a writer that needs no more than the sender's bytes and the ``Reply``; so
the same answer gives the same bytes at every repeat (``kith.apprec``, ``hl7v2.acknowledgement``).
"""

from dataclasses import dataclass
from datetime import datetime

import orjson

from fhir_mappings.outcome import issues
from fhir_mappings.times import instant
from pathways.refusals import Issue


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """``id`` is the answer's own, a UUID; ``code``: ok, transient-error or fatal-error (``MessageHeader.response``).

    ``issues`` say why, or what to look at although all went well; ``at`` is when it was first given, with its zone.
    """

    id: str
    code: str
    issues: tuple[Issue, ...]
    at: datetime


def answered(body: bytes) -> tuple[str, Reply]:
    """A response message of ours: the id of the message that it answers, and what it says."""
    found = orjson.loads(body)
    header = found["entry"][0]["resource"]
    response = header["response"]
    at = instant(found["timestamp"])
    reply = Reply(id=header["id"], code=response["code"], issues=told(body), at=at)
    return response["identifier"], reply


def told(body: bytes) -> tuple[Issue, ...]:
    """The issues in an answer of ours in FHIR: a response message, or an OperationOutcome by itself."""
    found = orjson.loads(body)
    inside = (entry["resource"] for entry in found.get("entry", ()))
    outcomes = (one for one in (found, *inside) if one["resourceType"] == "OperationOutcome")
    return next((issues(one) for one in outcomes), ())
