"""The Java programs under ``java/``: HAPI's client and HL7's validator, built once per change of their sources."""

import fcntl
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers import requirement

_HERE = Path(__file__).parent / "java"
_CACHE = Path(__file__).parents[2] / ".cache" / "java"
_HINT = "Install Maven and a JDK 17 (Debian: apt install maven openjdk-17-jdk-headless)."


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
    built = _built()
    classpath = f"{built}/interop.jar:{built}/lib/*"
    command = ["java", "-cp", classpath, f"example.carepath.{program}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def _built() -> Path:
    """The folder of ``interop.jar`` and ``lib/``, made if the sources have changed."""
    requirement("Java", shutil.which("mvn") and shutil.which("java"), _HINT)
    sources = sorted([_HERE / "pom.xml", *_HERE.glob("src/**/*.java")])
    digest = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources))
    built = _CACHE / digest.hexdigest()[:16]
    with _alone():
        if not built.exists():
            _build(built)
    return built


@contextmanager
def _alone() -> Iterator[None]:
    """One builder at a time, among the workers of all runs."""
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(built: Path) -> None:
    for earlier in _CACHE.iterdir():
        if earlier.is_dir():
            shutil.rmtree(earlier)
    making = built.with_suffix(".making")
    done = _package(making, "--offline")
    if "ResolutionException" in done.stdout:  # not everything is in the local repository yet
        done = _package(making)
    requirement(
        "What the Java programs are built of",
        "ResolutionException" not in done.stdout,
        "Let Maven reach a repository once.",
    )
    if done.returncode != 0:
        raise AssertionError(done.stdout)
    making.rename(built)


def _package(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = ["mvn", "-q", "-B", *options, "package", f"-Dbuild.dir={folder}"]
    return subprocess.run(
        command, cwd=_HERE, capture_output=True, text=True, timeout=600, check=False
    )
