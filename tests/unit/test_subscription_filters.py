"""Filter criteria: every spelling that the Backport has, and what each value means."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings.codes import FNR, FNR_ALIAS, MUNICIPALITY, PATHWAY_EVENT
from fhir_mappings.subscription import Asked
from pathways.refusals import Refusal
from pathways.subscriptions import Filter, FilterName
from tests.unit.asked import BASE, judged, places, subscription

PLACE = "Subscription.criteria.extension[0].valueString"


def filters(*criteria: str) -> tuple[Filter, ...]:
    """What they mean."""
    asked = judged(subscription(*criteria))
    assert isinstance(asked, Asked), asked
    return asked.subscription.filters


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("patient=Patient/p1", FilterName.PATIENT, ("p1",)),
        ("patient=p1", FilterName.PATIENT, ("p1",)),
        (f"patient={BASE}/Patient/p1", FilterName.PATIENT, ("p1",)),
        ("patient=Patient/p1,Patient/p2", FilterName.PATIENT, ("p1", "p2")),
        ("patient.identifier=urn:x|1", FilterName.IDENTIFIER, ("urn:x|1",)),
        (f"patient.identifier={FNR_ALIAS}|1", FilterName.IDENTIFIER, (f"{FNR}|1",)),
        ("patient.identifier=1", FilterName.IDENTIFIER, ("1",)),
        (r"patient.identifier=urn:x|1\,2", FilterName.IDENTIFIER, ("urn:x|1,2",)),
        ("event=admission,transfer", FilterName.EVENT, ("admission", "transfer")),
        (f"event={PATHWAY_EVENT}|admission", FilterName.EVENT, ("admission",)),
        (f"event={quote(PATHWAY_EVENT, safe='')}%7Cadmission", FilterName.EVENT, ("admission",)),
        ("organization=Organization/hospital", FilterName.ORGANIZATION, ("hospital",)),
        ("organization=hospital", FilterName.ORGANIZATION, ("hospital",)),
        ("organization=urn:x|7", FilterName.ORGANIZATION, ("hospital",)),
        ("municipality=0301", FilterName.MUNICIPALITY, ("0301",)),
        (f"municipality={MUNICIPALITY}|0301", FilterName.MUNICIPALITY, ("0301",)),
    ],
)
def test_what_a_filter_means(text: str, name: FilterName, values: tuple[str, ...]) -> None:
    """Its values are as updates have them."""
    assert filters(text) == (Filter(name, values),)


def test_every_spelling() -> None:
    """The IG's two without a modifier, and the query that its examples write."""
    (events, patient) = filters("Encounter.patient=Patient/p1")

    assert patient == Filter(FilterName.PATIENT, ("p1",)) == filters("patient=Patient/p1")[0]
    assert filters("Encounter?patient=Patient/p1") == (events, patient)
    assert events.name is FilterName.EVENT
    assert {"admission", "discharge"} <= {*events.values}
    assert "referral" not in events.values


def test_a_query_has_several_parameters() -> None:
    """And several criteria are all to be met."""
    asked = filters("Encounter?patient=p1&event=admission", "municipality=0301")

    assert [one.name for one in asked] == ["event", "patient", "event", "municipality"]


@pytest.mark.parametrize(
    "text",
    [
        "weather=rain",
        "identifier=urn:x|1",
        "patient:missing=true",
        "patient:Patient=p1",
        "Encounter.patient:exact=p1",
        "Encounter?patient:not=p1",
        "Observation?patient=p1",
        "Observation.patient=p1",
        "patient",
        "patient=",
        "patient=p1,",
        "=p1",
        "?patient=p1",
        "Encounter?",
        "Encounter?patient=p1&",
        "patient=Group/1",
        "patient=https://elsewhere.example/fhir/Patient/p1",
        "patient=Patient/p1/_history/1",
        "patient.identifier=urn:x|",
        "patient.identifier=|1",
        "event=party",
        "event=urn:x|admission",
        "organization=Organization/nobody",
        "organization=urn:x|8",
        "organization=urn:x|",
        "municipality=301",
        "municipality=urn:x|0301",
        "patient.name=x",
    ],
)
def test_what_is_not_offered_is_refused(text: str) -> None:
    """SHALL be: a filter that is passed over would tell more than was asked for."""
    assert places(subscription(text)) == [PLACE]


def test_too_many_values_are_refused() -> None:
    """Every one is looked at with every update."""
    many = ",".join(f"p{n}" for n in range(101))

    assert places(subscription(f"patient={many}")) == ["Subscription.criteria"]


@given(st.lists(st.text(max_size=60).filter(bool), max_size=4))
def test_no_text_is_too_strange(texts: list[str]) -> None:
    """Any text is a filter or a fault with its place, and no fault repeats what was written."""
    told = judged(subscription(*texts))

    assert isinstance(told, Asked | Refusal)
    if isinstance(told, Refusal):
        assert all(issue.where for issue in told.issues)


@given(
    st.dictionaries(
        st.sampled_from([*FilterName]),
        st.lists(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True), min_size=1, unique=True),
        min_size=1,
    )
)
def test_spelling_makes_no_difference(wanted: dict[FilterName, list[str]]) -> None:
    """Escaped or not, in one query or in criteria of their own."""
    known = {
        name: values
        for name, values in wanted.items()
        if name in {FilterName.PATIENT, FilterName.IDENTIFIER}
    }
    apart = [f"{name}={','.join(values)}" for name, values in known.items()]
    escaped = [f"{name}={quote(','.join(values), safe='')}" for name, values in known.items()]

    assert filters(*apart) == filters(*escaped)
    if apart:
        assert filters("&".join(apart)) == filters(*apart)
