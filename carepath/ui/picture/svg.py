"""SVG as escaped text: attributes only, so a content policy without inline style holds."""

from typing import Final

from markupsafe import Markup, escape

_NAMES = str.maketrans("_", "-")


def tag(name: str, *inside: Markup | str, **attributes: object) -> Markup:
    """An element. ``class_`` is ``class``, ``stroke_width`` is ``stroke-width``; ``None`` leaves one out."""
    written = "".join(
        f' {key.rstrip("_").translate(_NAMES)}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    body = "".join(escape(one) for one in inside)
    return Markup(f"<{name}{written}>{body}</{name}>")  # noqa: S704 -- every part is escaped


def _value(value: object) -> str:
    """Lengths to a tenth of a unit."""
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return str(escape(str(value)))


def join(parts: list[Markup]) -> Markup:
    """One after the other."""
    return Markup("").join(parts)


def fitting(text: str, room: float, size: float) -> str:
    """``text``, or as much of it as ``room`` units hold at a size of type; empty where that tells nothing."""
    most = int(room / (size * WIDE))
    if len(text) <= most:
        return text
    return text[: most - 1].rstrip() + "…" if most >= _TELLS else ""


WIDE: Final = 0.6
"""How wide a letter is, of the size of its type, in whichever font the reader has."""
_TELLS: Final = 7
