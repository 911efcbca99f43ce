"""``carepath demo``: sets everything up, plays the story over HTTP, and keeps serving."""

import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import typer
from rich.text import Text
from starlette.applications import Starlette

from carepath import texts
from carepath.cli import local, output, publish, server, timeline, web, where
from carepath.cli.demo import mllp, people, spoken
from carepath.cli.demo.clock import Clock
from carepath.cli.demo.issuer import CLIENT, DemoIssuer
from carepath.cli.demo.spoken import Language as Spoken
from carepath.cli.demo.story import latest_saturday, story
from carepath.cli.demo.week import SPAN, Step
from carepath.cli.options import Language, settings
from carepath.settings import Settings
from carepath.wiring import people as members
from carepath.wiring.server import application
from carepath.wiring.store import migrate, open_store
from fhir_mappings import inbound
from fhir_mappings.hl7v2.answers import code_of
from fhir_mappings.html import to_text
from fhir_mappings.options import Options
from pathways.messages import Message
from pathways.moments import Moment
from pathways.parties import Identifier

HOST: Final = "127.0.0.1"
_SHOWN_AS_OF: Final = "answer"  # the last step before the fever
_RESENT: Final = "admission"
_OF_THE_BROKER: Final = ("reminder", "deadline-missed")


def demo(
    port: Annotated[
        int, typer.Option(help="The port to listen on; 0 takes a free one.", max=65535)
    ] = 8000,
    once: Annotated[bool, typer.Option("--once", help="End when the story has been told.")] = False,
    language: Language = None,
) -> None:
    """See a week of one patient's life become a timeline: a server of its own, with made-up people.

    The database is new each time, in a folder of its own, and goes when the demo ends. The pages ask who you are:
    the persons of the story are ready to sign in, with one click.

    For example:

      carepath demo

      carepath demo --language en --port 9000
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        local.mendable(),
        tempfile.TemporaryDirectory(prefix="carepath-demo-") as folder,
        _listening(port) as listener,
        _listening_beside(port) as beside,
    ):
        address, issuer = _address(listener), _address(beside)
        chosen = _settings(Path(folder), address, issuer, language)
        _enter_parties(chosen)
        persons = DemoIssuer(issuer, address, people.PERSONS).application()
        with _serving(persons, beside), _serving(application(chosen), listener) as stopped:
            told = _tell(chosen, Path(folder))
            _suggest(chosen, Path(folder), told)
            if not once:
                _until_interrupted(stopped)


def _settings(folder: Path, address: str, issuer: str, language: str | None) -> Settings:
    """The demo's own, whatever else is set."""
    return settings(
        database_url=f"sqlite:///{folder}/carepath.db",
        key_file=folder / "carepath.key",
        watch=False,  # the story has a clock of its own
        base_url=address,
        oidc_issuer=issuer,
        oidc_client_id=CLIENT,
        language=language,
    )


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """A socket on the port, taken before anything else is done."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            hint = "Choose another with --port; 0 takes a free one."
            raise output.Trouble(f"port {port} cannot be used: {error.strerror}.", hint) from None
        yield listener


@contextmanager
def _listening_beside(port: int) -> Iterator[socket.socket]:
    """The issuer's socket: on the next port where that is free, else on any."""
    with ExitStack() as opened:
        try:
            listener = opened.enter_context(_listening(port + 1 if 0 < port < 65535 else 0))
        except output.Trouble:
            listener = opened.enter_context(_listening(0))
        yield listener


def _address(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}"


def _enter_parties(chosen: Settings) -> None:
    migrate(chosen)
    with open_store(chosen) as store:
        store.enter(people.parties())
        for one in people.PERSONS:
            if one.role is not None:
                known = Identifier(str(chosen.oidc_issuer), one.key)
                members.add(store, known, one.name, one.party, one.role, datetime.now(UTC), None)


