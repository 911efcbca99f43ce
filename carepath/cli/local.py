"""Working on the database itself, beside the server or without it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from carepath.cli.options import settings
from carepath.cli.output import Trouble
from carepath.wiring.store import Store, Unusable, open_store


@contextmanager
def store(database_url: str | None) -> Iterator[Store]:
    """The store at the URL, or at the one that is set."""
    chosen = settings(database_url=database_url)
    with mendable(), open_store(chosen) as opened:
        yield opened


@contextmanager
def mendable() -> Iterator[None]:
    """What is wrong with the set-up is a trouble like any other."""
    try:
        yield
    except Unusable as fault:
        raise Trouble(str(fault), fault.hint) from None


def calm_collector() -> None:
    """What start-up made stays; reading messages makes much garbage but no cycles to look for so often.

    To look for garbage in it first would take a fifth of a second, and find one object in 150.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
