"""Kafka for the tests: the one the environment names, else a container, else our own process.

It starts when the first test asks for it, and the run that started it stops it.
"""

import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from docker.errors import DockerException
from kafka import KafkaAdminClient
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from schemas.broker import Broker, Protocol
from tests import containers, maven
from tests.kafka_security import CLIENT, LISTENERS, MECHANISM, TRUSTED, security
from tests.servers import PATIENCE, free_port, once, requirement, run_folder

ADDRESS = "CAREPATH_TEST_KAFKA"
HINT = f"Set {ADDRESS}=host:port, or start Docker. Or: {maven.HINT}"
ADMIN = "admin"
"""The user of a secured broker who may do everything."""
_IMAGE = "apache/kafka:4.1.1"
_SOURCES = Path(__file__).parent / "kafka_server"
_NAME = "kafka"
_PROCESS = "kafka-process"
_BASICS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.replication.factor": "1",
}
_SMALL = {
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",  # one that was killed must wait for it to be let in again
    "log.cleaner.dedupe.buffer.size": "2097152",
    "log.index.size.max.bytes": "1048576",  # of each partition, in address space
    "num.io.threads": "2",
    "num.network.threads": "2",
}


def server() -> str:
    """``host:port`` of a broker without authentication; empty when there is none."""
    return os.environ.get(ADDRESS) or once(_NAME, lambda: _container() or _process())


def stop() -> None:
    """Stop the server that this run started, if any. Its data are thrown away: no need to be gentle."""
    process = run_folder() / _PROCESS
    if not containers.remove(_NAME) and process.exists():
        os.kill(int(process.read_text()), signal.SIGKILL)
        _wait_for(lambda: not _listens(int((run_folder() / _NAME).read_text().split(":")[1])))


