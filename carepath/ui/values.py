"""What the pages ask for, and what they are given: plain values, with neither store nor API behind them."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from carepath.store.disclosures import Disclosures
from pathways.access import Actor
from pathways.deadlines import Commitment
from pathways.parties import Party
from pathways.pathway import Header, Thread
from pathways.timeline import Entry


@dataclass(frozen=True, slots=True)
class Visit:
    """Who looks at a page, and what collects what they are shown."""

    actor: Actor
    disclosed: Disclosures


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientRow:
    """A patient in the list. ``received`` is when the newest event came in; aware UTC.

    ``overdue`` of the ``owed`` open promises are over their time; ``due`` is when the first of them is due.
    """

    id: str
    header: Header
    received: datetime
    owed: int = 0
    overdue: int = 0
    due: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientPage:
    """Everything one patient's page shows; ``entries`` oldest first, as ``$timeline`` gives them.

    ``at`` is the moment it is shown as of; ``received`` when the newest event came in, and ``known`` every instant at
    which something did, oldest first (all aware UTC). ``parties``: the directory by key. ``takers``: the person who
    has taken a promise, by its id.
    """

    header: Header
    at: datetime
    received: datetime
    known: Sequence[datetime]
    threads: Sequence[Thread]
    entries: Sequence[Entry]
    commitments: Sequence[Commitment]
    parties: Mapping[str, Party]
    takers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """What the pages ask for, for whoever visits. All but ``changed`` run in a worker thread.

    ``page`` takes a patient id and an as-of instant (``None`` is now) and gives ``None`` for a patient who is
    unknown, or of whom they may know nothing; ``find`` takes ``system|value`` or a bare value and gives a patient
    id; ``received`` gives when the newest event came in that they may see; ``changed`` waits until something was
    committed (true), or some seconds (false).
    """

    patients: Callable[[Visit], Sequence[PatientRow]]
    find: Callable[[Visit, str], str | None]
    page: Callable[[Visit, str, datetime | None], PatientPage | None]
    received: Callable[[Visit, str], datetime | None]
    changed: Callable[[], Coroutine[Any, Any, bool]]
