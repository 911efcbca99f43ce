"""``carepath plan``: a person's plan, what is next in it and who is responsible, and what has changed in it."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import pairwise
from typing import Annotated, Any, Final

import httpx
import typer

from carepath import texts
from carepath.cli import output, server
from carepath.cli.options import LOCAL, AsJson, Language, Organisation, Patient, Url, settings
from carepath.cli.timeline import find, when
from fhir_mappings import planning
from pathways.facts import Goal, Participant
from pathways.moments import Moment
from pathways.plan_versions import Change, Value, differences

JSON = dict[str, Any]
_OVER: Final = frozenset(("completed", "cancelled", "rejected", "fulfilled", "entered-in-error"))
_MOST: Final = "200"


def plan(
    patient: Patient,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what changed from version to version.")
    ] = False,
    organisation: Organisation = None,
    language: Language = None,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Show a patient's plan: goals, who takes part, what is next, where, and who is responsible.

    For example:

      carepath plan 12824212447

      carepath plan 12824212447 --diff
    """
    spoken = settings(language=language).language
    with server.connect(url, organisation) as client:
        whose = {"patient": find(client, patient), "_count": _MOST}
        plans = server.resources(_get(client, "CarePlan", whose), "CarePlan")
        if as_json:
            output.json([{"plan": one, "next": _next(client, one, whose)} for one in plans])
            return
        for one in plans:
            _show_changes(client, one, spoken) if diff else _show(client, one, whose, spoken)
    if not plans:
        output.say(_say("none", spoken))


def _get(client: httpx.Client, place: str, query: Mapping[str, str]) -> JSON:
    return server.answer(client.get(f"/fhir/{place}", params=dict(query)))


def _say(key: str, language: str) -> str:
    return texts.render(f"plan.{key}", {}, language)


# --- as it stands


def _show(client: httpx.Client, one: JSON, whose: Mapping[str, str], language: str) -> None:
    facts = planning.facts(one)
    for name in ("title", "coordinator", "begins", "ends", "note"):
        if (value := getattr(facts, name)) is not None:
            output.say(f"{_say(name, language)}: {_text(value, language)}")
    for title, values in (("goals", facts.goals), ("participants", facts.participants)):
        for value in values or ():
            output.say(f"{_say(title, language)}: {_text(value, language)}")
    output.say(f"{_say('next', language)}:")
    headings = tuple(_say(name, language) for name in ("when", "what", "where", "who", "status"))
    rows = [_row(step, language) for step in _next(client, one, whose)]
    output.table(headings, rows, empty=_say("nothing", language))


def _next(client: httpx.Client, one: JSON, whose: Mapping[str, str]) -> list[JSON]:
    """The measures and meetings of the plan that are not over, the first to come first."""
    tasks = _get(client, "Task", {**whose, "based-on": f"CarePlan/{one['id']}"})
    named = {_value(found) for found in one.get("identifier", ())}
    meetings = server.resources(_get(client, "Appointment", whose), "Appointment")
    steps = [
        *(_measure(task) for task in server.resources(tasks, "Task")),
        *(_meeting(one) for one in meetings if named & {*_plans(one)}),
    ]
    open_ = [step for step in steps if step.pop("code") not in _OVER]
    names = _names(client, {step["who"] for step in open_ if step["who"]})
    named_steps = ({**step, "who": names.get(step["who"])} for step in open_)
    return sorted(named_steps, key=lambda step: step["when"] or "9")


def _names(client: httpx.Client, keys: set[str]) -> dict[str, str]:
    """Organisations by their directory keys."""
    if not keys:
        return {}
    found = _get(client, "Organization", {"_id": ",".join(sorted(keys)), "_count": _MOST})
    return {one["id"]: one["name"] for one in server.resources(found, "Organization")}


def _key(reference: JSON) -> str | None:
    return reference.get("reference", "").rpartition("/")[2] or None


def _measure(task: JSON) -> JSON:
    standing = task.get("businessStatus", {}).get("coding", ())
    return {
        "code": task["status"],
        "when": task.get("restriction", {}).get("period", {}).get("end"),
        "what": task.get("description"),
        "where": None,
        "who": _key(task.get("owner", {})),
        "status": next((coding["code"] for coding in standing), None),
    }


def _meeting(appointment: JSON) -> JSON:
    asked: JSON = next(iter(appointment.get("requestedPeriod", ())), {})
    actors = (one.get("actor", {}) for one in appointment.get("participant", ()))
    services = appointment.get("contained", ())
    places = [a["display"] for a in actors if a.get("type") == "Location"]
    return {
        "code": appointment["status"],
        "when": appointment.get("start") or asked.get("start"),
        "what": None,
        "where": next(iter(places), None),
        "who": _key(next((one["providedBy"] for one in services if one["id"] == "summoner"), {})),
        "status": None,
    }


def _plans(appointment: JSON) -> Iterator[tuple[str, str]]:
    for reference in appointment.get("supportingInformation", ()):
        if "identifier" in reference:
            yield _value(reference["identifier"])


def _value(identifier: JSON) -> tuple[str, str]:
    return identifier.get("system", ""), identifier.get("value", "")


def _row(step: JSON, language: str) -> tuple[str, ...]:
    status = step["status"]
    return (
        when(step["when"] or "", language),
        step["what"] or _say("meeting", language),
        step["where"] or "",
        step["who"] or "",
        texts.render(f"status.{status}", {}, language) if status else "",
    )


# --- as it changed


def _show_changes(client: httpx.Client, one: JSON, language: str) -> None:
    history = _get(client, f"CarePlan/{one['id']}/_history", {"_count": _MOST})
    versions = sorted(
        server.resources(history, "CarePlan"), key=lambda v: int(v["meta"]["versionId"])
    )
    headings = tuple(_say(name, language) for name in ("version", "what", "before", "after"))
    output.table(headings, _changes(versions, language), empty=_say("same", language))


def _changes(versions: Iterable[JSON], language: str) -> Iterator[tuple[str, ...]]:
    told = [(version["meta"]["versionId"], planning.facts(version)) for version in versions]
    for (_, before), (number, after) in pairwise(told):
        for change in differences(before, after):
            yield (number, *_change(change, language))


def _change(change: Change, language: str) -> tuple[str, str, str]:
    before, after = (
        "" if value is None else _text(value, language) for value in (change.before, change.after)
    )
    return _say(change.fact, language), before, after


def _text(value: Value, language: str) -> str:
    if isinstance(value, Moment):
        return texts.moment(value, language)
    if isinstance(value, Goal):
        return _joined(value.text, _day(value.by, language) if value.by else None)
    if isinstance(value, Participant):
        times = [texts.moment(one, language) if one else "" for one in (value.since, value.until)]
        return _joined(
            value.name,
            value.role,
            value.party.name if value.party else None,
            " – ".join(times) if any(times) else None,
        )
    return value


def _day(day: date, language: str) -> str:
    return when(day.isoformat(), language)


def _joined(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)
