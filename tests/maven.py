"""What Maven makes for the tests, built once per change of its sources and kept in ``.cache``."""

import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CACHE = Path(__file__).parents[1] / ".cache"
HINT = "Install Maven and a JDK 17 (Debian: apt install maven openjdk-17-jdk-headless), and let Maven reach a repository once."


def built(project: Path) -> Path | None:
    """The folder that ``project`` (of a ``pom.xml``) is built in; ``None`` where something needed is missing.

    Raises ``AssertionError`` with Maven's complaint when the sources do not build.
    """
    if not (shutil.which("mvn") and shutil.which("java")):
        return None
    sources = sorted([project / "pom.xml", *project.glob("src/**/*.java")])
    digest = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources))
    place = _CACHE / project.name / digest.hexdigest()[:16]
    with _alone(place.parent):
        return place if place.exists() or _build(project, place) else None


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """One builder at a time, among the workers of all runs."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(project: Path, place: Path) -> bool:
    """Whether Maven got all it needs."""
    for earlier in place.parent.iterdir():
        if earlier.is_dir():
            shutil.rmtree(earlier)
    making = place.with_suffix(".making")
    done = _package(project, making, "--offline")
    if "ResolutionException" in done.stdout:  # not everything is in the local repository yet
        done = _package(project, making)
    if "ResolutionException" in done.stdout:
        return False
    if done.returncode != 0:
        raise AssertionError(done.stdout)
    making.rename(place)
    return True


def _package(project: Path, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = ["mvn", "-q", "-B", *options, "package", f"-Dbuild.dir={folder}"]
    return subprocess.run(
        command, cwd=project, capture_output=True, text=True, timeout=600, check=False
    )
