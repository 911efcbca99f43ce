"""``Encounter/$payment-days`` on both stores: the days of a stay, with the evidence of both sides."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from carepath.cli import payment_days
from pathways.events import EventCode, Family
from pathways.facts import Facts, InquiryFacts, StayFacts
from pathways.messages import Key, KeyRank
from pathways.moments import Moment
from pathways.parties import Identifier
from tests.contract.door import STAY, Door, closed_door
from tests.contract.front import asked, told

SATURDAY = datetime(2024, 3, 23, 12, tzinfo=ZoneInfo("Europe/Oslo"))
QUESTION = Identifier("https://ehr.example/id", "q1")
C = EventCode


@pytest.fixture
def broker(database_url: str) -> Iterator[Door]:
    """A patient of the ward: ready on Monday, offered a place on Wednesday, and a dispute about it."""
    with closed_door(database_url) as broker:
        _tell(broker, C.ADMISSION, 0, "ward")
        _tell(broker, C.EARLY_NOTICE, 0, "ward", "town-case-office")
        _tell(broker, C.DISCHARGE_READY, 2, "ward", "town-case-office")
        _tell(broker, C.OFFER_READY, 4, "town-case-office", "ward")
        doubt = InquiryFacts(
            topic="payment-days", text="We rang on Monday.", identifiers=(QUESTION,)
        )
        asked_ = (Key(KeyRank.CONVERSATION, f"{QUESTION.system}|{QUESTION.value}"),)
        _tell(broker, C.INQUIRY, 10, "town-case-office", "ward", facts=doubt, keys=asked_)
        yield broker


def _tell(
    broker: Door,
    code: EventCode,
    day: int,
    sender: str,
    *to: str,
    facts: Facts | None = None,
    **more: Any,
) -> str:
    at = SATURDAY + timedelta(days=day, hours=code is C.EARLY_NOTICE)
    said = facts or StayFacts(identifiers=STAY)
    answer = broker.tell(code, sender, *to, facts=said, happened=Moment(at), written=at, **more)
    assert answer.status == 200, answer.body
    assert answer.event_id
    return answer.event_id


def _stay(broker: Door) -> str:
    (entry,) = told(broker.service, "Encounter")["entry"]
    return str(entry["resource"]["id"])


def _values(parameters: list[dict[str, Any]], name: str) -> list[Any]:
    """What the parameters of that name say."""
    return [
        next(value for key, value in one.items() if key.startswith(("value", "part")))
        for one in parameters
        if one["name"] == name
    ]


def test_the_days_are_shown_with_both_sides_evidence(broker: Door) -> None:
    """Monday and Tuesday, by 2024's rate; the municipality that pays; and what it says against it."""
    found = told(broker.service, f"Encounter/{_stay(broker)}/$payment-days", "ward")["parameter"]
    assert _values(found, "owed") == [2]
    assert _values(found, "amount") == [{"value": 2 * 5745, "currency": "NOK"}]
    assert _values(found, "payer") == [{"reference": "Organization/town"}]
    assert _values(found, "rate-unknown") == []
    days = _values(found, "day")
    assert [_values(day, "date") for day in days] == [["2024-03-25"], ["2024-03-26"]]
    assert [_values(day, "reason") for day in days] == [["not-answered"], ["not-answered"]]
    assert [len(_values(day, "evidence")) for day in days] == [3, 3]
    (dispute,) = _values(found, "dispute")
    assert _values(dispute, "from") == [{"reference": "Organization/town-case-office"}]
    assert _values(dispute, "text") == ["We rang on Monday."]
    for reference in _values(dispute, "evidence") + _values(days[0], "evidence"):
        assert asked(broker.service, reference["reference"], "ward").status_code == 200


def test_people_read_them_in_their_language(
    broker: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the command prints them."""
    found = told(broker.service, f"Encounter/{_stay(broker)}/$payment-days")["parameter"]
    payment_days.show(found, "nb")
    shown = capsys.readouterr().out
    assert "kommunen har ikke svart" in shown
    assert "2 betalingsdøgn før" in shown
    assert "town-case-office mener (tir. 2. apr. 2024 kl. 12:00): We rang on Monday." in shown


def test_a_call_that_the_municipality_reports_counts(broker: Door) -> None:
    """Of Monday, noted down the week after: both days are gone, for both sides."""
    at = SATURDAY + timedelta(days=2, hours=1)
    call = InquiryFacts(topic="offer-ready", settled_with="Kari Nurse", identifiers=(QUESTION,))
    answer = broker.tell(
        C.SETTLED_BY_PHONE,
        "town-case-office",
        "ward",
        facts=call,
        happened=Moment(at),
        written=at + timedelta(days=9),
        matter=Family.STAY,
    )
    assert answer.status == 200, answer.body
    stay = _stay(broker)
    for reader in ("ward", "town-case-office", None):
        found = told(broker.service, f"Encounter/{stay}/$payment-days", reader)["parameter"]
        assert _values(found, "owed") == [0]


def test_who_is_no_side_of_it_sees_what_follows_from_what_they_know(broker: Door) -> None:
    """Of the offer of a place, which ended what is owed, somebody who was told of the readiness knows nothing."""
    path = f"Encounter/{_stay(broker)}/$payment-days"
    _tell(broker, C.DISCHARGE_READY, 2, "ward", "other-hospital")
    known = {}
    for reader in ("town-case-office", "other-hospital"):
        found = told(broker.service, path, reader)["parameter"]
        known[reader] = {day for part in _values(found, "day") for day in _values(part, "reason")}
    assert known["town-case-office"] == {"not-answered"}
    assert known["other-hospital"] == {"no-early-notice"}


def test_nobody_else_sees_them(broker: Door) -> None:
    """Neither who has no part in the stay, nor who was never told that the patient is ready."""
    path = f"Encounter/{_stay(broker)}/$payment-days"
    assert asked(broker.service, path, "other-hospital").status_code == 404
    assert asked(broker.service, path, "town-case-office").status_code == 200
    assert asked(broker.service, "Encounter/none/$payment-days").status_code == 404
