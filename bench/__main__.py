"""``python -m bench``: everything; ``python -m bench pipe growth``: these parts, nothing kept."""

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
    picture,
    pipe,
    stores,
    subscribers,
    timeline,
    watching,
)
from bench.figures import Figure, keep, machine, markdown

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
    "watching": watching.run,
    "encryption": encryption.run,
    "audit": audit.run,
}


def main() -> None:
    """Measure, print, and keep the figures of a whole run in ``bench/results``."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("part", nargs="*", choices=[*PARTS, []], metavar="|".join(PARTS))
    chosen = parser.parse_args().part or list(PARTS)
    where, begun = machine(), time.monotonic()
    figures: list[Figure] = []
    with stores.machine_room():
        for name in chosen:
            for figure in PARTS[name]():
                figures.append(figure)
                print(
                    f"{figure.store:10} {figure.name}: {figure.value:.2f} {figure.unit}", flush=True
                )
    at = datetime.now().astimezone()
    Console().print(Markdown(markdown(figures, at, where)))
    print(f"{time.monotonic() - begun:.0f} seconds.")
    if chosen == list(PARTS):
        keep(figures, at, where)


if __name__ == "__main__":
    main()
