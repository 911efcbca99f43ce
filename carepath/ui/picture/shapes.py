"""What a mark looks like: a shape of its own for each kind of matter, so that colour is never all there is."""

from enum import StrEnum
from typing import Final

from markupsafe import Markup

from carepath.ui.picture.svg import join, tag
from pathways.events import RULES, Family
from pathways.timeline import Entry


class Shape(StrEnum):
    """The shapes, by what they stand for; their texts are ``shape.<value>``."""

    STAY = "stay"
    REPORT = "report"
    EMERGENCY = "emergency"
    CHOICE = "choice"
    REFERRAL = "referral"
    INQUIRY = "inquiry"
    COURSE = "course"
    COORDINATION = "coordination"
    PLAN = "plan"
    MEASURE = "measure"
    APPLICATION = "application"
    CONSENT = "consent"
    PERSON = "person"
    ALARM = "alarm"
    DELIVERY = "delivery"
    PLANNED = "planned"
    SEVERAL = "several"


_OF: Final = {
    Family.STAY: Shape.STAY,
    Family.EMERGENCY: Shape.EMERGENCY,
    Family.CHOICE: Shape.CHOICE,
    Family.REFERRAL: Shape.REFERRAL,
    Family.INQUIRY: Shape.INQUIRY,
    Family.COURSE: Shape.COURSE,
    Family.COORDINATION: Shape.COORDINATION,
    Family.PLAN: Shape.PLAN,
    Family.MEETING: Shape.PLAN,
    Family.MEASURE: Shape.MEASURE,
    Family.FOLLOW_UP: Shape.MEASURE,
    Family.APPLICATION: Shape.APPLICATION,
    Family.CONSENT: Shape.CONSENT,
    Family.PERSON: Shape.PERSON,
    Family.DEADLINE: Shape.ALARM,
    Family.BROKER: Shape.DELIVERY,
}
_CIRCLE = "M-7.5 0a7.5 7.5 0 1 0 15 0a7.5 7.5 0 1 0-15 0Z"
_PATHS: Final[dict[Shape, tuple[str, str]]] = {  # around 0, 0: the outline, and what is drawn on it
    Shape.STAY: (_CIRCLE, ""),
    Shape.REPORT: ("M-6-8.5h7.5L6-4V8.5H-6Z", "M-3-1h6M-3 2h6M-3 5h4"),
    Shape.EMERGENCY: ("M-3-8.5h6V-3h5.5v6H3v5.5h-6V3h-5.5v-6H-3Z", ""),
    Shape.CHOICE: ("M-4.5-8h9L9 0L4.5 8h-9L-9 0Z", "M-3.5 0h6M0-3L3 0L0 3"),
    Shape.REFERRAL: ("M0-9.5L9.5 0L0 9.5L-9.5 0Z", ""),
    Shape.INQUIRY: ("M-8.5-7.5h17v11.5H0L-5 8.5V4h-3.5Z", "M-4.5-3.5h9M-4.5 0h6"),
    Shape.COURSE: ("M-4-5.5h8a5.5 5.5 0 0 1 0 11h-8a5.5 5.5 0 0 1 0-11Z", "M0-5.5v11"),
    Shape.COORDINATION: (_CIRCLE, "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0Z"),
    Shape.PLAN: ("M-7.5-7h15v15h-15Z", "M-7.5-3h15M-3.5 1h7M-3.5 4.5h7"),
    Shape.MEASURE: ("M-7.5-7.5h15v15h-15Z", "M-4 0L-1 3.5L4-3"),
    Shape.APPLICATION: ("M0-9L8.6-2.8L5.3 7.5H-5.3L-8.6-2.8Z", ""),
    Shape.CONSENT: ("M0-9L7.5-6.3V-1C7.5 4 4 7 0 9C-4 7-7.5 4-7.5-1V-6.3Z", "M-3-.5L-.5 2L3.5-3"),
    Shape.PERSON: (
        "M-3.6-5a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0-7.2 0ZM-8 8.5C-8 3-4 .5 0 .5S8 3 8 8.5Z",
        "",
    ),
    Shape.ALARM: ("M0-9.5L9.5 7.5H-9.5Z", "M0-3.5V2M0 4.4v1"),
    Shape.DELIVERY: ("M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0Z", ""),
    Shape.PLANNED: ("M-7.5-6.5h15v14h-15Z", "M-7.5-2.5h15M-3.5-9v4M3.5-9v4"),
    Shape.SEVERAL: ("M-8-8H8V8H-8Z", ""),
}


def shape_of(entry: Entry) -> Shape:
    """By what the entry is about; documents look like documents."""
    return Shape.REPORT if RULES[entry.code].report else _OF[entry.family]


def drawn(shape: Shape) -> Markup:
    """The shape around 0, 0."""
    outline, glyph = _PATHS[shape]
    parts = [tag("path", d=outline, class_="shape")]
    if glyph:
        parts.append(tag("path", d=glyph, class_="glyph"))
    return join(parts)


def icon(shape: Shape, level: str = "") -> Markup:
    """The shape beside text, which says what it is."""
    return tag(
        "svg",
        drawn(shape),
        class_=f"icon {level} is-{shape}".replace("  ", " "),
        viewBox="-11 -11 22 22",
        width=22,
        height=22,
        aria_hidden="true",
    )
