"""``$statistics`` on both stores: each unit its own figures, the operator all of them."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest

from carepath.cli import statistics as command
from carepath.cli.statistics import Form
from pathways.events import EventCode
from pathways.facts import Need, StayFacts
from pathways.messages import Key, KeyRank
from pathways.moments import Moment
from pathways.parties import Identifier
from tests.contract import matters
from tests.contract.door import TOWN, Door, closed_door
from tests.contract.front import asked, told

C = EventCode
OFFICE = "town-case-office"
ADMITTED = datetime(2024, 3, 4, 11, tzinfo=UTC)
MARCH = {"start": "2024-03-01", "end": "2024-03-31"}
STAYS = 6


@pytest.fixture
def broker(database_url: str) -> Iterator[Door]:
    """Six stays in March 2024, a day apart: notice after two hours, ready the day after, offer two days after that."""
    with closed_door(database_url) as broker:
        for number in range(STAYS):
            _stay(broker, number)
        yield broker


def _stay(broker: Door, number: int) -> None:
    begins = ADMITTED + timedelta(days=number)
    mine = (Identifier("https://ehr.example/id", f"s{number}"),)
    facts = StayFacts(identifiers=mine, municipal_need=Need.YES)
    patient = replace(matters.patient(number), municipality=TOWN)
    for code, hours, sender, to in (
        (C.ADMISSION, 0, "ward", "town-nursing"),
        (C.EARLY_NOTICE, 2, "ward", OFFICE),
        (C.DISCHARGE_READY, 24, "ward", OFFICE),
        (C.OFFER_READY, 72, OFFICE, "ward"),
    ):
        at = begins + timedelta(hours=hours)
        keys = (Key(KeyRank.STAY, f"{mine[0].system}|{mine[0].value}"),)
        said = {"facts": facts, "keys": keys, "patient": patient}
        broker.told(code, sender, to, happened=Moment(at), written=at, **said)


def figures(found: list[dict[str, Any]]) -> dict[tuple[str, ...], float | None]:
    """By unit, figure and kind."""
    rows = [{p["name"]: p for p in one["part"]} for one in found if one["name"] == "row"]
    return {
        (
            row["unit"]["valueReference"]["reference"].removeprefix("Organization/"),
            row["figure"]["valueCode"],
            *([row["kind"]["valueCode"]] if "kind" in row else ()),
        ): row.get("value", {}).get("valueDecimal")
        for row in rows
    }


def test_a_unit_is_told_its_own(broker: Door) -> None:
    """The ward's notices took two hours, all in time; the days of waiting count on both sides."""
    ward = figures(told(broker.service, "$statistics", "ward", **MARCH)["parameter"])
    assert {unit for unit, *_ in ward} == {"ward"}
    assert ward["ward", "answer-hours", "early-notice"] == 2
    assert ward["ward", "in-time", "early-notice"] == 100
    assert (ward["ward", "stays"], ward["ward", "late-notices"]) == (STAYS, 0)
    assert (ward["ward", "ready-days"], ward["ward", "owed-days"]) == (2 * STAYS, 2 * STAYS)
    office = figures(told(broker.service, "$statistics", OFFICE, **MARCH)["parameter"])
    assert (office[OFFICE, "stays"], office[OFFICE, "owed-days"]) == (STAYS, 2 * STAYS)
    everybody = figures(told(broker.service, "$statistics", **MARCH)["parameter"])
    assert {**ward, **office}.items() <= everybody.items()


def test_a_period_cuts_days_and_hides_the_few(broker: Door) -> None:
    """From the sixth of March to the seventh: two stays began, three patients waited."""
    two = {"start": "2024-03-06", "end": "2024-03-07"}
    found = figures(told(broker.service, "$statistics", "ward", **two)["parameter"])
    assert found["ward", "stays"] is None
    assert found["ward", "ready-days"] is None
    assert found["ward", "alarms"] == 0
    assert figures(told(broker.service, "$statistics", "gp", **MARCH)["parameter"]) == {}


def test_a_period_that_is_none_is_refused(broker: Door) -> None:
    """Backwards, longer than a year, half of one, or no date at all."""
    for period in (
        {"start": "2024-03-02", "end": "2024-03-01"},
        {"start": "2022-03-01", "end": "2024-03-01"},
        {"start": "2024-03-01"},
        {"start": "March", "end": "2024-03-31"},
    ):
        assert asked(broker.service, "$statistics", **period).status_code == 400


def test_programs_read_it_too(broker: Door, capsys: pytest.CaptureFixture[str]) -> None:
    """CSV with the codes as they are; few are '<5'."""
    found = told(broker.service, "$statistics", "ward", start="2024-03-04", end="2024-03-04")
    command.show(found["parameter"], Form.CSV, "nb")
    rows = {tuple(row[:3]): row[3] for row in csv.reader(StringIO(capsys.readouterr().out))}
    assert rows["unit", "figure", "kind"] == "value"
    assert rows["ward", "promised", "early-notice"] == "<5"
    command.show(found["parameter"], Form.TABLE, "nb")
    assert "Svartid, median i timer" in capsys.readouterr().out
