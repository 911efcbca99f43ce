"""Everything we write is FHIR R4: the models read it, and our own checks find nothing in it."""

from dataclasses import replace
from datetime import timedelta

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_mappings import entries, resources
from fhir_mappings.capability import statement
from fhir_mappings.codes import EXACT_TIME, PARTY_KIND
from fhir_mappings.outcome import outcome
from fhir_mappings.receipt import receipt
from fhir_mappings.search_parameters import PARAMETERS
from fhir_mappings.structure import check
from pathways.corrections import Mark
from pathways.events import RULES, Activity, EventCode, Family
from pathways.facts import ReferralFacts, StayFacts
from pathways.messages import Author, Message
from pathways.moments import Moment
from pathways.parties import Function, Identifier, Party, PartyRef
from pathways.pathway import Header, Told, fold, header_with
from pathways.refusals import Issue
from pathways.timeline import entries as timeline
from pathways.transitions import Status
from tests.unit.strategies import BASE_URL, messages
from tests.unit.written import (
    AT,
    DIRECTORY,
    HOSPITAL,
    JSON,
    KNOWN,
    ORDER,
    as_record,
    header,
    sound,
    thread,
)

# --- receipts and outcomes


def test_an_outcome_says_what_and_where() -> None:
    """With an id of its own where it stands in a Bundle."""
    made = sound(
        outcome([Issue("value", "wrong", "Bundle.type"), Issue("required", "gone")], id="o")
    )
    assert made == {
        "resourceType": "OperationOutcome",
        "id": "o",
        "issue": [
            {
                "severity": "error",
                "code": "value",
                "details": {"text": "wrong"},
                "expression": ["Bundle.type"],
            },
            {"severity": "error", "code": "required", "details": {"text": "gone"}},
        ],
    }


def test_an_outcome_without_issues_says_that_all_is_well() -> None:
    """There is always one issue (R4: 1..*)."""
    [issue] = sound(outcome([]))["issue"]
    assert issue["severity"] == "information"


@settings(max_examples=40)
@given(messages(), st.sampled_from(["carepath", "medcom", "davinci"]), st.booleans())
def test_a_receipt_is_a_sound_message(message: Message, form: str, warned: bool) -> None:
    """Whoever it answers, with issues or without."""
    if form == "davinci":
        message = replace(message, code=EventCode.DISCHARGE)
    message = replace(message, format=form)
    issues = [Issue("informational", "late", severity="warning")] if warned else []
    made = receipt(message, id="r1", code="ok", issues=issues, at=AT, base_url=BASE_URL)
    assert check(orjson.loads(orjson.dumps(made))) == ()
    response = made["entry"][0]["resource"]["response"]
    assert response["identifier"] == message.id
    urls = {entry["fullUrl"] for entry in made["entry"]}
    assert ("details" in response) is warned
    assert not warned or response["details"]["reference"] in urls


def test_a_receipt_bears_the_event_of_its_request() -> None:
    """MedCom's standards have one event for receipts; the others answer with their own."""
    base = Message(
        id="m1",
        format="carepath",
        envelope=None,
        content=b"",
        code=EventCode.ADMISSION,
        sender=PartyRef(endpoint="urn:oid:1"),
        happened=Moment(AT),
        written=AT,
        patient=None,
        facts=StayFacts(),
    )
    told = {
        form: receipt(
            replace(base, format=form), id="r", code="ok", issues=[], at=AT, base_url=BASE_URL
        )
        for form in ("carepath", "medcom", "davinci")
    }
    codes = {
        form: made["entry"][0]["resource"]["eventCoding"]["code"] for form, made in told.items()
    }
    assert codes == {
        "carepath": "admission",
        "medcom": "acknowledgement-message",
        "davinci": "notification-admit",
    }


# --- current state


