"""``carepath timeline``: what happened to a patient, as the server tells it."""

import re
import sys
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

import httpx
import typer
from rich.text import Text

from carepath import texts
from carepath.cli import output, server
from carepath.cli.options import (
    LOCAL,
    AsJson,
    Language,
    Organisation,
    Patient,
    Url,
    instant,
    settings,
)
from fhir_mappings.codes import TIMELINE_MARK
from fhir_mappings.html import to_text
from pathways.moments import Moment


def timeline(
    patient: Patient,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="T", help="Show what was known at that time.")
    ] = None,
    organisation: Organisation = None,
    language: Language = None,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Show a patient's timeline, oldest first.

    An identifier is sent in the body of a search: it never stands in a URL. Among a program's arguments others on the
    machine can read it: '-' asks for it instead.

    For example:

      carepath timeline 12824212447

      carepath timeline 'urn:oid:2.16.578.1.12.4.1.4.1|12824212447' --as-of 2026-03-20T14:40

      carepath timeline 12824212447 --json | jq '.entry[].resource.occurredDateTime'
    """
    spoken = settings(language=language).language
    query = {"asOf": instant(as_of).isoformat(timespec="milliseconds")} if as_of else {}
    with server.connect(url, organisation) as client:
        patient_id = find(client, patient)
        response = client.get(
            f"/fhir/Patient/{patient_id}/$timeline",
            params=query,
            headers={"Accept-Language": spoken},
        )
        bundle = server.answer(response)
    output.json(bundle) if as_json else show(bundle, spoken)


def find(client: httpx.Client, patient: str) -> str:
    """The id of the patient; identifiers are looked up by POST. ``-``: it is asked for, or read from a pipe."""
    if patient == "-":
        typer.echo("Patient: ", err=True, nl=False)
        patient = sys.stdin.readline().strip()
    if "|" not in patient and not patient.isdecimal():
        if not re.fullmatch(r"[A-Za-z0-9.-]{1,64}", patient):
            raise output.Trouble(
                "that is neither an id nor an identifier.", "Write 'system|value'."
            )
        return patient
    response = client.post("/fhir/Patient/_search", data={"identifier": patient})
    found = server.resources(server.answer(response), "Patient")
    if len(found) != 1:
        several = "several patients have" if found else "no patient has"
        raise output.Trouble(f"{several} that identifier.", "Name its system: 'system|value'.")
    return str(found[0]["id"])


def show(bundle: Mapping[str, Any], language: str) -> None:
    """The entries as a table."""
    rows = [_row(entry, language) for entry in server.resources(bundle, "Provenance")]
    output.table(("Happened", "What", "From", ""), rows, empty="Nothing has happened yet.")


def _row(provenance: Mapping[str, Any], language: str) -> tuple[str | Text, ...]:
    marks = {
        tag["code"]
        for tag in provenance.get("meta", {}).get("tag", ())
        if tag.get("system") == TIMELINE_MARK
    }
    told = to_text(provenance.get("text", {}).get("div", ""))
    return (
        when(provenance.get("occurredDateTime", ""), language),
        told,
        _sender(provenance),
        Text(
            ", ".join(texts.render(f"mark.{mark}", {}, language) for mark in sorted(marks)),
            "yellow",
        ),
    )


def when(written: str, language: str) -> str:
    """A FHIR dateTime in local time; a date stays a date, and nothing stays nothing."""
    if len(written) == len("2026-03-20"):
        day = date.fromisoformat(written)
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=texts.ZONE)
        return texts.moment(Moment(noon, day=True), language)
    return texts.moment(Moment(datetime.fromisoformat(written)), language) if written else ""


def _sender(provenance: Mapping[str, Any]) -> str:
    agents = provenance.get("agent", ())
    names = [
        agent.get(part, {}).get("display")
        for agent in agents[:1]
        for part in ("onBehalfOf", "who")
        if agent.get(part, {}).get("display")
    ]
    return names[0] if names else ""
