"""What happened to a patient, as the server tells it."""

import re
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from html import unescape
from typing import Any, Final, Self

import httpx

from carepath_client import http, reading
from carepath_client.codes import TIMELINE_MARK
from carepath_client.http import Attempts, Request, Server
from carepath_client.values import Identifier, When

_TAG: Final = re.compile(r"<[^>]*>")
_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. A day without a time is a ``date``.

    ``event`` is the event code, ``sender`` its name, ``text`` the sentence in the language asked for, ``marks`` any
    of late, corrected, cancelled, forwarded, …; ``focus`` the FHIR reference to what it is about.
    """

    id: str
    event: str
    happened: datetime | date
    written: datetime
    received: datetime
    sender: str
    author: str | None
    text: str
    marks: frozenset[str]
    message_id: str | None
    focus: str | None


@dataclass(frozen=True, slots=True)
class History:
    """A patient's entries, oldest first, and the resources of their matters as they stand (stay, referral, …)."""

    patient: str
    entries: tuple[Entry, ...]
    current: tuple[dict[str, Any], ...]


class Timeline:
    """Asks for timelines. May be used by several threads. ``limit``: seconds for one, all attempts together."""

    def __init__(
        self,
        url: str,
        *,
        organisation: str | None = None,
        language: str = "nb",
        limit: float = 60.0,
        client: httpx.Client | None = None,
        auth: httpx.Auth | None = None,
    ) -> None:
        self._server, self._limit, self._language = Server(url, organisation), limit, language
        self._own = ExitStack()
        self._client = client or self._own.enter_context(httpx.Client(auth=auth))

    def of(self, patient: Identifier | str, *, as_of: When | None = None) -> History:
        """The timeline of a patient: an ``Identifier``, its text ``"system|value"`` or digits, or the id here.

        ``as_of`` a time with its zone, or a day: what was known then. Raises ``NotFound``, ``Refused`` and
        ``Unavailable``.
        """
        attempts = Attempts(self._limit)
        known = patient_id(patient)
        if known is None:
            known = http.patient_id(self._ask(self._server.find(token(patient)), attempts))
        asked = self._server.timeline(known, as_of_text(as_of), self._language)
        return history(known, http.timeline(self._ask(asked, attempts)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End its connections."""
        self._own.close()

    def _ask(self, request: Request, attempts: Attempts) -> httpx.Response:
        while True:
            try:
                asked = self._client.build_request(**request, timeout=attempts.timeout)
                return http.settled(self._client.send(asked))
            except http.FAULTS as fault:
                time.sleep(attempts.pause(fault))


def patient_id(patient: Identifier | str) -> str | None:
    """The id here, if it is one. Raises ``ValueError`` where it is neither that nor an identifier."""
    if isinstance(patient, Identifier) or "|" in patient or patient.isdecimal():
        return None
    if not _ID.fullmatch(patient):
        raise ValueError("patient: neither an id nor an identifier: write 'system|value'")
    return patient


def token(patient: Identifier | str) -> str:
    """An identifier as a search takes it."""
    return patient.token if isinstance(patient, Identifier) else patient


def as_of_text(as_of: When | None) -> str | None:
    """A moment as ``$timeline`` takes it. Raises ``ValueError`` where it has no zone."""
    if isinstance(as_of, datetime) and as_of.utcoffset() is None:
        raise ValueError("as_of: a time needs its zone")
    return None if as_of is None else as_of.isoformat()


def history(patient: str, bundle: Mapping[str, Any]) -> History:
    """A ``$timeline`` searchset as plain values."""
    entries = tuple(entry(one) for one in reading.resources(bundle, "Provenance"))
    inside = (one.get("resource", {}) for one in bundle.get("entry", ()))
    current = tuple(one for one in inside if one.get("resourceType") != "Provenance")
    return History(patient, entries, current)


def entry(provenance: Mapping[str, Any]) -> Entry:
    """One Provenance of a ``$timeline``."""
    agents: list[dict[str, Any]] = provenance["agent"]
    sender, *people = (agent.get("who", {}).get("display") for agent in agents)
    meta = provenance["meta"]
    tags = (tag for tag in meta.get("tag", ()) if tag.get("system") == TIMELINE_MARK)
    return Entry(
        id=provenance["id"],
        event=provenance["activity"]["coding"][0]["code"],
        happened=_moment(provenance["occurredDateTime"]),
        written=datetime.fromisoformat(provenance["recorded"]),
        received=datetime.fromisoformat(meta["lastUpdated"]),
        sender=sender or "",
        author=next(iter(people), None),
        text=unescape(_TAG.sub("", provenance.get("text", {}).get("div", ""))),
        marks=frozenset(tag["code"] for tag in tags),
        message_id=_message(provenance),
        focus=next((one.get("reference") for one in provenance.get("target", ())), None),
    )


def _message(provenance: Mapping[str, Any]) -> str | None:
    first: Mapping[str, Any] = next(iter(provenance.get("entity", ())), {})
    value = first.get("what", {}).get("identifier", {}).get("value")
    return None if value is None else str(value)


def _moment(text: str) -> datetime | date:
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)
