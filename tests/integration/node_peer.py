"""The JavaScript programs under ``node/``, with what they need installed once per change of it."""

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

_HERE = Path(__file__).parent / "node"
_CACHE = Path(__file__).parents[2] / ".cache" / "node"
_HINT = "Install Node.js 20 and npm (Debian: apt install nodejs npm), and let npm reach a registry once."


def asyncapi(document: Path) -> dict[str, Any]:
    """What AsyncAPI's own parser says of it: ``version``, the ids of ``operations``, and what is ``wrong``."""
    return _seen("asyncapi.mjs", str(document))


def fhir_kit_client(fhir_base: str, messages: list[Path]) -> dict[str, Any]:
    """What fhir-kit-client saw when it subscribed to a patient, was away for a while, and sent ``messages``.

    Raises ``AssertionError`` with its complaint when it failed.
    """
    return _seen("fhir_kit.mjs", fhir_base, *map(str, messages))


def fhir_kit_smart(
    fhir_base: str, sign_in: tuple[str, Path], messages: list[Path]
) -> dict[str, Any]:
    """What fhir-kit-client saw when it signed in with a client's id and private key, and sent ``messages``.

    Raises ``AssertionError`` with its complaint when it failed.
    """
    return _seen("fhir_kit_smart.mjs", fhir_base, *map(str, sign_in), *map(str, messages))


def node_hl7_client(
    port: int, sender: str, patient: str, messages: list[Path]
) -> list[dict[str, str]]:
    """What node-hl7-client was answered when it sent an admission of its own making and HL7 v2 ``messages``, in order.

    ``sender``: an organisation number; ``patient``: a national number. Raises ``AssertionError`` with its complaint
    when it failed.
    """
    seen = _seen("hl7.mjs", str(port), sender, patient, *map(str, messages))
    answers: list[dict[str, str]] = seen["answers"]
    return answers


def _seen(program: str, *arguments: str) -> dict[str, Any]:
    done = _run(_installed(), "node", program, *arguments)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def _installed() -> Path:
    """A copy of ``node/`` with its ``node_modules``, made if the sources have changed."""
    requirement("Node.js", shutil.which("node") and shutil.which("npm"), _HINT)
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in sorted(_HERE.iterdir())))
    place = _CACHE / digest.hexdigest()[:16]
    with _alone():
        if not place.exists():
            _install(place)
    return place


@contextmanager
def _alone() -> Iterator[None]:
    """One installer at a time, among the workers of all runs."""
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(place: Path) -> None:
    for earlier in _CACHE.iterdir():
        if earlier.is_dir():
            shutil.rmtree(earlier)
    making = shutil.copytree(_HERE, place.with_suffix(".making"))
    done = _run(making, "npm", "ci", "--prefer-offline", "--loglevel=error")
    unreachable = any(
        code in done.stderr for code in ("ENOTFOUND", "ETIMEDOUT", "ECONN", "EAI_AGAIN")
    )
    requirement("What the JavaScript programs need", not unreachable, _HINT)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    making.rename(place)


def _run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )
