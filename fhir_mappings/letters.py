"""A message on its way to one receiver, in a language other than FHIR: what its writers need beside the message."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import TypeAlias

from fhir_mappings.options import OSLO
from pathways.facts import Facts
from pathways.parties import PartyRef

Line: TypeAlias = Sequence[PartyRef]
"""A party and what it belongs to, the house first; one that is its own house stands alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """From whom and to whom.

    ``sentence``: what has happened, in words; ``words``: facts that a format has no place for, a line for each;
    ``zone``: of local times.
    """

    sender: Line
    receiver: Line
    sentence: str
    words: Callable[[Facts], Sequence[str]]
    zone: tzinfo = OSLO


def names(line: Line, told: PartyRef | None) -> bool:
    """Whether the last of the line is who is told of, so that nothing more needs to be said of them."""
    return told is not None and told.known_by == line[-1].known_by