@contextmanager
def _serving(served: Starlette, listener: socket.socket) -> Iterator[threading.Thread]:
    """A server on a thread of this process, ready; stopped on leaving."""
    running = web.Server(served, log_level="warning", timeout_graceful_shutdown=2)
    thread = threading.Thread(target=running.run, args=([listener],), daemon=True)
    thread.start()
    while not running.started:
        if not thread.is_alive():
            raise output.Trouble("the server did not start.", "Its log above says why.")
        time.sleep(0.01)
    try:
        yield thread
    finally:
        running.should_exit = True
        thread.join()


def _tell(chosen: Settings, folder: Path) -> dict[str, tuple[Step, datetime]]:
    """The story, with a clock that begins when it does; then what is left open."""
    steps = story(latest_saturday(datetime.now(texts.ZONE).date()))
    output.say(Text(texts.render("demo.clock", {}, chosen.language), "dim"))
    with (
        open_store(chosen) as store,
        server.connect(chosen.address) as client,
        mllp.listening(chosen, HOST) as port,
    ):
        clock = Clock(chosen, store.database, steps[0].message.happened.at)
        told = _Teller(chosen, folder, client, clock, port).tell(steps)
        open_ = clock.still_open()
    key, params = ("demo.still-open", {"number": str(open_)}) if open_ else ("demo.all-closed", {})
    output.say(Text(texts.render(key, params, chosen.language), "bold"))
    return told


