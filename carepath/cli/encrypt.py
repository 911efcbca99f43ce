"""``carepath encrypt``: what an earlier release wrote in the clear."""

from typing import Annotated

import typer

from carepath.cli import local, output
from carepath.cli.options import DatabaseUrl, settings
from carepath.wiring import keys


def encrypt(
    undo: Annotated[
        bool,
        typer.Option(
            "--undo",
            help="Decrypt everything, to go back a release. Stop servers and workers first.",
        ),
    ] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Encrypt what is stored in the clear, and write nothing in the clear from now on.

    Run it once after an upgrade from a release that did not encrypt, when every process is of this release.
    Servers and workers may run. It may be stopped and run again.
    """
    with local.mendable():
        done = keys.encrypt(settings(database_url=database_url), undo=undo)
    output.say(f"{done} rows were {'decrypted' if undo else 'encrypted'}.")
