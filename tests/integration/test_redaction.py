"""A full run, and not a word about anybody in what leaves besides messages and their entries.

Looked through: log lines, figures, refusals, headers, addresses, what the command line says, and at Kafka topics'
names, keys and headers.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from kafka import KafkaConsumer

from schemas import topics
from tests import kafka
from tests.e2e.programs import run
from tests.integration import stories
from tests.integration.intake import site, until
from tests.integration.kafka_topics import Reader
from tests.integration.serving import Server
from tests.integration.stories import Resource
from tests.integration.talk import post, resource
from tests.servers import free_port

PARKED = 11
"""How many of ``wrong`` are parked when they come by Kafka."""
STAFF = ("Kaldestad", "55 00 01 13", "9999993")


def somebody() -> Resource:
    """A person whose every detail is a word that stands nowhere else."""
    person = stories.person()
    person["name"][0] |= {"family": "Kvernhusbakken", "given": ["Sunniva", "Torbjørg"]}
    person["telecom"] = [{"system": "phone", "value": "+47 922 33 444"}]
    person["address"][0]["line"] = ["Gråsteinsveien 17"]
    return person


def details(person: Resource) -> list[str]:
    """What must not be seen, as far as it is spelt alike everywhere."""
    words = ["Kvernhusbakken", "Sunniva", "Torbj", "steinsveien", "922 33 444", "92233444"]
    return [person["identifier"][0]["value"], person["birthDate"], *words, *STAFF]


def seen(content: str | bytes, person: Resource) -> list[str]:
    """Which of the details are in it."""
    text = content if isinstance(content, str) else content.decode("utf-8", "replace")
    return [detail for detail in details(person) if detail in text]


def changed(message: Resource, **more: Any) -> Resource:
    """A copy of the message whose Patient says something else."""
    copy: Resource = json.loads(json.dumps(message))
    resource(copy, "Patient").update(more)
    return copy


def wrong(person: Resource) -> Iterator[Resource | bytes]:
    """Messages about the person that cannot be taken in, each for a reason of its own."""
    message = stories.admission(stories.Matter(person))
    number = person["identifier"][0]
    yield json.dumps(message).encode()[:-200]
    yield b"\xff" + json.dumps(message).encode()
    yield changed(message, identifier=[])
    yield changed(message, identifier=[{**number, "value": number["value"][:-1] + "x"}])
    yield changed(message, identifier=[{**number, "value": number["value"][::-1]}])
    yield changed(message, birthDate="Kvernhusbakken")
    yield changed(message, gender="Sunniva", name="Kvernhusbakken")
    yield changed(message, nickname="Sunniva")
    yield changed(message, address=[{"line": "Gråsteinsveien 17"}])
    yield {**message, "entry": [*message["entry"], *message["entry"]]}
    other = json.loads(json.dumps(message))
    other["entry"][0]["resource"]["eventCoding"]["code"] = "Kvernhusbakken"
    yield other


def identity_conflict(person: Resource) -> list[Resource]:
    """One message that names two people who are known."""
    other = stories.person()
    both = [*person["identifier"], *other["identifier"]]
    known = stories.admission(stories.Matter(other))
    return [known, changed(stories.admission(stories.Matter(person)), identifier=both)]


def questions(person: Resource) -> Iterator[str]:
    """Addresses that cannot be answered, with the person in them."""
    value, family = quote(person["identifier"][0]["value"]), "Kvernhusbakken"
    yield f"/fhir/Patient?identifier={value}&_count={family}"
    yield f"/fhir/{family}/{value}"
    yield f"/fhir/Patient/{value}/$timeline?as-of={family}"
    yield f"/fhir/MessageHeader/{value}/$where"
    yield f"/fhir/Binary/{value}"
    yield f"/events?since={family}"
    yield f"/events?org={family}%20Sunniva"
    yield f"/fhir/Encounter?patient.identifier={value}&date={family}"


def test_http_and_the_command_line_say_nothing_of_anybody(
    fresh_server: Callable[[str], Server], tmp_path: Path
) -> None:
    """What is taken in, refused, parked, asked for in vain, rebuilt and backed up."""
    person, url = somebody(), f"sqlite:///{tmp_path / 'carepath.db'}"
    server = fresh_server(url)
    left: list[tuple[str, str | bytes]] = []
    with httpx.Client(base_url=server.url, timeout=20, trust_env=False) as client:
        good = (*stories.everything(person), *identity_conflict(person))
        left += [("headers", str(post(client, message).headers)) for message in good]
        answers = [post(client, message) for message in wrong(person)]
        first = stories.admission(stories.Matter(person))
        post(client, first)
        answers.append(post(client, changed(first, gender="other")))
        answers += [client.get(address) for address in questions(person)]
        assert {answer.status_code for answer in answers} <= {400, 404, 409, 422}
        left += [(f"refusal {a.status_code}", a.text + str(a.headers)) for a in answers]
        left.append(("figures", client.get("/metrics").text))
        parked = client.get("/metrics").text
    assert 'carepath_parked_open{reason="conflict"} 1.0' in parked
    assert 'carepath_parked_open{reason="identity-conflict"} 1.0' in parked
    server.process.terminate()
    server.process.wait(20)
    left += [(" ".join(done.args[3:]), done.stdout + done.stderr) for done in typed(url, tmp_path)]
    left.append(("log", server.log.read_bytes()))

    assert [(where, found) for where, said in left if (found := seen(said, person))] == []


def typed(url: str, folder: Path) -> Iterator[Any]:
    """What an operator types."""
    yield run("rebuild", "--database-url", url)
    listed = run("parked", "list", "--json", "--database-url", url)
    yield listed
    for parked in json.loads(listed.stdout):
        yield run("parked", "show", parked["id"], "--database-url", url)
        yield run("parked", "retry", parked["id"], "--database-url", url)
    yield run("backup", str(folder / "a.backup"), "--database-url", url)
    yield run("retention", "--dry-run", "--database-url", url, CAREPATH_BODY_RETENTION_DAYS="1")
    yield run("check", "--database-url", url)


def published(options: dict[str, Any], names: Sequence[str], number: int) -> list[Any]:
    """So many records of these topics."""
    with closing(KafkaConsumer(*names, **options, auto_offset_reset="earliest")) as consumer:
        return Reader(consumer).until(number)


def told(address: str, figure: str) -> str:
    """All figures of a worker, as soon as this one is so."""
    pages: list[str] = []

    def ask() -> bool:
        pages.append(httpx.get(f"http://{address}/metrics", trust_env=False).text)
        return figure in pages[-1]

    until(ask, lambda: pages[-1])
    return pages[-1]


def test_kafka_shows_nothing_of_anybody_but_the_message(
    postgresql_url: str, tmp_path: Path
) -> None:
    """Topics, keys and headers of what goes out, the worker's figures and its log, poison and all."""
    person, address = somebody(), f"127.0.0.1:{free_port()}"
    hospital, nursing = stories.HOSPITAL.number, stories.NURSING.number
    admission = json.dumps(stories.hospital_stay(person)[0]).encode()
    poison = [m if isinstance(m, bytes) else json.dumps(m).encode() for m in wrong(person)]
    names = (topics.updates(hospital), topics.updates(nursing), topics.PARKED)
    settled = f'carepath_intake_lag_records{{organisation="{hospital}"}} 0.0'
    with (
        kafka.broker(tmp_path / "kafka") as node,
        site(node.settings(), postgresql_url, tmp_path) as here,
    ):
        here.make(hospital, nursing)
        with here.admin() as admin:
            admin.create_topics({topics.PARKED: {"num_partitions": 1}})
        with here.working(CAREPATH_OPEN_MODE="true", CAREPATH_WORKER_METRICS=address) as worker:
            here.send(hospital, admission, *poison)
            until(lambda: len(here.aside()) == PARKED, worker.log.read_text)
            records = published(node.settings().options(), names, 2 + len(poison) + PARKED)
            figures = told(address, settled)
            worker.stop()
        log = worker.log.read_text()

    assert "worker started" in log
    assert f"carepath_intake_batch_records_sum {1 + len(poison):.1f}" in figures
    assert seen(log + figures, person) == []
    assert not any(seen(f"{r.topic} {r.key!r} {r.headers!r}", person) for r in records)
    values = {name: [r.value for r in records if r.topic == name] for name in names}
    assert not any(seen(value, person) for value in values[topics.PARKED])
    assert any(seen(value, person) for value in values[topics.updates(nursing)])
