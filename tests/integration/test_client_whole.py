"""The client, a server, a worker, a database and Kafka; and what the client's README says of them."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata

from carepath.service import directory
from carepath.store.database import migrate
from carepath_client import Party, Publisher, Refused, Stay, Subscriber, Timeline, bundle
from carepath_client.broker import updates
from fhir_mappings.codes import ORGANISATION_NUMBER
from pathways.parties import Identifier, Kind
from pathways.parties import Party as Listed
from tests import kafka, postgres
from tests.contract.door import NOW
from tests.contract.stored import KEYS, opened
from tests.integration.serving import ROOT, serving
from tests.integration.test_client_http import admission, somebody
from tests.servers import PATIENCE

WARD, NURSING = "314270010", "314274121"
README: Final = (ROOT / "client" / "README.md").read_text()
PUBLISH, SUBSCRIBE = (
    re.findall(
        r"```python\n(.*?)```", README.split(f"## {heading}\n")[1].split("\n## ")[0], re.DOTALL
    )
    for heading in ("Publish", "Subscribe")
)
pytestmark = pytest.mark.timeout(240)


@dataclass(frozen=True)
class Site:
    """Where everything is."""

    url: str
    kafka: str


@pytest.fixture(scope="module")
def here(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A ward and a municipality's nurses, who are to be told of what the ward sends them."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "carepath.key").touch(mode=0o600)
    (folder / "carepath.key").write_bytes(KEYS.secret)
    made = postgres.copy(postgres_server, postgres.template(postgres_server, migrate))
    with (
        made as database,
        kafka.broker(folder / "kafka") as node,
        pytest.MonkeyPatch.context() as env,
    ):
        _enter(database)
        address = node.settings().bootstrap[0]
        env.setenv("CAREPATH_DATABASE_URL", database)
        env.setenv("CAREPATH_KAFKA", address)
        env.setenv("CAREPATH_KEY_FILE", str(folder / "carepath.key"))
        env.setenv("CAREPATH_WORKER_LOOK_SECONDS", "0.3")
        env.setenv("CAREPATH_WORKER_RESTART_SECONDS", "0")
        subprocess.run([*_CAREPATH, "topics", "apply"], cwd=ROOT, check=True, timeout=PATIENCE)
        with _working(folder / "worker.log"), serving(database, folder / "serve.log") as server:
            yield Site(server.url, address)


_CAREPATH: Final = (sys.executable, "-m", "carepath")


def _enter(database_url: str) -> None:
    with opened(database_url) as database, database.write() as conn:
        for number in (WARD, NURSING):
            known = (Identifier(ORGANISATION_NUMBER, number),)
            party = Listed(number, number, Kind.HOSPITAL, known)
            directory.enter(conn, database.keys, party, NOW)


@contextmanager
def _working(log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [*_CAREPATH, "worker"], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(PATIENCE)


def sent(**changes: Any) -> Stay:
    """The ward tells the nurses."""
    receivers = (Party(organisation_number=NURSING),)
    return admission().model_copy(update={"receivers": receivers} | changes)


def test_the_readme_is_short() -> None:
    """Ten lines for each way to publish and to subscribe."""
    assert (len(PUBLISH), len(SUBSCRIBE)) == (2, 2)
    for code in (*PUBLISH, *SUBSCRIBE):
        assert len([line for line in code.splitlines() if line.strip()]) <= 10, code


def test_the_readme_is_true(here: Site, tmp_path: Path) -> None:
    """What it says, run as programs: two that follow, two that publish."""
    http, kafka_ = (_started(code, here, tmp_path / f"{n}") for n, code in enumerate(SUBSCRIBE))
    states = [_run(code, here, tmp_path) for code in PUBLISH]
    assert states == ["accepted\n", "accepted\n"]
    for follower in (http, kafka_):
        assert follower.stdout is not None
        told = [follower.stdout.readline().split(maxsplit=2) for _ in range(2)]
        follower.send_signal(signal.SIGINT)
        follower.communicate(timeout=PATIENCE)
        assert [event for _, event, _ in told] == ["admission", "discharge-ready"]
        assert {sender.strip() for _, _, sender in told} == {"Solvik sykehus, sengepost 2"}


def _started(code: str, here: Site, folder: Path) -> "subprocess.Popen[str]":
    folder.mkdir()
    return subprocess.Popen(
        [sys.executable, "-c", _there(code, here)],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": ""},
    )


def _run(code: str, here: Site, folder: Path) -> str:
    command = [sys.executable, "-c", _there(code, here)]
    done = subprocess.run(
        command, cwd=folder, text=True, stdout=subprocess.PIPE, timeout=PATIENCE, check=True
    )
    return done.stdout


def _there(code: str, here: Site) -> str:
    return code.replace("http://127.0.0.1:8000", here.url).replace("localhost:9092", here.kafka)


def test_the_timeline_of_the_readme(here: Site) -> None:
    """After what it published."""
    code = re.findall(r"```python\n(.*?)```", README.split("## Timeline\n")[1], re.DOTALL)[0]
    assert "Innlagt" in _run(code, here, ROOT)


def test_a_no_comes_back_over_kafka_as_it_does_over_http(here: Site) -> None:
    """With its reasons; so does what is not a message of one's own."""
    message = sent()
    with Publisher.kafka(here.kafka, organisation=WARD) as publisher:
        assert publisher.publish(message, wait=PATIENCE).accepted
        with pytest.raises(Refused) as conflict:
            publisher.publish(message.model_copy(update={"ward": "Another"}), wait=PATIENCE)
        foreign = sent(sender=Party(organisation_number=NURSING))
        with pytest.raises(Refused) as forbidden:
            publisher.publish(bundle(foreign), wait=PATIENCE)
    assert (conflict.value.message_id, conflict.value.issues[0].code) == (message.id, "duplicate")
    assert forbidden.value.message_id == foreign.id
    assert forbidden.value.issues


