"""The whole time in small: how much happened when, and which part of it the picture shows."""

from typing import Final

from markupsafe import Markup

from carepath.ui.picture.svg import join, tag
from carepath.ui.picture.zoom import PICTURE, WIDTH, Asked, around
from carepath.ui.words import Words
from pathways.axis import Window, framed
from pathways.picture import Scene
from pathways.stays import parts

HEIGHT: Final = 40.0
BINS: Final = 101
PARTS: Final = 12
"""Into how many parts the whole is cut, each of which leads to its time."""


def strip(scene: Scene, window: Window, asked: Asked, words: Words) -> Markup:
    """A bar for each short time, as high as there are events; stays below; a frame around what is shown."""
    reach = scene.reach()
    assert reach is not None  # noqa: S101 -- who zooms has something to see
    whole = framed(*reach, WIDTH, least=window.span)
    left, right = whole.x(window.begins), whole.x(window.ends)
    frame = tag(
        "rect", class_="frame", x=left, y=1, width=max(right - left, 6), height=HEIGHT - 2, rx=3
    )
    return tag(
        "svg",
        join(_bins(scene, whole)),
        join(_stays(scene, whole)),
        frame,
        join(_links(whole, window, asked, words)),
        class_="strip-of-time",
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        role="group",
        aria_label=words.text("picture.strip"),
    )


def _bins(scene: Scene, whole: Window) -> list[Markup]:
    counted = [0] * BINS
    for entry in scene.entries:
        counted[min(int(whole.x(entry.happened.at) / WIDTH * BINS), BINS - 1)] += 1
    most, wide = max(counted), WIDTH / BINS
    return [
        tag(
            "rect",
            class_="bin",
            x=place * wide + 1,
            y=HEIGHT - 10 - 26 * number / most,
            width=wide - 2,
            height=26 * number / most,
        )
        for place, number in enumerate(counted)
        if number
    ]


def _stays(scene: Scene, whole: Window) -> list[Markup]:
    drawn = []
    for part in parts(scene.entries):
        left, right = whole.x(part.begins), whole.x(part.ends or max(part.begins, scene.at))
        drawn.append(
            tag("rect", class_="stayed", x=left, y=HEIGHT - 8, width=max(right - left, 2), height=5)
        )
    return drawn


def _links(whole: Window, window: Window, asked: Asked, words: Words) -> list[Markup]:
    """Each part of the whole leads to a window as long as the one that is shown."""
    made = []
    for place in range(PARTS):
        middle = whole.begins + whole.span * ((place + 0.5) / PARTS)
        begins, ends = around(middle, window.span)
        made.append(
            tag(
                "a",
                tag("title", words.short_day(middle)),
                tag(
                    "rect",
                    class_="hit",
                    x=place * WIDTH / PARTS,
                    y=0,
                    width=WIDTH / PARTS,
                    height=HEIGHT,
                ),
                href=asked.address(begins, ends, PICTURE),
            )
        )
    return made
