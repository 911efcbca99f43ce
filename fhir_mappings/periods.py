"""A stay's ``Encounter.period``: a day beside a time, which FHIRPath cannot compare (per-1).

Such a Period is written in whole days where its two texts would not tell the order; the time itself then stands
beside its day, in the extension exact-time, and reading prefers it.
"""

from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any

from fhir_mappings.bundle import JSON
from fhir_mappings.codes import EXACT_TIME
from fhir_mappings.elements import At, Extension
from fhir_mappings.times import moment_text
from pathways.moments import Moment

_DAY = len("2026-01-01")
_EXACT = Extension(EXACT_TIME, "valueDateTime")


@dataclass(frozen=True, slots=True)
class Bound:
    """``start`` or ``end`` of ``Encounter.period``."""

    side: str

    @property
    def path(self) -> str:
        """Where it stands."""
        return f"period.{self.side}"

    def find(self, resource: JSON) -> list[Any]:
        """The exact time, else what the Period says."""
        period = resource.get("period", {})
        return _EXACT.find(period.get(f"_{self.side}") or {}) or At(self.side).find(period)

    def put(self, resource: JSON, value: Any) -> None:
        """Set it; ``make_comparable`` when both are there."""
        At("period", self.side).put(resource, value)


def in_order(begins: Moment, ends: Moment, zone: tzinfo) -> bool:
    """Whether a Period may have both: by day where one of them is no more than that."""
    if begins.day or ends.day:
        return begins.at.astimezone(zone).date() <= ends.at.astimezone(zone).date()
    return begins.at <= ends.at


def set_right(period: JSON, begins: Moment, ends: Moment, zone: tzinfo) -> None:
    """A Period never ends before it begins (per-1): such an end is left out."""
    if not in_order(begins, ends, zone):
        del period["end"]
    else:
        make_comparable(period, begins, ends, zone)


def make_comparable(period: JSON, begins: Moment, ends: Moment, zone: tzinfo) -> None:
    """Both as days, if one is a day and the dates as written are not in order."""
    if begins.day == ends.day or period["start"][:_DAY] < period["end"][:_DAY]:
        return
    for side, moment in (("start", begins), ("end", ends)):
        if not moment.day:
            _EXACT.put(period.setdefault(f"_{side}", {}), period[side])
            period[side] = moment_text(replace(moment, day=True), zone)
