"""The same message again: the design's table, as one function over what the inbox knows.

Key = (sender, format, message id); content = hash of the source without what changes between resends.
"""

from dataclasses import dataclass

from carepath.service.answers import Verdict
from carepath.store.arrivals import Arrival, Seen
from carepath.store.unit import Unit
from fhir_mappings.content import hash_of_old
from pathways.messages import Message
from pathways.refusals import Reason, Refusal, refuse


@dataclass(frozen=True, slots=True)
class Repeat:
    """It came before, and the answer is the one given then."""

    seen: Seen


@dataclass(frozen=True, slots=True)
class Conflict:
    """The id came before with other content: refused, told, and kept aside."""

    refusal: Refusal


def repeated(unit: Unit, arrival: Arrival, *, again: bool) -> Repeat | Conflict | Refusal | None:
    """What the inbox says of a message; ``None`` when it is to be processed.

    ``again`` asks for another try at what was parked or refused.
    """
    message = arrival.message
    seen = unit.seen.get(arrival.key)
    if seen is None:
        return _reused_envelope(unit, arrival)
    if not _same(seen, message):
        text = "this message id came before with other content: that one stands, this one is kept aside"
        own = message.id == message.envelope  # dialects whose messages go by their Bundle's id
        where = "Bundle.id" if own else "Bundle.entry[0].resource.id"
        return Conflict(refuse(Reason.CONFLICT, "duplicate", text, where))
    if seen.verdict == Verdict.ACCEPTED:
        return Repeat(seen)
    return Repeat(seen) if seen.envelope == message.envelope and not again else None


def _same(seen: Seen, message: Message) -> bool:
    """Whether the content is that of then, by the hash of now or of then."""
    return seen.content == message.content or seen.content == hash_of_old(message.source)


def _reused_envelope(unit: Unit, arrival: Arrival) -> Refusal | None:
    envelope = arrival.message.envelope
    if envelope is None or (*arrival.key[:2], envelope) not in unit.envelopes:
        return None
    text = "this Bundle.id came before with another MessageHeader.id"
    return refuse(Reason.CONFLICT, "duplicate", text, "Bundle.id")
