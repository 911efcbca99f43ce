"""``carepath payment-days``: what a municipality pays for one stay, and why."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Annotated, Any

import typer

from carepath import texts
from carepath.cli import output, server
from carepath.cli.options import LOCAL, AsJson, Language, Organisation, Url, settings
from pathways.moments import Moment

Part = Mapping[str, Any]


def payment_days(
    stay: Annotated[str, typer.Argument(metavar="STAY", help="The id of its Encounter.")],
    organisation: Organisation = None,
    language: Language = None,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Show the days a patient waited for a municipality: owed or not, why, and what each follows from.

    For example:

      carepath payment-days 9b0c7d5e-2f4a-8c1d-a3b4-5c6d7e8f9a0b --as sus
    """
    spoken = settings(language=language).language
    with server.connect(url, organisation) as client:
        response = client.get(f"/fhir/Encounter/{stay}/$payment-days")
        parameters = server.answer(response)
    if as_json:
        output.json(parameters)
    else:
        show(parameters["parameter"], spoken)


def show(told: Sequence[Part], language: str) -> None:
    """The days as a table, what they come to, and what is said against them."""
    columns = ("date", "owed", "reason", "rate", "evidence")
    rows = [_row(day["part"], language) for day in _named(told, "day")]
    output.table(
        [_text(name, {}, language) for name in columns], rows, empty=_text("none", {}, language)
    )
    said: dict[str, str | Moment] = {
        "owed": _value(told, "owed"),
        "before": _day(_value(told, "before")),
        "amount": _value(told, "amount"),
        "payer": _value(told, "payer"),
    }
    output.say(_text("sum", said, language))
    if said["payer"]:
        output.say(_text("payer", said, language))
    for unknown in _named(told, "rate-unknown"):
        output.say(_text("unknown", {"year": str(unknown["valueInteger"])}, language))
    for dispute in _named(told, "dispute"):
        output.say(_text("dispute", _said(dispute["part"]), language))


def _row(day: Sequence[Part], language: str) -> tuple[str, ...]:
    owed = "yes" if _value(day, "owed") == "True" else "no"
    return (
        texts.moment(_day(_value(day, "date")), language),
        _text(owed, {}, language),
        _text(_value(day, "reason"), {}, language),
        _value(day, "rate"),
        " ".join(_value([one], "evidence") for one in _named(day, "evidence")),
    )


def _said(dispute: Sequence[Part]) -> Mapping[str, str | Moment]:
    return {
        "sender": _value(dispute, "from"),
        "happened": Moment(datetime.fromisoformat(_value(dispute, "happened"))),
        "text": _value(dispute, "text"),
    }


def _text(name: str, told: Mapping[str, str | Moment], language: str) -> str:
    return texts.render(f"payment.{name}", told, language)


def _named(told: Iterable[Part], name: str) -> list[Part]:
    return [one for one in told if one["name"] == name]


def _value(told: Iterable[Part], name: str) -> str:
    """The value of the first parameter of that name: an amount as its number, a reference as its id."""
    for one in _named(told, name):
        (value,) = (value for key, value in one.items() if key.startswith("value"))
        if isinstance(value, dict):
            return str(value.get("value") or value.get("reference", "").rpartition("/")[2] or 0)
        return str(value)
    return ""


def _day(written: str) -> Moment:
    return Moment(datetime.combine(date.fromisoformat(written), time(12), texts.ZONE), day=True)
