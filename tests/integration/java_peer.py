"""The Java programs under ``java/``: HAPI's client and HL7's validator, built once per change of their sources."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests import maven
from tests.servers import requirement

_SOURCES = Path(__file__).parent / "java"


def hapi_client(fhir_base: str, messages: list[Path]) -> dict[str, Any]:
    """What HAPI's client saw when it sent ``messages`` about one patient and looked her up.

    Raises ``AssertionError`` with its complaint when it failed.
    """
    done = _run("HapiClient", fhir_base, *map(str, messages))
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def validate(folder: Path) -> dict[str, list[str]]:
    """The errors that HL7's validator finds in each ``*.json`` under ``folder``, by file name.

    Files with the same content are validated once, under one of their names.
    """
    done = _run("Validate", str(folder))
    if done.returncode not in (0, 1):
        raise AssertionError(done.stderr or f"nothing to validate in {folder}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {
        Path(line["file"]).name: [f"{e['location']}: {e['message']}" for e in line["errors"]]
        for line in lines
    }


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    built = maven.built(_SOURCES)
    requirement("What the Java programs are built with", built, maven.HINT)
    classpath = f"{built}/interop.jar:{built}/lib/*"
    command = ["java", "-cp", classpath, f"example.carepath.{program}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
