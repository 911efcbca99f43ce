"""``carepath access-log``: who received and who read what of a patient, and why."""

import re
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import typer

from carepath import texts
from carepath.cli import output, server
from carepath.cli.options import LOCAL, AsJson, Language, Organisation, Url, settings
from pathways.moments import Moment


def access_log(
    patient: Annotated[str, typer.Argument(metavar="PATIENT", help="The id of the FHIR Patient.")],
    organisation: Organisation = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="From this time on; a day from midnight on.")
    ] = None,
    language: Language = None,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """List who received and who read what of a patient, with the reason; newest first.

    For example:

      carepath access-log 0b6f3c4e2d --since 2026-11-01
    """
    spoken = settings(language=language).language
    given = {"_since": since} if since else {}
    with server.connect(url, organisation) as client:
        client.headers["Accept-Language"] = spoken
        path = f"/fhir/Patient/{quote(patient, safe='')}/$access-log"
        bundle = server.answer(client.get(path, params=given))
    if as_json:
        output.json(bundle)
        return
    columns = [texts.render(f"access.{name}", {}, spoken) for name in ("at", "said")]
    rows = [_row(entry["resource"], spoken) for entry in bundle.get("entry", ())]
    output.table(columns, rows, empty=texts.render("access.empty", {}, spoken))


def _row(event: dict[str, Any], language: str) -> tuple[str, str]:
    at = Moment(datetime.fromisoformat(event["recorded"]))
    said = re.sub("<[^>]*>", "", event["text"]["div"])
    return texts.moment(at, language), said.replace("&lt;", "<").replace("&amp;", "&")
