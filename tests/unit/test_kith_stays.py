"""PLO's logistics of a stay are read as the standard says: what has happened, when, and what belongs together."""

from datetime import UTC, datetime

import pytest

from fhir_mappings.codes import FNR, HER_ID
from fhir_mappings.inbound import Options
from pathways.events import Activity, EventCode
from pathways.facts import Need, StayFacts
from pathways.messages import KeyRank
from pathways.moments import Moment
from pathways.parties import Identifier
from tests import norwegian as no
from tests.unit.test_kith import STAY, WARD, message

C, A = EventCode, Activity


def at(text: str) -> Moment:
    """An instant."""
    return Moment(datetime.fromisoformat(text))


@pytest.mark.parametrize("code", STAY)
def test_each_type_is_its_event(code: str) -> None:
    """And all of them are one matter, whoever tells of it: the discharge too, which names no admission."""
    found = message(STAY[code])
    assert (found.code, found.activity) == (C(code), A.NEW)
    assert found.patient is not None
    assert found.patient.identifiers == (Identifier(FNR, no.PERSON),)
    assert (found.patient.family, found.patient.given) == ("Lind", ("Åse",))
    assert (found.patient.gender, found.patient.municipality) == ("female", "0301")
    assert found.author.name == "Ida Moe"
    assert (found.author.phone, found.author.role) == ("90000001", "Primærkontakt")
    first = message(STAY["admission"])
    assert {key for key in found.keys if key.rank is KeyRank.STAY} == {first.keys[0]}


def test_the_type_says_what_has_happened_when() -> None:
    """A day without time stands at its writing; where it happened, and how it went on."""
    admitted, ready = message(STAY["admission"]), message(STAY["discharge-ready"])
    assert admitted.happened == at("2026-03-02T09:00:00+00:00")
    assert admitted.written == at("2026-03-02T09:30:00+00:00").at
    assert admitted.sender.identifiers == WARD
    assert admitted.sender.name == "Slagen sykehus, Medisinsk avdeling"
    [destination] = admitted.destinations
    assert destination.party.identifiers == (Identifier(HER_ID, "201"),)
    assert isinstance(admitted.facts, StayFacts)
    assert (admitted.facts.begins, admitted.facts.ward) == (admitted.happened, "Sengepost 3")
    assert ready.happened == Moment(datetime(2026, 3, 5, 8, tzinfo=UTC), day=True)
    left = message(STAY["discharge"])
    assert isinstance(left.facts, StayFacts)
    assert (left.facts.ends, left.facts.disposition) == (left.happened, "Bosted")


def test_what_is_expected_has_not_happened() -> None:
    """Of a notice the day is a fact; of a readiness told for a day ahead, too."""
    notice = message(no.early_notice(1, "2026-03-09"))
    assert isinstance(notice.facts, StayFacts)
    assert notice.facts.municipal_need is Need.YES
    assert notice.facts.expected_ready == Moment(datetime(2026, 3, 8, 23, tzinfo=UTC), day=True)
    assert notice.happened == Moment(notice.written)
    issued_later = no.early_notice(1, "2026-03-09").replace(b'T12:00:00"', b'T12:00:00Z"')
    assert message(issued_later).happened == Moment(notice.written)
    content = f"<p:MeldingUtskrivningsklarPasient>{no.event('3', '2026-03-09', estimate=True)}</p:MeldingUtskrivningsklarPasient>"
    ready = message(no.plo("LOG_UTSKRIVNINGSKLAR", 1, content))
    assert ready.happened == Moment(ready.written)


@pytest.mark.parametrize(
    ("status", "activity"), [("N", A.NEW), ("M", A.REVISE), ("A", A.NEW), ("C", A.CANCEL)]
)
def test_new_changed_added_cancelled(status: str, activity: Activity) -> None:
    """And the message that it is about."""
    source = no.logistics("LOG_INNLAGT", 2, ("1", "2026-03-02T10:00:00"), status=status, parent=1)
    found = message(source)
    assert (found.activity, found.target) == (activity, no.message_id(1))


@pytest.mark.parametrize("state", ["2", "3"])
def test_who_is_discharged_dead_has_died(state: str) -> None:
    """8431; so has whoever LOG_DOD tells of."""
    left = no.logistics("LOG_UTSKREVET", 1, ("2", "2026-03-03T01:00:00"), state=state)
    told = no.logistics("LOG_DOD", 1, ("13", "2026-03-03T01:00:00"))
    for source in (left, told):
        found = message(source)
        assert found.code is C.DEATH
        assert isinstance(found.facts, StayFacts)
        assert found.facts.deceased == found.happened == at("2026-03-03T00:00:00+00:00")


@pytest.mark.parametrize(
    ("written", "received", "instant"),
    [
        ("2025-10-26T02:30:00", "2025-10-26T00:40:00Z", "2025-10-26T00:30:00Z"),
        ("2025-10-26T02:30:00", "2025-10-26T01:40:00Z", "2025-10-26T01:30:00Z"),
        ("2025-10-26T02:30:00+01:00", "2025-10-26T00:40:00Z", "2025-10-26T01:30:00Z"),
        ("2026-07-01T12:00:00", "2026-08-01T00:00:00Z", "2026-07-01T10:00:00Z"),
    ],
)
def test_times_are_those_of_oslo(written: str, received: str, instant: str) -> None:
    """The hour that comes twice is the one that can have been."""
    options = Options(received=datetime.fromisoformat(received))
    source = no.logistics("LOG_INNLAGT", 1, ("1", "2025-10-26T01:00:00"), written=written)
    assert message(source, options).written == datetime.fromisoformat(instant)
