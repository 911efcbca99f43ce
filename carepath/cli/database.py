"""``carepath migrate`` and ``carepath rebuild``: the database itself."""

from typing import Annotated

import typer

from carepath.cli import local, output
from carepath.cli.options import DatabaseUrl, settings
from carepath.wiring import store as wired


def migrate(
    to: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="An earlier schema, to go back a release: 0002."),
    ] = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make the database, or bring it to this version's schema. What is stored stays."""
    with local.mendable():
        wired.migrate(settings(database_url=database_url), to)
    output.say(f"The schema is {to}." if to else "The database is up to date.")


def rebuild(database_url: DatabaseUrl = None) -> None:
    """Make all state again from the events. Nothing should change; ends with 1 when something did."""
    with local.store(database_url) as store:
        changed = store.rebuild()
    output.say(f"{changed} changed" if changed else "Everything was as the events say.")
    if changed:
        raise typer.Exit(1)
