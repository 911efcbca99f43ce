"""What a dialect of FHIR messages is: a row of ``dialects.table`` (docs/dialects.md)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from fhir_mappings.bundle import JSON, Resources
from fhir_mappings.happened import Times
from fhir_mappings.options import Options
from pathways.messages import Message
from pathways.refusals import Issue, Refusal

Read: TypeAlias = Callable[[Resources, Options, bytes], Message | Refusal]
"""A Bundle whose structure is sound, as a message; with the sender's bytes, which the message keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An answer on its way out: its HTTP status, and the issues of its OperationOutcome.

    ``unread``: there was no message in what was sent. ``repeat``: it was taken in before, and this is its
    message's id.
    """

    status: int
    issues: Sequence[Issue]
    unread: bool = False
    repeat: str | None = None


Answer: TypeAlias = Callable[[Told], tuple[int, JSON]]
"""The HTTP status and the OperationOutcome by which a standard says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """A row of the table.

    ``name``: what it is called in ``Message.format`` and in the directory. ``system``: of the
    ``MessageHeader.eventCoding`` that its messages bear. ``event``: the code that answers to a message bear.
    ``id_in``: whose id makes it the same message when it comes again. ``answer``: how a refusal and a repeat are
    said, where the standard has words of its own for them; receipts are FHIR's (``fhir_mappings.receipt``).
    """

    name: str
    system: str
    read: Read
    times: Times
    event: Callable[[Message], str]
    id_in: Literal["MessageHeader", "Bundle"] = "MessageHeader"
    answer: Answer | None = None
