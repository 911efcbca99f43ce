"""Marks on the picture: an entry, several that stand too near each other, and what is planned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from carepath.ui.picture.shapes import Shape, drawn, shape_of
from carepath.ui.picture.svg import WIDE, fitting, join, tag
from carepath.ui.picture.zoom import nearer
from pathways.events import Activity, EventCode
from pathways.layout import Ahead, Point
from pathways.stays import GONE
from pathways.timeline import Entry, Mark

if TYPE_CHECKING:
    from carepath.ui.picture.drawing import Drawing
    from carepath.ui.words import Words

_TOLD: Final = 6
"""How many of several a mark names when one points at it."""
_SIZE: Final = 11.0


def point(one: Point, y: float, drawing: Drawing) -> Markup:
    """A link to the entry in the list; several, to where they can be told apart."""
    several = len(one.entries) > 1
    inside = _several(one) if several else _single(one.entries[0])
    label = _label(one, drawing.words)
    struck = not several and bool(one.entries[0].marks & GONE)
    said = tag("text", label, class_="said" + (" struck" if struck else ""), x=13, y=4)
    return tag(
        "a",
        tag("title", title(one.entries, drawing.words)),
        tag("rect", class_="hit", x=-12, y=-12, width=24, height=24),
        *inside,
        *([said] if label else []),
        href=nearer(drawing.asked, drawing.picture.window, one.entries),
        class_=f"point {drawing.level(one.lane)}{_alarms(one.entries)}",
        transform=f"translate({one.x:.1f} {y:.1f})",
        data_entries=" ".join(entry.id for entry in one.entries),
    )


def ahead(one: Ahead, y: float, drawing: Drawing) -> Markup:
    """What is to come, at its time."""
    planned, words = one.planned, drawing.words
    kind = words.text(f"coming.{planned.what}")
    label = fitting(kind, drawing.picture.window.width - one.x - 4, _SIZE)
    return tag(
        "a",
        tag("title", f"{kind}, {words.moment(planned.when)}"),
        tag("rect", class_="hit", x=-12, y=-12, width=24, height=24),
        drawn(Shape.PLANNED),
        *([tag("text", label, class_="said", x=13, y=4)] if label else []),
        href="#next",
        class_=f"ahead {drawing.level(one.lane)}",
        transform=f"translate({one.x:.1f} {y:.1f})",
    )


def title(entries: tuple[Entry, ...], words: Words) -> str:
    """What happened when; of many, the first."""
    lines = [f"{words.moment(entry.happened)}: {_told(entry, words)}" for entry in entries[:_TOLD]]
    if len(entries) == 1:
        return lines[0]
    heading = words.text("picture.several", number=str(len(entries)))
    rest = ["…"] if len(entries) > _TOLD else []
    return "\n".join([heading, *lines, *rest])


def _told(entry: Entry, words: Words) -> str:
    marks = [words.text(f"mark.{mark}") for mark in sorted(entry.marks)]
    said = words.entry(entry)
    return f"{said} ({', '.join(marks)})" if marks else said


def _label(one: Point, words: Words) -> str:
    """Beside the mark, where nothing stands in the way."""
    kinds = {words.brief(entry) for entry in one.entries}
    said = kinds.pop() if len(kinds) == 1 else ""
    if said and Mark.LATE in one.entries[0].marks and len(one.entries) == 1:
        late = f"{said}, {words.text('mark.late')}"
        said = late if len(late) * _SIZE * WIDE < one.room - 26 else said
    return fitting(said, one.room - 26, _SIZE)


def _alarms(entries: tuple[Entry, ...]) -> str:
    missed = (e.code is EventCode.DEADLINE_MISSED and not e.marks & GONE for e in entries)
    return " alarming" if any(missed) else ""


def _single(entry: Entry) -> list[Markup]:
    """The shape of its matter, with what is special about it."""
    gone = entry.marks & GONE or entry.activity is Activity.CANCEL
    parts = [tag("g", drawn(shape_of(entry)), class_="gone" if gone else None)]
    if Mark.CANCELLED in entry.marks or entry.activity is Activity.CANCEL:
        parts.append(tag("path", d="M-10-10L10 10M10-10L-10 10", class_="strike"))
    elif entry.marks & GONE:
        parts.append(tag("path", d="M-11 7L11-7", class_="strike"))
    if Mark.LATE in entry.marks:
        parts.append(_late())
    return parts


def _several(one: Point) -> list[Markup]:
    """A stack with the number on it."""
    number = str(len(one.entries))
    width = 20 + max(len(number) - 2, 0) * 7
    box = {"width": width, "height": 18, "rx": 5}
    parts = [
        tag("rect", class_="stack", x=-width / 2 + 3, y=-12, **box),
        tag("rect", class_="shape", x=-width / 2, y=-9, **box),
        tag("text", number, class_="number", x=0, y=4),
    ]
    if any(Mark.LATE in entry.marks for entry in one.entries):
        parts.append(_late())
    if any(entry.marks & GONE for entry in one.entries):
        parts.append(tag("path", d="M-9 12h18", class_="strike"))
    return parts


def _late() -> Markup:
    """A clock in the corner: it came in later than it should have."""
    return join(
        [
            tag("circle", class_="clock", cx=8, cy=-8, r=5),
            tag("path", class_="hands-of-clock", d="M8-10.5V-8L10-7"),
        ]
    )
