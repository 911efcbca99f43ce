"""What citizens see: themselves, their children by age, those who consent."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathways.access import Basis, Purpose, Role
from pathways.events import EventCode, Family
from pathways.facts import ConsentKind, Relative, RelativeRole
from pathways.markings import Marking
from pathways.moments import Moment
from pathways.parties import Identifier
from pathways.pathway import Header
from pathways.sight import (
    FOR_CHILDREN,
    FOR_RELATIVES,
    Known,
    Sight,
    age,
    of_asker,
    of_relative,
    own,
    sight,
)
from tests.unit.rights import HOUR, NOW, OSLO, Said, header, moment, relative

M, R = Marking, RelativeRole
OLA = Identifier("urn:n", "Ola")
MARKS = {mark.value: frozenset((mark,)) for mark in Marking}
"""One event for each marking, named as it is."""
YES: Said = (EventCode.CONSENT_GIVEN, {"consent": ConsentKind.RELATIVES, "person": "Ola"})
NO: Said = (EventCode.OBJECTION_REGISTERED, {"consent": ConsentKind.RELATIVES, "person": "Ola"})


def born(years: int) -> date:
    """Who is so old today."""
    return date(2026 - years, 11, 22)


def known(
    years: int | None,
    *said: Said,
    relatives: tuple[Relative, ...] = (),
    dead: bool = False,
    **told: Any,
) -> Known:
    """The patient with one event for each marking."""
    about = header(None if years is None else born(years), *said, relatives=relatives, **told)
    if dead:
        about = replace(about, deceased={"t": moment(-1)})
    return Known(patient="p", header=about, marks=MARKS, sent={}, at=NOW, zone=OSLO)


def parent(**told: Any) -> Relative:
    """Who has parental responsibility, or is a guardian."""
    return relative("Ola", R.GUARDIAN, **told)


@pytest.mark.parametrize(
    ("birth", "at", "years"),
    [
        (date(2010, 11, 22), datetime(2026, 11, 21, 22, 59, 59, tzinfo=UTC), 15),
        (date(2010, 11, 22), datetime(2026, 11, 21, 23, 0, tzinfo=UTC), 16),  # midnight in Oslo
        (date(2010, 7, 1), datetime(2026, 6, 30, 21, 59, 59, tzinfo=UTC), 15),
        (date(2010, 7, 1), datetime(2026, 6, 30, 22, 0, tzinfo=UTC), 16),  # in summer time
        (date(2008, 2, 29), datetime(2026, 2, 28, 22, 0, tzinfo=UTC), 17),
        (date(2008, 2, 29), datetime(2026, 2, 28, 23, 0, tzinfo=UTC), 18),  # 1 March
        (date(2008, 2, 29), datetime(2024, 2, 28, 23, 0, tzinfo=UTC), 16),  # 29 February
    ],
)
def test_somebody_is_a_year_older_at_midnight_in_norway(
    birth: date, at: datetime, years: int
) -> None:
    """In summer and winter; on 1 March where there is no 29 February."""
    assert age(birth, at, OSLO) == years


@given(
    st.dates(date(1920, 1, 1), date(2020, 12, 31)),
    st.integers(0, 9 * 365 * 24).map(lambda hours: datetime(2021, 1, 1, tzinfo=UTC) + hours * HOUR),
)
def test_nobody_grows_younger(birth: date, at: datetime) -> None:
    """A day later one is as old or older."""
    assert age(birth, at, OSLO) <= age(birth, at + timedelta(days=1), OSLO)


@pytest.mark.parametrize(
    ("years", "role", "families", "log"),
    [
        (11, Role.CHILD, FOR_CHILDREN, False),
        (12, Role.CHILD, None, False),
        (15, Role.CHILD, None, False),
        (16, Role.PATIENT, None, True),
        (76, Role.PATIENT, None, True),
        (None, Role.PATIENT, None, True),
    ],
)
def test_a_person_sees_what_is_theirs_and_a_child_what_is_fit(
    years: int | None, role: Role, families: frozenset[Family] | None, log: bool
) -> None:
    """Whose age is not known is a grown-up: to see one's own is the rule."""
    found = own(replace(known(years), sent={"e": "me", "f": "other"}), "me")
    assert found == Sight(
        patient="p",
        role=role,
        basis=Basis.SELF,
        purpose=Purpose.PATIENT_REQUEST,
        families=families,
        named=frozenset({"withheld"}),
        own=frozenset({"e"}),
        address=True,
        log=log,
    )


