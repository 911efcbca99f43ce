"""Nothing that a person reads on a page stands outside the catalogues; nothing there is inline script or style."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typing_extensions import override

from carepath import texts
from carepath.service.terms import NORWAY
from carepath.ui.patient.view import age, thinned
from carepath.ui.picture.drawing import Drawing
from carepath.ui.picture.legend import legend
from carepath.ui.picture.shapes import Shape, shape_of
from carepath.ui.picture.svg import fitting, tag
from carepath.ui.picture.zoom import Asked, Zoom
from carepath.ui.rendering import HERE, birthday
from carepath.ui.words import Words
from pathways.events import EventCode
from pathways.lanes import Level
from pathways.parties import Directory
from pathways.situation import Coming
from tests.unit.test_picture import drawn_story, story_told

TEMPLATES = sorted((HERE / "templates").glob("*.html"))
_CODE = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
_NAMES = {"– Carepath", "Carepath"}


class _Reader(HTMLParser):
    """What is read aloud or seen, and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    @override
    def handle_data(self, data: str) -> None:
        self.said.append(data.strip())

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.attributes += attrs


def _read(path: Path) -> _Reader:
    reader = _Reader()
    reader.feed(_CODE.sub("", path.read_text()))
    return reader


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_text_stands_in_a_template(path: Path) -> None:
    """But the name of the program and marks between texts."""
    reader = _read(path)
    spoken = {"title", "alt", "aria-label", "placeholder", "aria-description"}
    told = [*reader.said, *(value or "" for name, value in reader.attributes if name in spoken)]
    assert [one for one in told if re.search(r"\w", one) and one not in _NAMES] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_inline_script_or_style(path: Path) -> None:
    """The content policy would not run it."""
    reader = _read(path)
    names = {name for name, _ in reader.attributes}
    assert not {name for name in names if name.startswith("on") or name == "style"}
    assert not [tag for tag, _ in reader.tags if tag == "style"]
    assert all("src" in attributes for tag, attributes in reader.tags if tag == "script")


def test_every_kind_that_is_drawn_has_its_text() -> None:
    """In both languages, which have the same keys."""
    keys = {
        *(f"shape.{shape}" for shape in Shape if shape is not Shape.SEVERAL),
        *(f"level.{level}" for level in Level),
        *(f"coming.{coming}" for coming in Coming),
        *(f"zoom.{zoom}" for zoom in Zoom),
    }
    assert keys <= set(texts.catalogue("nb"))


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_the_picture_of_the_story(language: str) -> None:
    """Well-formed, without style, every mark a link; hostile names are text."""
    told, directory = story_told()
    parties = {
        key: replace(party, name=f"{party.name}<script>&\"'")
        for key, party in directory.parties.items()
    }
    made = drawn_story(told, Directory(parties))
    words = Words(language, parties)
    svg = Drawing(made, words, NORWAY, Asked()).svg()
    root = ElementTree.fromstring(svg)  # noqa: S314 -- our own
    assert "<script" not in svg
    assert not [one for one in root.iter() if "style" in one.attrib]
    points = [one for one in root.iter("a") if one.attrib.get("data-entries")]
    shown = [id_ for one in points for id_ in one.attrib["data-entries"].split()]
    assert sorted(shown) == sorted(entry.id for entry in told)
    assert all(one.attrib["href"] and one.findtext("title") for one in points)
    names = {said for _, said in legend(made, words)}
    assert {words.text(f"shape.{shape_of(e)}") for e in told} <= names


def test_brief_words_say_what_happened() -> None:
    """Up to the first stop; a correction says that it is one."""
    told, directory = story_told()
    words = Words("nb", directory.parties)
    said = {entry.code: words.brief(entry) for entry in told}
    assert said[EventCode.EARLY_NOTICE] == "Tidlig varsel"
    assert said[EventCode.CAPACITY_ANSWER] == "Kommunen kan ta imot"
    assert "Retting: Innlagt" in {words.brief(entry) for entry in told}


def test_text_is_cut_to_its_room() -> None:
    """Whole, cut with a sign, or nothing."""
    assert fitting("Innlagt", 100, 10) == "Innlagt"
    assert fitting("Innleggelsesrapport", 80, 10) == "Innleggelses…"
    assert fitting("Innleggelsesrapport", 20, 10) == ""


def test_attributes_are_escaped() -> None:
    """As text is."""
    assert tag("a", "<b>", href='"><script>') == ('<a href="&#34;&gt;&lt;script&gt;">&lt;b&gt;</a>')


def test_dates_are_written_as_norwegians_write_them() -> None:
    """And what is no date stays as it came."""
    assert birthday("1942-02-12", "nb") == "12. februar 1942"
    assert birthday("1942-02-12", "en") == "12 February 1942"
    assert birthday("1942", "nb") == "1942"
    at = datetime(2026, 2, 11, 22, 59, tzinfo=UTC)
    assert (age("1942-02-12", at), age("1942-02-12", at + timedelta(hours=1))) == (83, 84)
    assert age("1942", at) is None
    assert Words("nb", {}).day(date(2026, 11, 22)) == "søndag 22. november 2026"


def test_a_slider_has_no_more_steps_than_can_be_told_apart() -> None:
    """All of few; of many some, with the first and the last; always in order."""
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    few = [begin + timedelta(seconds=n) for n in range(100)]
    assert thinned(few) == few
    many = [begin + timedelta(hours=n * 5) for n in range(5000)]
    steps = thinned(many)
    assert len(steps) <= 122
    assert (steps[0], steps[-1]) == (many[0], many[-1])
    assert list(steps) == sorted(set(steps))
