"""The client's distribution: what it needs, it names, and nothing of the server is in it."""

import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.integration.serving import ROOT

_IMPORTED: Final = """
import sys
import carepath_client
print(carepath_client.__file__)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: building leaves things beside the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(folder)!r})"
    copy = tmp_path_factory.mktemp("source") / "client"
    files = ("pyproject.toml", "README.md", *_modules())
    for name in files:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / "client" / name).read_bytes())
    command = [sys.executable, "-W", "ignore", "-c", build]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return next(folder.glob("*.whl"))


def _modules() -> list[str]:
    package = ROOT / "client" / "carepath_client"
    return [f"carepath_client/{path.name}" for path in package.iterdir() if path.is_file()]


def needed(name: str) -> set[str]:
    """A distribution and all that it needs here."""
    found, waiting = set[str](), [name]
    while waiting:
        if (one := canonicalize_name(waiting.pop())) in found:
            continue
        found.add(one)
        requirements = (Requirement(text) for text in distribution(one).requires or ())
        waiting += [
            r.name for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})
        ]
    return found


def test_the_wheel_works_with_what_it_names_alone(wheel: Path, tmp_path: Path) -> None:
    """Where there is nothing but it and its dependencies, it can be imported; it is marked as typed."""
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        packed.extractall(tmp_path)
        metadata = packed.read(next(name for name in names if name.endswith("METADATA"))).decode()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"carepath_client"}
    assert "carepath_client/py.typed" in names
    named = {
        Requirement(line.partition(": ")[2]).name
        for line in metadata.splitlines()
        if line.startswith("Requires-Dist")
    }
    for one in set.union(*map(needed, named)):
        _link(one, tmp_path)
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.append({str(tmp_path)!r})" + _IMPORTED,
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    where, imported = done.stdout.splitlines()
    assert Path(where).is_relative_to(tmp_path)
    assert not {"carepath", "pathways", "fhir_mappings", "schemas", "consumers"} & {
        *imported.split()
    }


def _link(name: str, folder: Path) -> None:
    """Put an installed distribution there."""
    for file in distribution(name).files or ():
        if ".." not in file.parts:
            place = folder / file.parts[0]
            if not place.exists():
                place.symlink_to(
                    Path(str(file.locate())).parents[len(file.parts) - 1] / file.parts[0]
                )
