"""Everything a running server writes, gathered into files for HL7's validator: each distinct shape once."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from httpx_sse import EventSource

from tests.integration import stories
from tests.integration.talk import FHIR

TYPES = ("Patient", "Encounter", "ServiceRequest", "Task", "Organization")
_QUIET = 2.0  # seconds without news after which a feed counts as read
_TELLING = (
    "resourceType",
    "system",
    "code",
    "status",
    "display",
    "type",
    "mode",
    "relation",
    "url",
)


def _shape(value: object, key: str = "") -> object:
    """What is left of JSON without its particulars: elements, and the values of those that choose among codes."""
    if isinstance(value, dict):
        return tuple((k, _shape(v, k)) for k, v in sorted(value.items()))
    if isinstance(value, list):
        return tuple(sorted({repr(_shape(v, key)) for v in value}))
    if (
        isinstance(value, str)
        and key in _TELLING
        and not value.startswith(("http://127", "urn:uuid:"))
    ):
        return value
    return type(value).__name__


class Harvest:
    """Asks a server for all it can say; ``folder`` gets ``<kind>-<number>.json``."""

    def __init__(self, http: httpx.Client, folder: Path) -> None:
        self.http = http
        self._folder = folder
        self._seen: set[tuple[str, str]] = set()
        self._cursors: dict[str, str] = {}

    def keep(self, kind: str, written: Any) -> None:
        """Write a resource to a file, unless one of its kind and shape is there."""
        shape = (kind, repr(_shape(written)))
        if shape not in self._seen:
            self._seen.add(shape)
            file = self._folder / f"{kind}-{len(self._seen)}.json"
            file.write_text(json.dumps(written, ensure_ascii=False))

    def send(self, message: stories.Resource) -> str:
        """Send a message, keep the receipt; its id. Raises ``AssertionError`` when it is refused."""
        answer = self.http.post("/fhir/$process-message", json=message)
        assert answer.is_success, answer.text
        self.keep("receipt", answer.json())
        return stories.message_id(message)

    def get(self, kind: str, path: str, **parameters: str) -> Any:
        """Get, keep and give a resource."""
        answer = self.http.get(path, params=parameters or None)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        assert answer.headers["content-type"].startswith(FHIR)
        self.keep(kind, answer.json())
        return answer.json()

    def refused(self, answer: httpx.Response, wrong: str) -> None:
        """Keep an error; it is FHIR, whatever was ``wrong``."""
        assert 400 <= answer.status_code < 500, f"{wrong}: {answer.status_code} {answer.text[:300]}"
        self.keep("outcome", answer.json())

    def everything_about(self, patient: stories.Resource) -> None:
        """The searches, resources, versions, timeline and summary of one patient, and who is who."""
        token = f"{patient['identifier'][0]['system']}|{patient['identifier'][0]['value']}"
        (found,) = self.get("search", "/fhir/Patient", identifier=token)["entry"]
        key = found["resource"]["id"]
        now = datetime.now(UTC).isoformat()
        self.get("timeline", f"/fhir/Patient/{key}/$timeline")
        self.get("timeline", f"/fhir/Patient/{key}/$timeline", asOf=now)
        self.get("summary", f"/fhir/Patient/{key}/$summary")
        for kind in TYPES:
            about = {"patient": key} if kind not in ("Patient", "Organization") else {}
            self.get("search", f"/fhir/{kind}", _id="none")
            self.get("search", f"/fhir/{kind}", _count="0")
            self.get("search", f"/fhir/{kind}", _count="1", **about)
            for entry in self.get("search", f"/fhir/{kind}", **about).get("entry", []):
                self._versions(f"/fhir/{kind}/{entry['resource']['id']}")

    def _versions(self, path: str) -> None:
        version = self.get("resource", path)["meta"]["versionId"]
        self.get("resource", f"{path}/_history/{version}")
        self.get("history", f"{path}/_history")

    def feeds(self, kind: str) -> None:
        """What has come to each party's feed, and to the operator's, since the last time."""
        parties = self.http.get("/fhir/Organization", params={"_count": "1000"}).json()["entry"]
        keys = ["", *(entry["resource"]["id"] for entry in parties)]
        with ThreadPoolExecutor(len(keys)) as readers:
            for news in readers.map(lambda party: list(self._news(party)), keys):
                for message in news:
                    self.keep(kind, message)

    def _news(self, party: str) -> Iterator[Any]:
        query = {"since": self._cursors.get(party, "0")} | ({"org": party} if party else {})
        quiet = httpx.Timeout(30, read=_QUIET)
        with (
            suppress(httpx.ReadTimeout),
            self.http.stream("GET", "/events", params=query, timeout=quiet) as feed,
        ):
            for event in EventSource(feed).iter_sse():
                self._cursors[party] = event.id
                yield json.loads(event.data)["data"]


@contextmanager
def harvesting(url: str, folder: Path) -> Iterator[Harvest]:
    """A harvest of the server at ``url``, with connections of its own."""
    with httpx.Client(base_url=url, headers={"Accept": FHIR}, timeout=30) as http:
        yield Harvest(http, folder)