@settings(max_examples=40)
@given(st.data())
def test_every_thread_is_shown_by_sound_resources(data: st.DataObject) -> None:
    """Whatever was told, and in whatever order."""
    family = data.draw(st.sampled_from([f for f in Family if f is not Family.BROKER]))
    codes = [code for code in EventCode if RULES[code].family is family]
    told = [
        as_record(data.draw(messages(data.draw(st.sampled_from(codes)))), number)
        for number in range(data.draw(st.integers(1, 3)))
    ]
    made = resources.of_thread(fold(thread(family, Status.NONE), told), DIRECTORY)
    kinds = [sound(one)["resourceType"] for one in made]
    focus = resources.focus(family, "t1", "p1")
    assert not kinds or focus == f"{kinds[0]}/t1"
    by_entry = {Family.INQUIRY: "Communication/e1", Family.CONSENT: "Consent/e1"}
    assert resources.focus(family, "t1", "p1", "e1") == by_entry.get(family, focus)
    assert kinds or focus == "Patient/p1"


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (Status.IN_PROGRESS, "in-progress"),
        (Status.READY, "in-progress"),
        (Status.ON_LEAVE, "onleave"),
        (Status.FINISHED, "finished"),
        (Status.DECEASED, "finished"),
        (Status.ENTERED_IN_ERROR, "entered-in-error"),
        (Status.UNKNOWN, "unknown"),
    ],
)
def test_an_encounter_has_the_status_of_its_stay(status: Status, shown: str) -> None:
    """In FHIR's words."""
    made, episode = resources.of_thread(thread(Family.STAY, status), DIRECTORY)
    assert sound(made)["status"] == shown
    ended = shown if shown in ("finished", "entered-in-error") else "active"
    assert sound(episode)["status"] == ended
    assert made["episodeOfCare"] == [{"reference": "EpisodeOfCare/t1"}]
    assert "code" not in made["class"]  # nobody told, and nothing is invented


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (Status.REQUESTED, "active"),
        (Status.ACCEPTED, "active"),
        (Status.COMPLETED, "completed"),
        (Status.REJECTED, "revoked"),
        (Status.CANCELLED, "revoked"),
        (Status.ENTERED_IN_ERROR, "entered-in-error"),
    ],
)
def test_a_referral_is_an_order_and_its_task(status: Status, shown: str) -> None:
    """The Task says how far it has come, the order whether it stands."""
    facts = ReferralFacts(title="Hofte", performer=KNOWN, requester=PartyRef(name="Ukjent"))
    order, task = resources.of_thread(
        thread(Family.REFERRAL, status, facts=facts, owner=None), DIRECTORY
    )
    assert sound(order)["status"] == shown
    assert sound(task)["status"] == status
    assert order["performer"] == [{"reference": "Organization/slagen", "display": "Slagen sykehus"}]
    assert order["requester"]["display"] == "Ukjent"
    assert task["focus"] == {"reference": "ServiceRequest/t1"}
    assert "owner" not in task


def test_a_thread_nobody_has_told_of_is_shown_all_the_same() -> None:
    """Without times, parties or facts."""
    bare = thread(Family.CHOICE, Status.REQUESTED, begun=None, updated=None, sender="", owner=None)
    for made in resources.of_thread(bare, DIRECTORY):
        sound(made)


DAY = Moment(AT, day=True)
TIME = Moment(AT)
LATER = timedelta(hours=2)
EXACTLY = {"extension": [{"url": EXACT_TIME, "valueDateTime": "2026-03-07T01:10:00Z"}]}


@pytest.mark.parametrize(
    ("begins", "ends", "period"),
    [
        (
            TIME,
            Moment(AT + LATER),
            {"start": "2026-03-07T01:10:00Z", "end": "2026-03-07T03:10:00Z"},
        ),
        (TIME, Moment(AT - LATER), {"start": "2026-03-07T01:10:00Z"}),
        (TIME, None, {"start": "2026-03-07T01:10:00Z"}),
        (None, TIME, {"end": "2026-03-07T01:10:00Z"}),
        (DAY, TIME, {"start": "2026-03-07", "end": "2026-03-07", "_end": EXACTLY}),
        (DAY, Moment(AT + 20 * LATER), {"start": "2026-03-07", "end": "2026-03-08T17:10:00Z"}),
        (DAY, Moment(AT - 20 * LATER), {"start": "2026-03-07"}),
    ],
    ids=["later", "earlier", "open", "end", "same-day", "next-day", "day-before"],
)
def test_a_period_can_always_be_compared(
    begins: Moment | None, ends: Moment | None, period: JSON
) -> None:
    """per-1 fails also where a time and a day cannot be told apart."""
    facts = StayFacts(encounter_class="IMP", begins=begins, ends=ends, provider=KNOWN)
    for made in resources.of_thread(thread(Family.STAY, Status.FINISHED, facts=facts), DIRECTORY):
        assert sound(made)["period"] == period


def test_a_patient_shows_what_was_told_last() -> None:
    """Everything, or nothing but the key."""
    identifiers = [Identifier("urn:x", "1"), Identifier("", "local")]
    made = sound(resources.patient(header(), identifiers, "p1"))
    assert made["name"] == [{"use": "official", "family": "Nordmann", "given": ["Kari", "Lise"]}]
    assert made["deceasedDateTime"] == "2026-03-07T01:10:00Z"
    assert [address["use"] for address in made["address"]] == ["home", "temp"]
    assert made["generalPractitioner"] == [{"reference": "Organization/lege"}]
    assert made["link"][0]["other"]["identifier"]["value"] == "2"
    assert sound(resources.patient(Header(), [], "p1")) == {"resourceType": "Patient", "id": "p1"}


