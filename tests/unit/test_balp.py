"""The access log as AuditEvents: FHIR R4, and what IHE BALP 1.1.4 asks of each profile."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings.audit import DISCLOSURE, NOBODY, QUERY, READ, audit_event, redacted
from fhir_mappings.codes import ACCESS_ACT, ACCESS_BASIS, ACCESS_ROLE
from pathways.access import Basis, Purpose, Role
from pathways.access_log import Act, Line, Who

JSON = dict[str, Any]
BASE = "https://broker.example/fhir"
NURSE = Who(
    role=Role.CLINICIAN,
    party="ward",
    client="ehr",
    person="p-1",
    name="Nina Nurse",
    purpose=Purpose.TREATMENT,
)
ONE: Mapping[str, tuple[str, ...]] = {"Encounter": ("e",)}
MANY: Mapping[str, tuple[str, ...]] = {"Encounter": ("e", "f"), "Patient": ("p",)}


def line(**more: Any) -> Line:
    """A line: a nurse read an Encounter."""
    said: JSON = {
        "id": "0006-1",
        "at": datetime(2026, 11, 22, 10, 0, 0, 5, UTC),
        "act": Act.READ,
        "who": NURSE,
        "basis": (Basis.ADDRESSED,),
        "patient": "p",
        "interaction": "read",
        "shown": ONE,
        "query": "GET /fhir/Encounter/e",
        "request": "r-1",
        "network": "192.0.2.7",
        "outcome": "200",
    }
    return Line(**said | more)


def made(**more: Any) -> JSON:
    """Its AuditEvent."""
    return audit_event(line(**more), BASE)


def codes(concept: JSON) -> set[tuple[str, str]]:
    """What a CodeableConcept says."""
    return {(coding["system"], coding["code"]) for coding in concept["coding"]}


def agents(event: JSON) -> dict[str, JSON]:
    """The agents by the code of their type."""
    found = {next(iter(codes(one["type"])))[1]: one for one in event["agent"]}
    assert len(found) == len(event["agent"])
    return found


def entities(event: JSON) -> dict[str, list[JSON]]:
    """The entities by the code of their type."""
    found: dict[str, list[JSON]] = {}
    for one in event["entity"]:
        found.setdefault(one["type"]["code"], []).append(one)
    return found


CASES: dict[str, tuple[JSON, str | None]] = {
    "read": ({}, READ),
    "vread": ({"interaction": "vread"}, READ),
    "timeline": ({"interaction": "timeline", "shown": MANY}, QUERY),
    "search": ({"act": Act.QUERY, "interaction": "search", "shown": MANY}, QUERY),
    "search that found one": ({"act": Act.QUERY, "interaction": "search"}, QUERY),
    "search that found nobody": ({"act": Act.QUERY, "patient": None, "shown": {}}, NOBODY),
    "delivery": ({"act": Act.DELIVERY, "interaction": "kafka", "network": None}, DISCLOSURE),
    "sign-in": ({"act": Act.SIGN_IN, "patient": None, "shown": {}}, None),
}


@pytest.mark.parametrize("case", CASES)
def test_each_is_an_audit_event_of_its_profile(case: str) -> None:
    """It is FHIR, has the line's id and time, and says why."""
    more, profile = CASES[case]
    event = made(**more)
    AuditEvent.model_validate(event)
    assert event.get("meta", {}).get("profile") == (None if profile is None else [profile])
    assert (event["id"], event["outcome"]) == ("0006-1", "0")
    assert event["recorded"] == "2026-11-22T10:00:00.000005Z"
    assert codes(event["purposeOfEvent"][0]) == {
        ("http://terminology.hl7.org/CodeSystem/v3-ActReason", "TREAT")
    }
    assert codes(event["purposeOfEvent"][1]) == {(ACCESS_BASIS, "addressed")}


def test_a_read_names_the_one_resource() -> None:
    """As BALP's PatientRead: one data entity, the patient, the request."""
    event = made()
    assert (event["type"]["code"], event["action"]) == ("rest", "R")
    assert [one["code"] for one in event["subtype"]] == ["read", "read"]
    assert [one["system"] for one in event["subtype"]] == [
        "http://hl7.org/fhir/restful-interaction",
        ACCESS_ACT,
    ]
    found = entities(event)
    assert {*found} == {"XrequestId", "1", "2"}
    (data,) = found["2"]
    assert (data["what"], data["role"]["code"]) == ({"reference": "Encounter/e"}, "4")
    (patient,) = found["1"]
    assert (patient["what"], patient["role"]["code"]) == ({"reference": "Patient/p"}, "1")
    assert found["XrequestId"][0]["what"]["identifier"]["value"] == "r-1"
    assert "query" not in data


def test_a_query_has_what_was_asked_and_what_was_given() -> None:
    """As BALP's PatientQuery; the values asked for are left out."""
    asked = "GET /fhir/Encounter?identifier=urn:x|123&_count=5"
    event = made(act=Act.QUERY, interaction="search", shown=MANY, query=asked)
    assert (event["action"], event["subtype"][0]["code"]) == ("E", "search-type")
    found = entities(event)
    (query,) = found["2"]
    assert query["role"]["code"] == "24"
    assert "what" not in query
    cleaned = "GET /fhir/Encounter?identifier=…&_count=5"
    assert query["description"] == base64.b64decode(query["query"]).decode() == cleaned
    given_ = [one["what"]["reference"] for one in found["Encounter"] + found["Patient"]]
    assert given_ == ["Encounter/e", "Encounter/f", "Patient/p"]
    assert {one["type"]["system"] for one in found["Encounter"]} == {
        "http://hl7.org/fhir/resource-types"
    }


