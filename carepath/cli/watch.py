"""``carepath watch``: the watch over promises, for those who do not let the server do it."""

import time
from typing import Annotated

import typer

from carepath.cli import local, output
from carepath.cli.options import DatabaseUrl, settings
from carepath.wiring import watching


def watch(
    once: Annotated[
        bool, typer.Option("--once", help="Do what is due now and end, as cron wants it.")
    ] = False,
    every: Annotated[float, typer.Option(min=1, help="Seconds between two looks.")] = 5,
    database_url: DatabaseUrl = None,
) -> None:
    """Remind of promises, raise alarms, call people. Any number may run beside each other and the server.

    'carepath serve' does this by itself unless CAREPATH_WATCH is false.
    """
    chosen = settings(database_url=database_url)
    with local.store(database_url) as store:
        while True:
            looked, called = watching.once(chosen, store.database)
            if looked or called or once:
                output.say(f"{looked} promises looked at, {called} people called")
            if once:
                return
            time.sleep(every)
