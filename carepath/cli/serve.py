"""``carepath serve``: the broker in the foreground."""

from contextlib import suppress
from socket import socket
from typing import Annotated

import typer

from carepath.cli import local, web
from carepath.cli.options import DatabaseUrl, Kafka, refuse_exposure, settings
from carepath.settings import Settings
from carepath.wiring import server, store


def serve(
    host: Annotated[
        str | None, typer.Option(help="The address to listen on.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="The port to listen on.", show_default="8000", min=0, max=65535),
    ] = None,
    database_url: DatabaseUrl = None,
    kafka: Kafka = None,
) -> None:
    """Run the broker until Ctrl-C. The database is made or brought up to date first.

    With Kafka, updates are published there too, to the organisations that have topics ('carepath topics').

    For example:

      carepath serve

      carepath serve --port 9000 --database-url postgresql://carepath@db/carepath
    """
    chosen = settings(host=host, port=port, database_url=database_url, kafka=kafka)
    refuse_exposure(chosen, chosen.host)
    with local.mendable():
        store.prepare(chosen)
        application = server.application(chosen)
    local.calm_collector()
    running = web.Server(
        application,
        host=chosen.host,
        port=chosen.port,
        log_level="info",
        timeout_graceful_shutdown=5,
    )
    with suppress(KeyboardInterrupt):
        running.run(_sockets(running, chosen))
    if not running.started:
        raise typer.Exit(1)


def _sockets(running: web.Server, chosen: Settings) -> list[socket] | None:
    """Its own and that of its figures; ``None``: uvicorn opens the only one."""
    address = chosen.serve_metrics
    if address is None:
        return None
    with local.mendable():
        try:
            figures = web.bound(address)
        except OSError as fault:
            told = f"figures cannot be told at {address}: {fault.strerror}"
            raise store.Unusable(told, "Set another CAREPATH_SERVE_METRICS.") from None
    return [running.config.bind_socket(), figures]
