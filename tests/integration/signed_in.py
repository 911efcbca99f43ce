"""A server where clients sign in, and the organisations and clients that it knows."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import typer
from typer.testing import CliRunner

from carepath.cli import COMMANDS
from carepath_client import BackendServices
from tests.integration.serving import ROOT, Server, serving
from tests.integration.stories.people import HOSPITAL, NURSING
from tests.servers import PATIENCE

DIRECTORY: Final = f"""key,name,kind,identifiers,parent,municipality,function
solvik,Solvik sykehus,hospital,urn:oid:2.16.578.1.12.4.1.4.101|314270037,,,
ward,"{HOSPITAL.name}",hospital,urn:oid:2.16.578.1.12.4.1.4.101|{HOSPITAL.number},solvik,,ward
fjordby,Fjordby kommune,municipality,urn:oid:2.16.578.1.12.4.1.4.101|314274148,,4640,
nursing,"{NURSING.name}",municipality,urn:oid:2.16.578.1.12.4.1.4.101|{NURSING.number},fjordby,,nursing
supplier,Journalhuset,other,urn:oid:2.16.578.1.12.4.1.4.101|314270061,,,
"""
_COMMAND: Final = (sys.executable, "-m", "carepath")


@dataclass(frozen=True, slots=True)
class Site:
    """A database with a directory, and servers on it. ``folder`` has the clients' private keys."""

    folder: Path
    environment: Mapping[str, str]

    def carepath(self, *arguments: str) -> str:
        """Run a command in this process, which is quicker; what it says."""
        named, *others = arguments
        module = import_module(COMMANDS[named])
        app: typer.Typer | None = getattr(module, "app", None)
        if app is None:
            app = typer.Typer()
            app.command()(getattr(module, named))
        done = CliRunner().invoke(app, others, env=dict(self.environment))
        assert done.exit_code == 0, (done.output, done.exception)
        return done.stdout

    def tried(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command that may fail, with more in its environment."""
        return subprocess.run(
            [*_COMMAND, *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment, **more},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    @contextmanager
    def serving(self, port: int | None = None) -> Iterator[Server]:
        """A server, where nobody is let in who does not sign in."""
        with pytest.MonkeyPatch.context() as env:
            for name, value in self.environment.items():
                env.setenv(name, value)
            url = self.environment["CAREPATH_DATABASE_URL"]
            with serving(url, self.folder / "log", port) as server:
                yield server

    def client(self, organisation: str, id_: str, *more: str, kind: str = "ES384") -> Path:
        """Register a client; the file of its private key."""
        private, public = self.folder / f"{id_}.json", self.folder / f"{id_}.public.json"
        if not private.exists():
            made = ("client-key", "generate", str(private), "--public", str(public))
            self.carepath(*made, "--kind", kind)
        registered = ("client-key", "add", organisation, "--client-id", id_)
        self.carepath(*registered, "--jwks-file", str(public), *more)
        return private


def site(folder: Path, **settings: str) -> Site:
    """A new one, on SQLite."""
    environment = {
        "CAREPATH_DATABASE_URL": f"sqlite:///{folder}/carepath.db",
        "CAREPATH_OPEN_MODE": "false",
        **settings,
    }
    made = Site(folder, environment)
    directory = folder / "directory.csv"
    directory.write_text(DIRECTORY)
    made.carepath("migrate")
    made.carepath("org", "import", str(directory))
    return made


def auth(server: Server, private: Path, scope: str = "system/*.cruds") -> BackendServices:
    """How the client with that key signs in."""
    return BackendServices(private.stem, private, f"{server.url}/auth/token", scope=scope)


@contextmanager
def signed_in(server: Server, private: Path, **headers: str) -> Iterator[httpx.Client]:
    """A client that signs in with that key."""
    with httpx.Client(
        base_url=server.url, auth=auth(server, private), headers=headers, timeout=20
    ) as client:
        yield client


def key_of(private: Path) -> dict[str, Any]:
    """The private JWK."""
    told: dict[str, Any] = json.loads(private.read_text())
    return told
