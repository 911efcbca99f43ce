"""The authorisation matrix: three organisations, every role, every way of asking, over HTTP, on both stores.

Read ``EXPECTED`` first: a row for each role, a column for each kind of request, as docs/security.md has it. ``part``
is 200 where the actor has a part in the care of whom they ask about (``PART``), and the same 404 as for somebody who
does not exist where they have none; a search finds them, or nobody. What is sent is a question, which schools and
NAV do not ask (``pathways.sending``). An administrator gets of the log the lines of their own organisation, if any.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import pytest

from pathways.access import CITIZENS, Role
from pathways.events import EventCode
from pathways.facts import InquiryFacts
from pathways.messages import Author, Destination, Message
from pathways.moments import Moment
from pathways.parties import Identifier, PartyRef
from tests.contract import matters
from tests.contract.door import NOW, ref
from tests.contract.matrix import ACTORS, CHILD, GROWN_UP, Ask, Town, fnr, town_of

EXPECTED: Final = """
role          | send own | as another | read | own feed | another's feed | access log
system        | 200      | 403        | part | 200      | 403            | 403
supplier      | 200      | 403        | part | 200      | 403            | 403
clinician     | 200      | 403        | part | 200      | 403            | 403
staff         | 200      | 403        | part | 200      | 403            | 403
coordinator   | 200      | 403        | part | 200      | 403            | 403
non-health    | 403      | 403        | part | 200      | 403            | 403
patient       | 200      | 403        | part | 200      | 403            | part
guardian      | 200      | 403        | part | 200      | 403            | part
relative      | 200      | 403        | part | 200      | 403            | 403
child         | 200      | 403        | part | 200      | 403            | 403
administrator | 403      | 403        | 403  | 200      | 403            | 200
operator      | 403      | 403        | 404  | 403      | 403            | 404
nobody        | 401      | 401        | 401  | 401      | 401            | 401
"""
COLUMNS, *ROWS = (
    [cell.strip() for cell in line.split("|")] for line in EXPECTED.strip().splitlines()
)
TABLE: Final = {row[0]: dict(zip(COLUMNS[1:], row[1:], strict=True)) for row in ROWS}

PART: Final[Mapping[str, str]] = {
    **{f"{role} of {party}": "her his" for role in Role for party in ("ward", "town-nursing")},
    "patient": "her",
    "relative": "her",  # by her consent
    "guardian": "his",
    "child": "his",
}
"""Whose care an actor has a part in; everybody else in nobody's."""

PERSON: Final = {
    "Patient": "Patient/{patient}",
    "Patient, history": "Patient/{patient}/_history",
    "Patient, version": "Patient/{patient}/_history/1",
    "timeline": "Patient/{patient}/$timeline",
    "timeline, as of": "Patient/{patient}/$timeline?asOf=2030-01-01",
    "summary": "Patient/{patient}/$summary",
    "everything": "Patient/{patient}/$everything",
}
MATTER: Final = {
    "Encounter": "Encounter/{stay}",
    "Encounter, history": "Encounter/{stay}/_history",
    "Encounter, version": "Encounter/{stay}/_history/1",
    "payment days": "Encounter/{stay}/$payment-days",
    "entry": "Provenance/{admission}",
    "document": "Composition/{report}",
    "sender's bytes": "Binary/{report}",
}
READS: Final = PERSON | MATTER
ONLY_TO_GROWN_UPS: Final = MATTER.keys()
"""A child of ten reads of itself who helps and what is planned: a stay in hospital is for a grown-up to tell of."""

SEARCHES: Final = {
    "by patient": "Encounter?patient={patient}",
    "by a patient's identifier": "Encounter?patient.identifier={fnr}",
    "counted": "Encounter?patient={patient}&_summary=count",
    "by id": "Encounter?_id={stay}",
    "entries": "Provenance?patient={patient}",
    "all there are": "Composition?_id={report}",
    "with what is referred to": "Encounter?patient={patient}&_include=*&_revinclude=Task:focus",
    "sorted": "Encounter?patient={patient}&_sort=-date&_count=1",
}


@pytest.fixture
def town(database_url: str) -> Iterator[Town]:
    """The town on each store."""
    with town_of(database_url) as town:
        yield town


def _role(actor: str) -> str:
    return str(ACTORS[actor].role) if actor in ACTORS else "nobody"


def _has_part(actor: str, whose: str) -> bool:
    return whose in PART.get(actor, "").split()


