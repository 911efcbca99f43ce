"""The picture of a timeline as SVG: what ``pathways.picture`` has laid out, in colours that the stylesheet gives."""

from dataclasses import dataclass, field
from typing import Final

from markupsafe import Markup

from carepath.texts import ZONE
from carepath.ui.picture.marks import ahead, point
from carepath.ui.picture.svg import fitting, join, tag
from carepath.ui.picture.zoom import Asked
from carepath.ui.words import Words
from pathways.axis import Every, coarser, shades, stride, ticks
from pathways.calendars import Calendar
from pathways.lanes import Level
from pathways.layout import LABEL, Arrow, Bar, Owed
from pathways.picture import Picture

LABELS: Final = 222.0
"""Units to the left of the chart, for the names of lanes."""
RIGHT: Final = 24.0
_TOP, _HEADING = 58.0, 22.0
_ABOVE, _ROW, _OWED_ROW, _BELOW = 9.0, 36.0, 24.0, 7.0
_BAR, _LEAST_LANE = 22.0, 46.0
_TICKS_APART = 34.0


@dataclass(frozen=True, slots=True)
class Drawing:
    """One picture in one language; ``top`` of each lane, and where its level's heading stands, is reckoned once."""

    picture: Picture
    words: Words
    calendar: Calendar
    asked: Asked
    top: tuple[float, ...] = field(init=False)
    height: float = field(init=False)

    def __post_init__(self) -> None:
        y, tops, level = _TOP, [], None
        for place, lane in enumerate(self.picture.lanes):
            y += _HEADING if lane.level is not level else 0
            level = lane.level
            tops.append(y)
            y += self._height(place)
        object.__setattr__(self, "top", tuple(tops))
        object.__setattr__(self, "height", y + 8)

    @property
    def width(self) -> float:
        """Of the whole, names of lanes included."""
        return LABELS + self.picture.window.width + RIGHT

    def svg(self) -> Markup:
        """The whole picture."""
        chart = tag(
            "g",
            self._shades(),
            self._axis(),
            self._lines(),
            join([self._bar(bar) for bar in self.picture.bars]),
            join([self._owed(one) for one in self.picture.owed]),
            self._more(),
            join([self._arrow(arrow) for arrow in self.picture.arrows]),
            self._now(),
            join([point(p, self._y(p.lane, p.row), self) for p in self.picture.points]),
            join([ahead(a, self._y(a.lane, 0), self) for a in self.picture.ahead]),
            transform=f"translate({LABELS:g} 0)",
        )
        return tag(
            "svg",
            _definitions(),
            self._names(),
            chart,
            class_="picture",
            viewBox=f"0 0 {self.width:g} {self.height:g}",
            role="group",
            aria_label=self.words.text("picture.label"),
        )

    def _height(self, place: int) -> float:
        picture = self.picture
        owing = picture.owing[place] * _OWED_ROW + (14 if picture.more[place] else 0)
        return max(_ABOVE + picture.rows[place] * _ROW + owing + _BELOW, _LEAST_LANE)

    def _y(self, lane: int, row: int) -> float:
        """The middle of a row of bars and points."""
        return self.top[lane] + _ABOVE + row * _ROW + _ROW - 15

    def level(self, lane: int) -> Level:
        """The level of care that a lane is of."""
        return self.picture.lanes[lane].level

    # --- the ground

    def _shades(self) -> Markup:
        return join(
            [
                tag(
                    "rect",
                    class_=one.shade.value,
                    x=one.left,
                    y=_TOP - 16,
                    width=one.right - one.left,
                    height=self.height - _TOP + 16,
                )
                for one in shades(self.picture.window, self.calendar)
            ]
        )

    def _axis(self) -> Markup:
        window = self.picture.window
        step = stride(window, _TICKS_APART)
        apart = window.width * step.hours / (window.span.total_seconds() / 3600)
        drawn = []
        for at in ticks(window, step, ZONE):
            x, said = window.x(at), self.words.tick(at, step, apart)
            drawn.append(tag("line", class_="tick", x1=x, x2=x, y1=_TOP - 16, y2=self.height))
            centred = step.every is Every.MINUTES
            drawn.append(
                tag(
                    "text",
                    said,
                    class_="at" + ("" if centred else " day"),
                    x=x if centred else x + 4,
                    y=_TOP - 21,
                )
            )
        return join([*drawn, *self._coarse_axis()])

    def _coarse_axis(self) -> list[Markup]:
        """Days over hours, months over days: each from where it begins, the first from the left edge."""
        window = self.picture.window
        step = coarser(stride(window, _TICKS_APART))
        if step.every is Every.YEARS and step == stride(window, _TICKS_APART):
            return []
        starts = [window.begins, *(at for at in ticks(window, step, ZONE) if at > window.begins)]
        drawn = []
        for at, until in zip(starts, [*starts[1:], window.ends], strict=True):
            x, room = window.x(at), window.x(until) - window.x(at)
            if at != window.begins:
                drawn.append(tag("line", class_="coarse", x1=x, x2=x, y1=4, y2=self.height))
            longer, shorter = self.words.coarse(at, step)
            said = longer if fitting(longer, room - 8, 12) == longer else shorter
            if said := fitting(said, room - 8, 12):
                drawn.append(tag("text", said, class_="coarse-at", x=x + 4, y=17))
        return drawn

    def _lines(self) -> Markup:
        width = self.picture.window.width
        return join(
            [
                tag("line", class_="between", x1=-LABELS, x2=width, y1=y, y2=y)
                for y in (*self.top, self.height - 8)
            ]
        )

    def _names(self) -> Markup:
        drawn: list[Markup] = []
        level = None
        for place, (lane, y) in enumerate(zip(self.picture.lanes, self.top, strict=True)):
            if lane.level is not level:
                said = self.words.text(f"level.{lane.level}")
                drawn.append(tag("text", said, class_=f"level {lane.level}", x=0, y=y - 6))
            level = lane.level
            drawn.append(
                tag(
                    "rect",
                    class_=f"strip {lane.level}",
                    x=0,
                    y=y + 3,
                    width=5,
                    height=self._height(place) - 6,
                    rx=2.5,
                )
            )
            name = fitting(lane.name, LABELS - 20, 13)
            drawn.append(tag("text", name, tag("title", lane.name), class_="lane", x=14, y=y + 21))
            if lane.organisation:
                said = fitting(lane.organisation, LABELS - 20, 11)
                drawn.append(tag("text", said, class_="of", x=14, y=y + 37))
        return join(drawn)

    def _now(self) -> Markup:
        if self.picture.now is None:
            return Markup("")
        x = self.picture.now
        key = "picture.then" if self.asked.as_of else "picture.now"
        near_edge = x > self.picture.window.width - 60
        said = self.words.text(key)
        return join(
            [
                tag("line", class_="now", x1=x, x2=x, y1=_TOP - 14, y2=self.height),
                tag(
                    "text",
                    said,
                    class_="now-at" + (" before" if near_edge else ""),
                    x=x - 4 if near_edge else x + 4,
                    y=_TOP - 5,
                ),
            ]
        )

    # --- what stands on it

    def _bar(self, bar: Bar) -> Markup:
        y = self._y(bar.lane, bar.row) - _BAR / 2
        left, right = bar.left, max(bar.right, bar.left + 3)
        place = {"y": y, "height": _BAR}
        drawn = [
            tag(
                "rect",
                class_="bar" + (" open" if bar.going_on else ""),
                x=left,
                width=right - left,
                rx=5,
                **place,
            )
        ]
        for phase, begins, ends in bar.phases:
            kind = f"phase {phase}"
            drawn.append(
                tag("rect", class_=kind, x=begins, width=max(ends - begins, 2), rx=3, **place)
            )
        if bar.going_on:
            drawn.append(
                tag(
                    "path",
                    class_="onward",
                    d=f"M{right:.1f} {y:.1f}l7 {_BAR / 2:g}l-7 {_BAR / 2:g}Z",
                )
            )
        said = bar.part.ward or self.words.text(f"family.{bar.part.family}")
        if shown := fitting(said, right - left - 4, 10.5):
            drawn.append(tag("text", shown, class_="in-bar", x=left + 2, y=y - 3))
        return tag("g", *drawn, class_=f"{self.level(bar.lane)}")

    def _arrow(self, arrow: Arrow) -> Markup:
        """From the edge of one mark to the edge of the other, bent so that it is seen beside what stands between."""
        down = 1 if arrow.receiver > arrow.sender else -1
        from_y = self._y(arrow.sender, 0) + 12 * down
        to_y = self._y(arrow.receiver, 0) - 15 * down
        bend = 16 if arrow.asks else 0
        third = (to_y - from_y) / 2.4
        d = (
            f"M{arrow.left:.1f} {from_y:.1f}"
            f"C{arrow.left + bend:.1f} {from_y + third:.1f}"
            f" {arrow.reached + bend:.1f} {to_y - third:.1f} {arrow.reached:.1f} {to_y:.1f}"
        )
        kind = "asks" if arrow.asks else "hands"
        return tag("path", d=d, class_=f"arrow {kind}", marker_end=f"url(#{kind})")

    def _owed(self, one: Owed) -> Markup:
        """From when it was asked for to its flag; what is late goes on, thicker, beyond it."""
        y = self.top[one.lane] + _ABOVE + self.picture.rows[one.lane] * _ROW + one.row * _OWED_ROW
        line = y + 19
        said = self._promise(one)
        drawn = [
            tag(
                "rect", class_="hit", x=one.text, y=y, width=max(one.ends - one.text, 24), height=24
            ),
            tag("line", class_="until", x1=one.opened, x2=one.due, y1=line, y2=line),
        ]
        if one.is_late:
            drawn.append(tag("line", class_="late", x1=one.due, x2=one.ends, y1=line, y2=line))
        if self.picture.window.has(one.commitment.due):
            flag = f"M{one.due:.1f} {line + 3:.1f}v-11l8 3l-8 3"
            drawn.append(tag("path", class_="flag", d=flag))
        drawn.append(tag("text", fitting(said, LABEL - 4, 10.5), x=one.text + 2, y=y + 9))
        late = " overdue" if one.is_late and one.commitment.promise.is_open else ""
        kept = " kept-late" if one.is_late and not one.commitment.promise.is_open else ""
        return tag(
            "a",
            tag("title", said),
            *drawn,
            class_=f"owed{late}{kept}",
            href=f"#promise-{one.commitment.id}",
        )

    def _promise(self, one: Owed) -> str:
        words, commitment = self.words, one.commitment
        kind = words.text(f"promise.{commitment.promise.kind}")
        if not one.is_late:
            return words.text("picture.due", kind=kind, due=words.short(commitment.due))
        if not commitment.promise.is_open:
            return words.text("picture.kept-late", kind=kind)
        return words.text("picture.overdue", kind=kind, due=words.short(commitment.due))

    def _more(self) -> Markup:
        drawn = []
        for lane, number in enumerate(self.picture.more):
            if number:
                y = self.top[lane] + self._height(lane) - _BELOW - 2
                said = self.words.text("picture.more", number=str(number))
                words = tag("text", said, class_="more", x=2, y=y)
                drawn.append(tag("a", words, href="#matters", class_="owed"))
        return join(drawn)


def _definitions() -> Markup:
    """Arrowheads, and the hatching of a stay that waits."""
    heads = [
        tag(
            "marker",
            tag("path", d="M0 0L8 4L0 8Z", class_=f"head {kind}"),
            id=kind,
            viewBox="0 0 8 8",
            refX=7,
            refY=4,
            markerWidth=9,
            markerHeight=9,
            markerUnits="userSpaceOnUse",
            orient="auto",
        )
        for kind in ("hands", "asks")
    ]
    hatch = tag(
        "pattern",
        tag("path", d="M0 8L8 0M-2 2L2-2M6 10L10 6", class_="hatching"),
        id="waits",
        width=8,
        height=8,
        patternUnits="userSpaceOnUse",
    )
    return tag("defs", *heads, hatch)