def test_whoever_is_nobody_at_sign_in_sent_nothing() -> None:
    """An empty name is no name."""
    unknown = replace(known(40), sent={"e": ""})
    assert own(unknown, None).own == own(unknown, "").own == frozenset()


def seen(found: Sight | None) -> set[str]:
    """The markings that an event may bear and be read, all families allowed."""
    return {e for e in MARKS if found and found.shows(e, Family.STAY)}


ALL = {*MARKS}


@pytest.mark.parametrize(
    ("years", "unseen"),
    [
        (0, {"withheld", "childs"}),
        (11, {"withheld", "childs"}),
        (12, {"withheld", "childs", "hidden"}),
        (15, {"withheld", "childs", "hidden"}),
        (16, ALL - {"needed"}),
        (17, ALL - {"needed"}),
        (18, ALL),
        (None, ALL),
    ],
)
def test_what_parents_see_by_age(years: int | None, unseen: set[str]) -> None:
    """Boundaries at 12, 16 and 18; without a birth date nothing."""
    found = of_relative(known(years), parent(), None)
    assert seen(found) == ALL - unseen
    assert found is None or found.basis is Basis.GUARDIAN


@pytest.mark.parametrize(("years", "log"), [(11, True), (15, True), (16, False), (17, False)])
def test_parents_see_who_looked_until_the_child_decides(years: int, log: bool) -> None:
    """From 16 on that is the young person's to see."""
    found = of_relative(known(years), parent(), None)
    assert found is not None
    assert found.log is log
    assert found.role is (Role.GUARDIAN if log else Role.RELATIVE)
    assert found.purpose is Purpose.FAMILY_REQUEST


@pytest.mark.parametrize("years", [11, 15, 17])
def test_who_is_no_guardian_sees_nothing_of_a_child(years: int) -> None:
    """Being close gives no right."""
    assert of_relative(known(years), relative("Ola", R.NEXT_OF_KIN), None) is None
    assert of_relative(known(years), relative("Ola", R.MINOR_CHILD), None) is None


@pytest.mark.parametrize("years", [5, 14, 17, 40])
def test_a_death_ends_what_a_guardian_and_an_attorney_see(years: int) -> None:
    """Also of a child."""
    gone = known(years, dead=True)
    both = relative("Ola", R.GUARDIAN, R.ATTORNEY, authority="health")
    assert of_relative(gone, both, None) is None


def test_from_16_on_parents_see_more_where_the_young_person_consents() -> None:
    """As any relative, and what they need."""
    found = of_relative(known(16, YES), parent(), None)
    assert found is not None
    assert (found.basis, found.families) == (Basis.CONSENT, FOR_RELATIVES)
    assert "needed" in found.own
    assert seen(found) == {"needed"}  # of those that are marked
    assert found.shows("another", Family.STAY)
    assert not found.shows("another", Family.CONSENT)


def test_parents_of_the_young_who_do_not_consent_see_no_state() -> None:
    """Only the events that they need."""
    found = of_relative(known(17), parent(), None)
    assert found is not None
    assert found.families == frozenset()
    assert not found.of_person


def test_what_a_parent_asked_is_added_to_what_they_need() -> None:
    """Neither takes the place of the other."""
    found = of_relative(replace(known(17), sent={"q": "me"}), parent(), "me")
    assert found is not None
    assert found.own == {"q", "needed"}


