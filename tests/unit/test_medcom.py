"""MedCom's messages: every activity, deaths, conversations, receipts, and what is refused."""

from datetime import datetime
from typing import Any

import pytest

from fhir_mappings import codes
from pathways.events import Activity, EventCode
from pathways.facts import InquiryFacts, ReceiptFacts, StayFacts, StayKind
from pathways.messages import KeyRank
from pathways.refusals import Reason
from tests.unit.foreign import (
    CORE,
    END,
    JSON,
    START,
    WRITTEN,
    accepted,
    bundle,
    earlier,
    encounter,
    medcom,
    moment,
    notification,
    patient,
    provenance,
    refused,
)

# --- HospitalNotification

STEPS = [
    ("admit-inpatient", EventCode.ADMISSION, START),
    ("admit-emergency", EventCode.ADMISSION, START),
    ("start-leave-inpatient", EventCode.LEAVE_START, WRITTEN),
    ("end-leave-inpatient", EventCode.LEAVE_END, WRITTEN),
    ("discharge-inpatient-home", EventCode.DISCHARGE, END),
    ("discharge-emergency-home", EventCode.DISCHARGE, END),
]
FORMS = [("", Activity.NEW), ("revise-", Activity.REVISE), ("cancel-", Activity.CANCEL)]


@pytest.mark.parametrize(("name", "code", "happened"), STEPS)
@pytest.mark.parametrize(("prefix", "activity"), FORMS)
def test_every_activity_of_a_stay_is_known(
    name: str, code: EventCode, happened: str, prefix: str, activity: Activity
) -> None:
    """Code and activity come from the activity code alone, whatever the entity's role."""
    found = accepted(notification(provenance(f"{prefix}{name}", earlier())))
    assert (found.code, found.activity) == (code, activity)
    assert found.target == (None if activity is Activity.NEW else "m1")
    assert found.happened == moment(happened)
    assert found.written == datetime.fromisoformat(WRITTEN)


@pytest.mark.parametrize(
    ("class_", "kind"),
    [("EMER", StayKind.EMERGENCY_WARD), ("IMP", StayKind.HOSPITAL), ("VR", None)],
)
def test_an_admission_has_the_kind_of_its_class(class_: str, kind: StayKind | None) -> None:
    """Acute ambulant is the emergency ward."""
    about = encounter(**{"class": {"code": class_}})
    facts = accepted(notification(provenance("admit-inpatient"), about=about)).facts
    assert isinstance(facts, StayFacts)
    assert facts.stay_kind is kind
    assert facts.report_wanted is None


@pytest.mark.parametrize(
    ("said", "happened", "deceased"),
    [
        ({"deceasedBoolean": True}, END, None),
        ({"deceasedDateTime": START}, START, START),
    ],
    ids=["flag", "time"],
)
def test_a_death_is_the_current_activity_again(
    said: JSON, happened: str, deceased: str | None
) -> None:
    """It happened when the patient died, else when the stay ended."""
    sent = notification(provenance("admit-inpatient", earlier()), who=patient(**said))
    found = accepted(sent)
    assert (found.code, found.activity, found.target) == (EventCode.DEATH, Activity.NEW, None)
    assert found.happened == moment(happened)
    assert isinstance(found.facts, StayFacts)
    assert found.facts.deceased == (moment(deceased) if deceased else None)


def test_a_death_is_taken_back_by_the_activity_once_more() -> None:
    """With the patient not deceased, and the message that said so named."""
    history = provenance("admit-inpatient", target="m1", id_="pr1")
    own = provenance("admit-inpatient", earlier())
    found = accepted(notification(own, history, who=patient(deceasedBoolean=False)))
    assert (found.code, found.activity, found.target) == (
        EventCode.DEATH,
        Activity.CANCEL,
        "m1",
    )


