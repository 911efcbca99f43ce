"""What two organisations agree on about seeing more of a pathway than was sent to them.

Pasientjournalloven § 9 lets enterprises share a register of treatment where they agree in writing, and say who is the
data controller; § 19 asks each to see that need and confidentiality hold. Within one house nothing has to be agreed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pathways.access import Basis
from pathways.agreements import overlap
from pathways.events import EventCode
from pathways.parties import Directory
from pathways.refusals import Cause
from pathways.statutory import demanded

_BETWEEN: Final = "|"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """``parties`` share from ``since`` until ``until``; all directory keys, those of houses in order.

    ``controller``: the data controller, one of the two; ``legal_basis``: the section of the law, in words.
    """

    parties: tuple[str, str]
    controller: str
    legal_basis: str
    since: datetime
    until: datetime | None = None

    @property
    def pair(self) -> str:
        """What it is found by."""
        return _BETWEEN.join(self.parties)

    def holds_at(self, moment: datetime) -> bool:
        """Whether it is in force."""
        return self.since <= moment and (self.until is None or moment < self.until)


def pair(
    sender: str, reader: str, code: EventCode, basis: Basis, directory: Directory
) -> str | None:
    """The two houses between which a grant needs an agreement; ``None`` where it needs none.

    What was sent to somebody, asked of them, about a matter they have a part in, or due by law needs none.
    """
    if basis is not Basis.SHARED or demanded(code, basis):
        return None
    houses = sorted({directory.house(sender), directory.house(reader)})
    return _BETWEEN.join(houses) if len(houses) > 1 else None


def between_houses(wanted: Sharing, directory: Directory) -> Sharing:
    """The same between the topmost parents of its parties, in order."""
    one, other = sorted(map(directory.house, wanted.parties))
    return replace(wanted, parties=(one, other), controller=directory.house(wanted.controller))


def objection(wanted: Sharing, known: Iterable[Sharing], directory: Directory) -> Cause | None:
    """Why it cannot be agreed, or ``None``. ``wanted`` and ``known`` are between houses."""
    return next(_objections(wanted, known, directory), None)


def _objections(wanted: Sharing, known: Iterable[Sharing], directory: Directory) -> Iterator[Cause]:
    if not {*wanted.parties} <= {*directory.parties}:
        yield Cause.UNKNOWN_ORGANISATION
    if len({*wanted.parties}) == 1:
        yield Cause.WITH_ITSELF
    if wanted.controller not in wanted.parties:
        yield Cause.CONTROLLER_OUTSIDE
    if not wanted.legal_basis.strip():
        yield Cause.NO_LEGAL_BASIS
    if wanted.until is not None and wanted.until <= wanted.since:
        yield Cause.ENDS_BEFORE_IT_BEGINS
    if any(overlap(wanted, other) for other in known if other.parties == wanted.parties):
        yield Cause.AGREED_ALREADY
