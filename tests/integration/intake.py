"""A site for workers: a broker of Kafka, a database with a directory, and real ``carepath worker`` processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import MemberToRemove
from kafka.errors import CoordinatorNotAvailableError
from sqlalchemy import select

from carepath.service import directory
from carepath.store import parked, positions, streams, tables
from carepath.store.database import Database
from carepath.store.positions import Position
from pathways.parties import Kind, Party
from schemas import topics
from schemas.broker import Broker
from schemas.topics import INTAKE_GROUP
from tests.contract.door import NOW, ref
from tests.contract.stored import KEYS, opened
from tests.servers import PATIENCE

ROOT = Path(__file__).parents[2]
PARTITIONS = 4
GP = "gp"
"""Is told of every admission."""


@dataclass
class Run:
    """A worker's process. ``log`` is what it wrote."""

    process: subprocess.Popen[bytes]
    log: Path

    def ends(self, patience: float = PATIENCE) -> int:
        """Wait for its end; the exit code."""
        return self.process.wait(patience)

    def stop(self) -> float:
        """Ask it to end; how many seconds it took."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        return time.monotonic() - begun

    def ports(self) -> list[str]:
        """The TCP addresses it listens on, as Linux writes them."""
        here = Path(f"/proc/{self.process.pid}")
        own = {str(fd.readlink()) for fd in (here / "fd").iterdir()}
        lines = [
            line.split()
            for name in ("tcp", "tcp6")
            for line in (here / "net" / name).read_text().splitlines()[1:]
        ]
        return [
            at
            for _, at, _, state, *_ in (x for x in lines if f"socket:[{x[9]}]" in own)
            if state == "0A"
        ]

    def says(self, text: str, times: int = 1) -> None:
        """Wait until its log has this."""
        until(
            lambda: self.log.read_text().count(text) >= times,
            lambda: f"{text}: {self.log.read_text()}",
        )


@dataclass
class Site:
    """``database`` is the worker's, opened for the test to look into."""

    broker: Broker
    database_url: str
    database: Database
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def enter(self, *orgs: str) -> None:
        """Organisations come into the directory."""
        with self.database.write() as conn:
            for org in orgs:
                party = Party(org, org, Kind.HOSPITAL, ref(org).identifiers)
                directory.enter(conn, self.database.keys, party, NOW)

    def make(self, *orgs: str, **config: str) -> None:
        """Their topics."""
        made = {
            topic: {"num_partitions": PARTITIONS, "configs": config}
            for org in orgs
            for topic in (topics.inbound(org), topics.updates(org))
        }
        with self.admin() as admin:
            admin.create_topics(made, wait_for_metadata=True)

    def remove(self, org: str) -> None:
        """Its topics go."""
        gone = {topics.inbound(org), topics.updates(org)}
        with self.admin() as admin:
            admin.delete_topics([*gone])
            until(lambda: not gone & {*admin.list_topics()})

    @contextmanager
    def admin(self) -> Iterator[Any]:
        """Who may do everything at Kafka."""
        options: dict[str, Any] = self.broker.options()
        with closing(KafkaAdminClient(**options, bootstrap_timeout_ms=int(PATIENCE * 1000))) as it:
            yield it

    def send(
        self, org: str, *values: bytes | None, partition: int = 0, headers: Sequence[Any] = ()
    ) -> None:
        """The organisation publishes; Kafka has it all when this returns."""
        options: dict[str, Any] = self.broker.options()
        with closing(KafkaProducer(**options, max_request_size=20_000_000)) as producer:
            sent = [
                producer.send(
                    topics.inbound(org), v, key=b"k", partition=partition, headers=list(headers)
                )
                for v in values
            ]
            for future in sent:
                future.get(PATIENCE)

    @contextmanager
    def working(self, name: str = "w1", **environment: str) -> Iterator[Run]:
        """A worker of that name, until the block ends."""
        log = self.folder / f"{name}.log"
        settings = {
            "CAREPATH_DATABASE_URL": self.database_url,
            "CAREPATH_KAFKA": ",".join(self.broker.bootstrap),
            "CAREPATH_KEY_FILE": str(self.key_file),
            "CAREPATH_OPEN_MODE": "false",
            "CAREPATH_WORKER_ID": name,
            "CAREPATH_WORKER_LOOK_SECONDS": "0.3",
            "CAREPATH_WORKER_RESTART_SECONDS": "0",
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(self.folder),
        }
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "carepath", "worker"],
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | settings | self.environment | environment,
            )
        run = Run(process, log)
        try:
            yield run
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait(PATIENCE)

    def healthy(self, name: str = "w1") -> int:
        """The exit code of the health check of the worker of that name."""
        command = [sys.executable, "-m", "carepath", "worker", "--healthy"]
        settings = {"CAREPATH_WORKER_ID": name, "TMPDIR": str(self.folder)}
        return subprocess.run(command, cwd=ROOT, env=os.environ | settings, check=False).returncode

    @property
    def key_file(self) -> Path:
        """The installation's key."""
        path = self.folder / "carepath.key"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_bytes(KEYS.secret)
        return path

    # what has become of it

    def taken(self) -> list[str]:
        """The ids of the messages on the timeline."""
        with self.database.read() as conn:
            return [*conn.execute(select(tables.inbox.c.message_id).where(_ACCEPTED)).scalars()]

    def told(self, receiver: str, kind: str) -> list[str]:
        """The ids of the messages in a feed, in its order."""
        of = (tables.outbox.c.receiver == receiver) & (tables.outbox.c.kind == kind)
        ordered = select(tables.outbox.c.message_id).where(of).order_by(tables.outbox.c.number)
        with self.database.read() as conn:
            return [*conn.execute(ordered).scalars()]

    def aside(self) -> list[tuple[str, bytes | None]]:
        """Reason and bytes of what is parked."""
        with self.database.read() as conn:
            return [(p.reason, parked.source(conn, p.id)) for p in parked.listed(conn)]

    def position(self, org: str, partition: int = 0) -> Position | None:
        """How far it has been taken in."""
        topic = topics.inbound(org)
        with self.database.read() as conn:
            return positions.load(conn, [topic]).get((topic, partition))

    def active(self, org: str) -> bool:
        """Whether the organisation's topic is said to be read."""
        with self.database.read() as conn:
            return any(s.party == org and s.active_from for s in streams.listed(conn))

    def owners(self, org: str) -> dict[int, str]:
        """Which worker each partition of the organisation's inbound topic belongs to, as Kafka has it."""
        members = []
        with self.admin() as admin, suppress(CoordinatorNotAvailableError):
            members = admin.describe_groups([INTAKE_GROUP])[INTAKE_GROUP]["members"]
        return {
            partition: member["group_instance_id"].rpartition("-")[0]
            for member in members
            for assigned in (member["member_assignment"] or {}).get("assigned_partitions", ())
            if assigned["topic"] == topics.inbound(org)
            for partition in assigned["partitions"]
        }

    def clear_group(self) -> None:
        """Take those who were killed out of the group: others would wait for them until their sessions end."""
        with self.admin() as admin, suppress(CoordinatorNotAvailableError):
            members = admin.describe_groups([INTAKE_GROUP])[INTAKE_GROUP]["members"]
            gone = [MemberToRemove(group_instance_id=m["group_instance_id"]) for m in members]
            admin.remove_group_members(INTAKE_GROUP, gone)

    def missing(self) -> int:
        """How many records could not be read."""
        with self.database.read() as conn:
            return positions.missing(conn)


_ACCEPTED = tables.inbox.c.verdict == "accepted"


@contextmanager
def site(broker: Broker, database_url: str, folder: Path) -> Iterator[Site]:
    """A site whose directory has the GP."""
    with opened(database_url) as database:
        made = Site(broker, database_url, database, folder)
        made.enter(GP)
        yield made


def until(
    condition: Callable[[], object],
    what: Callable[[], str] = lambda: "",
    patience: float = PATIENCE,
) -> None:
    """Wait until it is so."""
    latest = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < latest, what()
        time.sleep(0.05)
