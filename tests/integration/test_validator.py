"""HL7's own validator finds no error in anything the server writes."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from carepath.settings import Settings
from carepath.wiring import watching
from carepath.wiring.store import open_store
from pathways.events import RULES
from tests.integration import stories
from tests.integration.harvest import Harvest, harvesting, misread
from tests.integration.java_peer import Validator
from tests.integration.serving import Server
from tests.integration.stories.care import lasting_care
from tests.integration.stories.care_goes_on import care_goes_on
from tests.integration.talk import FHIR

# STIN_H bears the message id of STIN_N: a conflict, answered too.
MEDCOM = ("STIN_N", "AN_STIN_N", "SLHJ_H", "STIN_H", "TEK_DUB", "TEK_FCC")
Start = Callable[[str], Server]
KINDS = {
    "capability",
    "everything",
    "feed",
    "history",
    "outcome",
    "receipt",
    "resource",
    "search",
    "summary",
    "timeline",
    "where",
}


def test_no_error_in_what_we_write(
    fresh_server: Start, validator: Validator, tmp_path: Path
) -> None:
    """What the server says when every event and every kind of error has come is FHIR, all of it."""
    patient, frail = stories.person(), stories.person()
    database = f"sqlite:///{tmp_path}/carepath.db"
    server = fresh_server(database)
    told = [*stories.everything(patient), *_unsettled(patient), *_care(frail)]
    assert {_event(message) for message in told} == {
        c for c, rule in RULES.items() if not rule.ours
    }
    with harvesting(server.url, tmp_path) as gather:
        for message in told:
            sent = gather.send(message)
            gather.get("where", f"/fhir/MessageHeader/{sent}/$where")
        _watch(database)
        for one in (patient, frail):
            gather.everything_about(one)
        gather.feeds("feed")
        _errors(gather)

    found = validator.folder(tmp_path)

    assert {file.partition("-")[0] for file in found} == KINDS
    assert {file: said for file, said in found.items() if said} == {}
    assert misread(tmp_path) == {}


def test_no_error_in_what_we_make_of_others_dialects(
    fresh_server: Start, examples: Path, validator: Validator, tmp_path: Path
) -> None:
    """Receipts for MedCom's and Da Vinci's messages, and those messages as receivers get them from us."""
    foreign = [examples / "medcom-hospitalnotification" / f"{name}.json" for name in MEDCOM]
    foreign += [*examples.glob("medcom-carecommunication/*.json")]
    foreign += [*examples.glob("davinci-alerts/*.json")]
    server = fresh_server(f"sqlite:///{tmp_path}/carepath.db")
    with harvesting(server.url, tmp_path) as gather:
        for file in foreign:
            gather.answered("receipt", _post(gather, file.read_bytes()))
        gather.feeds("translated")
    assert [*tmp_path.glob("translated-*")]

    found = validator.folder(tmp_path)

    # no rubber stamp: it sees what is wrong with this one
    seen = validator.errors(examples / "medcom-hospitalnotification" / "TEK_FCC.json")
    assert any("MessageHeader.event[x]: minimum required = 1" in error for error in seen)
    assert any("Encounter.class: minimum required = 1" in error for error in seen)
    assert {file: said for file, said in found.items() if said} == {}
    assert misread(tmp_path) == {}


def _event(message: stories.Resource) -> str:
    header: stories.Resource = message["entry"][0]["resource"]
    return str(header["eventCoding"]["code"])


def _care(patient: stories.Resource) -> list[stories.Resource]:
    """Care that lasts, and a stay of which nobody has given notice for weeks."""
    matter = stories.Matter(patient, datetime.now(stories.OSLO) - timedelta(days=25))
    long_ago = stories.admission(matter, written=matter.begins)
    return [*lasting_care(patient), *care_goes_on(patient), long_ago]


def _watch(database: str) -> None:
    """Alarms, as ``carepath watch`` raises them."""
    settings = Settings(database_url=database)
    with open_store(settings) as store:
        looked, _ = watching.once(settings, store.database)
    assert looked


def _unsettled(patient: stories.Resource) -> list[stories.Resource]:
    """A report that is revised and then cancelled, a question nobody has answered, another relative."""
    matter = stories.Matter(patient)
    first = stories.discharge_report(matter)
    target = stories.message_id(first)
    return [
        first,
        stories.discharge_report(matter, activity="revise", target=target),
        stories.report("doctor-report", matter),
        stories.report("doctor-report", matter, activity="cancel"),
        stories.inquiry(stories.Matter(patient)),
        stories.relative_registered(patient, "Per"),
    ]


def _errors(gather: Harvest) -> None:
    """One of each kind of mistake: with the message, with the request, with the address."""
    for wrong, body in _bad_messages().items():
        gather.refused(_post(gather, body), wrong)
    message = json.dumps(stories.admission(stories.Matter())).encode()
    gather.refused(_post(gather, message, "text/plain"), "content type")
    get = gather.http.get
    strict = {"Prefer": "handling=strict"}
    gather.refused(get("/fhir/Patient/nobody"), "id")
    gather.refused(get("/fhir/Nothing"), "type")
    gather.refused(get("/fhir/Patient/nobody/$nothing"), "operation")
    gather.refused(get("/fhir/MessageHeader/nobody/$where"), "message id")
    gather.refused(gather.http.delete("/fhir/Patient"), "method")
    gather.refused(get("/fhir/Encounter", params={"date": "yesterday"}), "date")
    gather.refused(get("/fhir/Encounter", params={"shoe": "45"}, headers=strict), "parameter")
    gather.refused(get("/fhir/metadata", headers={"Accept": "image/png"}), "accept")


def _bad_messages() -> dict[str, bytes]:
    """What is wrong with a message, and the message."""
    header = ("entry", 0, "resource")
    patient = ("entry", 1, "resource")
    naive = datetime.now(stories.OSLO).replace(tzinfo=None).isoformat()
    nobody = {"resource": {"resourceType": "Basic", "code": {"text": "?"}}}
    spoiled: dict[str, tuple[tuple[str | int, ...], object]] = {
        "unknown event": ((*header, "eventCoding", "code"), "party"),
        "check digit": ((*patient, "identifier", 0, "value"), "12345678901"),
        "code of a binding": ((*patient, "gender"), "mann"),
        "empty array": ((*patient, "name"), []),
        "unknown element": ((*patient, "shoeSize"), 45),
        "naive instant": (("timestamp",), naive),
        "no patient": (("entry", 1), nobody),
    }
    return {
        "broken JSON": b'{"resourceType": "Bundle"',
        "not a Bundle": b'{"resourceType": "Patient"}',
        "two readings": b'{"resourceType": "Bundle", "type": "message", "type": "message"}',
        **{wrong: _spoiled(path, value) for wrong, (path, value) in spoiled.items()},
    }


def _spoiled(path: tuple[str | int, ...], value: object) -> bytes:
    """An admission with ``value`` at ``path``."""
    message = stories.admission(stories.Matter())
    place: Any = message
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return json.dumps(message).encode()


def _post(gather: Harvest, body: bytes, media_type: str = FHIR) -> httpx.Response:
    headers = {"content-type": media_type}
    return gather.http.post("/fhir/$process-message", content=body, headers=headers)
