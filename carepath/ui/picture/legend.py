"""What the picture's marks and lines mean: as many samples as it has kinds."""

from typing import Final

from markupsafe import Markup

from carepath.ui.picture.shapes import Shape, icon, shape_of
from carepath.ui.picture.svg import tag
from carepath.ui.words import Words
from pathways.picture import Picture
from pathways.timeline import Mark

Sample = tuple[Markup, str]

_CIRCLE: Final = tag("circle", class_="shape", r=7, cx=0, cy=0)
_MARKS: Final = {
    Mark.LATE: (
        "legend.late-mark",
        tag("circle", class_="clock", r=6, cx=0, cy=0)
        + tag("path", class_="hands-of-clock", d="M0-3.5V0L3 1.5"),
    ),
    Mark.CORRECTED: (
        "legend.struck",
        tag("g", _CIRCLE, class_="gone") + tag("path", class_="strike", d="M-10 6L10-6"),
    ),
    Mark.CANCELLED: (
        "legend.cancelled",
        tag("g", _CIRCLE, class_="gone") + tag("path", class_="strike", d="M-9-9L9 9M9-9L-9 9"),
    ),
}


def legend(picture: Picture, words: Words) -> list[Sample]:
    """Shapes, then what may be special about a mark, then bars and lines: only what is there."""
    entries = [entry for point in picture.points for entry in point.entries]
    shapes = {shape_of(entry) for entry in entries}
    shapes |= {Shape.PLANNED} if picture.ahead else set()
    found = [(icon(shape), words.text(f"shape.{shape}")) for shape in Shape if shape in shapes]
    seen = {mark for entry in entries for mark in entry.marks}
    marks = [
        (_sample(drawn), words.text(key)) for mark, (key, drawn) in _MARKS.items() if mark in seen
    ]
    lines = [(_sample(drawn), words.text(key)) for key, drawn in _lines(picture)]
    return [*found, *marks, *lines]


def _lines(picture: Picture) -> list[tuple[str, Markup]]:
    several = any(len(point.entries) > 1 for point in picture.points)
    bar = {"x": -11, "y": -6, "width": 22, "height": 12, "rx": 3}
    waits = any(bar.phases for bar in picture.bars)
    told = [
        (
            several,
            "legend.several",
            tag("rect", class_="stack", x=-6, y=-9, width=15, height=14, rx=4)
            + tag("rect", class_="shape", x=-9, y=-6, width=15, height=14, rx=4),
        ),
        (picture.bars, "legend.stay", tag("rect", class_="bar", **bar)),
        (
            waits,
            "legend.ready",
            tag("rect", class_="bar", **bar) + tag("rect", class_="phase ready", **bar),
        ),
        (any(not a.asks for a in picture.arrows), "legend.hands", _arrow("hands")),
        (any(a.asks for a in picture.arrows), "legend.asks", _arrow("asks")),
        (any(not o.is_late for o in picture.owed), "legend.owed", _owed("")),
        (any(o.is_late for o in picture.owed), "legend.overdue", _owed("overdue")),
        (
            True,
            "legend.closed",
            tag("rect", class_="ground", **bar) + tag("rect", class_="closed", **bar),
        ),
    ]
    return [(key, drawn) for there, key, drawn in told if there]


def _arrow(kind: str) -> Markup:
    return tag("path", class_=f"arrow {kind}", d="M-11 0H6") + tag(
        "path", class_=f"head {kind}", d="M4-4L11 0L4 4Z"
    )


def _owed(kind: str) -> Markup:
    line = tag("line", class_="late" if kind else "until", x1=-11, x2=2, y1=4, y2=4)
    flag = tag("path", class_="flag", d="M2 7V-8L10-4.5L2-1")
    return tag("g", line, flag, class_=f"owed {kind}".strip())


def _sample(drawn: Markup) -> Markup:
    return tag(
        "svg",
        drawn,
        class_="icon",
        viewBox="-12 -11 24 22",
        width=24,
        height=22,
        aria_hidden="true",
    )
