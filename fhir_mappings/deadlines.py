"""Reminders and alarms as messages: a Task that says what is owed, by whom, until when, and how far it has come.

``promised`` has the Task by which the same promise is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fhir_mappings.bundle import JSON
from fhir_mappings.codes import PROMISE, PROMISE_KIND, PROMISE_STEP, TASK_DETAIL
from fhir_mappings.elements import MOMENT, PARTY, At, Field, Shape
from fhir_mappings.slots import Coded, Input
from pathways.events import EventCode
from pathways.messages import Key, KeyRank


@dataclass(frozen=True, slots=True)
class _Number:
    """The identifier of the promise, which is the id of its Task here."""

    path: str = "identifier.value"

    def find(self, resource: JSON) -> list[Any]:
        """Of our system only."""
        listed = resource.get("identifier", ())
        return [one["value"] for one in listed if one.get("system") == PROMISE and "value" in one]

    def put(self, resource: JSON, value: Any) -> None:
        """Add it."""
        resource.setdefault("identifier", []).append({"system": PROMISE, "value": value})


_TASK: Final[Shape] = {
    "Task": (
        Field("promise", _Number()),
        Field("kind", Coded("code", PROMISE_KIND)),
        Field("step", Coded("businessStatus", PROMISE_STEP)),
        Field("due", At("restriction", "period", "end"), MOMENT),
        Field("responsible", At("owner"), PARTY),
        Field("holder", Input(TASK_DETAIL, "holder", ("valueString",))),
        Field("note", At("note", 0, "text")),
    ),
}
SHAPES: Final[Mapping[EventCode, Shape]] = {
    EventCode.REMINDER: _TASK,
    EventCode.DEADLINE_MISSED: _TASK,
}


def keys(promise: str | None) -> set[Key]:
    """All that is said of one promise is one thread."""
    return {Key(KeyRank.CONVERSATION, promise)} if promise else set()
