"""Every text exists in both languages, says the same, and stays whole when parameters are missing."""

from dataclasses import fields
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carepath import texts
from pathways.calendars import Unit
from pathways.events import RULES, EventCode, Family
from pathways.facts import ReferralFacts
from pathways.moments import Moment
from pathways.refusals import Cause
from pathways.timeline import Mark
from pathways.transitions import Status

FRIDAY = datetime(2026, 3, 20, 13, 40, tzinfo=UTC)
KEYS = sorted(texts.catalogue("nb"))


def test_both_languages_have_the_same_keys() -> None:
    """A key that is missing in one language fails here."""
    assert set(texts.catalogue("nb")) == set(texts.catalogue("en"))


@pytest.mark.parametrize("key", KEYS)
def test_both_languages_name_the_same_parameters(key: str) -> None:
    """A parameter forgotten in a translation fails here."""
    assert texts.placeholders(texts.catalogue("nb")[key]) == texts.placeholders(
        texts.catalogue("en")[key]
    )


@pytest.mark.parametrize("language", texts.LANGUAGES)
@pytest.mark.parametrize("suffix", ["", *(f".{frame}" for frame in texts.FRAMES)])
@pytest.mark.parametrize("code", EventCode)
def test_every_event_reads_well_without_parameters(
    code: EventCode, suffix: str, language: str
) -> None:
    """An entry that knows nothing but its code is still a sentence without loose ends."""
    text = texts.render(f"entry.{code}{suffix}", {}, language)
    assert text
    assert text == text.strip(" :,.")
    assert not set(text) & set("[]{}")


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_families_statuses_and_marks_have_names(language: str) -> None:
    """What the pages print of a thread has a text."""
    keys = {
        *(f"family.{family}" for family in Family),
        *(f"status.{status}" for status in Status if status is not Status.NONE),
        *(f"mark.{mark}" for mark in Mark),
        *(f"refusal.{cause}" for cause in Cause),
    }
    assert keys <= set(texts.catalogue(language))


@pytest.mark.parametrize("code", EventCode)
def test_events_name_only_parameters_that_their_facts_have(code: EventCode) -> None:
    """A misspelt parameter would drop its clause in silence."""
    known = {field.name for field in fields(RULES[code].facts)} | {"place", "sender", "relatives"}
    own = [key for key in KEYS if key == f"entry.{code}" or key.startswith(f"entry.{code}.")]
    assert own
    for key in own:
        assert texts.placeholders(texts.catalogue("nb")[key]) <= known


def test_a_missing_parameter_drops_its_clause_only() -> None:
    """Each bracketed clause goes or stays by itself."""
    said = {"performer": "Slagen sykehus"}
    assert texts.render("entry.hospital-choice", said, "nb") == "Sykehus valgt: Slagen sykehus"
    assert texts.render("entry.hospital-choice", said | {"reason": "nærmest"}, "en") == (
        "Hospital chosen: Slagen sykehus. Reason: nærmest"
    )


def test_a_correction_is_a_frame_around_the_entry() -> None:
    """Corrected and cancelled entries say what they correct."""
    said = {"place": "sengepost 4"}
    assert texts.render("entry.admission.revise", said, "nb") == (
        "Retting: Innlagt ved sengepost 4"
    )
    assert texts.render("entry.admission.cancel", {}, "en") == "Cancelled: Admitted"


@pytest.mark.parametrize(
    ("moment", "language", "text"),
    [
        (Moment(FRIDAY), "nb", "fre. 20. mars 2026 kl. 14:40"),
        (Moment(FRIDAY), "en", "Fri 20 Mar 2026 at 14:40"),
        (Moment(FRIDAY, day=True), "nb", "fre. 20. mars 2026"),
        (Moment(datetime(2026, 7, 1, 22, 30, tzinfo=UTC), day=True), "en", "Thu 2 Jul 2026"),
    ],
)
def test_moments_are_local_time(moment: Moment, language: str, text: str) -> None:
    """Oslo's clock, in winter and summer; a day-only moment has no time."""
    assert texts.moment(moment, language) == text


def test_a_moment_is_written_into_its_sentence() -> None:
    """Moments among the parameters are rendered by the language."""
    assert texts.render("entry.capacity-answer.yes", {"receive_from": Moment(FRIDAY)}, "nb") == (
        "Kommunen kan ta imot fra fre. 20. mars 2026 kl. 14:40"
    )


@given(st.text(min_size=1))
def test_what_a_sender_wrote_is_never_read_as_a_template(name: str) -> None:
    """Braces and brackets in a value come out as they went in, also inside a frame."""
    assert texts.render("entry.admission.revise", {"place": name}, "en") == (
        f"Correction: Admitted to {name}"
    )


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "nb"),
        ("", "nb"),
        ("de", "nb"),
        ("en-US,en;q=0.9", "en"),
        ("nn-NO, en;q=0.5", "nb"),
        ("no", "nb"),
        ("en;q=0, nb;q=0.1", "nb"),
        ("fr, en;q=0.2, nb;q=0.7", "nb"),
        ("en;q=high, *", "nb"),
    ],
)
def test_the_reader_chooses_the_language(header: str | None, language: str) -> None:
    """Weights decide; what we do not speak falls back to bokmål."""
    assert texts.language(header) == language


def test_an_unknown_language_or_key_is_a_fault() -> None:
    """Neither is silently replaced."""
    with pytest.raises(KeyError):
        texts.catalogue("de")
    with pytest.raises(KeyError):
        texts.render("entry.unheard-of", {}, "nb")


@pytest.mark.parametrize(
    ("amount", "nb", "en"),
    [("1", "1 virkedag", "1 working day"), ("2", "2 virkedager", "2 working days")],
)
def test_one_is_told_as_one(amount: str, nb: str, en: str) -> None:
    """A text that counts has a form for one, in both languages."""
    said = [texts.render("limit.working-days", {"amount": amount}, one) for one in ("nb", "en")]
    assert said == [nb, en]


@pytest.mark.parametrize("unit", Unit)
def test_every_limit_that_counts_has_a_singular(unit: Unit) -> None:
    """Minutes, hours, days, months and working days."""
    counts = "{amount}" in texts.catalogue("nb")[f"limit.{unit}"]
    for language in texts.LANGUAGES:
        assert (f"limit.{unit}.one" in texts.catalogue(language)) == counts


def test_codes_are_told_in_words() -> None:
    """Also those that stand as mere texts in the facts; what we do not know stays as it was written."""
    facts = ReferralFacts(priority="stat", reason_code="no-capacity")
    assert texts.told(facts, "nb") == [
        "Hastegrad: øyeblikkelig hjelp",
        "Kode for grunnen: ingen kapasitet",
    ]
    assert texts.told(ReferralFacts(priority="soon"), "en") == ["Priority: soon"]
