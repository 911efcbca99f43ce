"""Our own profile: what a message is read as, and what is generous. What is refused: ``test_profile_refusals``."""

import copy
from datetime import UTC, datetime, timedelta

import pytest

from fhir_mappings import codes
from fhir_mappings.keys import scope
from pathways.events import Activity, EventCode
from pathways.facts import StayFacts
from pathways.messages import Key, KeyRank
from pathways.moments import Moment
from pathways.parties import Identifier, PartyRef
from pathways.refusals import Reason
from tests.unit.strategies import BASE_URL
from tests.unit.told import (
    ADMISSION,
    ENCOUNTER,
    HEADER,
    JSON,
    PROVENANCE,
    RECEIVED,
    accepted,
    at,
    changed,
    refused,
)


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


def test_an_activity_is_understood_under_another_system() -> None:
    """Senders name our codes under systems of their own."""

    def rename(provenance: JSON) -> None:
        provenance["activity"]["coding"] = [{"system": "https://ehr.example", "code": "cancel"}]

    assert accepted(changed(at(PROVENANCE, rename))).activity is Activity.CANCEL
