"""The same scenarios over every way in and out: HTTP on SQLite and PostgreSQL, Kafka on PostgreSQL."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from fhir_mappings.codes import ORGANISATION_NUMBER
from fhir_mappings.outbound import write
from pathways.events import EventCode
from pathways.facts import CoordinatorFacts, Role
from pathways.messages import Message, Patient
from pathways.moments import Moment
from pathways.parties import Identifier, PartyRef
from tests.contract.ways import Cast, Way, as_bytes
from tests.integration import stories
from tests.integration.stories import Envelope, Matter, Organisation, Resource, message_id
from tests.integration.talk import resource

pytestmark = pytest.mark.timeout(120)


def of(cast: Cast, *receivers: Organisation, **more: Any) -> Envelope:
    """From the hospital to its receivers, the nursing service unless others are named."""
    envelope: Envelope = {"sender": cast.hospital, "receivers": receivers or (cast.nursing,)}
    return envelope | more  # type: ignore[return-value] # what a test says is an envelope's


def timeline(way: Way, patient: Resource) -> list[Resource]:
    """The entries of the patient's timeline, as the operator sees it."""
    identifier = patient["identifier"][0]
    with httpx.Client(base_url=f"{way.url}/fhir", timeout=20, trust_env=False) as client:
        token = f"{identifier['system']}|{identifier['value']}"
        found = client.post("/Patient/_search", data={"identifier": token}).json()
        if not found["total"]:
            return []
        key = found["entry"][0]["resource"]["id"]
        shown = client.get(f"/Patient/{key}/$timeline").json()
    entries = (entry["resource"] for entry in shown["entry"])
    return [entry for entry in entries if entry["resourceType"] == "Provenance"]


def codes(entries: list[Resource]) -> list[str]:
    """The event codes of a timeline."""
    return [entry["activity"]["coding"][0]["code"] for entry in entries]


def marks(entry: Resource) -> set[str]:
    """What an entry of a timeline is marked with."""
    return {tag["code"] for tag in entry["meta"].get("tag", ())}


def test_a_message_comes_through(way: Way, cast: Cast) -> None:
    """The sender's receipt, the receiver's update with the very message, the patient's timeline."""
    matter = Matter()
    message = stories.admission(matter, **of(cast))
    way.send(cast.hospital, as_bytes(message))
    assert way.receipts(cast.hospital, 1) == [(message_id(message), "ok")]
    (update,) = way.updates(cast.nursing, 1)
    assert (update.sequence, update.event, update.message) == (1, "admission", message)
    assert codes(timeline(way, matter.patient)) == ["admission"]


def test_the_same_again_is_no_news(way: Way, cast: Cast) -> None:
    """One receipt, one update, one entry, however often it is sent."""
    matter = Matter()
    first, then = (
        stories.admission(matter, **of(cast)),
        stories.discharge_ready(matter, **of(cast)),
    )
    way.send(cast.hospital, *map(as_bytes, (first, first, first, then)))
    assert {*way.receipts(cast.hospital, 2)} == {(message_id(m), "ok") for m in (first, then)}
    updates = way.updates(cast.nursing, 2)
    assert [(u.sequence, u.event) for u in updates] == [(1, "admission"), (2, "discharge-ready")]
    assert codes(timeline(way, matter.patient)) == ["admission", "discharge-ready"]


def test_other_content_under_the_same_id_is_refused(way: Way, cast: Cast) -> None:
    """The first stands."""
    matter = Matter()
    first = stories.admission(matter, **of(cast))
    other = stories.discharge(matter, **of(cast, message_id=message_id(first)))
    way.send(cast.hospital, as_bytes(first))
    way.receipts(cast.hospital, 1)
    way.send(cast.hospital, as_bytes(other))
    said = [(message_id(first), code) for code in ("ok", "fatal-error")]
    assert way.receipts(cast.hospital, 2) == said
    assert codes(timeline(way, matter.patient)) == ["admission"]


def test_late_messages_end_up_where_they_belong(way: Way, cast: Cast) -> None:
    """Told backwards, the timeline reads forwards."""
    matter = Matter()
    hours = [matter.begins + timedelta(hours=hour) for hour in (10, 20)]
    told = [
        stories.discharge(matter, **of(cast, happened=hours[1])),
        stories.discharge_ready(matter, **of(cast, happened=hours[0])),
        stories.admission(matter, **of(cast)),
    ]
    way.send(cast.hospital, *map(as_bytes, told))
    assert len(way.updates(cast.nursing, 3)) == 3
    entries = timeline(way, matter.patient)
    assert codes(entries) == ["admission", "discharge-ready", "discharge"]
    assert "late" in marks(entries[0])


