"""Our own profile: what is generous, what is refused, and the place each refusal names."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
import pytest

from fhir_mappings import codes
from fhir_mappings.inbound import Options, read
from fhir_mappings.keys import scope
from pathways.events import Activity, EventCode, StayFacts
from pathways.messages import Key, KeyRank, Message
from pathways.moments import Moment
from pathways.parties import Identifier, PartyRef
from pathways.refusals import Reason, Refusal
from tests.unit.strategies import BASE_URL, with_control_digits

JSON = dict[str, Any]
Change = Callable[[JSON], object]

RECEIVED: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
OPTIONS: Final = Options(received=RECEIVED, base_url=BASE_URL)
NUMBER: Final = next(
    number for n in range(100, 400) if (number := with_control_digits(f"018550{n:03}"))
)
HEADER, PATIENT, ENCOUNTER, PROVENANCE = 0, 1, 2, 3

ADMISSION: Final[JSON] = {
    "resourceType": "Bundle",
    "id": "envelope-1",
    "type": "message",
    "timestamp": "2026-03-01T11:30:00+01:00",
    "entry": [
        {
            "fullUrl": "urn:uuid:b9b4818e-02de-4cc4-b418-d20cbc399006",
            "resource": {
                "resourceType": "MessageHeader",
                "id": "b9b4818e-02de-4cc4-b418-d20cbc399006",
                "eventCoding": {"system": codes.PATHWAY_EVENT, "code": "admission"},
                "sender": {"reference": "Organization/ward"},
                "source": {"endpoint": "https://hospital.example/fhir"},
                "destination": [
                    {"endpoint": BASE_URL},
                    {
                        "endpoint": BASE_URL,
                        "receiver": {
                            "identifier": {"system": codes.HER_ID, "value": "90001"},
                            "display": "Tildelingskontoret",
                        },
                    },
                ],
                "focus": [{"reference": "Encounter/stay"}],
            },
        },
        {
            "fullUrl": "https://hospital.example/fhir/Patient/p1",
            "resource": {
                "resourceType": "Patient",
                "id": "p1",
                "identifier": [{"system": codes.FNR, "value": NUMBER}],
                "name": [{"family": "Ødegård", "given": ["Åse"]}],
            },
        },
        {
            "fullUrl": "Encounter/stay",
            "resource": {
                "resourceType": "Encounter",
                "id": "stay",
                "status": "in-progress",
                "class": {"system": codes.ACT_CODE, "code": "IMP"},
                "subject": {"reference": "Patient/p1"},
                "identifier": [{"value": "stay-7"}],
                "period": {"start": "2026-03-01T10:15:00+01:00"},
            },
        },
        {
            "resource": {
                "resourceType": "Provenance",
                "target": [{"reference": "MessageHeader/b9b4818e-02de-4cc4-b418-d20cbc399006"}],
                "occurredDateTime": "2026-03-01T10:10:00+01:00",
                "recorded": "2026-03-01T10:20:00+01:00",
                "activity": {"coding": [{"system": codes.PATHWAY_ACTIVITY, "code": "new"}]},
                "agent": [{"who": {"display": "Kari Lege"}}],
            },
        },
        {
            "fullUrl": "https://hospital.example/fhir/Organization/ward",
            "resource": {"resourceType": "Organization", "id": "ward", "name": "Medisin 2"},
        },
    ],
}


def changed(*changes: Change) -> JSON:
    """The admission with some changes."""
    bundle = copy.deepcopy(ADMISSION)
    for change in changes:
        change(bundle)
    return bundle


def at(index: int, change: Change) -> Change:
    """A change of one entry's resource."""
    return lambda bundle: change(bundle["entry"][index]["resource"])


def accepted(bundle: JSON, options: Options = OPTIONS) -> Message:
    """The message in a Bundle that has to be accepted."""
    found = read(orjson.dumps(bundle), options)
    assert isinstance(found, Message), found
    return found


def refused(bundle: JSON) -> Refusal:
    """The refusal of a Bundle that has to be refused; its texts quote no personal value."""
    found = read(orjson.dumps(bundle), OPTIONS)
    assert isinstance(found, Refusal)
    for issue in found.issues:
        assert NUMBER not in issue.text
        assert "Ødegård" not in issue.text
    return found


