"""What due times and payment are counted with: working days of Norway in its own time, agreements, rates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Final

import holidays

from carepath.store import agreements
from carepath.store.database import Connection
from fhir_mappings.options import OSLO
from pathways.calendars import Calendar
from pathways.deadlines import Agreement
from pathways.payment import RATES


@cache
def _public_holidays(year: int) -> frozenset[date]:
    """A whole year at once: the library's own table grows while it is read, which threads must not see."""
    return frozenset(holidays.country_holidays("NO", years=year))


NORWAY: Final = Calendar(OSLO, lambda day: day in _public_holidays(day.year))
"""Movable holidays too (helligdagsfredsloven § 2, and 1 and 17 May)."""


@dataclass(frozen=True, slots=True)
class Tariff:
    """What a day of waiting costs (NOK by year), and whether one that begins and is withdrawn on a day counts."""

    rates: Mapping[int, int] = field(default_factory=lambda: RATES)
    same_day: bool = False


@dataclass(slots=True)
class Agreed:
    """Every agreement, read again when one was made or ended."""

    current: tuple[Agreement, ...] = ()
    _version: int = -1

    def refresh(self, connection: Connection) -> None:
        """See changes that other processes made."""
        version = agreements.version(connection)
        if version != self._version:
            self.current = tuple(kept.agreement for kept in agreements.listed(connection))
            self._version = version
