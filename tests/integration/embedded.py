"""A server on the embedded store, looked at from both sides: over HTTP, and in the database file."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.integration.serving import ROOT, Server, serving
from tests.integration.talk import post

_RELAY = {"feeds", "deliveries", "access_chain", "access_checkpoints"}
"""What the relay and the sealer of the access log write, in their own time."""


@dataclass(frozen=True, slots=True)
class Broker:
    """A running server, a client of it, and its database file."""

    server: Server
    http: httpx.Client
    file: Path

    def post(self, message: bytes | dict[str, Any], **headers: str) -> httpx.Response:
        """Send a message; bytes go as they are."""
        return post(self.http, message, **headers)

    def taken(self, *messages: bytes | dict[str, Any]) -> None:
        """Send messages that are accepted."""
        for message in messages:
            answer = self.post(message)
            assert answer.status_code == 200, answer.text

    def get(self, path: str, **parameters: str) -> dict[str, Any]:
        """Read a FHIR resource that is there."""
        answer = self.http.get(f"/fhir/{path}", params=parameters or None)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def patients(self, identifier: str | None = None) -> list[str]:
        """The ids of all patients, or of those with this ``system|value``."""
        asked = {"identifier": identifier} if identifier else {}
        return [e["resource"]["id"] for e in self.get("Patient", **asked).get("entry", [])]

    def timeline(self, patient: str) -> list[dict[str, Any]]:
        """The entries of the patient's timeline, oldest first."""
        found = self.get(f"Patient/{patient}/$timeline")["entry"]
        return [entry["resource"] for entry in found if entry["search"]["mode"] == "match"]

    def select(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the database file itself."""
        with closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)) as connection:
            return connection.execute(query, values).fetchall()

    def counts(self) -> dict[str, int]:
        """The rows in every table that intake writes."""
        names = [
            name for (name,) in self.select("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        counted = {name: self.select(f'SELECT count(*) FROM "{name}"') for name in names}  # noqa: S608
        return {name: rows[0][0] for name, rows in counted.items() if name not in _RELAY}

    def parked(self) -> list[tuple[str, str]]:
        """Reason and state of everything that was ever parked, oldest first."""
        return self.select("SELECT reason, state FROM parked ORDER BY received")

    def retry(self) -> int:
        """Try the newest open parked message again, as an operator does; the exit code."""
        ((id_,),) = self.select(
            "SELECT id FROM parked WHERE state = 'open' ORDER BY received DESC LIMIT 1"
        )
        command = [sys.executable, "-m", "carepath", "parked", "retry", id_]
        database = ["--database-url", f"sqlite:///{self.file}"]
        return subprocess.run([*command, *database], cwd=ROOT, check=False).returncode


@contextmanager
def embedded(database_url: str) -> Iterator[Broker]:
    """A server on an SQLite database; it writes its log beside the file."""
    file = Path(database_url.removeprefix("sqlite:///"))
    with (
        serving(database_url, file.with_suffix(".log")) as server,
        httpx.Client(base_url=server.url, timeout=20, trust_env=False) as http,
    ):
        yield Broker(server, http, file)


def codes(timeline: list[dict[str, Any]]) -> list[str]:
    """The event codes of a timeline's entries."""
    return [entry["activity"]["coding"][0]["code"] for entry in timeline]


def marks(entry: dict[str, Any]) -> set[str]:
    """The marks of a timeline's entry."""
    return {tag["code"] for tag in entry["meta"].get("tag", [])}
