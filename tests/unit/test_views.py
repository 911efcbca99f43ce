"""Resources that stand for entries and relatives, and the Task of a stay: sound, and what became of each."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_mappings import relatives, resources, written
from pathways.events import RULES, Activity, EventCode, Family
from pathways.facts import Facts, InquiryFacts, PersonFacts, Relative, ReportFacts, StayFacts
from pathways.messages import Message, Record
from pathways.moments import Moment
from pathways.pathway import fold
from pathways.timeline import entries
from pathways.transitions import Status
from tests.unit.strategies import messages
from tests.unit.written import AT, DIRECTORY, JSON, KNOWN, as_record, sound, thread


def record(
    number: int,
    code: EventCode,
    facts: Facts,
    *,
    activity: Activity = Activity.NEW,
    target: str | None = None,
) -> Record:
    """The record ``e<number>`` of message ``m<number>``, an hour after the one before."""
    at = AT + timedelta(hours=number)
    message = Message(
        id=f"m{number}",
        format="carepath",
        envelope=None,
        content=b"",
        code=code,
        activity=activity,
        target=target,
        sender=KNOWN,
        happened=Moment(at),
        written=at,
        patient=None,
        facts=facts,
    )
    return as_record(message, number)


def shown(*told: Record) -> dict[str, JSON]:
    """The resources of the entries of one thread, but for Provenances, by id."""
    state = fold(thread(told[0].family, Status.NONE), told)
    made = written.of_entries(state, entries({"t1": told}), DIRECTORY)
    return {one["id"]: sound(one) for one in made if one["resourceType"] != "Provenance"}


@settings(max_examples=40)
@given(st.data())
def test_every_entry_is_shown_by_sound_resources(data: st.DataObject) -> None:
    """Whatever was told: a Provenance for each, and what it is of, with the entry's own id."""
    family = data.draw(st.sampled_from([f for f in Family if f is not Family.BROKER]))
    codes = [code for code in EventCode if RULES[code].family is family]
    told = [
        as_record(data.draw(messages(data.draw(st.sampled_from(codes)))), number)
        for number in range(data.draw(st.integers(1, 3)))
    ]
    state = fold(thread(family, Status.NONE), told)

    made = [sound(one) for one in written.of_entries(state, entries({"t1": told}), DIRECTORY)]

    proven = [one for one in made if one["resourceType"] == "Provenance"]
    assert {one["id"] for one in proven} == {one.id for one in told}
    known = {f"{one['resourceType']}/{one['id']}" for one in made} | {"Patient/p1"}
    known |= {f"{one['resourceType']}/t1" for one in resources.of_thread(state, DIRECTORY)}
    for target in (target for one in proven for target in one["target"]):
        assert target["reference"] in known


def test_a_report_that_was_corrected_does_not_count() -> None:
    """The newest stands in the place of those before it; a cancellation is no report."""
    first = record(1, EventCode.DOCTOR_REPORT, ReportFacts(title="A"))
    again = record(
        2, EventCode.DOCTOR_REPORT, ReportFacts(title="B"), activity=Activity.REVISE, target="m1"
    )
    cancel = record(
        3, EventCode.DOCTOR_REPORT, ReportFacts(), activity=Activity.CANCEL, target="m1"
    )

    revised, cancelled = shown(first, again), shown(first, again, cancel)

    assert {id_: one["status"] for id_, one in revised.items()} == {
        "e1": "entered-in-error",
        "e2": "amended",
    }
    assert revised["e2"]["relatesTo"][0]["targetReference"] == {"reference": "Composition/e1"}
    assert [one["status"] for one in cancelled.values()] == ["entered-in-error"] * 2


def test_what_nobody_titled_bears_the_name_of_its_kind() -> None:
    """R4 requires a title, and many clients read none without."""
    made = shown(record(1, EventCode.SERVICE_OVERVIEW, PersonFacts(overview="Hjemmesykepleie")))
    assert made["e1"]["title"] == "service-overview"