def test_an_admission_is_read_whole() -> None:
    """Sender, times, author, destination, keys and facts of a message somebody else made."""
    found = accepted(ADMISSION)
    assert found.sender == PartyRef(name="Medisin 2", endpoint="https://hospital.example/fhir")
    assert found.happened == Moment(datetime(2026, 3, 1, 9, 10, tzinfo=UTC))
    assert found.written == datetime(2026, 3, 1, 9, 20, tzinfo=UTC)
    assert found.author.name == "Kari Lege"
    assert found.keys == (Key(KeyRank.STAY, f"|stay-7|{scope(found.sender)}"),)
    assert isinstance(found.facts, StayFacts)
    assert found.facts.begins == Moment(datetime(2026, 3, 1, 9, 15, tzinfo=UTC))
    [destination] = found.destinations
    assert destination.party == PartyRef(
        (Identifier(codes.HER_ID, "90001"),), "Tildelingskontoret", None
    )


# --- generosity


def test_without_provenance_it_is_new_and_happened_at_the_events_own_time() -> None:
    """The Encounter's start stands in for happened, the Bundle's time stamp for written."""
    found = accepted(changed(lambda bundle: bundle["entry"].pop(PROVENANCE)))
    assert found.activity is Activity.NEW
    assert found.happened == Moment(datetime(2026, 3, 1, 9, 15, tzinfo=UTC))
    assert found.written == datetime(2026, 3, 1, 10, 30, tzinfo=UTC)


def test_where_no_time_is_told_it_is_when_it_was_received() -> None:
    """Neither Provenance, period nor time stamp."""
    found = accepted(
        changed(
            lambda bundle: bundle["entry"].pop(PROVENANCE),
            at(ENCOUNTER, lambda stay: stay.pop("period")),
            lambda bundle: bundle.pop("timestamp"),
        )
    )
    assert (found.happened, found.written) == (Moment(RECEIVED), RECEIVED)


def test_a_stay_may_begin_with_its_discharge() -> None:
    """A discharge of an unknown stay is a message like any other; it happened at the period's end."""

    def discharge(bundle: JSON) -> None:
        bundle["entry"][HEADER]["resource"]["eventCoding"]["code"] = "discharge"
        stay = bundle["entry"][ENCOUNTER]["resource"]
        stay |= {"status": "finished", "period": {"end": "2026-03-01T12:00:00Z"}}
        del bundle["entry"][PROVENANCE]

    found = accepted(changed(discharge))
    assert found.code is EventCode.DISCHARGE
    assert found.happened == Moment(datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    "destination",
    [
        {"endpoint": BASE_URL},
        {"endpoint": f"{BASE_URL}/$process-message"},
        {"endpoint": "carepath"},
        {"endpoint": BASE_URL, "name": "Carepath"},
    ],
)
def test_a_destination_that_is_the_broker_is_none(destination: JSON) -> None:
    """Then the rules alone decide."""
    found = accepted(changed(at(HEADER, lambda head: head.update(destination=[destination]))))
    assert found.destinations == ()


def test_the_headers_id_may_stand_in_its_full_url() -> None:
    """HAPI's client drops resource.id."""

    def drop(head: JSON) -> None:
        del head["id"]

    assert accepted(changed(at(HEADER, drop))).id == "b9b4818e-02de-4cc4-b418-d20cbc399006"


def test_the_envelope_may_be_named_by_an_identifier() -> None:
    """Bundle.identifier stands in for Bundle.id."""
    found = accepted(changed(lambda bundle: bundle.update(id="x", identifier={"value": "y"})))
    assert found.envelope == "x"
    found = accepted(
        changed(lambda bundle: bundle.pop("id"), lambda b: b.update(identifier={"value": "y"}))
    )
    assert found.envelope == "y"


def test_a_stay_without_ids_is_known_by_its_sender_and_start() -> None:
    """The weakest key a stay can have."""
    found = accepted(changed(at(ENCOUNTER, lambda stay: stay.pop("identifier"))))
    assert [key.rank for key in found.keys] == [KeyRank.START]


def test_a_copy_is_marked_in_either_way() -> None:
    """Our own extension, and MedCom's."""
    own = {"url": codes.DESTINATION_USE, "valueCode": "cc"}
    theirs = {"url": codes.MEDCOM_DESTINATION_USE, "valueCoding": {"code": "cc"}}
    for extension in (own, theirs):

        def mark(head: JSON, extension: JSON = extension) -> None:
            head["destination"][1]["extension"] = [extension]

        assert accepted(changed(at(HEADER, mark))).destinations[0].copy