def _path(town: Town, template: str, whose: str) -> str:
    ids = {name.removeprefix(f"{whose} "): id_ for name, id_ in town.ids.items()}
    who = GROWN_UP if whose == "her" else CHILD
    return "/fhir/" + template.format(**ids, fnr=fnr(who).replace("|", "%7C"))


def _expected(actor: str, column: str, whose: str, *, hidden: bool = False) -> int:
    cell = TABLE[_role(actor)][column]
    if cell != "part":
        return int(cell)
    return 200 if _has_part(actor, whose) and not hidden else 404


def _differing(told: Mapping[str, tuple[object, object]]) -> dict[str, str]:
    return {name: f"{is_}, not {be}" for name, (is_, be) in told.items() if is_ != be}


def _get(path: str) -> Callable[[str], tuple[str, str, dict[str, Any]]]:
    return lambda _: ("GET", path, {})


async def _everybody(
    ask: Ask, request: Callable[[str], tuple[str, str, dict[str, Any]]]
) -> dict[str, httpx.Response]:
    found = {}
    for actor in (*ACTORS, "", "somebody unknown"):
        method, path, more = request(actor)
        found[actor] = await ask(actor, method, path, **more)
    return found


@pytest.mark.parametrize("whose", ["her", "his"])
def test_who_reads_whom(town: Town, whose: str) -> None:
    """Every way to read, for every role of every organisation."""
    told: dict[str, tuple[object, object]] = {}

    async def asking(ask: Ask) -> None:
        for name, template in READS.items():
            path = _path(town, template, whose)
            answers = await _everybody(ask, _get(path))
            for actor, answer in answers.items():
                hidden = actor == "child" and name in ONLY_TO_GROWN_UPS
                wanted = _expected(actor, "read", whose, hidden=hidden)
                told[f"{actor} reads {name}"] = answer.status_code, wanted

    town.asked(asking)
    assert _differing(told) == {}


@pytest.mark.parametrize("whose", ["her", "his"])
def test_who_finds_whom(town: Town, whose: str) -> None:
    """Every way to search: whoever may not read finds nothing, counts nothing, and gets nothing that is included."""
    told: dict[str, tuple[object, object]] = {}

    async def asking(ask: Ask) -> None:
        for name, template in SEARCHES.items():
            path = _path(town, template, whose)
            answers = await _everybody(ask, _get(path))
            for actor, answer in answers.items():
                wanted = _expected(
                    actor, "read", whose, hidden=actor == "child" and "Provenance" not in path
                )
                if wanted in {401, 403}:
                    told[f"{actor} searches {name}"] = answer.status_code, wanted
                    continue
                found = answer.json()
                some = found["total"] > 0, bool(found.get("entry")) or "counted" in name
                is_some = wanted == 200, wanted == 200 or "counted" in name
                told[f"{actor} searches {name}"] = some, is_some

    town.asked(asking)
    assert _differing(told) == {}


def test_a_patient_is_found_by_post_alone_as_any_other(town: Town) -> None:
    """By a national identifier, which no URL has: those with a part find her, all others find nobody."""
    told: dict[str, tuple[object, object]] = {}
    form = {"content": urlencode({"identifier": fnr(GROWN_UP)}), "headers": _FORM}

    async def asking(ask: Ask) -> None:
        answers = await _everybody(ask, lambda _: ("POST", "/fhir/Patient/_search", {**form}))
        for actor, answer in answers.items():
            wanted = _expected(actor, "read", "her")
            found = answer.json().get("total") if answer.status_code == 200 else answer.status_code
            told[actor] = found, {200: 1, 404: 0}.get(wanted, wanted)

    town.asked(asking)
    assert _differing(told) == {}


_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


def test_lists_name_nobody_to_who_has_no_part(town: Town) -> None:
    """Worklist, who is quiet, figures and where messages are: asked about everybody, they tell of one's own."""
    paths = (
        "$worklist",
        "$quiet?since=2026-11-17",
        "Task?_count=50",
        "Patient?_count=50",
        "CarePlan",
    )
    told: dict[str, tuple[object, object]] = {}
    secrets = [id_ for name, id_ in town.ids.items() if not name.endswith("report")]

    async def asking(ask: Ask) -> None:
        for path in paths:
            answers = await _everybody(ask, _get(f"/fhir/{path}"))
            for actor, answer in answers.items():
                whose = [w for w in ("her", "his") if not _has_part(actor, w)]
                named = [w for w in whose if town.ids[f"{w} patient"] in answer.text]
                told[f"{actor} asks {path}"] = named, []

    town.asked(asking)
    assert secrets
    assert _differing(told) == {}


