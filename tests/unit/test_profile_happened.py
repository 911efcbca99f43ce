"""Where each dialect says that *happened* and *written* come from."""

from datetime import UTC, datetime
from typing import Final

import pytest

from fhir_mappings.bundle import JSON, Resources
from fhir_mappings.codes import MEDCOM_LEAVE_PERIOD
from fhir_mappings.dialects.table import DIALECTS
from fhir_mappings.happened import happened, written
from pathways.events import EventCode
from pathways.moments import Moment
from tests.unit.strategies import OSLO

RECEIVED: Final = datetime(2026, 3, 9, tzinfo=UTC)
CAST: Final[dict[str, JSON]] = {
    "Bundle": {"timestamp": "2026-03-06T00:00:00Z"},
    "Provenance": {
        "occurredDateTime": "2026-03-05T00:00:00Z",
        "recorded": "2026-03-05T12:00:00Z",
    },
    "Encounter": {
        "period": {"start": "2026-03-01T00:00:00Z", "end": "2026-03-04T00:00:00Z"},
        "extension": [
            {
                "url": MEDCOM_LEAVE_PERIOD,
                "valuePeriod": {"start": "2026-03-02T00:00:00Z", "end": "2026-03-03T00:00:00Z"},
            }
        ],
    },
}
TIMES: Final = {dialect.name: dialect.times for dialect in DIALECTS}


def march(day: int, hour: int = 0) -> datetime:
    """A time in March 2026, UTC."""
    return datetime(2026, 3, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("dialect", "code", "at"),
    [
        ("carepath", EventCode.ADMISSION, march(5)),
        ("medcom", EventCode.ADMISSION, march(1)),
        ("medcom", EventCode.LEAVE_START, march(2)),
        ("medcom", EventCode.LEAVE_END, march(3)),
        ("medcom", EventCode.DISCHARGE, march(4)),
        ("medcom", EventCode.DEATH, march(4)),
        ("medcom", EventCode.TRANSFER, march(8)),
        ("davinci", EventCode.ADMISSION, march(1)),
        ("davinci", EventCode.DISCHARGE, march(4)),
    ],
)
def test_when_it_happened(dialect: str, code: EventCode, at: datetime) -> None:
    """The dialect's own place for the event's time; else when it was written."""
    parts = Resources({})
    sources = TIMES[dialect].happened.get(code, ())
    assert happened(parts, sources, CAST, march(8), OSLO) == Moment(at)
    assert parts.refusal() is None


@pytest.mark.parametrize(
    ("dialect", "at"),
    [("carepath", march(5, 12)), ("medcom", march(5)), ("davinci", march(6))],
)
def test_when_it_was_written(dialect: str, at: datetime) -> None:
    """MedCom's ``occurredDateTime`` is the time of writing."""
    assert written(Resources({}), TIMES[dialect], CAST, RECEIVED) == at
    assert written(Resources({}), TIMES[dialect], {}, RECEIVED) == RECEIVED