def test_a_date_is_a_whole_local_day() -> None:
    """It stands at the written time, clamped into the day in the option's zone."""
    found = accepted(changed(at(PROVENANCE, lambda p: p.update(occurredDateTime="2026-02-28"))))
    assert found.happened.day
    last = datetime(2026, 2, 28, 23, tzinfo=UTC) - timedelta(microseconds=1)
    assert found.happened.at == last


def test_earlier_steps_provenances_are_history() -> None:
    """Only the one that targets this header counts."""

    def history(bundle: JSON) -> None:
        earlier = copy.deepcopy(bundle["entry"][PROVENANCE])
        earlier["resource"] |= {"target": [{"identifier": {"value": "earlier"}}]}
        earlier["resource"]["activity"]["coding"][0]["code"] = "cancel"
        bundle["entry"].append(earlier)

    assert accepted(changed(history)).activity is Activity.NEW


def test_the_message_it_corrects_is_named_by_reference_or_identifier() -> None:
    """The last part of a reference, with or without ``urn:uuid:``; or an identifier."""
    for what in (
        {"reference": "MessageHeader/m0"},
        {"reference": "https://hospital.example/fhir/MessageHeader/m0"},
        {"identifier": {"value": "m0"}},
    ):

        def correct(provenance: JSON, what: JSON = what) -> None:
            provenance["activity"]["coding"][0]["code"] = "revise"
            provenance["entity"] = [{"role": "revision", "what": what}]

        found = accepted(changed(at(PROVENANCE, correct)))
        assert (found.activity, found.target) == (Activity.REVISE, "m0")


def test_a_resend_has_the_same_content() -> None:
    """A new envelope id and time stamp are no other content; another fact is."""
    first = accepted(ADMISSION).content
    resent = changed(lambda bundle: bundle.update(id="other", timestamp="2026-03-01T12:00:00Z"))
    other = changed(at(ENCOUNTER, lambda stay: stay.update(identifier=[{"value": "stay-8"}])))
    assert accepted(resent).content == first
    assert accepted(other).content != first


def test_contained_organisations_are_found() -> None:
    """A reference ``#id`` means the resource inside the one that refers."""

    def contain(stay: JSON) -> None:
        stay["contained"] = [{"resourceType": "Organization", "id": "o", "name": "Sykehuset"}]
        stay["serviceProvider"] = {"reference": "#o"}

    facts = accepted(changed(at(ENCOUNTER, contain))).facts
    assert isinstance(facts, StayFacts)
    assert facts.provider == PartyRef(name="Sykehuset")


@pytest.mark.parametrize("code", [EventCode.ACKNOWLEDGEMENT, EventCode.MISADDRESSED])
def test_what_is_about_a_delivery_needs_no_patient(code: EventCode) -> None:
    """KE is not told whom a misaddressed message is about; any other event has one."""
    header = copy.deepcopy(ADMISSION["entry"][HEADER])
    header["resource"] |= {"eventCoding": {"system": codes.PATHWAY_EVENT, "code": str(code)}}
    del header["resource"]["focus"]
    task = {"resourceType": "Task", "status": "requested", "intent": "order"}
    bundle = ADMISSION | {"entry": [header, {"resource": task}]}
    assert accepted(bundle).patient is None
    header["resource"]["eventCoding"]["code"] = "handover-summary"
    assert refused(bundle).reason is Reason.PATIENT


def test_test_messages_are_marked() -> None:
    """HTEST on the Bundle or on its header."""
    tag = {"tag": [{"system": codes.ACT_REASON, "code": codes.TEST}]}
    assert not accepted(ADMISSION).test
    assert accepted(changed(lambda bundle: bundle.update(meta=tag))).test
    assert accepted(changed(at(HEADER, lambda head: head.update(meta=tag)))).test


# --- refusals

_PERIOD = "Bundle.entry[2].resource.period.start"
_STRANGER = {"resourceType": "Patient", "id": "p2", "identifier": [{"value": "x"}]}


def _second_stay(bundle: JSON) -> None:
    other = copy.deepcopy(bundle["entry"][ENCOUNTER])
    other["fullUrl"], other["resource"]["id"] = "Encounter/other", "other"
    bundle["entry"].append(other)
    bundle["entry"][HEADER]["resource"]["focus"].append({"reference": "Encounter/other"})


