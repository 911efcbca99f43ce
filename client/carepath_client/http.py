"""What is asked of the server and what its answers mean. Nothing here talks to anybody: ``httpx`` is only read."""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypedDict

import httpx

from carepath_client import reading
from carepath_client.codes import FHIR_JSON
from carepath_client.errors import NotFound, Refused, Unavailable
from carepath_client.receipts import Receipt, answer

CONNECT: Final = 5.0  # seconds
SILENCE: Final = 45.0  # seconds; the server says something every 15
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 10.0
_TRANSIENT: Final = frozenset((408, 425, 429, 500, 502, 503, 504))


class Again(Exception):
    """The server cannot take it now. ``after``: seconds until it may."""

    def __init__(self, status: int, after: float) -> None:
        super().__init__(f"HTTP {status}")
        self.after = after


FAULTS: Final = (httpx.TransportError, Again)
"""What may pass if one tries again."""


class Request(TypedDict):
    """The arguments of ``build_request`` of both of httpx's clients."""

    method: str
    url: str
    headers: dict[str, str]
    content: bytes | None
    params: dict[str, str]
    data: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server is, and for which organisation (a directory key) one asks."""

    url: str
    organisation: str | None = None

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError("url: begins with http:// or https://")

    def publish(self, source: bytes) -> Request:
        """One message."""
        request = self._request("POST", "/fhir/$process-message", content=source)
        request["headers"]["Content-Type"] = FHIR_JSON
        return request

    def find(self, identifier: str) -> Request:
        """The patients with an identifier, which never stands in a URL."""
        return self._request("POST", "/fhir/Patient/_search", data={"identifier": identifier})

    def timeline(self, patient: str, as_of: str | None, language: str) -> Request:
        """A patient's timeline, as it was known ``as_of`` a moment."""
        params = {} if as_of is None else {"asOf": as_of}
        request = self._request("GET", f"/fhir/Patient/{patient}/$timeline", params=params)
        request["headers"]["Accept-Language"] = language
        return request

    def events(self, after: int) -> Request:
        """The feed after a number: to be streamed."""
        request = self._request("GET", "/events")
        request["headers"] |= {"Last-Event-ID": str(after), "Accept": "text/event-stream"}
        return request

    def _request(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        params: dict[str, str] | None = None,
        data: dict[str, str] | None = None,
    ) -> Request:
        headers = {"Accept": FHIR_JSON}
        if self.organisation is not None:
            headers["X-Carepath-Org"] = self.organisation
        return Request(
            method=method,
            url=self.url.rstrip("/") + path,
            headers=headers,
            content=content,
            params=params or {},
            data=data,
        )


# --- answers


def receipt(response: httpx.Response, message_id: str) -> Receipt:
    """What became of a message. Raises ``Refused`` and ``Again``."""
    check(response, message_id)
    if response.status_code == httpx.codes.NO_CONTENT:  # a receipt is not answered
        return Receipt("accepted", message_id)
    body = _parsed(response)
    told = answer(body)
    if told is not None:
        return told.receipt()
    return Receipt("kept", message_id, reading.issues(body))


def patient_id(response: httpx.Response) -> str:
    """The one patient found. Raises ``NotFound``, ``Refused`` and ``Again``."""
    found = reading.resources(_resource(response), "Patient")
    if len(found) != 1:
        raise NotFound(
            "several patients have that identifier: name its system, as in 'system|value'"
            if found
            else "no patient has that identifier"
        )
    return str(found[0]["id"])


def timeline(response: httpx.Response) -> dict[str, Any]:
    """The searchset. Raises ``NotFound``, ``Refused`` and ``Again``."""
    if response.status_code == httpx.codes.NOT_FOUND:
        raise NotFound("there is no such patient, or you may not see them")
    return _resource(response)


def check(response: httpx.Response, message_id: str | None = None) -> None:
    """Nothing, if the answer is good. Raises ``Refused`` and ``Again``."""
    if not settled(response).is_success:
        issues = reading.issues(_parsed(response))
        raise Refused(issues, status=response.status_code, message_id=message_id)


def settled(response: httpx.Response) -> httpx.Response:
    """The answer, unless trying again may give another. Raises ``Again``."""
    if response.status_code in _TRANSIENT:
        raise Again(response.status_code, _retry_after(response.headers))
    return response


def _resource(response: httpx.Response) -> dict[str, Any]:
    check(response)
    return _parsed(response)


def _parsed(response: httpx.Response) -> dict[str, Any]:
    try:
        return reading.parsed(response.content) if response.content else {}
    except ValueError:
        if response.is_success:
            raise Unavailable("what answered is not a Carepath server") from None
        return {}


def _retry_after(headers: Mapping[str, str]) -> float:
    told = headers.get("Retry-After", "")
    return float(told) if told.isdecimal() else 0.0


# --- trying again


@dataclass
class Attempts:
    """Pauses that double, each a little off so that not all come back at once; ``limit`` seconds for everything."""

    limit: float
    begun: float = field(default_factory=time.monotonic)
    _pause: float = field(default=_FIRST_PAUSE, init=False)

    @property
    def left(self) -> float:
        """Seconds until the limit; never none, so that what is asked for can still be refused in words."""
        return max(0.05, self.begun + self.limit - time.monotonic())

    @property
    def timeout(self) -> httpx.Timeout:
        """For one request."""
        return httpx.Timeout(min(30.0, self.left), connect=min(CONNECT, self.left))

    def pause(self, fault: Exception) -> float:
        """Seconds to wait before the next one. Raises ``Unavailable`` when there is no time for it."""
        wanted = max(self._pause * random.uniform(0.5, 1.0), getattr(fault, "after", 0.0))  # noqa: S311 -- no secret
        if wanted >= self.begun + self.limit - time.monotonic():
            words = str(fault) or type(fault).__name__
            raise Unavailable(f"no answer within {self.limit:g} s: {words}") from fault
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        return wanted

    def succeeded(self) -> None:
        """Begin anew: the next fault is another one."""
        self.begun, self._pause = time.monotonic(), _FIRST_PAUSE
