"""Da Vinci's notifications: every event, and what is refused."""

import pytest

from fhir_mappings import codes
from pathways.events import Activity, EventCode
from pathways.facts import StayFacts
from pathways.messages import KeyRank
from tests.unit.foreign import (
    END,
    JSON,
    START,
    WRITTEN,
    accepted,
    bundle,
    encounter,
    moment,
    patient,
    refused,
)


def davinci(code: str, about: JSON | None) -> JSON:
    """A notification without Provenance."""
    return bundle({"system": codes.DAVINCI_EVENT, "code": code}, about, patient())


@pytest.mark.parametrize(
    ("name", "code", "happened", "ends"),
    [
        ("notification-admit", EventCode.ADMISSION, START, None),
        ("notification-transfer", EventCode.TRANSFER, WRITTEN, None),
        ("notification-discharge", EventCode.DISCHARGE, END, END),
    ],
)
def test_every_da_vinci_event_is_known(
    name: str, code: EventCode, happened: str, ends: str | None
) -> None:
    """A stay ends with its discharge only."""
    stay = encounter(identifier=[{"system": "urn:x", "value": "v1"}])
    found = accepted(davinci(name, stay))
    assert (found.code, found.activity) == (code, Activity.NEW)
    assert found.happened == moment(happened)
    assert isinstance(found.facts, StayFacts)
    assert found.facts.ends == (moment(ends) if ends else None)
    assert {key.rank for key in found.keys} == {KeyRank.STAY, KeyRank.EPISODE}


def test_a_da_vinci_stay_without_ids_is_known_by_its_begin() -> None:
    """As MedCom's."""
    about = encounter()
    del about["episodeOfCare"]
    found = accepted(davinci("notification-admit", about))
    assert [key.rank for key in found.keys] == [KeyRank.START]


def test_a_da_vinci_notification_without_encounter_is_refused() -> None:
    """There is nothing it could be about."""
    refusal = refused(davinci("notification-admit", None))
    assert (refusal.issues[0].where or "").endswith("focus")
