"""``carepath backfill``: patients who are in care already when Carepath begins, without alarms or notices."""

from pathlib import Path
from typing import Annotated

import typer

from carepath.cli import local, output
from carepath.cli.options import DatabaseUrl
from carepath.wiring.store import Store

OK = 200


def backfill(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Messages as their senders write them.")
    ],
    database_url: DatabaseUrl = None,
) -> None:
    """Take over what happened before go-live: nobody is told of it, and what is overdue raises no alarm.

    Who would have been told may see it, and what falls due from now on is watched over. Ends with 1 when a message is
    not taken in, whatever became of the others.
    """
    with local.store(database_url) as store:
        left = [path for path in files if not _taken(store, path)]
    output.say(f"{len(files) - len(left)} of {len(files)} taken over")
    if left:
        raise typer.Exit(1)


def _taken(store: Store, path: Path) -> bool:
    try:
        source = path.read_bytes()
    except OSError as error:
        raise output.Trouble(f"{path} cannot be read: {error.strerror}.") from None
    answer = store.take_over(source)
    if answer.status != OK:
        refused = (issue.text for issue in answer.refusal.issues) if answer.refusal else ()
        output.say(f"{path}: {answer.parked or next(iter(refused), answer.verdict)}")
    return answer.status == OK