@dataclass(slots=True)
class _Teller:
    """Posts the story as each of its organisations, and tells what comes of it."""

    chosen: Settings
    folder: Path
    client: httpx.Client
    clock: Clock
    mllp_port: int
    names: dict[str, str] = field(default_factory=dict)
    told: set[tuple[str, str]] = field(default_factory=set)
    alarms: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Who is told in another language than FHIR is said with it."""
        for party in people.parties():
            told = texts.render("demo.as-plo", {"name": party.name}, self.chosen.language)
            self.names[party.key] = told if party.dialect == "kith" else party.name

    def tell(self, steps: Sequence[Step]) -> dict[str, tuple[Step, datetime]]:
        """Every step by name, with the moment at which it had been taken in."""
        done: dict[str, tuple[Step, datetime]] = {}
        for step in steps:
            self._wait(step.message.written)
            message = self._send(step)
            done[step.name] = (step, datetime.now(UTC))
            self._say(step, self._newly_told(message))
        self._wait(steps[-1].message.written + SPAN)
        return done

    def _wait(self, until: datetime) -> None:
        """Let the clock run, and tell what the broker has to say meanwhile."""
        for _ in self.clock.until(until):
            self.client.headers.pop("X-Carepath-Org", None)  # the operator sees everything
            patient = timeline.find(self.client, people.PATIENT.identifiers[0].value)
            shown = self.client.get(
                f"/fhir/Patient/{patient}/$timeline",
                headers={"Accept-Language": self.chosen.language},
            )
            for entry in server.resources(server.answer(shown), "Provenance"):
                self._alarm(entry)

    def _alarm(self, entry: dict[str, Any]) -> None:
        """A reminder or an alarm that is new, and who is told."""
        code = entry["activity"]["coding"][0]["code"]
        message = entry["entity"][0]["what"]["identifier"]["value"]
        if code not in _OF_THE_BROKER or message in self.alarms:
            return
        self.alarms.add(message)
        language = self.chosen.language
        keys = where.receivers(where.ask(self.client, message))
        told = "; ".join(sorted(self.names.get(key, key) for key in keys))
        when = texts.moment(Moment(datetime.fromisoformat(entry["occurredDateTime"])), language)
        said = to_text(entry["text"]["div"])
        output.say(Text.assemble((f"{when}  ", "dim"), (said, "bold yellow")))
        output.say(Text(" " * 4 + texts.render("demo.alarm", {"names": told}, language), "yellow"))

    def _send(self, step: Step) -> str:
        """As its sender's system does; the message's id."""
        source = spoken.source(step, f"{self.chosen.address}/fhir")
        language = spoken.language(step)
        (self.folder / f"{step.name}.{language}").write_bytes(source)
        if language is Spoken.HL7V2:
            answer = mllp.send(source, HOST, self.mllp_port)
            refused = answer.decode() if code_of(answer) != "AA" else None
        else:
            self.client.headers["X-Carepath-Org"] = step.sender
            receipt = publish.receipt(step.name, publish.post(self.client, source))
            refused = None if receipt.answer == "ok" else "\n".join(receipt.details)
        if refused is not None:
            raise output.Trouble(f"the step {step.name} was refused.", refused)
        understood = inbound.read(source, Options(received=datetime.now(UTC)))
        return understood.id if isinstance(understood, Message) else step.message.id

    def _newly_told(self, message: str) -> list[str]:
        """The names of those whom this very message has told."""
        self.client.headers.pop("X-Carepath-Org", None)
        keys = {(message, key) for key in where.receivers(where.ask(self.client, message))}
        new, self.told = keys - self.told, self.told | keys
        return sorted(self.names.get(key, key) for _, key in new)

    def _say(self, step: Step, names: list[str]) -> None:
        language = self.chosen.language
        when = texts.moment(step.message.happened, language)
        joined = {"names": "; ".join(names)}
        told = texts.render("demo.told" if names else "demo.nobody", joined, language)
        sentence = (texts.render(step.text, {}, language), "bold")
        line = [(f"{when}  ", "dim"), sentence]
        if (spoken_in := spoken.language(step)) is not Spoken.FHIR:
            line.append((f"  {texts.render(f'demo.in.{spoken_in}', {}, language)}", "cyan"))
        output.say(Text.assemble(*line))
        output.say(Text.assemble(" " * 4, (f"→ {told}", "green" if names else "dim")))


def _suggest(chosen: Settings, folder: Path, told: dict[str, tuple[Step, datetime]]) -> None:
    """What to try next: commands that work as they stand."""
    language, address = chosen.language, chosen.address
    program = _program()
    at = "" if address.endswith(":8000") else f" --url {address}"
    number = people.PATIENT.identifiers[0].value
    resent, before = told[_RESENT][0], told[_SHOWN_AS_OF][1]
    resent_file = folder / f"{resent.name}.{spoken.language(resent)}"
    output.say()
    output.say(Text(texts.render("demo.serving", {"url": address}, language), "bold"))
    output.say(texts.render("demo.pages", {"url": address}, language))
    output.say(texts.render("demo.try", {}, language))
    commands = {
        "demo.timeline": f"{program} timeline {number}{at}",
        "demo.before": f"{program} timeline {number} --as-of {before:%Y-%m-%dT%H:%M:%S.%f}Z{at}",
        "demo.follow": f"{program} subscribe --as solvik-tildeling --since 0{at}",
        "demo.where": f"{program} where {resent.message.id}{at}",
        "demo.publish": f"{program} publish --as {resent.sender} {resent_file}{at}",
        "demo.convert": f"{program} convert {resent_file}",
        "demo.directory": f"{program} org list --database-url {chosen.database_url}",
        "demo.fhir": f"curl '{address}/fhir/Encounter?_sort=-_lastUpdated'",
    }
    for key, command in commands.items():
        output.say(Text.assemble((f"  # {texts.render(key, {}, language)}", "dim")))
        output.say(f"  {command}")


def _program() -> str:
    """How this program is called from the shell that it was started in."""
    found = Path(sys.argv[0])
    if found.name != "carepath":
        return "python -m carepath"
    return "carepath" if shutil.which("carepath") else str(found)


def _until_interrupted(stopped: threading.Thread) -> None:
    try:
        while stopped.is_alive():
            stopped.join(1.0)
    except KeyboardInterrupt:
        output.say()
