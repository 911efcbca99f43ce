"""``make fuzz``: a million inputs for everything that reads strangers' bytes; what it finds stays in ``.fuzz``.

Run it again to go on where it ended. Exits with 1 when there was any fault.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Final

import orjson

from tests.fuzz.oracle import Figures
from tests.fuzz.targets import TARGETS

_HEAD: Final = ("target", "inputs", "refused", "per second")


def main() -> int:
    """Each target in a process of its own, one after the other; then the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help="all, if none is named")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="of each target")
    parser.add_argument("--folder", type=Path, default=Path(".fuzz"))
    asked = parser.parse_args()
    ended = 0
    for target in asked.targets or TARGETS:
        command = [sys.executable, "-m", "tests.fuzz.guided", target, str(asked.folder)]
        done = subprocess.run([*command, str(asked.inputs)], check=False)
        ended = ended or done.returncode
    return 1 if _told(asked.folder) or ended else 0


def _told(folder: Path) -> int:
    """Print what was seen so far; how many faults there were."""
    print(("{:14}" + "{:>12}" * 3).format(*_HEAD), " faults   slowest")  # noqa: T201
    faults = 0
    for target in TARGETS:
        file = folder / target / "figures.json"
        if file.exists():
            seen = Figures(**orjson.loads(file.read_bytes()))
            faults += seen.faults
            print(_line(target, seen))  # noqa: T201
    return faults


def _line(target: str, seen: Figures) -> str:
    slowest = f"{seen.slowest * 1000:,.0f} ms, {seen.slowest_bytes:,} bytes"
    rate = seen.inputs / max(seen.seconds, 1e-9)
    return (
        f"{target:14}{seen.inputs:12,}{seen.refused:12,}{rate:12,.0f}{seen.faults:8,}   {slowest}"
    )


if __name__ == "__main__":
    sys.exit(main())
