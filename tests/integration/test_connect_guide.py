"""Every command of the connect guide, typed into a shell as it is copied, does what the guide says."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Timer
from typing import Final

import httpx
import orjson
import pytest

from carepath.ui.operations.connect import Guide
from carepath_client import BackendServices
from carepath_client.bundles import bundle
from tests import norwegian as no
from tests.integration.mllp import listening
from tests.integration.signed_in import Site
from tests.integration.test_client_http import NURSING, WARD, admission
from tests.servers import PATIENCE
from tests.unit.hl7v2 import adt

HER: Final = "urn:oid:2.16.578.1.12.4.1.2"
DIRECTORY: Final = f"""key,name,kind,identifiers,parent,municipality,function
house,Slagen sykehus,hospital,{HER}|{no.HOSPITAL[0]},,,
ward,Medisinsk avdeling,hospital,{HER}|{no.HOSPITAL[2]};{WARD.organisation_number},house,,ward
town,Solvik kommune,municipality,{HER}|{no.NURSING[0]},,4640,
nurses,Sykepleietjeneste,municipality,{HER}|{no.NURSING[2]};{NURSING.organisation_number},town,,nursing
"""
"""A ward that speaks every language, and who is told."""
ANSWERS: Final = {
    "http": r'"code": ?"ok"',
    "kith": "AppRec",
    "hl7v2": r"MSA\|AA\|",
    "client-in": "accepted|duplicate",
    "sse": "^data:",
    "client-out": "^1 admission",
    "mailbox": "MessageHeader",
    "confirm": "Parameters|OperationOutcome",
    "subscription": r'"status": ?"requested"',
}
"""What says that it worked."""


@dataclass(frozen=True, slots=True)
class Shell:
    """A folder with what the commands send, where they are typed; ``guide`` is of the servers that run."""

    guide: Guide
    folder: Path
    environment: Mapping[str, str]

    def answer(self, command: str, until: str = "", **more: str) -> str:
        """What is said up to the line that matches; who goes on for ever is stopped then."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        running = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env={**os.environ, **self.environment, **more, "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        late = Timer(PATIENCE, os.killpg, (running.pid, signal.SIGKILL))
        late.start()
        assert running.stdout is not None
        said = ""
        with closing(running.stdout):
            for line in running.stdout:
                said += line
                if until and re.search(until, line):
                    os.killpg(running.pid, signal.SIGKILL)
                    break
        late.cancel()
        assert running.wait(PATIENCE) in {0, -signal.SIGKILL}, said
        assert re.search(until, said, re.MULTILINE), said
        return said


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Nobody is let in who does not sign in."""
    folder = tmp_path_factory.mktemp("connect")
    made = Site(
        folder,
        {
            "CAREPATH_DATABASE_URL": f"sqlite:///{folder}/carepath.db",
            "CAREPATH_KEY_FILE": f"{folder}/carepath.key",
            "CAREPATH_OPEN_MODE": "false",
        },
    )
    (folder / "directory.csv").write_text(DIRECTORY)
    made.carepath("migrate")
    made.carepath("org", "import", f"{folder}/directory.csv")
    letter = replace(adt("A01"), sender=str(WARD.organisation_number))
    (folder / "message.json").write_bytes(orjson.dumps(bundle(admission())))
    (folder / "innlagt.xml").write_bytes(
        no.logistics("LOG_INNLAGT", 1, ("1", "2026-03-02T10:00:00"))
    )
    (folder / "adt.hl7").write_bytes(letter.source)
    return made


@pytest.fixture(scope="module")
def shell(here: Site) -> Iterator[Shell]:
    """A server and an MLLP listener on its database."""
    own = {name.removeprefix("CAREPATH_").lower(): told for name, told in here.environment.items()}
    url = own.pop("database_url")
    with here.serving() as server, listening(url, here.folder / "mllp.log", **own) as mllp:
        guide = Guide(
            address=server.url, signs_in=True, broker=None, mllp_port=mllp.port, mllp_tls=False
        )
        yield Shell(guide, here.folder, here.environment)


def signs_in(shell: Shell, key: str) -> str:
    """As the guide says; what TOKEN stands for then."""
    way = shell.guide.signing_in(key)
    assert way is not None
    for command, until in zip(way.commands, ("", "", "/auth/token"), strict=True):
        shell.answer(command, until)
    where = f"{shell.guide.address}/auth/token"
    signed = BackendServices(f"{key}-journal", shell.folder / "private.json", where)
    with httpx.Client(auth=signed, trust_env=False) as client:
        answer = client.get(f"{shell.guide.address}/fhir/Encounter")
    assert answer.is_success, answer.text
    return answer.request.headers["authorization"].removeprefix("Bearer ")


WORKS: Final = (
    ("ward", Guide.ways_in, {"http", "kith", "hl7v2", "client-in"}),
    ("nurses", Guide.ways_out, {"sse", "client-out", "mailbox", "confirm", "subscription"}),
)


def test_every_command_works_as_it_is_copied(shell: Shell) -> None:
    """First as who sends, then as who is told; with the scopes that the guide asks for."""
    for key, ways, works in WORKS:
        told = signs_in(shell, key)
        worked = set()
        for way in ways(shell.guide, key):
            for name, command in zip((way.name, "confirm"), way.commands, strict=False):
                shell.answer(command, ANSWERS[name], TOKEN=told)
                worked.add(name)
        assert worked == works
        for file in ("private.json", "public.json"):  # the next one makes its own
            (shell.folder / file).unlink()
