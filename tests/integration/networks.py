"""A broker whose receivers have networks of their own: its store looked at from here, its process started beside."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import select, update

from carepath.service import Answer, Service, ServiceOptions, Submission, directory
from carepath.settings import Settings
from carepath.store import deliveries, tables
from carepath.store.database import Database
from carepath.store.deliveries import Delivery
from carepath.store.tables import outbox
from carepath.wiring.store import migrate, open_as_set
from fhir_mappings.codes import HER_ID
from pathways.parties import Identifier, Kind, Party
from tests.contract.door import NOW
from tests.integration.serving import ROOT
from tests.servers import PATIENCE

HER = {"trust": "100", "ward": "101", "town": "200", "nursing": "201"}
_PARTIES = (
    Party("trust", "Slagen sykehus", Kind.HOSPITAL),
    Party("ward", "Medisinsk avdeling", Kind.HOSPITAL, parent="trust"),
    Party("town", "Solvik kommune", Kind.MUNICIPALITY),
    Party("nursing", "Sykepleietjeneste", Kind.MUNICIPALITY, parent="town"),
)


@dataclass
class Site:
    """An installation in ``folder``: ``settings`` are put into the environment of its processes."""

    folder: Path
    database: Database
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Its database."""
        return f"sqlite:///{self.folder}/carepath.db"

    @property
    def log(self) -> str:
        """What its processes wrote."""
        file = self.folder / "log"
        return file.read_text() if file.exists() else ""

    def reached(self, key: str, dialect: str, transport: str | None) -> None:
        """So is a party from now on."""
        party = next(one for one in _PARTIES if one.key == key)
        self.enter(replace(_numbered(party), dialect=dialect, transport=transport))

    def enter(self, *parties: Party) -> None:
        """Into the directory."""
        with self.database.write() as conn:
            for party in parties:
                directory.enter(conn, self.database.keys, party, NOW)

    def take(self, *sources: bytes) -> list[Answer]:
        """Somebody sends these, one after the other."""
        service = Service(self.database, ServiceOptions(open_mode=False))
        return [answer for one in sources for answer in service.handle([Submission(one)])]

    @contextmanager
    def running(
        self, command: str, ready: str, failpoint: str = "", **more: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A process of the broker while inside, once it says ``ready``; then it is stopped."""
        own = {"CAREPATH_DATABASE_URL": self.url, "CAREPATH_FAILPOINT": failpoint}
        environment: Mapping[str, str] = {**os.environ, **self.settings, **more, **own}
        said = self.log.count(ready)
        with (self.folder / "log").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "carepath", command],
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**environment, "PYTHONUNBUFFERED": "1"},
            )
        try:
            self.until(lambda: process.poll() is not None or self.log.count(ready) > said)
            assert failpoint or process.poll() is None, self.log[-4000:]
            yield process
        finally:
            process.terminate()
            try:
                assert process.wait(PATIENCE) in (0, 137, -15), self.log
            finally:
                process.kill()

    def leases_end(self) -> None:
        """A process that died has held on to what it was sending: time goes by."""
        with self.database.write() as conn:
            conn.execute(update(tables.transports).values(leased_until=0))

    def until(self, holds: Callable[[], object]) -> None:
        """Wait for what must come true."""
        latest = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < latest, self.log[-4000:]
            time.sleep(0.05)

    def delivery(self, party: str) -> Delivery:
        """How far its updates are."""
        with self.database.read() as conn:
            return next(
                one for one in deliveries.listed(conn, deliveries.NETWORKS) if one.party == party
            )

    def confirmed(self, party: str) -> list[str | None]:
        """What it said of each that it was sent, in order."""
        wanted = select(outbox.c.confirmed_code).where(outbox.c.receiver == party)
        with self.database.read() as conn:
            return [*conn.execute(wanted.order_by(outbox.c.number)).scalars()]

    def told(self, party: str, kind: str) -> list[bytes]:
        """What the broker itself said to a party."""
        mine = (outbox.c.receiver == party) & (outbox.c.kind == kind)
        wanted = select(outbox.c.body).where(mine).order_by(outbox.c.created)
        with self.database.read() as conn:
            return [*conn.execute(wanted).scalars()]


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """A new one, with everybody in its directory."""
    settings = Settings(database_url=f"sqlite:///{folder}/carepath.db")
    migrate(settings)
    opened = open_as_set(settings)
    try:
        made = Site(folder, opened)
        made.enter(*map(_numbered, _PARTIES))
        yield made
    finally:
        opened.close()


def _numbered(party: Party) -> Party:
    return replace(party, identifiers=(Identifier(HER_ID, HER[party.key]),))
