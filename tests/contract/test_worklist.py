"""``$worklist`` and the search for open matters, on both stores: each organisation sees its own."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from carepath.cli import worklist as command
from fhir_mappings.codes import WORKLIST_GROUP
from pathways.events import EventCode
from pathways.facts import InquiryFacts, Need, StayFacts
from pathways.messages import Key, KeyRank
from pathways.moments import Moment
from pathways.parties import Identifier
from tests.contract.door import NOW, STAY, Door, closed_door
from tests.contract.front import asked, posted, told

C = EventCode
OFFICE = "town-case-office"


@pytest.fixture
def broker(database_url: str) -> Iterator[Door]:
    """A patient who needs the town is ready; the ward asks the case office something, too."""
    with closed_door(database_url) as broker:
        need = StayFacts(identifiers=STAY, municipal_need=Need.YES)
        broker.told(C.ADMISSION, "ward", "town-nursing", facts=need)
        broker.told(C.EARLY_NOTICE, "ward", OFFICE, facts=need)
        broker.told(C.DISCHARGE_READY, "ward", OFFICE, facts=need)
        question(broker, "q1", days=-2)
        yield broker


def question(broker: Door, number: str, days: int) -> None:
    """The ward asks; a case office has two working days to answer."""
    identifier = Identifier("https://ehr.example/id", number)
    at = NOW + timedelta(days=days)
    broker.told(
        C.INQUIRY,
        "ward",
        OFFICE,
        facts=InquiryFacts(text="When?", identifiers=(identifier,)),
        keys=(Key(KeyRank.CONVERSATION, f"{identifier.system}|{number}"),),
        happened=Moment(at),
        written=at,
    )


def kinds(bundle: dict[str, Any]) -> list[str]:
    """What is to be done, in order."""
    tasks = [entry["resource"] for entry in bundle.get("entry", ())]
    return [task["code"]["coding"][0]["code"] for task in tasks]


def groups(bundle: dict[str, Any]) -> list[set[str]]:
    """Why each is on the list, as far as that does not depend on the day of the test."""
    tags = [entry["resource"]["meta"]["tag"] for entry in bundle["entry"]]
    said = [{tag["code"] for tag in of if tag["system"] == WORKLIST_GROUP} for of in tags]
    return [of - {"overdue", "due"} for of in said]


def test_each_sees_its_own_and_what_it_may_see(broker: Door) -> None:
    """The case office owes two answers, the longest overdue first; the ward none; others nothing."""
    own = told(broker.service, "$worklist", OFFICE)
    assert kinds(own) == ["capacity-answer", "inquiry-answer"]
    assert groups(own) == [{"unread"}] * 2
    assert own["total"] == 2
    assert kinds(told(broker.service, "$worklist", "other-hospital")) == []
    assert "early-notice" not in kinds(told(broker.service, "$worklist", "ward"))
    assert {*kinds(own)} < {*kinds(told(broker.service, "$worklist"))}


def test_what_is_new_since_a_look_is_marked(broker: Door) -> None:
    """And what was answered meanwhile is shown once more."""
    before = told(broker.service, "$worklist", OFFICE)
    since = max(entry["resource"]["meta"]["lastUpdated"] for entry in before["entry"])
    assert groups(told(broker.service, "$worklist", OFFICE, _since=since)) == [{"unread"}] * 2
    later = broker.service.options
    broker.service.options = type(later)(open_mode=False, now=lambda: NOW + timedelta(hours=1))
    question(broker, "q2", days=0)
    broker.told(
        C.CAPACITY_ANSWER, OFFICE, "ward", facts=StayFacts(identifiers=STAY, can_receive=True)
    )
    found = told(broker.service, "$worklist", OFFICE, _since=since)
    assert [*zip(kinds(found), groups(found), strict=True)] == [
        ("inquiry-answer", {"unread"}),
        ("inquiry-answer", {"unread", "new"}),
        ("capacity-answer", {"changed"}),
    ]


def test_a_person_asks_without_their_name_in_the_address(
    broker: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    """By POST; nobody has taken anything yet, so all of it is theirs to take. A page has what was asked for."""
    person = {"name": "person", "valueString": "Kari Nurse"}
    found = posted(broker.service, "$worklist", [person], OFFICE)
    assert found["total"] == 2
    one = posted(
        broker.service, "$worklist", [person, {"name": "_count", "valueInteger": 1}], OFFICE
    )
    assert (len(one["entry"]), one["total"]) == (1, 2)
    command.show(one, "nb")
    shown = capsys.readouterr().out
    assert "ulest" in shown
    assert "Svar om kommunen kan ta imot" in shown
    assert "1 av 2 er vist." in shown
    assert asked(broker.service, "$worklist", OFFICE, _since="yesterday").status_code == 400


SEARCHES: tuple[tuple[dict[str, str], list[str]], ...] = (
    (
        {"owner": f"Organization/{OFFICE}", "status": "requested"},
        ["capacity-answer", "inquiry-answer"],
    ),
    ({"owner": OFFICE, "code": "capacity-answer"}, ["capacity-answer"]),
    ({"owner": OFFICE, "due": "2026-11-17"}, ["capacity-answer"]),
    ({"owner": OFFICE, "due": "gt2026-11-17"}, ["inquiry-answer"]),
    ({"owner": OFFICE, "_sort": "-due"}, ["inquiry-answer", "capacity-answer"]),
    ({"code": "early-notice", "status": "completed"}, ["early-notice"]),
    ({"owner": OFFICE, "business-status": "overdue"}, []),  # the watch has not looked yet
)


def test_open_matters_are_searched_for(broker: Door) -> None:
    """By whose they are, how they stand, what they are and when they are due."""
    for query, found in SEARCHES:
        assert kinds(told(broker.service, "Task", **{"_sort": "due", **query})) == found, query
