"""``carepath subscribe``: a feed, live. A broken connection is taken up again where it broke."""

import time
from collections.abc import Iterator
from typing import Annotated, Any, Final

import httpx
import orjson
import typer
from httpx_sse import ServerSentEvent, SSEError, connect_sse
from rich.text import Text

from carepath import texts
from carepath.cli import output, server
from carepath.cli.options import LOCAL, AsJson, Organisation, Url, settings

SILENCE: Final = 45.0  # seconds; the server speaks every 15
LONGEST_PAUSE: Final = 30.0


def subscribe(
    organisation: Organisation = None,
    since: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Begin after this number; without it, from now on."),
    ] = None,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Follow an organisation's feed until Ctrl-C. Without --as it is the operator's own.

    With --json each event is one line: its CloudEvent, with the FHIR message in "data".

    For example:

      carepath subscribe --as solvik-tildeling

      carepath subscribe --as solvik-tildeling --since 0 --json | jq .type
    """
    language = settings().language
    with server.connect(url, organisation) as client:
        for event in follow(client, since):
            if as_json:
                typer.echo(event.data)
            else:
                output.say(_line(event, language))


def follow(client: httpx.Client, since: int | None) -> Iterator[ServerSentEvent]:
    """Every event after ``since``, then what follows; reconnects for ever once it has been connected."""
    last, pause, connected = since, 1.0, False
    while True:
        try:
            for event in _listen(client, last):
                connected, pause = True, 1.0
                if event.id:
                    last = int(event.id)
                if event.data:
                    yield event
        except (httpx.TransportError, SSEError):
            if not connected and last is since:
                raise
        output.ERR.print(f"The connection is gone; trying again in {pause:.0f} s.")
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def _listen(client: httpx.Client, last: int | None) -> Iterator[ServerSentEvent]:
    """One connection's events; ends when the server ends it."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    timeout = httpx.Timeout(5.0, read=SILENCE)
    with connect_sse(client, "GET", "/events", headers=headers, timeout=timeout) as source:
        if not source.response.is_success:
            source.response.read()
            server.answer(source.response)
        yield ServerSentEvent(event="connected")
        yield from source.iter_sse()


def _line(event: ServerSentEvent, language: str) -> Text:
    """Number, sender and what it is; never what it says of the patient."""
    cloud: dict[str, Any] = orjson.loads(event.data)
    key = f"entry.{event.event}"
    known = key in texts.catalogue(language)
    what = texts.render(key, {}, language) if known else event.event
    sender = _sender(cloud.get("data", {}))
    return Text.assemble(
        (f"{event.id:>6}  ", "dim"),
        (f"{cloud.get('time', '')}  ", "dim"),
        (what, "bold"),
        f"  {sender}",
    )


def _sender(bundle: dict[str, Any]) -> str:
    headers = server.resources(bundle, "MessageHeader")
    reference = headers[0].get("sender", {}) if headers else {}
    for entry in bundle.get("entry", ()):
        if entry.get("fullUrl") == reference.get("reference", ""):
            return str(entry["resource"].get("name", ""))
    return str(reference.get("display", ""))
