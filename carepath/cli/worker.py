"""``carepath worker``: takes in what comes at Kafka, in the foreground."""

import gc
from typing import Annotated, NoReturn

import typer

from carepath.cli.options import DatabaseUrl, Kafka, settings
from carepath.settings import Settings
from consumers.alive import Sign


def worker(
    kafka: Kafka = None,
    database_url: DatabaseUrl = None,
    id_: Annotated[
        str | None,
        typer.Option(
            "--id",
            envvar="CAREPATH_WORKER_ID",
            help="What tells it from other workers, the same after each start.",
            show_default="the machine's name",
        ),
    ] = None,
    healthy: Annotated[
        bool,
        typer.Option(
            "--healthy", help="Only say whether the worker on this machine is well: exit 0 or 1."
        ),
    ] = False,
) -> None:
    """Take in what organisations send to Kafka, until Ctrl-C. The database is brought up to date first.

    For example:

      carepath worker --kafka localhost:9092 --database-url postgresql://carepath@db/carepath
    """
    chosen = settings(kafka=kafka, database_url=database_url, worker_id=id_)
    if healthy:
        within = 10 + 3 * chosen.worker_look_seconds
        raise typer.Exit(0 if Sign(chosen.worker_id).seen(within) else 1)
    _work(chosen)


def _work(chosen: Settings) -> NoReturn:
    """What this needs takes seconds to load, and a health check comes often."""
    gc.disable()  # what is loaded stays: looking for garbage in it takes a tenth of the time
    from carepath.cli import local  # noqa: PLC0415
    from carepath.wiring import store, worker  # noqa: PLC0415

    with local.mendable():
        store.prepare(chosen)
        local.calm_collector()
        worker.run(chosen)
