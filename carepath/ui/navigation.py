"""Which pages there are for whom, as the top of every page lists them."""

from collections.abc import Set
from dataclasses import dataclass
from typing import Final

from pathways.access import CITIZENS, Actor, Operation, Role, may


@dataclass(frozen=True, slots=True)
class Place:
    """A page of its own: where it is, the key of what it is called, and who has use for it."""

    path: str
    text_key: str
    roles: Set[Role]


_READERS: Final = frozenset(role for role in Role if may(role, Operation.READ))

_SENDERS: Final = frozenset(role for role in _READERS if may(role, Operation.SEND)) - CITIZENS
WORKERS: Final = frozenset(
    {Role.OPEN, Role.CLINICIAN, Role.STAFF, Role.COORDINATOR, Role.NON_HEALTH}
)
"""People at work, who owe something as their organisation."""
_TENDERS: Final = frozenset(role for role in Role if may(role, Operation.REPLAY))

PLACES: Final = (
    Place("/", "nav.patients", _READERS - CITIZENS),
    Place("/pathway", "own.title", CITIZENS),
    Place("/worklist", "worklist.title", WORKERS),
    Place("/send", "send.title", _SENDERS),
    Place("/operations", "operations.title", _TENDERS),
)
"""In the order in which they are listed."""


def places(actor: Actor | None) -> list[Place]:
    """Those that somebody in this role has use for; nobody has any."""
    return [place for place in PLACES if actor and actor.role in place.roles]
