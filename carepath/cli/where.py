"""``carepath where``: how far a message has come with each receiver."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer

from carepath import texts
from carepath.cli import output, server
from carepath.cli.options import LOCAL, AsJson, Organisation, Url

_STEPS = ("delivered", "confirmed", "read")


def where(
    message: Annotated[
        str, typer.Argument(metavar="MESSAGE", help="MessageHeader.id, as in the receipt.")
    ],
    organisation: Organisation = None,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Show who was told of a message, and whether it was delivered, confirmed and read.

    For example:

      carepath where 6c2e1f0a-8f1d-4b1e-9a55-0d1f5a3b7c11
    """
    with server.connect(url, organisation) as client:
        parameters = ask(client, message)
    if as_json:
        output.json(parameters)
        return
    for taken in _parts(parameters.get("parameter", ()), "message"):
        verdict, sender = _value(taken, "verdict"), _value(taken, "sender")
        output.say(f"{verdict}: from {sender}, received {_time(_value(taken, 'received'))}")
        rows = [_row(receiver) for receiver in _parts(taken, "receiver")]
        output.table(
            ("Receiver", "Told of", "Delivered", "Confirmed", "Read"),
            rows,
            empty="Nobody was told.",
        )


def ask(client: httpx.Client, message: str) -> dict[str, Any]:
    """The server's Parameters for a message id."""
    response = client.get(f"/fhir/MessageHeader/{quote(message, safe='')}/$where")
    if response.status_code == httpx.codes.NOT_FOUND:
        raise output.Trouble("no message with that id was taken in.")
    return server.answer(response)


def receivers(parameters: Mapping[str, Any]) -> list[str]:
    """The directory keys of everyone who was told."""
    messages = _parts(parameters.get("parameter", ()), "message")
    told = [_value(one, "organization") for taken in messages for one in _parts(taken, "receiver")]
    return list(dict.fromkeys(told))


def _row(receiver: Sequence[Mapping[str, Any]]) -> list[str]:
    times = [_time(_value(receiver, step)) for step in _STEPS]
    if answered := _value(receiver, "response"):
        times[1] += f" ({answered})"
    return [_value(receiver, "organization"), _value(receiver, "event"), *times]


def _parts(parameters: Sequence[Mapping[str, Any]], name: str) -> Iterator[list[dict[str, Any]]]:
    for parameter in parameters:
        if parameter.get("name") == name:
            yield parameter.get("part", [])


def _value(parameters: Sequence[Mapping[str, Any]], name: str) -> str:
    """The value of the named part as text; an organisation as its key."""
    for parameter in parameters:
        if parameter.get("name") == name:
            value = next((value for key, value in parameter.items() if key.startswith("value")), "")
            return str(value["reference"].rpartition("/")[2] if isinstance(value, dict) else value)
    return ""


def _time(written: str) -> str:
    if not written:
        return "–"
    return datetime.fromisoformat(written).astimezone(texts.ZONE).strftime("%Y-%m-%d %H:%M:%S")