def test_what_was_passed_over_in_kafka_is_fetched_over_http(here: Site) -> None:
    """In order, each once, and the timeline has them."""
    patient, begins = somebody(), datetime.now(UTC) - timedelta(hours=1)
    messages = [sent(patient=patient, begins=begins + timedelta(minutes=n)) for n in range(6)]
    with Publisher.kafka(here.kafka, organisation=WARD) as publisher:
        for message in messages[:1]:
            publisher.publish(message, wait=PATIENCE)
        with Subscriber.kafka(here.kafka, organisation=NURSING, url=here.url) as source:
            before = next(one for one in source if one.message_id == messages[0].id).sequence
        for message in messages[1:]:
            publisher.publish(message, wait=PATIENCE)
    time.sleep(1)
    _pass_over(here, before)
    follower = Subscriber.kafka(
        here.kafka, organisation=NURSING, url=here.url, gap_after=1.0, patience=PATIENCE
    )
    last = sent()
    with follower, Publisher.http(here.url) as publisher:
        publisher.publish(last)
        got = []
        for update in follower:
            got.append(update)
            if update.message_id == last.id:
                break
    assert [one.sequence for one in got] == list(range(before + 1, before + 1 + len(got)))
    assert [one.message_id for one in got] == [one.id for one in (*messages[1:], last)]
    with Timeline(here.url) as timelines:
        entries = timelines.of(patient.known_by[0]).entries
    assert [entry.message_id for entry in entries] == [message.id for message in messages]


def _pass_over(here: Site, number: int) -> None:
    """Set the group's offsets to the end, as somebody might by hand."""
    with closing(
        KafkaConsumer(bootstrap_servers=here.kafka, group_id=f"carepath.{NURSING}")
    ) as consumer:
        partitions = consumer.partitions_for_topic(updates(NURSING))
        places = [TopicPartition(updates(NURSING), one) for one in partitions]
        ends = consumer.end_offsets(places)
        consumer.assign(places)
        consumer.commit({at: OffsetAndMetadata(ends[at], str(number), -1) for at in places})
