"""``carepath backup`` and ``carepath restore``: the whole database as one file, and back."""

from pathlib import Path
from typing import Annotated

import typer

from carepath.cli import local, output
from carepath.cli.options import DatabaseUrl, settings
from carepath.wiring import backup as keeping
from carepath.wiring.store import key_file

File = Annotated[Path, typer.Argument(metavar="FILE", show_default=False)]


def backup(file: File, database_url: DatabaseUrl = None) -> None:
    """Write all that is stored, as it stands now, to a new FILE. The broker may be running."""
    chosen = settings(database_url=database_url)
    with local.mendable():
        made = keeping.write_backup(chosen, file)
    output.say(f"{file}: {made.rows} rows as of {made.moment:%Y-%m-%d %H:%M:%S}Z")
    output.say(
        f"The key is not in it. Keep {key_file(chosen)} apart: without it nothing is readable."
    )


def restore(
    file: File,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Also when the database is not empty: all in it is lost."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only see whether it could be done.")
    ] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Make the database again from a backup. Stop servers and workers first.

    Ends with 1 when the restored state was not as its events say; it is mended then.
    """
    chosen = settings(database_url=database_url)
    with local.mendable():
        found = keeping.check_backup(chosen, file, replace=replace)
        output.say(
            f"{file}: release {found.release}, {found.rows} rows as of {found.moment:%Y-%m-%d %H:%M:%S}Z"
        )
        if dry_run:
            return
        changed = keeping.read_backup(chosen, file)
    output.say("Restored. " + (f"{changed} made anew." if changed else "All is as the events say."))
    output.say(
        "Workers read again from Kafka what came since. What came since by HTTP is to be sent again."
    )
    if changed:
        raise typer.Exit(1)