@pytest.mark.parametrize(
    "steps",
    [
        [provenance("admit-inpatient")],
        [provenance("discharge-inpatient-home", earlier())],
        [
            provenance("discharge-inpatient-home", earlier()),
            provenance("admit-inpatient", target="m1", id_="pr1"),
        ],
        [provenance("revise-admit-inpatient", earlier())],
    ],
    ids=["first", "no-history", "other-activity", "revision"],
)
def test_a_patient_said_to_live_is_no_news(steps: list[JSON]) -> None:
    """Some systems say so of everyone."""
    found = accepted(notification(*steps, who=patient(deceasedBoolean=False)))
    assert found.code is not EventCode.DEATH


def test_a_cancelled_admission_of_someone_dead_stays_a_cancellation() -> None:
    """The activity's own form counts first."""
    own = provenance("cancel-admit-inpatient", earlier(role="removal"))
    found = accepted(notification(own, who=patient(deceasedBoolean=True)))
    assert (found.code, found.activity) == (EventCode.ADMISSION, Activity.CANCEL)


def test_a_stay_without_ids_is_known_by_its_begin() -> None:
    """And its sender."""
    about = encounter()
    del about["episodeOfCare"]
    found = accepted(notification(provenance("admit-inpatient"), about=about))
    assert [key.rank for key in found.keys] == [KeyRank.START]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"activity": "paint-inpatient"}, "activity"),
        ({"target": "m1"}, None),
        ({"focus": False}, "focus"),
    ],
    ids=["unknown", "not-ours", "no-focus"],
)
def test_a_notification_that_cannot_be_placed_is_refused(change: JSON, where: str | None) -> None:
    """Without a known activity of its own, or without its Encounter in focus."""
    own = provenance(change.get("activity", "admit-inpatient"), target=change.get("target", "m2"))
    whole = notification(own)
    if "focus" in change:
        del whole["entry"][0]["resource"]["focus"]
    refusal = refused(whole)
    assert refusal.reason is Reason.INVALID
    places = [issue.where or "" for issue in refusal.issues]
    assert any(place.endswith(where or "resource") for place in places)


def test_a_notification_needs_a_patient() -> None:
    """One, as every message about somebody."""
    whole = notification(provenance("admit-inpatient"))
    whole["entry"] = [
        entry for entry in whole["entry"] if entry["resource"]["resourceType"] != "Patient"
    ]
    assert refused(whole).reason is Reason.PATIENT


@pytest.mark.parametrize("system", [codes.MEDCOM_EVENT, codes.DAVINCI_EVENT])
def test_other_events_are_refused(system: str) -> None:
    """Those of standards that nobody has asked for."""
    whole = bundle({"system": system, "code": "homecareobservation-message"}, None, patient())
    assert refused(whole).reason is Reason.UNKNOWN_EVENT


# --- CareCommunication


def segment(id_: str, text: str, *extensions: JSON) -> JSON:
    """A payload with its identifier."""
    own = {"url": f"{CORE}-identifier-extension", "valueIdentifier": {"value": id_}}
    return {"contentString": text, "extension": [own, *extensions]}


def communication(*segments: JSON, **said: Any) -> JSON:
    """A Communication in its conversation."""
    return {
        "resourceType": "Communication",
        "id": "c",
        "status": "unknown",
        "identifier": [{"value": "urn:uuid:3fab3414-6c8b-45bf-af93-27dd333554c6"}],
        **({"payload": list(segments)} if segments else {}),
        **said,
    }


def written(*steps: JSON, about: JSON, more: tuple[JSON, ...] = ()) -> JSON:
    """A CareCommunication."""
    return bundle(medcom("care-communication-message"), about, patient(), *steps, *more)


