"""Check digits: a slip of the pen never reaches another person's timeline."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fhir_mappings import codes
from fhir_mappings.identifiers import canonical, check_organisation, check_patient
from pathways.refusals import Issue

FIRST = (3, 7, 6, 1, 8, 9, 4, 5, 2)
SECOND = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)


def control(digits: str, weights: tuple[int, ...], remainder: int = 0) -> int:
    """The control digit that leaves ``remainder``; 10 when there is none."""
    total = sum(int(d) * w for d, w in zip(digits, weights, strict=True))
    return (remainder - total) % 11


@st.composite
def numbers(draw: st.DrawFn, *, day: int = 0, month: int = 0, remainder: int = 0) -> str:
    """A fødselsnummer with ``day`` and ``month`` added to those of its date."""
    parts = (
        draw(st.integers(1, 28)) + day,
        draw(st.integers(1, 12)) + month,
        draw(st.integers(0, 99)),
    )
    digits = "".join(f"{part:02}" for part in parts) + f"{draw(st.integers(0, 999)):03}"
    first = control(digits, FIRST, remainder)
    assume(first < 10)
    second = control(f"{digits}{first}", SECOND)
    assume(second < 10)
    return f"{digits}{first}{second}"


def check(
    value: str, system: str = codes.FNR, *, accept_synthetic: bool = True, year: int = 2026
) -> Issue | None:
    """The verdict on one identifier."""
    where = "Bundle.entry[1].resource"
    listed = [{"system": "urn:local", "value": "1"}, {"system": system, "value": value}]
    return check_patient(listed, where, accept_synthetic=accept_synthetic, year=year)


@given(numbers(), st.integers(2020, 2040))
def test_a_right_number_is_accepted(number: str, year: int) -> None:
    """Before and after 2032, synthetic or not."""
    assert check(number, accept_synthetic=False, year=year) is None
    assert check(number, codes.FNR_ALIAS, year=year) is None


@given(
    st.sampled_from([0, 40, 65, 80]).flatmap(lambda month: numbers(month=month)),
    st.integers(0, 10),
    st.integers(1, 9),
    st.sampled_from([2026, 2032]),
)
def test_one_wrong_digit_is_always_refused(number: str, place: int, added: int, year: int) -> None:
    """The reason for control digits; it holds for 2032's as well."""
    wrong = (int(number[place]) + added) % 10
    issue = check(f"{number[:place]}{wrong}{number[place + 1 :]}", year=year)
    assert issue is not None
    assert issue.where == "Bundle.entry[1].resource.identifier[1].value"
    assert number not in issue.text


@given(st.sampled_from([40, 65, 80]).flatmap(lambda month: numbers(month=month)))
def test_a_synthetic_number_is_accepted_by_option(number: str) -> None:
    """NAV's, others' and Tenor's."""
    assert check(number) is None
    issue = check(number, accept_synthetic=False)
    assert issue is not None
    assert "synthetic" in issue.text


@given(st.sampled_from([0, 40, 65, 80]).flatmap(lambda month: numbers(day=40, month=month)))
def test_a_d_number_has_forty_more_on_the_day(number: str) -> None:
    """And is no fødselsnummer: the system says which."""
    assert check(number, codes.DNR) is None
    assert check(number, codes.FNR) is not None


@given(st.integers(1, 3).flatmap(lambda remainder: numbers(remainder=remainder)))
def test_the_new_control_digits_hold_from_2032(number: str) -> None:
    """The first may leave 1 to 3 then, and only then."""
    assert check(number, year=2032) is None
    assert check(number, year=2031) is not None


@given(st.integers(4, 9).flatmap(lambda remainder: numbers(remainder=remainder)))
def test_other_remainders_stay_wrong(number: str) -> None:
    """Also from 2032."""
    assert check(number, year=2032) is not None


@pytest.mark.parametrize("number", ["15720255178"])
def test_numbers_seen_in_the_field_are_accepted(number: str) -> None:
    """A synthetic one with 65 added to the month (domain.md b4)."""
    assert check(number) is None


@pytest.mark.parametrize(
    "value", ["", "1", "123456789012", "1234567890a", "١٢٣٤٥٦٧٨٩٠١", "010203 4567"]
)
def test_what_has_not_eleven_digits_is_refused(value: str) -> None:
    """Other alphabets' digits are not the register's."""
    issue = check(value)
    assert issue is not None
    assert "eleven digits" in issue.text


def test_a_date_that_does_not_exist_is_refused() -> None:
    """The control digits of the 31st of February are right, the date is not."""
    found = next(
        number
        for individual in range(1000)
        if (first := control(digits := f"310270{individual:03}", FIRST)) < 10
        and (second := control(f"{digits}{first}", SECOND)) < 10
        for number in [f"{digits}{first}{second}"]
    )
    issue = check(found)
    assert issue is not None
    assert "date" in issue.text


@given(st.text(), st.sampled_from([codes.FHN, codes.DUF, codes.CPR, "urn:x", ""]))
def test_other_identifiers_are_accepted_as_such(value: str, system: str) -> None:
    """Also hjelpenummer: the sender knows its numbers best."""
    assert check(value, system) is None


def test_an_identifier_without_value_is_not_checked() -> None:
    """It says nothing."""
    listed = [{"system": codes.FNR}]
    assert check_patient(listed, "Bundle", accept_synthetic=True, year=2026) is None
    assert check_organisation([{"system": codes.ORGANISATION_NUMBER}], "Bundle") is None


@pytest.mark.parametrize(
    ("value", "right"),
    [("915933149", True), ("915933148", False), ("91593314", False), ("91593314x", False)],
)
def test_an_organisation_number_has_a_control_digit(value: str, right: bool) -> None:
    """Mod 11, nine digits."""
    listed = [
        {"system": codes.HER_ID, "value": "1"},
        {"system": codes.ORGANISATION_NUMBER, "value": value},
    ]
    issue = check_organisation(listed, "Bundle.entry[2].resource")
    assert (issue is None) is right
    if issue is not None:
        assert issue.where == "Bundle.entry[2].resource.identifier[1].value"


@given(st.integers(0, 99_999_999), st.integers(0, 8), st.integers(1, 9))
def test_one_wrong_digit_in_an_organisation_number_is_refused(
    number: int, place: int, added: int
) -> None:
    """As for persons."""
    digits = f"{number:08}"
    last = control(digits, (3, 2, 7, 6, 5, 4, 3, 2))
    assume(last < 10)
    right = f"{digits}{last}"
    wrong = f"{right[:place]}{(int(right[place]) + added) % 10}{right[place + 1 :]}"
    for value, accepted in ((right, True), (wrong, False)):
        listed = [{"system": codes.ORGANISATION_NUMBER, "value": value}]
        assert (check_organisation(listed, "Bundle") is None) is accepted


def test_each_system_has_one_spelling() -> None:
    """Aliases become the URI we use; others stay."""
    assert canonical(codes.FNR_ALIAS) == codes.FNR
    assert canonical(codes.HER_ID_ALIAS) == codes.HER_ID
    assert canonical(codes.MUNICIPALITY_ALIAS) == codes.MUNICIPALITY
    assert canonical("urn:x") == "urn:x"