def test_feeds_are_ones_own(town: Town) -> None:
    """One's own mailbox, and no other's: neither by name nor by the id of a place in it."""
    told: dict[str, tuple[object, object]] = {}
    item = town.item(town.ids["her admission"], "town-nursing")

    async def asking(ask: Ask) -> None:
        for actor, answer in (await _everybody(ask, _get("/fhir/$mailbox"))).items():
            wanted = _expected(actor, "own feed", "her")
            told[f"{actor}: own mailbox"] = answer.status_code, wanted
            is_its = ACTORS.get(actor) and ACTORS[actor].party == "town-nursing"
            body = _role(actor) != Role.ADMINISTRATOR and bool(is_its)
            told[f"{actor}: what is in it"] = item in answer.text and "Kari" in answer.text, body
        for actor, answer in (await _everybody(ask, _get("/events?org=legevakt"))).items():
            told[f"{actor}: another's"] = (
                answer.status_code,
                _expected(actor, "another's feed", "her"),
            )
        for actor, answer in (await _everybody(ask, _get(f"/fhir/Bundle/{item}"))).items():
            if ACTORS.get(actor) and ACTORS[actor].party == "town-nursing":
                wanted = 403 if _role(actor) == Role.ADMINISTRATOR else 200
            else:
                wanted = {200: 404}.get(
                    _expected(actor, "own feed", "her"), _expected(actor, "own feed", "her")
                )
            told[f"{actor}: a place in nursing's feed"] = answer.status_code, wanted

    town.asked(asking)
    assert _differing(told) == {}


def _message(actor: str, sender: PartyRef, number: int) -> bytes:
    """A question to nursing, about her or by whoever asks about themselves."""
    role = ACTORS[actor].role if actor in ACTORS else None
    at = NOW.replace(hour=10)
    made = Message(
        id=matters.message_id(number),
        format="carepath",
        envelope=None,
        content=b"",
        code=EventCode.INQUIRY,
        sender=sender,
        happened=Moment(at),
        written=at,
        destinations=(Destination(ref("town-nursing")),),
        patient=CHILD if role in {Role.CHILD, Role.GUARDIAN} else GROWN_UP,
        facts=InquiryFacts(
            text="?", identifiers=(Identifier("https://ehr.example/id", f"m{number}"),)
        ),
    )
    if role in CITIZENS:
        made = replace(made, author=Author(name=ACTORS[actor].name))
    return matters.source(made)


_CITIZENS: Final = PartyRef(
    (Identifier("https://carepath.example/fhir/sid/sender", "citizens"),), "Innbyggere"
)
_JSON: Final = {"Content-Type": "application/fhir+json"}


def test_everybody_sends_as_themselves(town: Town) -> None:
    """As one's own organisation, or as a citizen; as another organisation nobody does."""
    told: dict[str, tuple[object, object]] = {}
    numbers = iter(range(900, 1100))

    async def asking(ask: Ask) -> None:
        for actor in (*ACTORS, "", "somebody unknown"):
            who = ACTORS.get(actor)
            citizen = who is not None and who.role in CITIZENS
            own = _CITIZENS if citizen else ref((who and who.party) or "ward")
            for column, sender in (("send own", own), ("as another", ref("legevakt"))):
                body = _message(actor, sender, next(numbers))
                path = "/fhir/$process-message"
                answer = await ask(actor, "POST", path, content=body, headers=_JSON)
                wanted = _expected(actor, column, "her")
                if column == "send own" and citizen and actor.endswith("another"):
                    continue  # about whom they are nothing to: see tests/contract/test_senders.py
                told[f"{actor}: {column}"] = answer.status_code, wanted

    town.asked(asking)
    assert _differing(told) == {}


@pytest.mark.parametrize("whose", ["her", "his"])
def test_who_reads_the_access_log(town: Town, whose: str) -> None:
    """Who has looked is for the patient, and for who has parental responsibility."""
    told: dict[str, tuple[object, object]] = {}
    path = _path(town, "Patient/{patient}/$access-log", whose)

    async def asking(ask: Ask) -> None:
        for actor, answer in (await _everybody(ask, _get(path))).items():
            told[actor] = answer.status_code, _expected(actor, "access log", whose)

    town.asked(asking)
    assert _differing(told) == {}
