"""Times and narratives, between FHIR's text and ours."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings.html import to_div, to_text
from fhir_mappings.times import Unreadable, instant, instant_text, moment, moment_text
from pathways.moments import Moment
from tests.unit.strategies import OSLO, instants, moments, texts

WRITTEN = datetime(2026, 6, 15, 12, tzinfo=UTC)


@given(instants())
def test_an_instant_comes_back_the_same(at: datetime) -> None:
    """To the microsecond."""
    assert instant(instant_text(at)) == at


@given(moments(WRITTEN))
def test_a_moment_comes_back_the_same(when: Moment) -> None:
    """Days too, when they are read with the same written time and zone."""
    assert moment(moment_text(when, OSLO), WRITTEN, OSLO) == when


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-03-01T10:00:00.1234567899Z", datetime(2026, 3, 1, 10, 0, 0, 123456, UTC)),
        ("2026-03-01T10:00:00.5+02:00", datetime(2026, 3, 1, 8, 0, 0, 500000, UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-31T23:59:60.25Z", datetime(2017, 1, 1, 0, 0, 0, 250000, UTC)),
    ],
)
def test_long_fractions_and_leap_seconds(text: str, at: datetime) -> None:
    """A fraction is cut at the microsecond; a leap second begins the next minute."""
    assert instant(text) == at


@pytest.mark.parametrize(
    "text",
    [
        *("2026", "2026-03", "2026-02-30", "2026-13-01", "not a time", "", "٢٠٢٦-03-01"),
        *("2026-03-01T10:00:00", "2026-03-01T10:00Z", "2026-03-01T24:00:00Z", "9999-12-31"),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-03-01T10:00:61Z"),
        *("9999-12-31T23:59:60Z", "0000-01-01", "2026-03-01T10:00:00+25:00"),
    ],
)
def test_what_is_no_usable_time(text: str) -> None:
    """No zone, no day, no such time, or beyond the years that can be reckoned with."""
    with pytest.raises(Unreadable):
        moment(text, WRITTEN, OSLO)


@given(st.one_of(texts(), st.text(st.characters(exclude_categories=["Cs", "Cc"]))))
def test_text_comes_back_from_its_div(text: str) -> None:
    """Letter by letter, apart from what XML cannot carry."""
    carried = "".join(letter for letter in text if letter not in "\ufffe\uffff")
    assert to_text(to_div(text)) == carried


@pytest.mark.parametrize(
    ("div", "text"),
    [
        ("<div><p>En</p><p>to  \n tre</p></div>", "En\n\nto tre"),
        ("<div>a<br/>b &lt; c &amp; d</div>", "a\nb < c & d"),
        ("<div>x<script>alert('<p>')</script>y<!-- z --></div>", "xy"),
        ("<div><table><tr><td>A</td><td>1</td></tr></table></div>", "A 1"),
        ("<div>broken <b", "broken <b"),
        ("<div>a<!-- never ends", "a"),
    ],
)
def test_others_narratives_become_plain_text(div: str, text: str) -> None:
    """Markup goes, breaks stay, hidden text stays hidden."""
    assert to_text(div) == text


@pytest.mark.parametrize("piece", ["<", "<a ", "<!--", '<a b="', "<a '", "&", "<script>"])
def test_cutting_is_linear(piece: str) -> None:
    """A megabyte of the worst is read in a moment."""
    begun = time.perf_counter()
    to_text(piece * (1_000_000 // len(piece)))
    assert time.perf_counter() - begun < 5
