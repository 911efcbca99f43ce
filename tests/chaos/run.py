"""One run: load, faults one after the other, and the verdict when all has come to rest."""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.chaos.faults import FAULTS, Run
from tests.chaos.laws import SECONDS, Observed, doubled, lost, objections, percentile
from tests.chaos.observe import Figures, at_rest, observe
from tests.chaos.sender import Sender
from tests.chaos.system import System, system
from tests.chaos.view import View

_GUESS: Final = 8.0  # seconds that a fault takes, as long as none was measured
_PATIENCE: Final = 60.0  # seconds without progress after which a run goes on to its verdict

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a run. ``table`` is for people."""

    objections: Sequence[str]
    table: Sequence[tuple[str, str]]


def chaos(
    folder: Path,
    *,
    seed: int,
    messages: int,
    faults: Sequence[str],
    say: Say,
    within: float = SECONDS,
) -> Outcome:
    """Write so many records while the faults happen; everything that is kept is in ``folder``.

    ``within``: seconds from kill -9 to the next commit, at the 95th percentile.
    """
    begun = time.monotonic()
    with system(folder) as made, made.tended():
        run = begin(made, seed, messages)
        run.sender.rate = messages / (len(faults) + 1) / _GUESS
        run.sender.reserve = messages * len(faults) // (len(faults) + 1)
        with closing(run.view), run.sender.running():
            run.goes_on()
            _break(run, faults, say)
            _send_the_rest(run.sender)
            calm = at_rest(made, _PATIENCE)
            say(f"all sent, {'all' if calm else 'NOT all'} taken in and published")
        run.terms.extend(program.stop() for program in made.workers)
        seen = observed(run, within)
        wrong = objections(seen)
    seconds = time.monotonic() - begun
    return Outcome(objections=wrong, table=_table(seen, run, Counter(faults), seconds))


def begin(made: System, seed: int, messages: int) -> Run:
    """The server, two workers, and a sender that does not write yet."""
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # it has much to say while it is away
    broker, url = made.node.settings(), made.database_url
    made.server.start()
    for _ in range(2):
        made.worker().start()
    sender = Sender(broker, View(url), seed, messages)
    return Run(made, sender, View(url), random.Random(seed))


def _break(run: Run, faults: Sequence[str], say: Say) -> None:
    """One fault after the other, with the load spread over all of them."""
    begun, mean = time.monotonic(), _GUESS
    for number, name in enumerate(faults):
        share = run.sender.left // (len(faults) - number + 1)
        run.sender.rate, run.sender.reserve = max(1.0, share / mean), run.sender.left - share
        time.sleep(run.chance.uniform(0, 1))
        before = time.monotonic()
        FAULTS[name](run)
        say(f"{name}: {time.monotonic() - before:.1f} s, {run.sender.left} left")
        mean = (time.monotonic() - begun) / (number + 1)
    run.sender.rate, run.sender.reserve = 0.0, 0


def _send_the_rest(sender: Sender) -> None:
    """Until all is acknowledged, or nothing more is."""
    left, since = sender.left, time.monotonic()
    while left and time.monotonic() - since < _PATIENCE:
        time.sleep(0.1)
        if sender.left != left:
            left, since = sender.left, time.monotonic()


def observed(run: Run, within: float = SECONDS) -> Observed:
    """Everything there is, for the laws."""
    figures = Figures(recoveries=run.recoveries, within=within, terms=run.terms)
    return observe(run.system, run.sender.ledger, run.earlier, run.sender.lives, figures)


def _table(seen: Observed, run: Run, faults: Counter[str], seconds: float) -> list[tuple[str, str]]:
    ledger = run.sender.ledger
    deaths = [death for program in run.system.programs for death in program.deaths]
    failed = [death.program for death in deaths if death.code == 1]
    records = sum(len(updates) for updates in seen.updates.values())
    unique = sum(len({u.id for u in updates}) for updates in seen.updates.values())
    kinds = ledger.kinds
    return [
        ("records acknowledged", str(len(seen.acknowledged))),
        ("messages, each to be taken in once", str(len(seen.goods))),
        (
            "  of them late, correcting, early",
            f"{kinds['late']}, {kinds['correction']}, {kinds['early']}",
        ),
        ("duplicates: the same record, sent anew", f"{kinds['again']}, {kinds['resent']}"),
        ("written, not acknowledged, written again", str(ledger.unanswered)),
        (
            "records in the logs beyond those acknowledged",
            str(len(seen.inbound) - len(seen.acknowledged)),
        ),
        ("poison", str(len(seen.poisons))),
        ("updates published, and repeated", f"{unique}, {records - unique}"),
        ("faults", str(sum(faults.values()))),
        *((f"  {name}", str(times)) for name, times in sorted(faults.items())),
        ("processes that ended", str(len(deaths))),
        ("  with an error", ", ".join(failed) or "0"),
        ("kill -9 to the next commit, p50 and p95", _seconds(seen.recoveries, 0.5, 0.95)),
        ("SIGTERM to the end, longest", _seconds(seen.terms, 1.0)),
        ("lost", str(lost(seen))),
        ("doubled", str(doubled(seen))),
        ("all of it took", f"{seconds:.0f} s"),
    ]


def _seconds(values: Sequence[float], *shares: float) -> str:
    return ", ".join(f"{percentile(values, share):.1f} s" for share in shares) if values else "-"
