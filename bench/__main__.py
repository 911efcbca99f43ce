"""``python -m bench``: everything; ``python -m bench pipe growth``: these parts, kept with ``--keep``."""

import argparse
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.markdown import Markdown

from bench import (
    audit,
    encryption,
    formats,
    growth,
    http,
    kafka,
    languages,
    organisations,
    parts,
    picture,
    pipe,
    stores,
    subscribers,
    timeline,
    watching,
)
from bench.figures import Figure, Run, keep, machine, markdown

PARTS: Final[Mapping[str, Callable[[], Iterable[Figure]]]] = {
    "pipe": pipe.run,
    "formats": formats.run,
    "languages": languages.run,
    "http": http.run,
    "kafka": kafka.run,
    "organisations": organisations.run,
    "subscribers": subscribers.run,
    "timeline": timeline.run,
    "picture": picture.run,
    "growth": growth.run,
    "parts": parts.run,
    "watching": watching.run,
    "encryption": encryption.run,
    "audit": audit.run,
}


def main() -> None:
    """Measure, print, and keep the figures of a whole run in ``bench/results``; of parts where that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("part", nargs="*", choices=[*PARTS, []], metavar="|".join(PARTS))
    parser.add_argument("--keep", action="store_true", help="the parts' figures in bench/results")
    asked = parser.parse_args()
    begun, runs = time.monotonic(), {}
    with stores.machine_room():
        for name in asked.part or PARTS:
            runs[name] = _run(name)
            if asked.keep or not asked.part:
                keep(runs, list(PARTS))
    Console().print(Markdown(markdown(runs.values())))
    print(f"{time.monotonic() - begun:.0f} seconds.")


def _run(name: str) -> Run:
    where, at = machine(), datetime.now().astimezone()
    figures = []
    for figure in PARTS[name]():
        figures.append(figure)
        print(f"{figure.store:10} {figure.name}: {figure.value:.2f} {figure.unit}", flush=True)
    return Run(at=at, machine=where, figures=figures)


if __name__ == "__main__":
    main()