@pytest.mark.parametrize("role", [R.GUARDIAN, R.ATTORNEY])
def test_of_grown_ups_only_who_has_authority_sees_anything(role: RelativeRole) -> None:
    """A guardian, or an attorney."""
    assert of_relative(known(40), relative("Ola", role), None) is None
    found = of_relative(known(40), relative("Ola", role, authority="health"), None)
    assert found is not None
    assert found.role is Role.GUARDIAN
    assert found.basis is (Basis.GUARDIAN if role is R.GUARDIAN else Basis.ATTORNEY)
    assert found.named == {"withheld"}
    assert found.families is None
    assert not found.hidden
    assert not found.log


def test_authority_without_the_role_is_none() -> None:
    """It is the role that the law knows."""
    assert of_relative(known(40), relative("Ola", R.CARER, authority="health"), None) is None


@pytest.mark.parametrize("protection", ["strict", "confidential"])
def test_nobody_but_the_person_learns_a_protected_address(protection: str) -> None:
    """A parent may be whom it is kept from."""
    assert own(known(10, protection=protection), None).address
    for years in (10, 14, 17):
        found = of_relative(known(years, protection=protection), parent(), None)
        assert found is not None
        assert not found.address
    plain = of_relative(known(10), parent(), None)
    assert plain is not None
    assert plain.address


# --- as the patient consents


def test_relatives_see_as_the_consent_says() -> None:
    """A no counts more than a yes."""
    one = relative("Ola", R.NEXT_OF_KIN)
    assert of_relative(known(40), one, None) is None
    assert of_relative(known(40, YES, NO), one, None) is None
    found = of_relative(known(40, YES), one, "me")
    assert found is not None
    assert (found.role, found.basis) == (Role.RELATIVE, Basis.CONSENT)
    assert found.purpose is Purpose.FAMILY_REQUEST
    assert found.families == FOR_RELATIVES
    assert found.hidden == ALL - {"needed"}
    assert found.of_person
    assert not found.log
    assert not found.address


def test_a_consent_names_what_it_covers_also_what_is_sensitive() -> None:
    """But never more than relatives may see at all."""
    said = dict(YES[1]) | {"covers": ("course", "inquiry")}
    found = of_relative(known(40, (YES[0], said)), relative("Ola"), None)
    assert found is not None
    assert found.families == frozenset((Family.COURSE,))
    assert found.hidden == ALL - {"needed", "sensitive"}
    assert not found.of_person


def test_two_consents_cover_what_either_does() -> None:
    """One that names nothing covers all."""
    one = dict(YES[1]) | {"covers": ("course",)}
    all_ = (EventCode.CONSENT_GIVEN, {"consent": ConsentKind.RELATIVES, "covers": ("stay",)})
    found = of_relative(known(40, (YES[0], one), all_), relative("Ola"), None)
    assert found is not None
    assert found.families == frozenset((Family.COURSE, Family.STAY))
    whole = (EventCode.CONSENT_GIVEN, {"consent": ConsentKind.RELATIVES})
    more = of_relative(known(40, (YES[0], one), whole), relative("Ola"), None)
    assert more is not None
    assert more.families == FOR_RELATIVES


@pytest.mark.parametrize(("ends", "sees"), [(-1, False), (0, False), (1, True)])
def test_a_consent_ends_when_it_says(ends: float, sees: bool) -> None:
    """At that very moment."""
    until = dict(YES[1]) | {"since": moment(-200), "until": moment(ends)}
    found = of_relative(known(40, (YES[0], until)), relative("Ola"), None)
    assert (found is not None) is sees


def test_a_consent_for_a_day_lasts_until_midnight_in_norway() -> None:
    """The whole day counts."""
    evening = datetime(2026, 11, 22, 22, 59, tzinfo=UTC)
    until = dict(YES[1]) | {"until": Moment(NOW, day=True)}
    about = known(40, (YES[0], until))
    assert of_relative(replace(about, at=evening), relative("Ola"), None)
    later = replace(about, at=evening + timedelta(minutes=1))
    assert of_relative(later, relative("Ola"), None) is None


