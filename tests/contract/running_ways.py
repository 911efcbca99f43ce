"""Installations with each way in and out, as fixtures: HTTP on SQLite and PostgreSQL, Kafka on PostgreSQL."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from pathlib import Path

import pytest

from carepath.settings import Settings
from carepath.store.database import migrate
from carepath.wiring import topics as wired
from carepath.wiring.store import open_store
from fhir_mappings.codes import ORGANISATION_NUMBER
from pathways.parties import Identifier, Party
from tests import kafka, postgres, servers
from tests.contract.ways import Cast, OverHttp, OverKafka, Way, casts
from tests.integration.serving import ROOT, serving


@pytest.fixture(scope="module", params=["http-sqlite", "http-postgresql", "kafka-postgresql"])
def way(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    """Each way in and out, with an installation of this file's own."""
    folder, (bus, store) = tmp_path_factory.mktemp("way"), request.param.split("-")
    with ExitStack() as running:
        environment = running.enter_context(pytest.MonkeyPatch.context())
        environment.setenv("CAREPATH_KEY_FILE", str(folder / "installation.key"))
        url = f"sqlite:///{folder}/carepath.db"
        if store == "postgresql":
            server = request.getfixturevalue("postgres_server")
            url = running.enter_context(postgres.copy(server, postgres.template(server, migrate)))
        if bus == "kafka":
            # its own: an installation's workers take whatever organisation's topics there are
            node = running.enter_context(kafka.broker(folder / "kafka"))
            environment.setenv("CAREPATH_KAFKA", node.settings().bootstrap[0])
            yield running.enter_context(over_kafka(url, folder))
        else:
            yield OverHttp(running.enter_context(serving(url, folder / "log")).url, url)


@contextmanager
def over_kafka(url: str, folder: Path) -> Iterator[Way]:
    """A worker takes in and hands out; the server beside it is there to look things up."""
    settings = Settings(database_url=url)
    cast = [*islice(casts(), 20)]
    parties = [
        Party(one.number, one.name, identifiers=(Identifier(ORGANISATION_NUMBER, one.number),))
        for each in cast
        for one in each
    ]
    with open_store(settings) as store:
        store.enter(parties)
        wired.apply(settings, store.database, parties, None)
    assert settings.kafka
    with (
        serving(url, folder / "log") as server,
        working(url, folder / "worker.log"),
        closing(OverKafka(server.url, url, settings.kafka, iter(cast))) as way,
    ):
        yield way


@contextmanager
def working(url: str, log: Path) -> Iterator[None]:
    """A ``carepath worker``, until the block ends."""
    command = [sys.executable, "-m", "carepath", "worker", "--id", "ways"]
    env = os.environ | {"CAREPATH_DATABASE_URL": url}
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.terminate()
        process.wait(servers.PATIENCE)


@pytest.fixture
def cast(way: Way) -> Cast:
    """Organisations that only this test knows."""
    return way.cast()
