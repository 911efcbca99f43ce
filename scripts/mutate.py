"""Break the rules of access and of the access log, one place at a time, and count what the tests notice.

Usage: python -m scripts.mutate [FILE …]

mutmut changes one thing in one function and runs the tests that pass through it; what no test notices survives. It
works on a copy, with the unit tests of these files alone. Fails below ``WANTED`` percent.
"""

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

WANTED: Final = 85
ROOT: Final = Path(__file__).parents[1]
TESTS: Final[Mapping[str, tuple[str, ...]]] = {
    "access": ("access",),
    "access_log": ("access_log",),
    "bars": ("bars", "glass"),
    "glass": ("glass",),
    "handing": ("handing",),
    "markings": ("markings",),
    "merkle": ("merkle",),
    "sending": ("sending",),
    "sharing": ("sharing",),
    "sight": ("sight",),
    "statutory": ("bars",),
}
"""Each file of ``pathways`` and the modules ``tests/unit/test_*.py`` that have to notice."""
_HELPERS: Final = ("rights.py",)
_OLD_NAME: Final = "from pytest import Item\n\nItem._nodeid = property(lambda item: item.nodeid)\n"
"""mutmut asks for what pytest called so before version 9."""
_KILLED: Final = frozenset((1, 3))
_TOO_SLOW: Final = frozenset((24, -24, 36, 152, 255))  # an endless loop is noticed, too


def main(wanted: list[str]) -> int:
    """Mutate the files, print what survived and the share that was killed; the exit code."""
    names = [Path(one).stem for one in wanted] or [*TESTS]
    with TemporaryDirectory(prefix="carepath-mutants-") as folder:
        return _mutate(Path(folder), names)


def _mutate(work: Path, names: list[str]) -> int:
    _prepare(work, names)
    with (work / "mutmut.log").open("wb") as log:
        command = [sys.executable, "-m", "mutmut", "run"]
        found = subprocess.run(command, cwd=work, check=False, stdout=log, stderr=log)  # noqa: S603
    if found.returncode != 0:
        print((work / "mutmut.log").read_text()[-2_000:])
        return found.returncode
    killed = total = 0
    for name in names:
        codes = dict(_results(work, name))
        told = Counter(code in _KILLED | _TOO_SLOW for code in codes.values())
        killed, total = killed + told[True], total + len(codes)
        print(f"pathways/{name}.py: {told[True]} of {len(codes)} killed")
        for mutant, code in sorted(codes.items()):
            if code not in _KILLED | _TOO_SLOW:
                print(f"  {'not tested' if code == 33 else 'survived'}: {mutant}")
    share = 100 * killed / total if total else 0.0
    print(f"{killed} of {total} killed: {share:.1f} % ({WANTED} % wanted)")
    return 0 if share >= WANTED else 1


def _prepare(work: Path, names: list[str]) -> None:
    (work / "tests" / "unit").mkdir(parents=True)
    for package in ("pathways", "carepath"):
        shutil.copytree(
            ROOT / package, work / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    (work / "tests" / "__init__.py").touch()
    (work / "tests" / "conftest.py").write_text(_OLD_NAME)
    tests = {f"test_{test}.py" for name in names for test in TESTS[name]}
    for test in (*_HELPERS, *tests):
        shutil.copy(ROOT / "tests" / "unit" / test, work / "tests" / "unit")
    others = sorted(p.name for p in (ROOT / "pathways").glob("*.py") if p.stem not in names)
    listed = ", ".join(f'"pathways/{other}"' for other in others)
    config = f'[tool.mutmut]\npaths_to_mutate = ["pathways"]\nalso_copy = ["carepath"]\ndo_not_mutate = [{listed}]\n'
    own = '[tool.pytest.ini_options]\ntestpaths = ["tests"]\n'  # or pytest takes that of the repository
    (work / "pyproject.toml").write_text(config + own)


def _results(work: Path, name: str) -> Iterator[tuple[str, int | None]]:
    path = work / "mutants" / "pathways" / f"{name}.py.meta"
    told: dict[str, int | None] = json.loads(path.read_text())["exit_code_by_key"]
    yield from told.items()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
