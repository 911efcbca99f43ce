"""What is sent: a message made here, or a ready Bundle, as bytes that are the same at every attempt."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from carepath_client import reading
from carepath_client.bundles import bundle
from carepath_client.messages import Message

Sendable: TypeAlias = Message | Mapping[str, Any] | bytes
"""A message, or a message Bundle as a JSON object or as bytes, of any profile that the server reads."""


@dataclass(frozen=True, slots=True)
class Letter:
    """``patient`` is one of the patient's identifiers, for keeping their messages in order."""

    message_id: str
    source: bytes
    patient: str | None


def letter(given: Sendable) -> Letter:
    """Raises ``ValueError`` where it is no message Bundle, or has no id: it could not be told from its repeats."""
    if isinstance(given, bytes):
        whole, source = reading.parsed(given), given
    else:
        whole = bundle(given) if isinstance(given, Message) else dict(given)
        source = json.dumps(whole, ensure_ascii=False).encode()
    message_id = reading.message_id(whole)
    if message_id is None:
        raise ValueError("MessageHeader.id: a message needs an id")
    patients = reading.resources(whole, "Patient")
    known = reading.identifiers(patients[0].get("identifier")) if patients else ()
    return Letter(message_id, source, known[0].token if known else None)