def test_a_patient_may_have_a_family_name_and_a_municipality_only() -> None:
    """As in many a message."""
    told = {"family": Told(ORDER, "Nordmann"), "municipality": Told(ORDER, "3905")}
    made = sound(resources.patient(Header(demographics=told), [], "p1"))
    assert made["name"] == [{"use": "official", "family": "Nordmann"}]
    assert "extension" not in made["address"][0]


def test_the_dead_are_dead_since_the_first_report() -> None:
    """Folded from a stay that ends so."""
    ended = thread(Family.STAY, Status.DECEASED, facts=StayFacts(deceased=DAY))
    made = resources.patient(header_with(Header(), ended), [], "p1")
    assert made["deceasedDateTime"] == "2026-03-07"


def test_an_organization_is_its_entry_in_the_directory() -> None:
    """With all it has, or with its name."""
    made = sound(resources.organization(HOSPITAL))
    assert made["partOf"] == {"reference": "Organization/helse-slagen"}
    assert made["alias"] == ["Sykehuset"]
    assert sound(resources.organization(Party(key="x", name="X", valid_to=AT))) == {
        "resourceType": "Organization",
        "id": "x",
        "active": False,
        "type": [{"coding": [{"system": PARTY_KIND, "code": "other"}]}],
        "name": "X",
    }


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (None, None),
        ("1970-01-01T00:00:01Z", 1_000_000),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-02", 23 * 3_600_000_000),  # midnight in Oslo
    ],
)
def test_a_time_is_searched_by_its_microseconds(text: str | None, at: int | None) -> None:
    """A day by its beginning in Oslo."""
    assert resources.search_instant(text) == at


# --- timeline entries


@settings(max_examples=40)
@given(messages(), st.text(), st.sets(st.sampled_from(Mark)), st.sampled_from([None, "e9"]))
def test_an_entry_is_a_sound_provenance(
    message: Message, text: str, marks: set[Mark], replaced_by: str | None
) -> None:
    """Whatever its sentence contains."""
    [entry] = timeline({"t1": [as_record(message)]})
    entry = replace(entry, marks=frozenset(marks), replaced_by=replaced_by)
    made = sound(entries.provenance(entry, text or "x", BASE_URL))
    tags = [tag["code"] for tag in made["meta"].get("tag", ())]
    assert tags == sorted(marks)
    assert made["activity"]["coding"][0]["code"] == message.code
    assert ("line-through" in made["text"]["div"]) is (replaced_by is not None)
    assert made["entity"][0]["what"]["identifier"]["value"] == message.id


def test_an_entry_escapes_its_text() -> None:
    """A text is text, also when it is struck through."""
    message = as_record(
        Message(
            id="m1",
            format="carepath",
            envelope=None,
            content=b"",
            code=EventCode.ADMISSION,
            activity=Activity.CANCEL,
            target="m0",
            sender=KNOWN,
            author=Author("Siri"),
            happened=DAY,
            written=AT,
            patient=None,
            facts=StayFacts(),
        )
    )
    [entry] = timeline({"t1": [message]})
    made = entries.provenance(entry, "<b>&", BASE_URL)
    struck = entries.provenance(replace(entry, replaced_by="e2"), "<b>&", BASE_URL)
    for shown in (made, struck):
        assert "&lt;b&gt;&amp;" in shown["text"]["div"]
    assert made["target"] == [{"reference": f"{BASE_URL}/Encounter/t1"}]
    assert made["occurredDateTime"] == "2026-03-07"
    assert [agent["who"]["display"] for agent in made["agent"]] == ["Slagen sykehus", "Siri"]
    ward = entries.provenance(replace(entry, sender_function=Function.WARD), "x", BASE_URL)
    assert ward["agent"][0]["role"][0]["coding"][0]["code"] == "ward"
    assert [entity["role"] for entity in made["entity"]] == ["source", "removal"]


# --- what the server can do


def test_the_capability_statement_is_sound() -> None:
    """It names every message that is understood."""
    made = sound(statement(base_url=BASE_URL, version="1.0", date=AT))
    told = [one["definition"] for one in made["messaging"][0]["supportedMessage"]]
    assert all(any(one.endswith(f"/{code}") for one in told) for code in EventCode)


def test_the_capability_statement_offers_what_the_server_does() -> None:
    """The search parameters are those that are read."""
    told = {
        resource["type"]: {one["name"] for one in resource["searchParam"]}
        for resource in statement(base_url=BASE_URL, version="1.0", date=AT)["rest"][0]["resource"]
        if "searchParam" in resource
    }
    log = {
        "AuditEvent": {"patient", "date"}
    }  # of the access log, which has no versions and no index
    assert told == {type_: {*known} for type_, known in PARAMETERS.items()} | log
