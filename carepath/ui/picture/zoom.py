"""Which part of the time is shown, and the addresses of other parts: all plain links, so no script is needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlencode

from carepath.ui.words import written
from pathways.axis import EARLIEST, LATEST, Window, framed
from pathways.timeline import Entry

WIDTH: Final = 1010.0
"""Units from the first to the last instant shown."""
LEAST: Final = timedelta(hours=2)
"""The shortest time that is shown."""


class Zoom(StrEnum):
    """How much time is shown at once; the texts are ``zoom.<value>``."""

    ALL = "all"
    YEAR = "year"
    MONTH = "month"
    WEEK = "week"
    DAY = "day"
    HOURS = "hours"


_SPANS: Final = {
    Zoom.YEAR: timedelta(days=365),
    Zoom.MONTH: timedelta(days=31),
    Zoom.WEEK: timedelta(days=7),
    Zoom.DAY: timedelta(days=1),
    Zoom.HOURS: timedelta(hours=6),
}


@dataclass(frozen=True, slots=True)
class Link:
    """``key`` names the text; ``current``: it leads to what is shown already."""

    key: str
    href: str
    current: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for: from, to and as of when (aware), as far as it says so."""

    begins: datetime | None = None
    ends: datetime | None = None
    as_of: datetime | None = None

    @property
    def zoomed(self) -> bool:
        """Whether only a part is wanted."""
        return self.begins is not None and self.ends is not None

    def window(self, reach: tuple[datetime, datetime]) -> Window:
        """What to show of what there is to see."""
        if self.begins and self.ends:
            begins = min(max(self.begins, EARLIEST), LATEST - LEAST)
            return Window(begins, max(min(self.ends, LATEST), begins + LEAST), WIDTH)
        return framed(*reach, WIDTH, least=LEAST)

    def address(self, begins: datetime | None, ends: datetime | None, anchor: str = "") -> str:
        """The address of another part of the time, as of the same moment."""
        query = {"from": begins, "to": ends, "asOf": self.as_of}
        told = {name: written(at) for name, at in query.items() if at}
        return f"?{urlencode(told)}{anchor}"


PICTURE: Final = "#timeline"


def zooms(asked: Asked, window: Window, entries: Sequence[Entry], at: datetime) -> list[Link]:
    """From all to hours: around the middle of what is shown, and around the latest event where all is."""
    latest = max((e.happened.at for e in entries if e.happened.at <= at), default=at)
    middle = window.begins + window.span / 2 if asked.zoomed else latest
    links = [Link("zoom.all", asked.address(None, None, PICTURE), current=not asked.zoomed)]
    for zoom, span in _SPANS.items():
        begins, ends = around(middle, span)
        now = asked.zoomed and abs(window.span - span) < span * 0.02
        links.append(Link(f"zoom.{zoom}", asked.address(begins, ends, PICTURE), current=now))
    return links


def steps(asked: Asked, window: Window) -> list[Link]:
    """Half a window earlier, and later."""
    if not asked.zoomed:
        return []
    half = window.span / 2
    return [
        Link("zoom.earlier", _moved(asked, window, -half)),
        Link("zoom.later", _moved(asked, window, half)),
    ]


def nearer(asked: Asked, window: Window, entries: Sequence[Entry]) -> str:
    """Where gathered entries can be told apart; to the first of them in the list, where nothing parts them."""
    first, last = entries[0].happened.at, entries[-1].happened.at
    if len(entries) == 1 or last - first < _PARTED or window.span <= LEAST * 2:
        return f"#{entries[0].id}"
    begins, ends = around(first + (last - first) / 2, max((last - first) * 1.5, LEAST))
    return asked.address(begins, ends, PICTURE)


_PARTED = timedelta(minutes=2)


def around(middle: datetime, span: timedelta) -> tuple[datetime, datetime]:
    """So long, around the middle; never outside of what can be reckoned."""
    return _placed(middle - EARLIEST - span / 2, span)


def _moved(asked: Asked, window: Window, by: timedelta) -> str:
    begins, ends = _placed(window.begins - EARLIEST + by, window.span)
    return asked.address(begins, ends, PICTURE)


def _placed(offset: timedelta, span: timedelta) -> tuple[datetime, datetime]:
    """``span`` that begins so long after the earliest there is, as far as that goes."""
    span = min(span, LATEST - EARLIEST)
    begins = EARLIEST + min(max(offset, timedelta(0)), LATEST - EARLIEST - span)
    return begins, begins + span
