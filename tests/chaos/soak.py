"""``python -m tests.chaos.soak``: steady load without faults for half an hour; memory and open files must not grow."""

import argparse
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from statistics import linear_regression
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.chaos.laws import objections
from tests.chaos.observe import at_rest
from tests.chaos.run import begin, observed
from tests.chaos.system import Program, system
from tests.chaos.workplace import workplace

EVERY: Final = 5.0  # seconds between two looks
WARM: Final = 1 / 3
"""So much of the time caches fill and pools grow; what comes afterwards is looked at."""
MEGABYTES: Final = 8.0
"""More than this over the time looked at is growth. Python's allocator alone moves by one or two."""
FILES: Final = 8.0
"""The same for open files and sockets."""

Sample = tuple[float, float, float]  # seconds since the beginning, MB resident, open files


def main() -> int:
    """Do it; 1 when something grows or is lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=40.0, help="records a second")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    told = parser.parse_args()
    console = Console()
    console.print(f"--seed {told.seed}")
    with workplace() as place:
        samples, wrong = soak(place.folder, told.seed, told.minutes * 60, told.rate)
        wrong += [complaint for name, some in samples.items() for complaint in grown(name, some)]
        place.keep = bool(wrong)
    console.print(_table(samples))
    for one in wrong:
        console.print(one, highlight=False)
    return 1 if wrong else 0


def soak(
    folder: Path, seed: int, seconds: float, rate: float
) -> tuple[Mapping[str, Sequence[Sample]], list[str]]:
    """Samples of every process, and what the oracle objects to."""
    with system(folder) as made, made.tended():
        run = begin(made, seed, round(seconds * rate))
        run.sender.rate = rate
        samples: dict[str, list[Sample]] = {program.name: [] for program in made.programs}
        with closing(run.view), run.sender.running():
            run.goes_on()
            begun = time.monotonic()
            while (at := time.monotonic() - begun) < seconds and run.sender.left:
                for program in made.programs:
                    samples[program.name].append((at, *_look(program)))
                time.sleep(EVERY)
            run.sender.rate = 0.0
            at_rest(made, 60)
        deaths = [f"{p.name} has ended by itself" for p in made.programs if p.deaths]
        return samples, deaths + objections(observed(run))


def grown(name: str, samples: Sequence[Sample]) -> list[str]:
    """What has grown by more than it may, once warm; by the line that fits best."""
    told = zip(("MB", "open files"), _growth(samples), (MEGABYTES, FILES), strict=True)
    return [f"{name} has grown by {by:.1f} {what}" for what, by, most in told if by > most]


def _growth(samples: Sequence[Sample]) -> tuple[float, float]:
    """MB and open files, from when it is warm to the end."""
    warm = samples[int(len(samples) * WARM) :]
    at = [sample[0] for sample in warm]
    slopes = (linear_regression(at, [sample[n] for sample in warm]).slope for n in (1, 2))
    memory, files = (slope * (at[-1] - at[0]) for slope in slopes)
    return memory, files


def _look(program: Program) -> tuple[float, float]:
    """MB resident and the number of open files; Linux only."""
    there = Path("/proc") / str(program.pid)
    line = next(x for x in (there / "status").read_text().splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) / 1024, float(len([*(there / "fd").iterdir()]))


def _table(samples: Mapping[str, Sequence[Sample]]) -> Table:
    table = Table("process", "MB, warm", "MB, end", "MB an hour", "open files, end")
    for name, some in samples.items():
        warm = some[int(len(some) * WARM)]
        hours = (some[-1][0] - warm[0]) / 3600
        slope = f"{_growth(some)[0] / hours:+.1f}"
        table.add_row(name, f"{warm[1]:.0f}", f"{some[-1][1]:.0f}", slope, f"{some[-1][2]:.0f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
