"""A broker, topics for some organisations, and workers on them, all as an installation has them."""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from bench import stores
from carepath.settings import Settings
from carepath.wiring import topics as wired
from carepath.wiring.store import open_store
from fhir_mappings.codes import ORGANISATION_NUMBER
from pathways.parties import Identifier, Party
from tests import kafka, servers
from tests.integration.serving import ROOT

PARTITIONS: Final = 4
Worker: TypeAlias = subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where Kafka and the database are."""

    bootstrap: str
    database_url: str

    @property
    def client(self) -> dict[str, Any]:
        """What aiokafka's clients are made with."""
        return {"bootstrap_servers": self.bootstrap}


@contextmanager
def site(organisations: Iterable[str]) -> Iterator[Site]:
    """An empty database and the topics of these organisations (their numbers)."""
    bootstrap = kafka.server()
    assert bootstrap, kafka.HINT
    with stores.fresh("postgresql") as url:
        where = Site(bootstrap=bootstrap, database_url=url)
        parties = [
            Party(n, n, identifiers=(Identifier(ORGANISATION_NUMBER, n),)) for n in organisations
        ]
        enter(where, parties)
        yield where


def topic(where: Site) -> str:
    """A new topic, of no organisation."""
    name = f"bench-{secrets.token_hex(4)}"
    with closing(KafkaAdminClient(**where.client)) as admin:
        admin.create_topics([NewTopic(name, PARTITIONS, 1)])
    return name


def enter(where: Site, parties: Sequence[Party]) -> None:
    """Put organisations into the directory and make their topics."""
    settings = Settings(database_url=where.database_url, kafka=where.bootstrap)
    with open_store(settings) as store:
        store.enter(parties)
        wired.apply(settings, store.database, store.parties(), None)


@contextmanager
def workers(where: Site, number: int) -> Iterator[list[Worker]]:
    """So many workers; stopped on leaving."""
    running: list[Worker] = []
    try:
        for name in range(number):
            running.append(_worker(where, f"bench-{name}"))  # noqa: PERF401 - each is to be stopped
        yield running
    finally:
        for worker in running:
            worker.terminate()
        for worker in running:
            worker.wait(servers.PATIENCE)


def _worker(where: Site, name: str) -> Worker:
    command = [sys.executable, "-m", "carepath", "worker", "--id", name]
    command += ["--kafka", where.bootstrap]
    settings = {"PYTHONUNBUFFERED": "1", "CAREPATH_DATABASE_URL": where.database_url}
    with (servers.run_folder() / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            command, cwd=ROOT, stdout=log, stderr=log, env=os.environ | settings
        )


def freeze(running: Iterable[Worker]) -> None:
    """Let them do nothing until ``thaw``, as in an outage."""
    for worker in running:
        worker.send_signal(signal.SIGSTOP)


def thaw(running: Iterable[Worker]) -> None:
    """Let them go on."""
    for worker in running:
        worker.send_signal(signal.SIGCONT)
