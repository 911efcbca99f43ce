"""``carepath retention``: let go of what is old, as the settings say."""

from dataclasses import asdict
from typing import Annotated

import typer

from carepath.cli import local, output
from carepath.cli.options import AsJson, DatabaseUrl, settings
from carepath.wiring.retention import sweep


def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Let go of what messages said when it is old and every receiver has it. Run it daily.

    Entries, grants and places in feeds stay. How old: CAREPATH_BODY_RETENTION_DAYS,
    CAREPATH_INBOX_RETENTION_DAYS.
    """
    with local.mendable():
        found = sweep(settings(database_url=database_url), dry_run=dry_run)
    if as_json:
        output.json(asdict(found))
        return
    for what, count in found.gone.items():
        output.say(f"{count:>9}  {what}{' would go' if dry_run else ''}")
    for receiver, count in found.held_back.items():
        output.say(f"{count:>9}  kept though old: {receiver} has not been handed them")
    if not found.gone:
        output.say("Everything is kept: no retention is set.")