# --- who asks


def test_a_relative_is_recognised_by_a_number_and_by_no_name() -> None:
    """Without a registered number nobody is."""
    about = known(40, YES, relatives=(relative("Ola", R.NEXT_OF_KIN),))
    assert sight(about, [OLA], None, is_self=False)
    assert sight(about, [Identifier("urn:n", "Per")], None, is_self=False) is None
    assert sight(about, [], None, is_self=False) is None
    nameless = replace(about.header.person, relatives=(Relative("Ola"),))
    unknown = replace(about, header=replace(about.header, person=nameless))
    assert sight(unknown, [OLA], None, is_self=False) is None


def test_of_two_relatives_with_a_number_the_one_who_sees_counts() -> None:
    """One may be registered twice."""
    two = (relative("Ola", R.CARER), replace(parent(authority="health"), name="Ola N"))
    found = sight(known(40, relatives=two), [OLA], None, is_self=False)
    assert found is not None
    assert found.basis is Basis.GUARDIAN


def test_the_patient_is_nobody_s_relative() -> None:
    """Their own right is the one that counts."""
    about = known(40, YES, relatives=(relative("Ola"),))
    found = sight(about, [OLA], "me", is_self=True)
    assert found is not None
    assert found.basis is Basis.SELF


def test_who_asked_sees_that_and_what_was_answered() -> None:
    """And nothing of the patient."""
    about = replace(known(40), sent={"q": "me", "a": "me", "x": "you"})
    found = sight(about, [], "me", is_self=False)
    assert found == of_asker(about, "me")
    assert found is not None
    assert (found.role, found.basis) == (Role.RELATIVE, Basis.SENT)
    assert found.purpose is Purpose.FAMILY_REQUEST
    assert found.own == {"q", "a"}
    assert found.patient == "p"
    assert not found.of_person
    assert not found.tells_of("x", Family.INQUIRY)
    assert of_asker(about, "nobody") is None
    assert of_asker(about, None) is None


def test_what_is_named_is_told_of_and_not_shown() -> None:
    """What is their own is shown whatever else holds."""
    found = Sight(
        patient="p",
        role=Role.RELATIVE,
        basis=Basis.CONSENT,
        purpose=Purpose.FAMILY_REQUEST,
        families=frozenset((Family.STAY,)),
        hidden=frozenset(("h", "o")),
        named=frozenset(("n", "o")),
        own=frozenset(("o",)),
    )
    told = {
        e: (found.tells_of(e, f), found.shows(e, f))
        for e, f in (
            ("x", Family.STAY),
            ("y", Family.PLAN),
            ("h", Family.STAY),
            ("n", Family.STAY),
            ("o", Family.PLAN),
        )
    }
    assert told == {
        "x": (True, True),
        "y": (False, False),
        "h": (False, False),
        "n": (True, False),
        "o": (True, True),
    }
    assert not found.of_person


@given(
    st.none() | st.integers(0, 100),
    st.sets(st.sampled_from(RelativeRole)),
    st.sampled_from([None, "health"]),
    st.lists(st.sampled_from([YES, NO]), max_size=3),
)
def test_nobody_sees_more_than_the_person_but_what_they_need(
    years: int | None, roles: set[RelativeRole], authority: str | None, said: list[Said]
) -> None:
    """What is withheld from the person is shown to nobody by that."""
    one = relative("Ola", *sorted(roles), authority=authority)
    found = of_relative(known(years, *said), one, None)
    assert found is None or not found.named & seen(found)
    if not roles & {R.GUARDIAN, R.ATTORNEY} and (not said or said[-1] == NO):
        assert found is None


def test_a_header_without_anything_has_no_age() -> None:
    """And nothing is marked."""
    empty = Known(patient="p", header=Header(), at=NOW, zone=OSLO)
    assert empty.age is None
    assert not empty.marked(*Marking)