def test_a_cancelled_message_is_struck_out_for_all_who_were_told(way: Way, cast: Cast) -> None:
    """It stays visible, marked; whoever got it hears of the end of it."""
    matter = Matter()
    ready = stories.discharge_ready(matter, **of(cast, cast.nursing, cast.case_office))
    undone = stories.discharge_ready(
        matter, **of(cast, activity="cancel", target=message_id(ready))
    )
    way.send(cast.hospital, as_bytes(ready), as_bytes(undone))
    for receiver in (cast.nursing, cast.case_office):
        told = way.updates(receiver, 2)
        assert [u.message and message_id(u.message) for u in told] == [
            message_id(ready),
            message_id(undone),
        ]
    assert "cancelled" in marks(timeline(way, matter.patient)[0])


@pytest.mark.parametrize("bad", [b"", b"\xff\xfe", b"{", b'{"resourceType":"Bundle"}'])
def test_what_cannot_be_read_holds_nobody_up(way: Way, cast: Cast, bad: bytes) -> None:
    """Its sender is told; what comes before and after it goes through."""
    matter = Matter()
    good = [stories.admission(matter, **of(cast)), stories.discharge_ready(matter, **of(cast))]
    way.send(cast.hospital, as_bytes(good[0]), bad, as_bytes(good[1]))
    said = dict(way.receipts(cast.hospital, 3))
    assert {said.pop(message_id(message)) for message in good} == {"ok"}
    assert list(said.values()) == ["fatal-error"]
    assert codes(timeline(way, matter.patient)) == ["admission", "discharge-ready"]


def test_nobody_sends_in_anothers_name(way: Way, cast: Cast) -> None:
    """Refused, told to the one who sent it; the one it claimed to be hears nothing of it."""
    matter = Matter()
    forged = stories.admission(matter, **of(cast, sender=cast.other))
    real = stories.admission(Matter(), **of(cast, cast.other))
    way.send(cast.hospital, as_bytes(forged), as_bytes(real))
    assert {*way.receipts(cast.hospital, 2)} == {
        (message_id(forged), "fatal-error"),
        (message_id(real), "ok"),
    }
    (update,) = way.updates(cast.other, 1)
    assert (update.sequence, update.message) == (1, real)
    assert timeline(way, matter.patient) == []


def test_who_joins_gets_a_summary_first(way: Way, cast: Cast) -> None:
    """The case office hears of a stay that others have known for a while."""
    matter = Matter()
    way.send(cast.hospital, as_bytes(stories.admission(matter, **of(cast))))
    way.receipts(cast.hospital, 1)
    ready = stories.discharge_ready(matter, **of(cast, cast.case_office))
    way.send(cast.hospital, as_bytes(ready))
    told = way.updates(cast.case_office, 2)
    assert [update.event for update in told] == ["handover-summary", "discharge-ready"]
    assert told[0].message is not None
    assert resource(told[0].message, "Patient")["identifier"] == matter.patient["identifier"]


def test_a_feed_is_numbered_without_gaps_and_keeps_each_patients_order(
    way: Way, cast: Cast
) -> None:
    """Five patients' stays at the same time, to two receivers."""
    matters = [Matter() for _ in range(5)]
    both = of(cast, cast.nursing, cast.case_office)
    begun = [stories.admission(matter, **both) for matter in matters]
    ready = [stories.discharge_ready(matter, **both) for matter in matters]
    way.send(cast.hospital, *map(as_bytes, begun), *map(as_bytes, ready))
    for receiver in (cast.nursing, cast.case_office):
        told = sorted(way.updates(receiver, 10), key=lambda update: update.sequence)
        assert [update.sequence for update in told] == [*range(1, 11)]
        ids = [update.message and message_id(update.message) for update in told]
        for first, then in zip(begun, ready, strict=True):
            assert ids.index(message_id(first)) < ids.index(message_id(then))


def test_star_30_a_choice_of_hospital_stands_until_another_has_accepted(
    way: Way, cast: Cast
) -> None:
    """With its reason, announced to AMK; a proposed redirect, a yes, a new choice: never without an owner."""
    legevakt, first, second, amk = cast.nursing, cast.hospital, cast.other, cast.case_office
    matter = Matter()
    owners: list[tuple[Organisation, str]] = []
    for sender, event, to, more in (
        (legevakt, "hospital-choice", first, {"copies": (amk,)}),
        (first, "redirect-proposed", legevakt, {"performer": first, "proposed": second}),
        (second, "hospital-choice-confirmed", legevakt, {"performer": second}),
        (legevakt, "hospital-choice", first, {}),
    ):
        asked = {"performer": first, **more, "sender": sender, "receivers": (to,)}
        message = stories.referral(matter, event, **asked)  # type: ignore[arg-type]
        way.send(sender, as_bytes(message))
        sent = sum(one[0] == sender for one in owners)
        assert (message_id(message), "ok") in way.receipts(sender, sent + 1)
        owners.append((sender, owner(way, matter.patient)))
    assert [found for _, found in owners] == [one.number for one in (first, first, second, second)]
    told = {
        one.name: [u.event for u in way.updates(one, number) if not u.is_receipt]
        for one, number in ((legevakt, 2), (first, 3), (amk, 4))
    }
    assert told == {
        legevakt.name: ["redirect-proposed", "hospital-choice-confirmed"],
        first.name: ["hospital-choice", "hospital-choice-confirmed", "hospital-choice"],
        amk.name: [
            *("hospital-choice", "redirect-proposed"),
            *("hospital-choice-confirmed", "hospital-choice"),
        ],
    }
    (choice, *_) = timeline(way, matter.patient)
    assert "not managing at home" in choice["text"]["div"]