class Node:
    """A broker of one node on this machine, whose process a test may end, freeze and start again.

    It keeps its ports and its data in ``folder``. A ``secured`` one asks for a user name and a password,
    or for a client's certificate, and knows ``ADMIN`` only.
    """

    def __init__(self, folder: Path, config: Mapping[str, str], *, secured: bool = False) -> None:
        self.folder, self.secured = folder, secured
        self.password = secrets.token_hex(8)
        listeners = LISTENERS if secured else ("PLAINTEXT", "CONTROLLER")
        self._ports = {name: free_port() for name in listeners}
        folder.mkdir(parents=True, exist_ok=True)
        told = _BASICS | _SMALL | self._addresses()
        told |= security(folder, ADMIN, self.password) if secured else {}
        lines = [f"{name}={value}\n" for name, value in (told | dict(config)).items()]
        (folder / "server.properties").write_text("".join(lines))
        self._format()

    def start(self) -> None:
        """Start the process and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command("kafka.Kafka", str(self.folder / "server.properties")),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _wait_for(lambda: _listens(next(iter(self._ports.values()))) or self._ended())
        _await_answer(self.settings())

    def kill(self) -> None:
        """End the process at once, as ``kill -9`` does."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """End the process in order."""
        self._signal(signal.SIGTERM)

    def freeze(self) -> None:
        """Let the process do nothing until ``thaw``: its connections stay open and nobody answers."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        self.process.send_signal(signal.SIGCONT)

    def settings(
        self, username: str = ADMIN, password: str | None = None, protocol: Protocol | None = None
    ) -> Broker:
        """How a client reaches it as this user: without TLS unless a ``protocol`` is named.

        With ``SSL`` it is ``ADMIN`` by its certificate.
        """
        protocol = protocol or ("SASL_PLAINTEXT" if self.secured else "PLAINTEXT")
        certified = self.folder / CLIENT if protocol == "SSL" else None
        return Broker(
            bootstrap=(f"127.0.0.1:{self._ports[protocol]}",),
            protocol=protocol,
            mechanism=MECHANISM,
            username=username,
            password=password or self.password,
            ca_file=self.folder / TRUSTED if protocol.endswith("SSL") else None,
            cert_file=certified,
            key_file=certified,
        )

    def admin(self) -> KafkaAdminClient:
        """A client that may do everything; to be closed."""
        options: dict[str, Any] = self.settings().options()
        return KafkaAdminClient(**options, bootstrap_timeout_ms=int(PATIENCE * 1000))

    def add_user(self, name: str, password: str) -> None:
        """Let ``name`` log in to a secured broker with this password."""
        added = UserScramCredentialUpsertion(name, ScramMechanism.SCRAM_SHA_512, password=password)
        with closing(self.admin()) as client:
            complaints = client.alter_user_scram_credentials([added])
        assert complaints == {name: None}, complaints

    def _addresses(self) -> dict[str, str]:
        listeners = (f"{name}://127.0.0.1:{port}" for name, port in self._ports.items())
        return {
            "listeners": ",".join(listeners),
            "controller.quorum.voters": f"1@127.0.0.1:{self._ports['CONTROLLER']}",
            "log.dirs": str(self.folder / "data"),
        }

    def _format(self) -> None:
        first_user = f"{MECHANISM}=[name={ADMIN},password={self.password}]"
        command = self._command(
            "kafka.tools.StorageTool",
            "format",
            *("-t", "Y2FyZXBhdGgtdGVzdHMtMQ", "-c", str(self.folder / "server.properties")),
            *(["--add-scram", first_user] if self.secured else []),
        )
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def _command(self, *arguments: str) -> list[str]:
        options = ["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        options.append("-Dorg.apache.logging.log4j.level=WARN")
        return ["java", *options, "-cp", f"{maven.built(_SOURCES)}/lib/*", *arguments]

    def _signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.thaw()  # a frozen process would never end
        self.process.wait(PATIENCE)

    def _ended(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError((self.folder / "log").read_text()[-2000:])
        return False


@contextmanager
def broker(
    folder: Path, *, config: Mapping[str, str] | None = None, secured: bool = False
) -> Iterator[Node]:
    """A private broker with these server properties on top of the tests' own; skips where there is no Java."""
    requirement("Kafka's program", maven.built(_SOURCES), maven.HINT)
    node = Node(folder, config or {}, secured=secured)
    try:
        node.start()
        yield node
    finally:
        node.kill()


def _container() -> str:
    """A container's address; empty where Docker does not answer or cannot get the image."""
    if not containers.answers():
        return ""
    testcontainers_config.ryuk_disabled = True  # `stop` removes the container
    started = DockerContainer(_IMAGE)
    with closing(started.get_docker_client().client), suppress(DockerException):
        host, port = started.get_docker_client().host(), free_port()
        told = _BASICS | {
            "controller.quorum.voters": "1@localhost:9093",
            "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
            "advertised.listeners": f"PLAINTEXT://{host}:{port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        }
        for name, value in told.items():  # the image makes server properties of them
            started.with_env(f"KAFKA_{name.upper().replace('.', '_')}", value)
        started.with_bind_ports(9092, port).start()
        containers.remember(_NAME, started.get_wrapped_container().id)
        _await_answer(Broker(bootstrap=(f"{host}:{port}",)))
        return f"{host}:{port}"
    return ""


def _process() -> str:
    """The address of a process of our own; empty where its program is missing."""
    if maven.built(_SOURCES) is None:
        return ""
    node = Node(run_folder() / "kafka-data", {})
    node.start()
    (run_folder() / _PROCESS).write_text(str(node.process.pid))
    node.process.returncode = 0  # it outlives this process, which is not to complain of that
    return node.settings().bootstrap[0]


def _await_answer(broker: Broker) -> None:
    """Wait until the broker at this address answers; raises ``KafkaTimeoutError`` when it takes too long."""
    options: dict[str, Any] = broker.options()
    with closing(KafkaAdminClient(**options, bootstrap_timeout_ms=int(PATIENCE * 1000))) as client:
        client.describe_cluster()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait_for(condition: Callable[[], bool]) -> None:
    latest = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < latest, "Kafka takes too long"
        time.sleep(0.05)
