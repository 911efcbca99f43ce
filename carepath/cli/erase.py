"""``carepath erase``: what was wrongly stored about a patient."""

from typing import Annotated

import typer

from carepath.cli import local, output
from carepath.cli.options import DatabaseUrl, settings
from carepath.service.erasing import Decision
from carepath.wiring import keys
from carepath.wiring.store import erased_file


def erase(
    patient: Annotated[str, typer.Argument(metavar="PATIENT", help="The id of the FHIR Patient.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept in the access log, encrypted.")],
    decided_by: Annotated[str, typer.Option(help="Who decided it; kept likewise.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Destroy a patient's key, and all that is stored about the patient. It cannot be undone.

    For what was stored wrongly: health records are to be kept, and a decision is needed to erase them
    (docs/operations.md). What receivers have been handed already is theirs.
    """
    chosen = settings(database_url=database_url)
    if not yes:
        typer.confirm(f"Erase everything about Patient/{patient}, for good?", abort=True)
    with local.mendable():
        done = keys.erase(chosen, patient, Decision(decided_by, reason))
    if not done:
        raise output.Trouble(f"no patient has the id {patient}.")
    output.say("Erased. The access log says that it was done, by whom and why.")
    output.say(
        f"Backups from before still hold it: {erased_file(chosen)} makes 'carepath restore' erase it again."
    )