def test_the_question_travels_from_the_client_and_the_data_to_it() -> None:
    """DICOM's roles, as BALP has them: 110153 is the source of what travels, 110152 its destination."""
    read, query = agents(made()), agents(made(act=Act.QUERY, shown=MANY))
    client, server = {"identifier": {"value": "ehr"}}, {"display": BASE}
    assert (read["110152"]["who"], read["110153"]["who"]) == (client, server)
    assert (query["110153"]["who"], query["110152"]["who"]) == (client, server)
    assert read["110152"]["network"] == {"address": "192.0.2.7", "type": "2"}
    assert read["110153"]["network"] == {"address": BASE, "type": "5"}
    assert [one["requestor"] for one in made()["agent"]] == [False, False, True, False]


def test_the_person_and_whom_they_work_for() -> None:
    """BALP's user, and the organisation beside it."""
    found = agents(made())
    user = found["IRCP"]
    assert (user["who"], user["name"]) == ({"identifier": {"value": "p-1"}}, "Nina Nurse")
    assert codes(user["role"][0]) == {(ACCESS_ROLE, "clinician")}
    assert codes(user["purposeOfUse"][0]) == {
        ("http://terminology.hl7.org/CodeSystem/v3-ActReason", "TREAT")
    }
    assert "network" not in user
    assert found["PROV"]["who"] == {"reference": "Organization/ward"}


def test_a_system_asks_for_itself() -> None:
    """Then there is no user."""
    system = Who(role=Role.SYSTEM, party="ward", purpose=Purpose.TREATMENT)
    found = agents(made(who=system))
    assert {*found} == {"110152", "110153", "PROV"}
    assert found["110152"]["who"] == {"reference": "Organization/ward"}
    assert found["110152"]["requestor"] is True
    operator = agents(made(who=Who(role=Role.OPERATOR, purpose=Purpose.OPERATIONS)))
    assert {*operator} == {"110152", "110153"}
    assert operator["110152"]["who"] == {"display": "operator"}


def test_a_person_without_a_name_has_none() -> None:
    """A citizen may not have told one."""
    nobody = Who(role=Role.PATIENT, person="p-2", purpose=Purpose.PATIENT_REQUEST)
    assert "name" not in agents(made(who=nobody))["IRCP"]


def test_a_delivery_is_a_disclosure_by_us() -> None:
    """As BALP's PrivacyDisclosure.Source: we are the source and the observer."""
    event = made(act=Act.DELIVERY, interaction="kafka", network=None, shown={"Bundle": ("b",)})
    assert (event["type"]["code"], event["action"]) == ("110106", "R")
    assert [one["code"] for one in event["subtype"]] == ["disclose", "kafka"]
    found = agents(event)
    assert found["110153"]["who"] == event["source"]["observer"] == {"display": BASE}
    assert found["110153"]["requestor"] is True
    assert found["110152"]["requestor"] is False
    assert found["110152"]["network"] == {"address": "urn:carepath:kafka", "type": "5"}
    assert entities(event)["Bundle"][0]["what"] == {"reference": "Bundle/b"}
    assert "2" not in entities(event)


def test_what_is_no_reading_is_an_activity() -> None:
    """Without a BALP profile: there is none."""
    event = made(act=Act.SIGN_IN, patient=None, shown={})
    assert (event["type"]["code"], event["action"]) == ("110100", "E")
    assert [one["code"] for one in event["subtype"]] == ["sign-in"]
    assert {*entities(event)} == {"XrequestId"}


def test_words_are_escaped() -> None:
    """The narrative is XHTML."""
    event = audit_event(line(), BASE, "A & B <script>")
    assert event["text"] == {
        "status": "generated",
        "div": '<div xmlns="http://www.w3.org/1999/xhtml">A &amp; B &lt;script></div>',
    }
    assert "text" not in audit_event(line(), BASE)


def test_how_a_query_is_redacted() -> None:
    """Names stay, and values that can name nobody."""
    assert redacted("GET /fhir/Patient") == "GET /fhir/Patient"
    assert redacted("GET /fhir/Patient?") == "GET /fhir/Patient?"
    assert (
        redacted("GET /x?family=Nor%20mann&_sort=a,b&given=") == "GET /x?family=…&_sort=a,b&given=…"
    )
    assert redacted("") == ""


@given(
    st.lists(
        st.tuples(st.sampled_from(["identifier", "name", "x"]), st.text("0123abc", min_size=4))
    )
)
def test_no_value_is_repeated(pairs: list[tuple[str, str]]) -> None:
    """Whatever is asked for."""
    asked = "&".join(f"{name}={value}" for name, value in pairs)
    shown = redacted(f"GET /fhir/Patient?{asked}")
    assert shown.count("=…") == len(pairs)
    assert not any(value in shown for _, value in pairs)
