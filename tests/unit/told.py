"""An admission in our own profile as somebody else would write it, to be changed and read."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from fhir_mappings import codes
from fhir_mappings.inbound import Options, read
from pathways.messages import Message
from pathways.refusals import Refusal
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
