"""The Java programs under ``java/``: HAPI's clients and HL7's validator, built once per change of their sources."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests import maven
from tests.integration import backport
from tests.servers import requirement

_SOURCES = Path(__file__).parent / "java"
_SMART = ("SMART_CLIENT_ID", "SMART_KEY_FILE")
_QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")  # starting takes longer than what they do

OF_KIND: Mapping[str, str] = {
    "subscription": backport.SUBSCRIPTION,
    "empty": backport.EMPTY,
    "idonly": backport.ID_ONLY,
    "full": backport.FULL_RESOURCE,
    "status": backport.STATUS_ANSWER,
    "events": backport.EVENTS_ANSWER,
    "token": backport.BINDING_TOKEN,
    "capability": backport.SERVER,
}
"""The profile of files whose names begin so, besides those that the resource says it follows."""


def hapi_client(
    encoding: str, fhir_base: str, messages: list[Path], sign_in: tuple[str, Path] | None = None
) -> dict[str, Any]:
    """What HAPI's client saw when it sent ``messages`` about one patient, as json or xml, and looked her up.

    ``sign_in``: a client's id, and the file of its private key. Raises ``AssertionError`` with its complaint when it
    failed.
    """
    named = {} if sign_in is None else dict(zip(_SMART, map(str, sign_in), strict=True))
    return _seen("HapiClient", encoding, fhir_base, *map(str, messages), environment=named)


def hapi_subscriber(encoding: str, fhir_base: str, messages: list[Path]) -> dict[str, Any]:
    """What HAPI's client saw when it subscribed to a patient, was away for a while, and sent ``messages``.

    Raises ``AssertionError`` with its complaint when it failed.
    """
    return _seen("HapiSubscriber", encoding, fhir_base, *map(str, messages))


def hapi_hl7(port: int, messages: list[Path]) -> list[dict[str, str]]:
    """What HAPI's MLLP client was answered when it sent HL7 v2 ``messages`` over one connection, by field.

    Raises ``AssertionError`` with its complaint when it failed.
    """
    answers: list[dict[str, str]] = _seen("HapiHl7", str(port), *map(str, messages))["answers"]
    return answers


class Validator:
    """HL7's validator with the profiles under ``java/profiles``; files with the same content are validated once."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._known: dict[tuple[str, ...], list[str]] = {}

    def errors(self, file: Path, *profiles: str, same: Path | None = None) -> list[str]:
        """What is wrong in ``file``; another encoding of the resource, ``same``, must say just that.

        Raises ``AssertionError`` when the program has ended.
        """
        key = (file.read_text(), same.read_text() if same else "", *profiles)
        if key not in self._known:
            asked = {"file": str(file), "profiles": profiles} | (
                {"same": str(same)} if same else {}
            )
            self._known[key] = self._ask(json.dumps(asked))
        return self._known[key]

    def folder(self, folder: Path) -> dict[str, list[str]]:
        """The errors in each ``*.json`` and ``*.xml`` under ``folder``, by file name.

        The name up to ``-`` is the kind. ``x.xml`` must say what ``x.json`` says. Raises ``AssertionError`` when
        there is none.
        """
        files = sorted([*folder.rglob("*.json"), *folder.rglob("*.xml")])
        assert files, f"nothing to validate in {folder}"
        return {file.name: self._of_kind(file) for file in files}

    def _of_kind(self, file: Path) -> list[str]:
        kind = file.name.partition("-")[0]
        profiles = (OF_KIND[kind],) if kind in OF_KIND else ()
        twin = file.with_suffix(".json")
        return self.errors(file, *profiles, same=twin if twin != file and twin.exists() else None)

    def _ask(self, line: str) -> list[str]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the validator has ended: {self._process.wait(10)}"
        errors: list[str] = json.loads(answer)
        return errors


@contextmanager
def validator() -> Iterator[Validator]:
    """A validator that is ready when it is asked; it ends with the block."""
    command = _command("Validate", str(_SOURCES / "profiles"))
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        yield Validator(process)


def _seen(
    program: str, *arguments: str, environment: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    done = subprocess.run(
        _command(program, *arguments),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def _command(program: str, *arguments: str) -> list[str]:
    built = maven.built(_SOURCES)
    requirement("What the Java programs are built with", built, maven.HINT)
    classpath = f"{built}/interop.jar:{built}/lib/*"
    return ["java", *_QUICK, "-cp", classpath, f"example.carepath.{program}", *arguments]
