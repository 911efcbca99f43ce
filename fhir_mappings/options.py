"""What reading a message depends on besides its bytes."""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

OSLO: Final = ZoneInfo("Europe/Oslo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """``received``: aware, when the bytes came; ``zone``: where a date without time is a local day.

    ``base_url`` is the broker's own FHIR address: a destination that names it is the broker itself.
    """

    received: datetime
    zone: tzinfo = OSLO
    accept_synthetic: bool = True
    base_url: str = "http://127.0.0.1:8000/fhir"