def owner(way: Way, patient: Resource) -> str:
    """The organisation number of who is responsible for the patient's choice of hospital."""
    identifier = patient["identifier"][0]
    token = f"{identifier['system']}|{identifier['value']}"
    with httpx.Client(base_url=f"{way.url}/fhir", timeout=20, trust_env=False) as client:
        found = client.get("/Task", params={"patient.identifier": token}).json()["entry"]
    (task,) = (
        one["resource"]
        for one in found
        if one["resource"]["code"]["coding"][0]["code"] == "hospital-choice"
    )
    return str(task["owner"]["reference"].rpartition("/")[2])


def test_star_54_a_measure_is_promised_over_the_border_until_it_is_done(
    way: Way, cast: Cast
) -> None:
    """By the hospital for the municipality: each hears of what the other does, the person of the delay and why."""
    matter, due = Matter(), datetime.now(stories.OSLO) + timedelta(days=7)
    hospital, office = cast.hospital, cast.case_office
    told: list[tuple[Organisation, str, dict[str, Any]]] = [
        (hospital, "measure-promised", {"owner": office, "due": due}),
        (office, "measure-delayed", {"reason": "Frost"}),
        (office, "measure-delayed", {"due": due + timedelta(days=7), "reason": "Frost"}),
        (office, "measure-done", {}),
    ]
    said = []
    for number, (sender, event, more) in enumerate(told):
        other = office if sender is hospital else hospital
        envelope = {"sender": sender, "receivers": (other,), **more}
        message = stories.measure(matter, event, **envelope)
        way.send(sender, as_bytes(message))
        sent = [one for one, *_ in told[: number + 1] if one is sender]
        said.append(dict(way.receipts(sender, len(sent)))[message_id(message)])
    assert said == ["ok", "fatal-error", "ok", "ok"]  # delayed until when?
    heard = {
        one.name: [u.event for u in way.updates(one, number) if not u.is_receipt]
        for one, number in ((office, 1), (hospital, 2))
    }
    assert heard == {
        office.name: ["measure-promised"],
        hospital.name: ["measure-delayed", "measure-done"],
    }
    _, delayed, _ = timeline(way, matter.patient)
    assert all(word in delayed["text"]["div"] for word in ("Ny frist", "Frost"))


def test_star_50_an_absence_with_its_substitute_reaches_those_in_care(way: Way, cast: Cast) -> None:
    """★ 50: as a FHIR message that says who stands in, from when until when, and how to reach them."""
    matter = Matter()
    way.send(cast.hospital, as_bytes(stories.admission(matter, **of(cast))))
    way.receipts(cast.hospital, 1)
    role = Role.MUNICIPAL
    tomorrow = Moment(matter.begins + timedelta(days=1), day=True)
    said = {
        EventCode.COORDINATOR_APPOINTED: CoordinatorFacts(role=role, name="Kari", first=True),
        EventCode.COORDINATOR_ABSENT: CoordinatorFacts(
            role=role, substitute="Per", substitute_phone="22", since=tomorrow, until=tomorrow
        ),
    }
    for minute, (code, facts) in enumerate(said.items()):
        message = coordination(code, facts, matter, cast.case_office, minute)
        way.send(cast.case_office, as_bytes(write(message, base_url="https://ke.example/fhir")))
    told = [update for update in way.updates(cast.hospital, 2) if not update.is_receipt]
    assert [update.event for update in told] == [*map(str, said)]
    assert told[1].message is not None
    team = resource(told[1].message, "CareTeam")
    (person,) = team["contained"]
    assert person["name"] == [{"text": "Per"}]
    assert person["telecom"] == [{"system": "phone", "value": "22"}]
    assert {*team["participant"][1]["period"]} == {"start", "end"}
    assert codes(timeline(way, matter.patient))[-2:] == [*map(str, said)]


def coordination(
    code: EventCode, facts: CoordinatorFacts, matter: Matter, sender: Organisation, minute: int
) -> Message:
    """What a municipality says of a coordinator."""
    (identifier,) = matter.patient["identifier"]
    at = matter.begins + timedelta(minutes=minute + 1)
    return Message(
        id=str(uuid4()),
        format="carepath",
        envelope=None,
        content=b"",
        code=code,
        sender=PartyRef((Identifier(ORGANISATION_NUMBER, sender.number),), sender.name),
        happened=Moment(at),
        written=at,
        patient=Patient((Identifier(identifier["system"], identifier["value"]),)),
        facts=facts,
    )
