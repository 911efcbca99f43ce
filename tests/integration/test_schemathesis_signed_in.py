"""schemathesis as five callers of a server where everybody signs in: no 5xx, and nothing of others' patients.

Each request that it makes is sent by nobody, by two organisations' systems, by a patient and by the operator. Every
answer is searched for the ids, numbers and names of patients whom the caller may not know. So many inputs are tried of
every operation as ``SCHEMATHESIS_EXAMPLES`` says, else 20; ``make fuzz`` tries more.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from carepath.identity.people import Person
from carepath.identity.sessions import Limits, Sessions
from carepath.settings import Settings
from carepath.wiring import people
from carepath.wiring.store import open_store
from pathways.access import Role
from pathways.parties import Identifier
from tests.integration.serving import Server
from tests.integration.signed_in import Site, signed_in, site
from tests.integration.stories import (
    GP,
    OTHER_HOSPITAL,
    Matter,
    Resource,
    admission,
    hospital_stay,
)
from tests.integration.talk import FHIR
from tests.integration.test_redaction import somebody
from tests.integration.test_schemathesis import OPERATIONS, answered

EXAMPLES: Final = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "20"))
ISSUER: Final = "https://issuer.example"
OTHERS: Final = f"""key,name,kind,identifiers,parent,municipality,function
other,"{OTHER_HOSPITAL.name}",hospital,urn:oid:2.16.578.1.12.4.1.4.101|{OTHER_HOSPITAL.number},,,
"""
pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True, slots=True)
class Patient:
    """Somebody whose every detail stands nowhere else, and the ids of all there is about them."""

    resource: Resource
    ids: frozenset[str]
    by_type: Mapping[str, tuple[str, ...]]

    @property
    def words(self) -> frozenset[str]:
        """What only those may read who may know the patient."""
        (name,) = self.resource["name"]
        told = {self.resource["identifier"][0]["value"], name["family"], *name["given"]}
        return self.ids | told


@dataclass(frozen=True, slots=True)
class Callers:
    """Five clients of one server, and whose patients each must not know of."""

    clients: Mapping[str, httpx.Client]
    hidden: Mapping[str, frozenset[str]]
    there: Mapping[str, tuple[str, ...]]


def named(family: str, given_name: str) -> Resource:
    """A person of this name."""
    person = somebody()
    person["name"][0] |= {"family": family, "given": [given_name]}
    return person


def told(client: httpx.Client, person: Resource, *messages: Resource) -> Patient:
    """Tell of somebody, and look at what there is about them now."""
    for message in messages:
        answer = client.post("/fhir/$process-message", json=message, headers={"Content-Type": FHIR})
        assert answer.status_code in {200, 202, 403, 409}, answer.text
    number = {"identifier": person["identifier"][0]["value"]}
    ((patient),) = client.post("/fhir/Patient/_search", data=number).json()["entry"]
    id_ = patient["resource"]["id"]
    everything = client.get(f"/fhir/Patient/{id_}/$everything").json()
    by_type: dict[str, tuple[str, ...]] = {}
    for one in (entry["resource"] for entry in everything["entry"]):
        if one["resourceType"] not in {"Organization", "OperationOutcome"}:
            by_type[one["resourceType"]] = (*by_type.get(one["resourceType"], ()), one["id"])
    assert id_ in by_type["Patient"]
    return Patient(person, frozenset(i for ids in by_type.values() for i in ids), by_type)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Two hospitals' systems are registered."""
    made = site(
        tmp_path_factory.mktemp("site"),
        CAREPATH_CLIENT_RATE="0",
        CAREPATH_STRANGER_RATE="0",
        CAREPATH_OIDC_ISSUER=ISSUER,
        CAREPATH_OIDC_CLIENT_ID="carepath",
    )
    more = made.folder / "others.csv"
    more.write_text(OTHERS)
    made.carepath("org", "import", str(more))
    made.client("ward", "ward-system")
    made.client("other", "other-system")
    return made


@pytest.fixture(scope="module")
def server(here: Site) -> Iterator[Server]:
    """Where all of them call."""
    with here.serving() as running:
        yield running


def cookies(here: Site, patient: Resource) -> dict[str, str]:
    """The sessions of a patient and of an operator, as sign-in makes them."""
    chosen = Settings(database_url=here.environment["CAREPATH_DATABASE_URL"], open_mode=False)
    now, begun = datetime.now(UTC), {}
    with open_store(chosen) as store:
        known = Identifier(ISSUER, "operator")
        people.add(store, known, "Oda Drift", None, Role.OPERATOR, now - timedelta(hours=1), None)
        sessions = Sessions(store.database, Limits(timedelta(hours=5), timedelta(hours=9)))
        for name, pid in (("operator", None), ("patient", patient["identifier"][0]["value"])):
            made = sessions.begin(Person(issuer=ISSUER, subject=name, pid=pid), now)
            assert made is not None
            begun[name] = made[0]
    return begun


