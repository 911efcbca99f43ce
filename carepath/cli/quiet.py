"""``carepath quiet``: people nobody has been in contact with for weeks, though somebody is to be."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from carepath import texts
from carepath.cli import output, server
from carepath.cli.options import LOCAL, AsJson, Language, Organisation, Url, settings
from pathways.moments import Moment


def quiet(
    organisation: Organisation = None,
    weeks: Annotated[int, typer.Option(min=1, max=520, help="For how long, in weeks.")] = 4,
    language: Language = None,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """List people with a plan, a decision or a follow-up, of whom nobody has told anything for weeks.

    For example:

      carepath quiet --as stavanger-ke --weeks 6
    """
    spoken = settings(language=language).language
    with server.connect(url, organisation) as client:
        parameters = server.answer(client.get("/fhir/$quiet", params={"weeks": weeks}))
    output.json(parameters) if as_json else show(parameters["parameter"], spoken)


def show(told: Sequence[Mapping[str, Any]], language: str) -> None:
    """The people as a table."""
    columns = [_text(name, language) for name in ("patient", "last", "matters")]
    rows = [_row(one["part"], language) for one in told if one["name"] == "person"]
    output.table(columns, rows, empty=_text("none", language))


def _row(person: Sequence[Mapping[str, Any]], language: str) -> tuple[str, ...]:
    named = [one["valueReference"]["reference"] for one in person if "valueReference" in one]
    last = [datetime.fromisoformat(one["valueInstant"]) for one in person if "valueInstant" in one]
    return (
        named[0].removeprefix("Patient/"),
        *(
            [texts.moment(Moment(last[0], day=True), language)]
            if last
            else [_text("unknown", language)]
        ),
        " ".join(named[1:]),
    )


def _text(name: str, language: str) -> str:
    return texts.render(f"quiet.{name}", {}, language)
