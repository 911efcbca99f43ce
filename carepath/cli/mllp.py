"""``carepath mllp``: HL7 v2 over MLLP, in and out, in the foreground."""

from typing import Annotated

import typer

from carepath.cli import local, output
from carepath.cli.options import DatabaseUrl, Kafka, refuse_exposure, settings
from carepath.wiring import mllp as wiring
from carepath.wiring import store


def mllp(
    host: Annotated[
        str | None, typer.Option(help="The address to listen on.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="The port to listen on.", show_default="2575", min=0, max=65535),
    ] = None,
    database_url: DatabaseUrl = None,
    kafka: Kafka = None,
) -> None:
    """Take in HL7 v2 over MLLP, and send it to receivers there, until Ctrl-C.

    The database is brought up to date first. With CAREPATH_MLLP_CERT_FILE and CAREPATH_MLLP_KEY_FILE it listens with
    TLS. Receivers have 'mllp://HOST:PORT', or 'mllps' for TLS, as their transport in the directory.

    For example:

      carepath mllp --port 2575 --database-url postgresql://carepath@db/carepath
    """
    chosen = settings(mllp_host=host, mllp_port=port, database_url=database_url, kafka=kafka)
    refuse_exposure(chosen, chosen.mllp_host)
    with local.mendable():
        store.prepare(chosen)
        local.calm_collector()
        wiring.run(chosen, ready=_listens)


def _listens(host: str, port: int) -> None:
    output.say(f"Listening for HL7 v2 on {host}:{port}. Ctrl-C ends it.")