@pytest.fixture(scope="module")
def callers(here: Site, server: Server) -> Iterator[Callers]:
    """A ward's patient, another of the ward's who is signed in, and the other hospital's."""
    folder = here.folder
    with ExitStack() as open_:
        ward, other = (
            open_.enter_context(signed_in(server, folder / f"{name}-system.json"))
            for name in ("ward", "other")
        )
        first, own, third = (
            named("Kvernhusbakken", "Sunniva"),
            named("Vestersjøbråten", "Gunnvald"),
            named("Haugtussaløkken", "Borghild"),
        )
        wards = told(ward, first, *hospital_stay(first))
        mine = told(ward, own, *hospital_stay(own))
        theirs = admission(Matter(third), sender=OTHER_HOSPITAL, receivers=(GP,))
        others = told(other, third, theirs)
        begun = cookies(here, own)
        clients = {"nobody": httpx.Client(base_url=server.url, timeout=20)}
        for name, secret in begun.items():
            headers = {"Cookie": f"carepath={secret}", "Sec-Fetch-Site": "same-origin"}
            clients[name] = httpx.Client(base_url=server.url, timeout=20, headers=headers)
        for client in clients.values():
            open_.enter_context(client)
        every = wards.words | mine.words | others.words
        hidden = {
            "nobody": every,
            "operator": every,
            "patient": wards.words | others.words,
            "ward": others.words,
            "other": wards.words | mine.words,
        }
        there = {
            type_: tuple(i for one in (wards, mine, others) for i in one.by_type.get(type_, ()))
            for type_ in {*wards.by_type, *others.by_type}
        }
        yield Callers({**clients, "ward": ward, "other": other}, hidden, there)


def test_each_caller_is_who_they_should_be(callers: Callers) -> None:
    """Otherwise the rest would prove nothing: who may see patients sees some, and nobody else does."""
    seen = {}
    for name, client in callers.clients.items():
        answer = client.get("/fhir/Patient")
        entries = answer.json().get("entry", ()) if answer.status_code == 200 else ()
        seen[name] = (answer.status_code, len(entries))
    assert seen["nobody"][0] == 401
    assert seen["ward"] == (200, 2)
    assert (seen["other"], seen["patient"]) == ((200, 1), (200, 1))
    assert seen["operator"][1] == 0
    shown = callers.clients["ward"].get("/fhir/Patient").text
    assert any(word in shown for word in callers.hidden["other"])  # a leak would be found


TRIED: Final = settings(
    max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=[*HealthCheck]
)
_LINKS: Final = re.compile(r'"link":\[.*?\]|<link>.*?</link>', re.DOTALL)
"""A search's link to itself repeats what was asked, ids among it."""


@pytest.mark.parametrize("label", OPERATIONS)
def test_no_surprise_and_nothing_of_others(callers: Callers, server: Server, label: str) -> None:
    """Of every operation: ids that are there and that are not, requests as they should be and as they should not."""
    operation = OPERATIONS[label]
    there = callers.there.get(label.split("/")[2] if label.count("/") > 1 else "", ())

    @seed(6)
    @TRIED
    @given(
        case=answered(operation, there), known=st.sampled_from([*callers.there["Patient"], None])
    )
    def tried(case: Any, known: str | None) -> None:
        if known and case.query is not None and "patient" in case.query:
            case.query["patient"] = known
        arguments = case.as_transport_kwargs(base_url=server.url)
        for name, client in callers.clients.items():
            check(case, name, client, arguments)

    def check(case: Any, name: str, client: httpx.Client, arguments: dict[str, Any]) -> None:
        answer = sent(case, client, arguments)
        assert answer.status_code < 500, (name, answer.text[:500])
        text = _LINKS.sub("", answer.text) + str(answer.headers)
        asked = str(arguments["url"])
        leaked = [word for word in callers.hidden[name] if word in text and word not in asked]
        assert not leaked, (name, label, answer.status_code)
        if name == "nobody":
            public = answer.status_code in {401, 403, 400, 404, 405, 406, 414, 415, 431}
            assert public or label.split()[1] in PUBLIC, (label, answer.status_code)

    tried()


PUBLIC: Final = frozenset(
    {
        "/fhir/metadata",
        "/fhir/.well-known/smart-configuration",
        "/livez",
        "/readyz",
        "/metrics",
        "/openapi.json",
    }
)


def sent(case: Any, client: httpx.Client, arguments: dict[str, Any]) -> httpx.Response:
    """The same request, by this caller."""
    headers = {
        name: value.strip()  # httpx sends no space at a value's ends
        for name, value in arguments["headers"].items()
        if name.lower() not in {"cookie", "authorization", "content-length", "x-carepath-org"}
    }
    body = arguments.get("data")
    form = body if isinstance(body, dict) else None
    content = body if isinstance(body, str | bytes) else None
    with_json = {"json": arguments["json"]} if "json" in arguments else {}
    return client.request(
        arguments["method"],
        arguments["url"],
        params=arguments.get("params"),
        headers=headers,
        content=content,
        data=form,
        **with_json,
    )