def _second_provenance(bundle: JSON) -> None:
    other = copy.deepcopy(bundle["entry"][PROVENANCE])
    other["resource"]["activity"]["coding"][0]["code"] = "cancel"
    bundle["entry"].append(other)


def _two_needs(stay: JSON) -> None:
    stay["extension"] = [
        {"url": codes.MUNICIPAL_NEED, "valueCode": "yes"},
        {"url": codes.MUNICIPAL_NEED, "valueCode": "no"},
    ]


REFUSALS: Final[dict[str, tuple[Change, Reason, str]]] = {
    "unknown code": (
        at(HEADER, lambda head: head["eventCoding"].update(code="unheard-of")),
        Reason.UNKNOWN_EVENT,
        "Bundle.entry[0].resource.eventCoding",
    ),
    "unknown system": (
        at(HEADER, lambda head: head["eventCoding"].update(system="https://other.example")),
        Reason.UNKNOWN_EVENT,
        "Bundle.entry[0].resource.eventCoding",
    ),
    "no patient": (lambda bundle: bundle["entry"].pop(PATIENT), Reason.PATIENT, "Bundle.entry"),
    "two patients": (
        lambda bundle: bundle["entry"].append({"resource": _STRANGER}),
        Reason.PATIENT,
        "Bundle.entry[5].resource",
    ),
    "another's stay": (
        at(ENCOUNTER, lambda stay: stay["subject"].update(reference="Patient/p2")),
        Reason.PATIENT,
        "Bundle.entry[2].resource.subject",
    ),
    "patient without identifier": (
        at(PATIENT, lambda patient: patient.pop("identifier")),
        Reason.PATIENT,
        "Bundle.entry[1].resource.identifier",
    ),
    "wrong check digit": (
        at(PATIENT, lambda patient: patient["identifier"][0].update(value="01018012345")),
        Reason.PATIENT,
        "Bundle.entry[1].resource.identifier[0].value",
    ),
    "no zone": (
        at(ENCOUNTER, lambda stay: stay["period"].update(start="2026-03-01T10:15:00")),
        Reason.INVALID,
        _PERIOD,
    ),
    "no day": (
        at(ENCOUNTER, lambda stay: stay["period"].update(start="2026-03")),
        Reason.INVALID,
        _PERIOD,
    ),
    "occurred without day": (
        at(PROVENANCE, lambda provenance: provenance.update(occurredDateTime="2026")),
        Reason.INVALID,
        "Bundle.entry[3].resource.occurredDateTime",
    ),
    "two stays": (_second_stay, Reason.INVALID, "Bundle.entry[5].resource"),
    "two provenances": (_second_provenance, Reason.INVALID, "Bundle.entry[5].resource.activity"),
    "two needs": (
        at(ENCOUNTER, _two_needs),
        Reason.INVALID,
        f"Bundle.entry[2].resource.extension('{codes.MUNICIPAL_NEED}').value",
    ),
    "unknown activity": (
        at(PROVENANCE, lambda p: p["activity"]["coding"][0].update(code="undo")),
        Reason.INVALID,
        "Bundle.entry[3].resource.activity",
    ),
    "no stay": (
        lambda bundle: bundle["entry"].pop(ENCOUNTER),
        Reason.INVALID,
        "Bundle.entry[0].resource.focus",
    ),
}


@pytest.mark.parametrize(("change", "reason", "where"), REFUSALS.values(), ids=REFUSALS)
def test_what_would_put_a_patient_at_risk_is_refused(
    change: Change, reason: Reason, where: str
) -> None:
    """Each refusal has its reason and names the place."""
    found = refused(changed(change))
    assert found.reason is reason
    assert where in [issue.where for issue in found.issues]


def test_all_faults_are_told_at_once() -> None:
    """A sender mends them in one go."""
    found = refused(
        changed(
            at(ENCOUNTER, lambda stay: stay["period"].update(start="2026")),
            at(PROVENANCE, lambda p: p["activity"]["coding"][0].update(code="undo")),
        )
    )
    assert len(found.issues) == 2


def test_synthetic_numbers_are_a_setting() -> None:
    """Where they are not accepted, the patient's number is refused."""
    strict = Options(received=RECEIVED, base_url=BASE_URL, accept_synthetic=False)
    found = read(orjson.dumps(ADMISSION), strict)
    assert isinstance(found, Refusal)
    assert found.reason is Reason.PATIENT
