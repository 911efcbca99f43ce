"""``python -m tests.chaos --messages 50000 --faults 40 --seed N``: a heavy run, and its figures."""

import argparse
import random
import secrets
import sys

from rich.console import Console
from rich.table import Table

from tests.chaos.faults import FAULTS
from tests.chaos.run import Outcome, chaos
from tests.chaos.workplace import workplace


def main() -> int:
    """Do it; 1 when the oracle objects."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--faults", type=int, default=40, help="how many, at random; 0: each once")
    parser.add_argument("--only", choices=[*FAULTS], action="append", help="of these kinds only")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    told = parser.parse_args()
    console = Console()
    console.print(f"--seed {told.seed}")
    kinds = told.only or [*FAULTS]
    faults = random.Random(told.seed).choices(kinds, k=told.faults) if told.faults else kinds
    with workplace() as place:
        outcome = chaos(
            place.folder,
            seed=told.seed,
            messages=told.messages,
            faults=faults,
            say=lambda text: console.print(text, highlight=False),
        )
        place.keep = bool(outcome.objections)
    _show(console, outcome)
    return 1 if outcome.objections else 0


def _show(console: Console, outcome: Outcome) -> None:
    table = Table(show_header=False)
    for row in outcome.table:
        table.add_row(*row)
    console.print(table)
    for objection in outcome.objections:
        console.print(objection, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