def test_a_question_waits_until_it_is_answered() -> None:
    """Each answers what it names, else what was said before it."""
    asked = record(1, EventCode.INQUIRY, InquiryFacts(text="Når?"))
    forwarded = record(2, EventCode.INQUIRY_FORWARDED, InquiryFacts())
    answered = record(
        3, EventCode.REPLY, InquiryFacts(text="Nå."), activity=Activity.REPLY, target="m1"
    )

    waits, settled = shown(asked, forwarded), shown(asked, forwarded, answered)

    assert [one["status"] for one in waits.values()] == ["completed", "in-progress"]
    assert [one["status"] for one in settled.values()] == ["completed"] * 3
    said = {id_: one.get("inResponseTo") for id_, one in settled.items()}
    to_first = [{"reference": "Communication/e1"}]
    assert said == {"e1": None, "e2": to_first, "e3": to_first}


def test_relatives_are_known_by_name() -> None:
    """Also two of one name; those that are no longer named are not active; told last is what counts."""
    two = (Relative("Kari Lund"), Relative("kari  lund", phone="2"))
    told = [
        record(1, EventCode.RELATIVE_REGISTERED, PersonFacts(relatives=(*two, Relative("Per")))),
        record(
            2, EventCode.RELATIVE_REGISTERED, PersonFacts(relatives=(Relative("KARI LUND", "mor"),))
        ),
    ]
    state = fold(thread(Family.PERSON, Status.NONE), told)

    made = [sound(one) for one in relatives.of_records(state, told)]

    assert [(one["name"][0]["text"], one["active"]) for one in made] == [
        ("KARI LUND", True),
        ("kari  lund", False),
        ("Per", False),
    ]
    assert made[0]["relationship"] == [{"text": "mor"}]
    assert len({one["id"] for one in made}) == 3


NO, YES = StayFacts(can_receive=False), StayFacts(can_receive=True)
READY, ANSWER, LEFT = EventCode.DISCHARGE_READY, EventCode.CAPACITY_ANSWER, EventCode.DISCHARGE
WITHDRAWN, OFFER = EventCode.DISCHARGE_READY_WITHDRAWN, EventCode.OFFER_READY


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ([(READY, StayFacts())], "requested"),
        ([(READY, StayFacts()), (ANSWER, YES)], "accepted"),
        ([(READY, StayFacts()), (ANSWER, NO)], "rejected"),
        ([(READY, StayFacts()), (ANSWER, StayFacts())], "received"),
        ([(READY, StayFacts()), (ANSWER, NO), (OFFER, StayFacts())], "ready"),
        ([(READY, StayFacts()), (WITHDRAWN, StayFacts())], "cancelled"),
        ([(READY, StayFacts()), (ANSWER, YES), (READY, StayFacts())], "requested"),
        ([(READY, StayFacts()), (ANSWER, YES), (LEFT, StayFacts())], "completed"),
        ([(READY, StayFacts()), (LEFT, StayFacts())], "cancelled"),
        ([(ANSWER, YES)], "accepted"),
        ([(EventCode.RECEIVED_HOME, StayFacts())], "completed"),
    ],
)
def test_a_stays_task_has_the_status_of_the_answer(
    told: list[tuple[EventCode, Facts]], status: str
) -> None:
    """Can the municipality receive: asked, answered, withdrawn, done with."""
    records = [record(number, code, facts) for number, (code, facts) in enumerate(told)]
    state = fold(thread(Family.STAY, Status.NONE), records)
    _, _, task = resources.of_thread(state, DIRECTORY)
    assert sound(task)["status"] == status


def test_a_task_whose_reason_was_cancelled_is_an_error() -> None:
    """Nothing else was asked; without anything asked there is none."""
    ready = record(1, READY, StayFacts())
    cancel = record(2, READY, StayFacts(), activity=Activity.CANCEL, target="m1")
    admission = record(0, EventCode.ADMISSION, StayFacts())
    asked = fold(thread(Family.STAY, Status.NONE), [admission, ready, cancel])
    _, _, task = resources.of_thread(asked, DIRECTORY)
    assert sound(task)["status"] == "entered-in-error"
    alone = fold(thread(Family.STAY, Status.NONE), [admission])
    assert len(resources.of_thread(alone, DIRECTORY)) == 2
