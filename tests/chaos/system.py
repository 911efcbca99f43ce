"""The whole system as processes that may be killed: Kafka, PostgreSQL, workers and the server."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests import kafka
from tests.chaos.traffic import ORGANISATIONS
from tests.integration.serving import ROOT
from tests.kafka import Node
from tests.postgres import HINT, Cluster, installed
from tests.servers import PATIENCE, free_port, requirement

PARTITIONS: Final = 4
_CAREPATH: Final = (sys.executable, "-m", "carepath")
_TEND: Final = 0.02  # seconds between two looks at the workers


@dataclass(frozen=True, slots=True)
class Death:
    """A process has ended at ``at`` (monotonic seconds)."""

    program: str
    at: float
    code: int


class Program:
    """A ``carepath`` process that is started again whenever it ends, as long as it is ``wanted``."""

    def __init__(
        self, name: str, arguments: Sequence[str], log: Path, environment: Mapping[str, str]
    ) -> None:
        self.name, self.log, self.wanted = name, log, False
        self.deaths: list[Death] = []
        self._arguments, self._environment = arguments, environment
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()

    @property
    def pid(self) -> int:
        """Of its process; raises ``AssertionError`` when there is none."""
        process = self._process
        assert process is not None, f"{self.name} has ended; see {self.log}"
        return process.pid

    def start(self, failpoint: str = "") -> None:
        """Start it; it ends by itself at the ``failpoint``, the first time only."""
        with self._turn:
            self.wanted = True
            self._launch(failpoint)

    def signal(self, number: signal.Signals) -> None:
        """Send its process a signal."""
        with self._turn:
            if self._process is not None:
                self._process.send_signal(number)

    def stop(self, *, wanted: bool = False) -> float:
        """SIGTERM; how many seconds it took to end. If it is ``wanted`` it is started again."""
        begun, before = time.monotonic(), len(self.deaths)
        with self._turn:
            self.wanted = wanted
            if self._process is None:
                return 0.0
            self._process.send_signal(signal.SIGTERM)
        return self.died(before).at - begun

    def died(self, before: int) -> Death:
        """Wait for a death after the first so many; raises ``AssertionError`` when it lives on."""
        latest = time.monotonic() + PATIENCE
        while len(self.deaths) <= before:
            assert time.monotonic() < latest, f"{self.name} lives on; see {self.log}"
            time.sleep(_TEND)
        return self.deaths[before]

    def end(self) -> None:
        """SIGKILL, for good."""
        with self._turn:
            self.wanted = False
            if self._process is not None:
                self._process.kill()
                self._process.wait()

    def tend(self) -> None:
        """Note that it has ended, and start it again if it is wanted."""
        with self._turn:
            code = None if self._process is None else self._process.poll()
            if code is None:
                return
            self._process = None
            self.deaths.append(Death(self.name, time.monotonic(), code))
            if self.wanted:
                self._launch("")

    def _launch(self, failpoint: str) -> None:
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*_CAREPATH, *self._arguments],
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**self._environment, "CAREPATH_FAILPOINT": failpoint},
            )


@dataclass(slots=True)
class System:
    """``environment`` is what every ``carepath`` program gets."""

    folder: Path
    node: Node
    cluster: Cluster
    environment: Mapping[str, str]
    url: str
    """The server's address."""
    server: Program = field(init=False)
    workers: list[Program] = field(default_factory=list)

    def __post_init__(self) -> None:
        port = self.url.rpartition(":")[2]
        self.server = self._program("server", "serve", "--port", port)

    @property
    def programs(self) -> list[Program]:
        """All of them."""
        return [self.server, *self.workers]

    @property
    def database_url(self) -> str:
        """Of the store."""
        return self.cluster.url

    def carepath(self, *arguments: str) -> None:
        """Run a command of ``carepath`` that must go well."""
        assert (wrong := self.complaint(*arguments)) == "", wrong

    def complaint(self, *arguments: str) -> str:
        """Run a command of ``carepath``; what it says when it does not go well."""
        done = subprocess.run(
            [*_CAREPATH, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        return f"{arguments}: {done.stdout}{done.stderr}" if done.returncode else ""

    def worker(self) -> Program:
        """One more worker, not started."""
        name = f"worker-{len(self.workers) + 1}"
        made = self._program(name, "worker", "--id", name)
        self.workers.append(made)
        return made

    def _program(self, name: str, *arguments: str) -> Program:
        return Program(name, arguments, self.folder / f"{name}.log", self.environment)

    @contextmanager
    def tended(self) -> Iterator[None]:
        """Programs that end are started again while inside; all are ended afterwards."""
        done = threading.Event()

        def tend() -> None:
            while not done.wait(_TEND):
                for program in self.programs:
                    program.tend()

        thread = threading.Thread(target=tend, name="tender", daemon=True)
        thread.start()
        try:
            yield
        finally:
            for program in self.programs:
                program.end()
            done.set()
            thread.join()


@contextmanager
def system(folder: Path) -> Iterator[System]:
    """Kafka and PostgreSQL of our own with directory and topics; skips where their programs are missing."""
    requirement("PostgreSQL's program", installed(), HINT)
    with ExitStack() as stack:
        node = stack.enter_context(kafka.broker(folder / "kafka"))
        cluster = Cluster(folder / "postgres")
        cluster.start()
        stack.callback(cluster.stop, "immediate")
        made = System(
            folder,
            node,
            cluster,
            _environment(folder, node, cluster),
            f"http://127.0.0.1:{free_port()}",
        )
        made.carepath("migrate")
        (folder / "parties.csv").write_text(_directory())
        made.carepath("org", "import", str(folder / "parties.csv"))
        made.carepath("topics", "apply")
        yield made


def _directory() -> str:
    rows = [f"{one.number},{json.dumps(one.name)},{one.number}" for one in ORGANISATIONS]
    return "\n".join(["key,name,identifiers", *rows, ""])


def _environment(folder: Path, node: Node, cluster: Cluster) -> dict[str, str]:
    return os.environ | {
        "CAREPATH_BASE_URL": "http://carepath.test",
        "CAREPATH_DATABASE_URL": cluster.url,
        "CAREPATH_KAFKA": node.settings().bootstrap[0],
        "CAREPATH_KAFKA_PARTITIONS": str(PARTITIONS),
        "CAREPATH_KEY_FILE": str(folder / "installation.key"),
        "CAREPATH_WATCH": "false",  # the stories are old: what was promised in them is overdue
        "PYTHONUNBUFFERED": "1",
    }
