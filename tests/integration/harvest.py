"""Everything a running server writes, gathered into files for HL7's validator: each distinct shape once."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from fhirclient.models.fhirabstractbase import FHIRValidationError
from fhirclient.models.fhirelementfactory import FHIRElementFactory
from httpx_sse import EventSource

from tests.integration import stories
from tests.integration.talk import FHIR

XML = "application/fhir+xml"
_QUIET = 2.0  # seconds without news after which a feed counts as read
_ASKED = (
    {"_count": "0"},
    {"_count": "1"},
    {"_sort": "-_lastUpdated"},
    *({"_summary": kind} for kind in ("true", "text", "data", "count")),
    {"_elements": "status"},
)
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
    "valueCode",
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


def _without_read(found: stories.Resource) -> stories.Resource:
    """A searchset without what its resources say, which is read one by one; those with parts left out stay whole."""
    entries = [
        entry if "tag" in entry["resource"].get("meta", {}) else {**entry, "resource": None}
        for entry in found.get("entry", [])
    ]
    return {**found, "entry": entries}


def _types(bundle: stories.Resource) -> list[str]:
    return sorted({one["resource"]["resourceType"] for one in bundle["entry"] if "resource" in one})


_OF_THE_MOMENT = frozenset({"status", "events", "summary"})  # not the same when asked for again
_SEALED = re.compile(r"_continue=[^\"&]*")
"""The link to the next page is never the same twice."""


class Harvest:
    """Asks a server for all it can say; ``folder`` gets ``<kind>-<number>.json``, and the same in XML beside it."""

    def __init__(self, http: httpx.Client, folder: Path) -> None:
        self.http = http
        self.folder = folder
        self._seen: set[str] = set()
        self._cursors: dict[str, str] = {}

    def keep(self, kind: str, written: Any) -> Path | None:
        """Write a resource to a file, unless one of its kind and shape is there."""
        if not self._is_new(kind, _shape(_without_read(written) if kind == "search" else written)):
            return None
        file = self.folder / f"{kind}-{len(self._seen)}.json"
        file.write_text(_SEALED.sub("_continue=…", json.dumps(written, ensure_ascii=False)))
        return file

    def _is_new(self, *what: object) -> bool:
        known = len(self._seen)
        self._seen.add(repr(what))
        return len(self._seen) > known

    def send(self, message: stories.Resource) -> str:
        """Send a message, keep the receipt; its id. Raises ``AssertionError`` when it is refused."""
        answer = self.http.post("/fhir/$process-message", json=message)
        assert answer.is_success, answer.text
        self.answered("receipt", answer)
        return stories.message_id(message)

    def get(self, kind: str, path: str, **parameters: str) -> Any:
        """Get, keep and give a resource."""
        answer = self.http.get(path, params=parameters or None)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        return self.answered(kind, answer)

    def refused(self, answer: httpx.Response, wrong: str) -> None:
        """Keep an error; it is FHIR, whatever was ``wrong``."""
        assert 400 <= answer.status_code < 500, f"{wrong}: {answer.status_code} {answer.text[:300]}"
        self.answered("outcome", answer)

    def answered(self, kind: str, answer: httpx.Response) -> Any:
        """Keep and give an answer; asked for once more, it comes as XML with the same status."""
        assert answer.headers["content-type"].startswith(FHIR), answer.headers
        file = self.keep(kind, answer.json())
        if file and self._in_xml_too(kind, answer):
            asked = answer.request
            headers = {**asked.headers, "accept": XML}
            again = self.http.request(
                asked.method, asked.url, headers=headers, content=asked.content
            )
            assert again.status_code == answer.status_code, again.text
            assert again.headers["content-type"].startswith(XML), again.headers
            twin = file.with_stem(f"{file.stem}x") if kind in _OF_THE_MOMENT else file
            twin.with_suffix(".xml").write_text(_SEALED.sub("_continue=…", again.text))
        return answer.json()

    def _in_xml_too(self, kind: str, answer: httpx.Response) -> bool:
        """Bundles once for each kind and what types of resources are in them: it takes its time."""
        said = answer.json()
        fitting = answer.request.headers["accept"] == FHIR
        return fitting and ("entry" not in said or self._is_new("XML", kind, _types(said)))

    def everything_about(self, patient: stories.Resource) -> None:
        """The searches, resources, versions, timeline and summary of one patient, and who is who."""
        token = f"{patient['identifier'][0]['system']}|{patient['identifier'][0]['value']}"
        (found,) = self.get("search", "/fhir/Patient", identifier=token)["entry"]
        key = found["resource"]["id"]
        now = datetime.now(UTC).isoformat()
        self.get("timeline", f"/fhir/Patient/{key}/$timeline")
        self.get("timeline", f"/fhir/Patient/{key}/$timeline", asOf=now)
        self.get("summary", f"/fhir/Patient/{key}/$summary")
        self.get("everything", f"/fhir/Patient/{key}/$everything")
        for resource in self.get("capability", "/fhir/metadata")["rest"][0]["resource"]:
            if {"code": "history-instance"} in resource.get(
                "interaction", []
            ):  # no log of who asks
                self._type(resource, key)

    def _type(self, offered: stories.Resource, patient: str) -> None:
        """All that is offered of a type, about one patient where its resources are about patients."""
        path = f"/fhir/{offered['type']}"
        names = {one["name"] for one in offered["searchParam"]}
        about = {"patient": patient} if "patient" in names else {}
        self.get("search", path, _id="none")
        for parameters in _ASKED:
            self.get("search", path, **parameters, **about)
        for include in offered.get("searchInclude", []):
            self.get("search", path, _include=include, **about)
        for include in offered.get("searchRevInclude", []):
            self.get("search", path, _revinclude=include, **about)
        for entry in self.get("search", path, **about).get("entry", []):
            self._versions(f"{path}/{entry['resource']['id']}")

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


def misread(folder: Path) -> dict[str, str]:
    """What SMART's fhirclient, whose models are strict, refuses of the JSON in ``folder``, and why, by file name."""
    refused: dict[str, str] = {}
    for file in folder.glob("*.json"):
        resource = json.loads(file.read_text())
        try:
            FHIRElementFactory.instantiate(resource["resourceType"], resource)
        except FHIRValidationError as why:
            refused[file.name] = str(why)
    return refused