@pytest.mark.parametrize(
    ("name", "code", "activity"),
    [
        ("new-message", EventCode.INQUIRY, Activity.NEW),
        ("carboncopy-message", EventCode.INQUIRY, Activity.NEW),
        ("modified-message", EventCode.INQUIRY, Activity.REVISE),
        ("retract-message", EventCode.INQUIRY, Activity.CANCEL),
        ("forward-message", EventCode.INQUIRY_FORWARDED, Activity.FORWARD),
        ("reply-message", EventCode.REPLY, Activity.REPLY),
    ],
)
def test_every_activity_of_a_conversation_is_known(
    name: str, code: EventCode, activity: Activity
) -> None:
    """Those after the first name the message before, and their own payload beside it."""
    source = {"role": "source", "what": {"identifier": {"value": "s2"}}}
    about = communication(
        segment("s1", "Spørsmål"), segment("s2", "Svar"), topic={"text": "Medisin"}
    )
    found = accepted(written(provenance(name, earlier(), source), about=about))
    assert (found.code, found.activity) == (code, activity)
    assert found.target == (None if activity is Activity.NEW else "m1")
    assert isinstance(found.facts, InquiryFacts)
    assert (found.facts.text, found.facts.topic) == ("Svar", "Medisin")
    assert found.facts.owner is not None
    assert found.facts.owner.name == "town"
    assert [key.rank for key in found.keys] == [KeyRank.CONVERSATION]


def test_where_no_segment_is_named_all_are_read() -> None:
    """Better twice than not at all."""
    about = communication(segment("s1", "En"), segment("s2", "To"))
    facts = accepted(written(provenance("new-message"), about=about)).facts
    assert isinstance(facts, InquiryFacts)
    assert facts.text == "En\n\nTo"
    assert facts.topic is None


def test_a_conversation_is_signed_by_its_writer() -> None:
    """With the phone of the segment, else their own; without a writer, by nobody."""
    role = {
        "resourceType": "PractitionerRole",
        "id": "r",
        "practitioner": {"reference": "Practitioner/d"},
        "telecom": [{"system": "phone", "value": "1"}],
    }
    doctor = {"resourceType": "Practitioner", "id": "d", "name": [{"text": "Ida"}]}
    by = {
        "url": f"{CORE}-practitioner-extension",
        "valueReference": {"reference": "Practitioner/x"},
    }
    ours = {
        "url": f"{CORE}-practitioner-extension",
        "valueReference": {"reference": "PractitionerRole/r"},
    }
    phone = {
        "url": f"{CORE}-contact-extension",
        "valueContactPoint": {"system": "phone", "value": "2"},
    }
    authors = [
        accepted(
            written(
                provenance("new-message"),
                about=communication(segment("s1", "x", *extensions)),
                more=(role, doctor),
            )
        ).author
        for extensions in ((by,), (ours,), (ours, phone))
    ]
    assert [author.name for author in authors] == [None, "Ida", "Ida"]
    assert [author.phone for author in authors] == [None, "1", "2"]


def test_a_conversation_without_communication_is_refused() -> None:
    """With every fault at once."""
    whole = bundle(medcom("care-communication-message"), None, patient())
    assert len(refused(whole).issues) == 2


# --- Acknowledgement


def test_an_acknowledgement_explains_in_words_or_codes() -> None:
    """The first that the outcome has."""
    details = {"coding": [{"code": "c"}]}
    notes = []
    for issue in (
        {"details": {**details, "text": "t"}},
        {"diagnostics": "d", "details": details},
        {"details": details},
        {},
    ):
        told = {
            "resourceType": "OperationOutcome",
            "id": "o",
            "issue": [{"severity": "error", "code": "value", **issue}],
        }
        response = {
            "identifier": "m1",
            "code": "fatal-error",
            "details": {"reference": "OperationOutcome/o"},
        }
        whole = bundle(medcom("acknowledgement-message"), None, told, response=response)
        facts = accepted(whole).facts
        assert isinstance(facts, ReceiptFacts)
        notes.append(facts.note)
    assert notes == ["t", "d", "c", None]


def test_an_acknowledgement_of_nothing_is_refused() -> None:
    """It has to say which message it answers."""
    refusal = refused(bundle(medcom("acknowledgement-message"), None))
    assert (refusal.issues[0].where or "").endswith("response")
