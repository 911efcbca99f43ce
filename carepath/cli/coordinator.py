"""``carepath coordinator``: who coordinates, whom to call first, and who stands in."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

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
from carepath.cli.timeline import find
from fhir_mappings.care_team import OFFERED, SUBSTITUTE, part_of
from fhir_mappings.codes import CALL_FIRST, COORDINATOR_ROLE
from fhir_mappings.elements import Extension, codes
from fhir_mappings.parties import human_name, telecom
from fhir_mappings.spans import period

_FIRST = Extension(CALL_FIRST, "valueBoolean")
Participant = Mapping[str, Any]


def coordinator(
    patient: Patient,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="T", help="Who had it at that time, as was known then."),
    ] = None,
    organisation: Organisation = None,
    language: Language = None,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Show who coordinates for a patient, whom to call first, and who stands in.

    For example:

      carepath coordinator 12824212447

      carepath coordinator 12824212447 --as-of 2026-12-24
    """
    spoken = settings(language=language).language
    at = instant(as_of) if as_of else datetime.now(UTC)
    with server.connect(url, organisation) as client:
        query = {"asOf": at.isoformat(timespec="milliseconds")} if as_of else {}
        path = f"/fhir/Patient/{find(client, patient)}/$timeline"
        bundle = server.answer(client.get(path, params=query))
    teams = server.resources(bundle, "CareTeam")
    if as_json:
        output.json(teams)
        return
    held = [row for team in teams for row in rows(team, at, spoken)]
    heads = [
        texts.render(f"coordinator.{name}", {}, spoken)
        for name in ("role", "name", "phone", "party")
    ]
    output.table((*heads, ""), held, empty=texts.render("coordinator.none", {}, spoken))


def rows(team: Mapping[str, Any], at: datetime, language: str) -> Iterator[tuple[str | Text, ...]]:
    """One row for each role, whom the patient calls first before the others."""
    held = [(role, *found) for role in _roles(team) if (found := _now(team, role, at))]
    for role, term, now in sorted(held, key=lambda one: True not in _FIRST.find(dict(one[1]))):
        person = _person(team, now)
        unit = now.get("onBehalfOf") or now.get("member", {})
        key = unit.get("reference", "").removeprefix("Organization/")
        notes = [
            ("coordinator.first", True in _FIRST.find(dict(term))),
            ("coordinator.substitute", now is not term),
        ]
        said = ", ".join(texts.render(key, {}, language) for key, holds in notes if holds)
        yield (
            texts.render(f"role.{role}", {}, language),
            human_name(person) or "",
            telecom(person, "phone") or "",
            unit.get("display", key),
            Text(said, "yellow"),
        )


def _roles(team: Mapping[str, Any]) -> list[str]:
    told = [
        role for one in _participants(team) for role in codes(one.get("role"), COORDINATOR_ROLE)
    ]
    return list(dict.fromkeys(told))


def _now(
    team: Mapping[str, Any], role: str, at: datetime
) -> tuple[Participant, Participant] | None:
    """Whose term it is, and who is there: the newest that cover the time."""
    in_role = [p for p in _participants(team) if role in codes(p.get("role"), COORDINATOR_ROLE)]
    there = [one for one in in_role if part_of(one) != OFFERED and _covers(one, at)]
    terms = [one for one in there if part_of(one) != SUBSTITUTE]
    if not terms:
        return None
    substitutes = [one for one in there if part_of(one) == SUBSTITUTE]
    return terms[-1], [*terms, *substitutes][-1]


def _participants(team: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(team.get("participant", ()))


def _covers(participant: Participant, at: datetime) -> bool:
    starts, ends = period(participant.get("period", {}))
    return (starts is None or starts <= at) and (ends is None or at < ends)


def _person(team: Mapping[str, Any], participant: Participant) -> dict[str, Any]:
    named = participant.get("member", {}).get("reference", "").removeprefix("#")
    return next((one for one in team.get("contained", ()) if one.get("id") == named), {})
