"""Updates: CloudEvents 1.0 with a FHIR message, as Kafka's headers or as JSON carry them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from carepath_client import reading
from carepath_client.receipts import Answer, answer
from carepath_client.values import Identifier

_TYPE: Final = "example.carepath."
_VERSION: Final = ".v1"
RESTORED: Final = "restored"
"""The event of the notice that the server was restored from a backup: numbers before it may be missing."""


@dataclass(frozen=True)
class Update:
    """One place in an organisation's feed.

    ``sequence`` is its number, ``id`` its own id (the same when it is sent again), ``event`` the event code,
    ``time`` when it was put there. ``replay``: it was asked for again. ``withheld``: the right to see it is gone,
    and nothing of it is told. ``message`` is the FHIR message Bundle, ``None`` when nothing is told. ``reference``
    is where to fetch it, when it was too large for Kafka and the subscriber has no ``url``.
    """

    sequence: int
    id: str
    event: str
    time: datetime
    source: str
    replay: bool = False
    body: bytes = field(default=b"", repr=False)
    reference: str | None = None

    @property
    def withheld(self) -> bool:
        """Whether the right to see it is gone."""
        return self.event == "withheld"

    @cached_property
    def message(self) -> dict[str, Any] | None:
        """The message Bundle."""
        return reading.parsed(self.body) if self.body else None

    @property
    def message_id(self) -> str | None:
        """The MessageHeader.id."""
        return reading.message_id(self._told)

    @property
    def patient(self) -> tuple[Identifier, ...]:
        """The patient's identifiers."""
        return reading.identifiers(self._first("Patient").get("identifier"))

    @property
    def sender(self) -> str | None:
        """The sender's name."""
        reference = reading.header(self._told).get("sender")
        found = reading.referred(self._told, reference).get("name")
        return found or (reference or {}).get("display")

    @property
    def receipt(self) -> Answer | None:
        """The answer to a message of one's own, when it is one."""
        return answer(self._told)

    def resources(self, kind: str) -> list[dict[str, Any]]:
        """The message's resources of one FHIR type."""
        return reading.resources(self._told, kind)

    @property
    def _told(self) -> Mapping[str, Any]:
        return self.message or {}

    def _first(self, kind: str) -> Mapping[str, Any]:
        return next(iter(self.resources(kind)), {})


def from_headers(headers: Iterable[tuple[str, bytes]], body: bytes | None) -> Update:
    """A Kafka record's. Raises ``ValueError`` when it is not one of ours."""
    told = {name: value.decode() for name, value in headers if name.startswith("ce_")}
    return _update({name.removeprefix("ce_"): value for name, value in told.items()}, body or b"")


def from_json(text: str) -> Update:
    """A server-sent event's data. Raises ``ValueError`` when it is not one of ours."""
    event = json.loads(text)
    if not isinstance(event, dict):
        raise ValueError("not a CloudEvent")  # noqa: TRY004 -- it is about the text
    data = event.pop("data", None)
    return _update(event, b"" if data is None else json.dumps(data).encode())


def _update(event: Mapping[str, Any], body: bytes) -> Update:
    try:
        return Update(
            sequence=int(event["sequence"]),
            id=event["id"],
            event=_code(event["type"]),
            time=datetime.fromisoformat(event["time"]),
            source=event["source"],
            replay=event.get("replay") == "true",
            body=body,
            reference=event.get("dataref"),
        )
    except (KeyError, TypeError) as wrong:
        raise ValueError(f"not an update: {wrong}") from None


def _code(kind: str) -> str:
    if not kind.startswith(_TYPE) or not kind.endswith(_VERSION):
        raise ValueError("not an update of a version that is known")
    return kind.removeprefix(_TYPE).removesuffix(_VERSION)
