"""PostgreSQL for the tests: the one the environment names, else a container, else our own process.

It starts when the first test asks for it, and the run that started it stops it.
"""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import psycopg
from docker.errors import DockerException
from psycopg import sql
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.config import testcontainers_config

from tests import containers
from tests.servers import free_port, once, run_folder

ADDRESS = "CAREPATH_TEST_POSTGRES"
HINT = (
    f"Set {ADDRESS}=postgresql://user:password@host/database, or start Docker, "
    "or install PostgreSQL (Debian: apt install postgresql)."
)
_IMAGE = "postgres:17"
_NAME = "postgres"
_DATA = "postgres-data"
_TEMPLATES = "postgres-templates"
_NO_WAIT = "fsync=off"  # only a power cut would tell the difference


def server() -> str:
    """The URL of a server where databases may be made; empty when there is none."""
    return os.environ.get(ADDRESS) or once(_NAME, lambda: _container() or _process())


def stop() -> None:
    """Leave nothing of this run behind: stop the server it started, or clear up in the one it was given."""
    data, templates = run_folder() / _DATA, run_folder() / _TEMPLATES
    if containers.remove(_NAME):
        return
    if data.exists():
        _run("pg_ctl", "stop", "-D", str(data), "-m", "fast")
    elif templates.exists():
        for url in templates.read_text().splitlines():
            drop(server(), url)


def template(server_url: str, fill: Callable[[str], None]) -> str:
    """The URL of a database that ``fill`` has migrated and filled, once per run."""

    def make() -> str:
        url = create(server_url, "template0")
        with (run_folder() / _TEMPLATES).open("a") as made:
            made.write(f"{url}\n")
        fill(url)
        return url

    return once(f"postgres-{fill.__name__}", make)


@contextmanager
def copy(server_url: str, template_url: str) -> Iterator[str]:
    """A copy of the template, gone afterwards whoever is still connected to it."""
    url = create(server_url, _name(template_url))
    try:
        yield url
    finally:
        drop(server_url, url)


def create(server_url: str, template_name: str) -> str:
    """Make a database and return its URL."""
    name = f"carepath_{secrets.token_hex(8)}"
    _copy(server_url, name, template_name)
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


def replace(server_url: str, url: str, template_url: str) -> None:
    """Put a copy of the template in the place of the database at ``url``."""
    drop(server_url, url)
    _copy(server_url, _name(url), _name(template_url))


def drop(server_url: str, url: str) -> None:
    """Drop the database at ``url``."""
    _execute(server_url, "DROP DATABASE {} WITH (FORCE)", _name(url))


def _copy(server_url: str, name: str, template_name: str) -> None:
    """By files: block by block through the log takes three times as long."""
    command = "CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8' STRATEGY FILE_COPY"
    _execute(server_url, command, name, template_name)


def _execute(server_url: str, command: str, *names: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL(command).format(*map(sql.Identifier, names)))


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def _container() -> str:
    """A container's URL; empty where Docker does not answer or cannot get the image."""
    if not containers.answers():
        return ""
    testcontainers_config.ryuk_disabled = True  # `stop` removes the container
    started = PostgresContainer(_IMAGE, driver=None).with_command(f"postgres -c {_NO_WAIT}")
    with closing(started.get_docker_client().client), suppress(DockerException):
        started.start()
        containers.remember(_NAME, started.get_wrapped_container().id)
        return str(started.get_connection_url())
    return ""


def _process() -> str:
    """The URL of a process of our own on a free port; empty where its programs are missing."""
    if not installed():
        return ""
    own = Cluster(run_folder() / _DATA)
    own.start()
    return own.url


class Cluster:
    """A PostgreSQL server on this machine that a test may stop and start. Keeps its port and its data in ``data``."""

    def __init__(self, data: Path) -> None:
        """``data`` is made; all folders above it must let PostgreSQL's own user pass."""
        self.data, self._port, password = data, free_port(), secrets.token_hex(16)
        secret = data.with_name(f"{data.name}-password")
        secret.write_text(password)
        data.mkdir(mode=0o700)
        if account := _account():
            shutil.chown(secret, account)
            shutil.chown(data, account)
        login = ["-U", "postgres", "-A", "scram-sha-256", f"--pwfile={secret}"]
        _run("initdb", "-D", str(data), *login, "--encoding=UTF8", "--locale=C.UTF-8")
        self.url = f"postgresql://postgres:{password}@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = (
            f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -N 200"
            f" -c {_NO_WAIT}"
        )
        log = str(self.data / "log")
        _run("pg_ctl", "start", "-w", "-D", str(self.data), "-l", log, "-o", options)

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop it: ``fast`` ends its clients' work, ``immediate`` is as good as a crash."""
        _run("pg_ctl", "stop", "-D", str(self.data), "-m", mode)


def installed() -> bool:
    """Whether its programs are here."""
    return _programs() is not None


def _programs() -> Path | None:
    """Where PostgreSQL's programs are: those of the ``pg_ctl`` on PATH, else Debian's newest."""
    on_path = shutil.which("pg_ctl")
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    places = [Path(on_path).resolve().parent] if on_path else []
    places += sorted(debian, key=lambda place: int(place.parent.name), reverse=True)
    return next((place for place in places if (place / "initdb").exists()), None)


def _account() -> str | None:
    """Whom PostgreSQL runs as where we are root: it refuses to be root."""
    if os.geteuid():
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _run(program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs; what it says is shown when it fails."""
    programs, account = _programs(), _account()
    assert programs is not None
    as_account: dict[str, Any] = (
        {"user": account, "group": pwd.getpwnam(account).pw_gid, "extra_groups": ()}
        if account
        else {}
    )
    with tempfile.TemporaryFile("w+") as said:  # a pipe would stay open as long as the server runs
        command = [str(programs / program), *arguments]
        environment = {"LC_ALL": "C.UTF-8", "PATH": os.defpath}
        done = subprocess.run(
            command, stdout=said, stderr=said, check=False, cwd="/", env=environment, **as_account
        )
        said.seek(0)
        assert done.returncode == 0, f"{program}: {said.read()}"
