"""Break the rules of access and the access log, one place at a time, and count what the tests notice.

Usage: python -m scripts.mutate [FILE …]

mutmut changes one thing in one function and runs the tests that pass through it; what no test notices survives. It
works on a copy, with the tests of these files alone: unit tests of rules, and on SQLite those of what seals and checks
the access log. Fails below ``WANTED`` percent.
"""

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

WANTED: Final = 85
ROOT: Final = Path(__file__).parents[1]
TESTS: Final[Mapping[str, tuple[str, ...]]] = {
    "pathways/access.py": ("unit/test_access.py",),
    "pathways/access_log.py": ("unit/test_access_log.py",),
    "pathways/bars.py": ("unit/test_bars.py", "unit/test_glass.py"),
    "pathways/glass.py": ("unit/test_glass.py",),
    "pathways/handing.py": ("unit/test_handing.py",),
    "pathways/markings.py": ("unit/test_markings.py",),
    "pathways/merkle.py": ("unit/test_merkle.py",),
    "pathways/sending.py": ("unit/test_sending.py",),
    "pathways/sharing.py": ("unit/test_sharing.py",),
    "pathways/sight.py": ("unit/test_sight.py",),
    "pathways/statutory.py": ("unit/test_bars.py",),
    "carepath/service/audit.py": ("contract/test_audit_chain.py", "contract/test_audit_age.py"),
    "carepath/store/audit_chain.py": ("contract/test_audit_chain.py", "contract/test_audit_age.py"),
}
"""Each file, and those of the tests that have to notice."""
_HELPERS: Final = ("unit/rights.py", "contract/logged.py", "contract/stored.py")
_PACKAGES: Final = ("pathways", "schemas", "fhir_mappings", "carepath")
_CONFTEST: Final = """
import shutil
import pytest
from hypothesis import settings
from pytest import Item

settings.register_profile("mutants", derandomize=True, deadline=None)
settings.load_profile("mutants")
Item._nodeid = property(lambda item: item.nodeid)  # mutmut asks for what pytest called so before version 9

@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    from carepath.store.database import migrate
    file = tmp_path_factory.mktemp("empty") / "carepath.db"
    migrate(f"sqlite:///{file}")
    return file

@pytest.fixture
def database_url(empty, tmp_path):
    shutil.copy(empty, tmp_path / "carepath.db")
    return f"sqlite:///{tmp_path / 'carepath.db'}"
"""
_ELSEWHERE: Final = "not dies"  # what happens in a process of its own is not seen
_KILLED: Final = frozenset((1, 3))
_TOO_SLOW: Final = frozenset((24, -24, 36, 152, 255))  # an endless loop is noticed, too


def main(wanted: list[str]) -> int:
    """Mutate the files, print what survived and the share that was killed; the exit code."""
    stems = {Path(one).stem for one in wanted}
    files = [file for file in TESTS if not stems or Path(file).stem in stems]
    with TemporaryDirectory(prefix="carepath-mutants-") as folder:
        return _mutate(Path(folder), files)


def _mutate(work: Path, files: list[str]) -> int:
    _prepare(work, files)
    with (work / "mutmut.log").open("wb") as log:
        command = [sys.executable, "-m", "mutmut", "run"]
        found = subprocess.run(command, cwd=work, check=False, stdout=log, stderr=log)  # noqa: S603
    if found.returncode != 0:
        print((work / "mutmut.log").read_text()[-2_000:])
        return found.returncode
    killed = total = 0
    for file in files:
        codes = dict(_results(work, file))
        told = Counter(code in _KILLED | _TOO_SLOW for code in codes.values())
        killed, total = killed + told[True], total + len(codes)
        print(f"{file}: {told[True]} of {len(codes)} killed")
        for mutant, code in sorted(codes.items()):
            if code not in _KILLED | _TOO_SLOW:
                print(f"  {'not tested' if code == 33 else 'survived'}: {mutant}")
    share = 100 * killed / total if total else 0.0
    print(f"{killed} of {total} killed: {share:.1f} % ({WANTED} % wanted)")
    return 0 if share >= WANTED else 1


def _prepare(work: Path, files: list[str]) -> None:
    for package in _PACKAGES:
        shutil.copytree(
            ROOT / package, work / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    tests = sorted({test for file in files for test in TESTS[file]})
    for test in (*_HELPERS, *tests):
        copy = work / "tests" / test
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "tests" / test, copy)
    (work / "tests" / "__init__.py").touch()
    (work / "tests" / "conftest.py").write_text(_CONFTEST)
    (work / "pyproject.toml").write_text(_config(work, files, tests))


def _config(work: Path, files: Collection[str], tests: Collection[str]) -> str:
    """mutmut's, and pytest's: it would else take that of the repository."""
    mutated = sorted({Path(file).parts[0] for file in files})
    others = [one for package in mutated for one in _sources(work / package) if one not in files]
    told = {
        "paths_to_mutate": mutated,
        "also_copy": [one for one in _PACKAGES if one not in mutated],
        "do_not_mutate": sorted(others),
    }
    own = {
        "testpaths": [f"tests/{test}" for test in tests],
        "addopts": ["-k", _ELSEWHERE, "-p", "no:cacheprovider"],
    }
    return f"[tool.mutmut]\n{_toml(told)}[tool.pytest.ini_options]\n{_toml(own)}"


def _sources(package: Path) -> Iterator[str]:
    return (str(one.relative_to(package.parent)) for one in package.rglob("*.py"))


def _toml(told: Mapping[str, list[str]]) -> str:
    return "".join(f"{name} = {json.dumps(values)}\n" for name, values in told.items())


def _results(work: Path, file: str) -> Iterator[tuple[str, int | None]]:
    path = work / "mutants" / f"{file}.meta"
    told: dict[str, int | None] = json.loads(path.read_text())["exit_code_by_key"]
    yield from told.items()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
