"""The command line from outside: real processes, a real server, exit codes, and no tracebacks."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import orjson
import pytest

from carepath.cli import COMMANDS
from carepath.cli.demo.people import PARTIES_FILE, PATIENT
from carepath.cli.demo.story import Step, latest_saturday, story
from pathways.events import EventCode
from pathways.facts import Facts, Goal, MeasureFacts, PlanFacts
from pathways.moments import Moment
from pathways.parties import Identifier
from tests.e2e import programs
from tests.e2e.programs import Running, run
from tests.servers import free_port

STEPS = {step.name: step for step in story(latest_saturday(datetime.now(UTC).date()))}
NUMBER = PATIENT.identifiers[0]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that has been told the first night, with the demo's directory."""
    folder = tmp_path_factory.mktemp("server")
    database_url = f"sqlite:///{folder / 'carepath.db'}"
    assert succeeded(run("migrate", "--database-url", database_url))
    assert "16 new" in succeeded(
        run("org", "import", str(PARTIES_FILE), "--database-url", database_url)
    )
    with programs.serving(folder, free_port()) as running:
        for name in ("choice", "emergency", "redirect", "confirmed"):
            succeeded(published(running, STEPS[name], folder))
        yield running


def published(
    running: Running, step: Step, folder: Path, *more: str
) -> subprocess.CompletedProcess[str]:
    """``publish`` of one step, as its sender."""
    file = programs.write(step, folder)
    return run("publish", str(file), "--as", step.sender, "--url", running.url, *more)


def succeeded(done: subprocess.CompletedProcess[str]) -> str:
    """What a program printed that ended well."""
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def failed(done: subprocess.CompletedProcess[str]) -> str:
    """What a program complained of: in words, without a traceback."""
    assert done.returncode == 1, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr + done.stdout


def test_the_demo_tells_the_whole_story() -> None:
    """Every step with who was told, then what to try next."""
    told = succeeded(run("demo", "--once", "--port", "0", "--language", "en"))
    assert told.count("→") == len(STEPS)
    assert "Friday 14:40: ready for discharge" in told
    assert "The clock runs faster here" in told
    assert told.count("  HL7 v2 over MLLP\n") == 2
    assert told.count("  PLO\n") == 10
    assert "hjemmesykepleien (as PLO)" in told
    assert told.count("Deadline missed: Measure") == 2  # who promised it, then their house
    assert told.count("Deadline missed") == 2
    assert "Nothing is open" in told
    assert "timeline 12824212447 --url http://127.0.0.1:" in told


def test_the_demo_says_when_its_port_is_taken(server: Running) -> None:
    """And what to do."""
    port = server.url.rpartition(":")[2]
    assert "--port" in failed(run("demo", "--once", "--port", port))


def test_help_names_every_command() -> None:
    """And each command explains itself."""
    shown = succeeded(run("--help"))
    assert all(f" {command} " in shown for command in COMMANDS)
    assert "carepath publish --dry-run" in succeeded(run("publish", "--help"))
    assert "retry" in succeeded(run("parked", "--help"))


def test_a_receipt_in_a_table(server: Running, tmp_path: Path) -> None:
    """A message once more: the same answer."""
    shown = succeeded(published(server, STEPS["choice"], tmp_path))
    assert "choice.json" in shown
    assert STEPS["choice"].message.id in shown


def test_a_refusal_ends_with_one_and_spares_the_others(server: Running, tmp_path: Path) -> None:
    """The good one is taken in, the bad one is explained."""
    good, bad = programs.write(STEPS["choice"], tmp_path), tmp_path / "bad.json"
    bad.write_text("{}")
    done = run("publish", str(bad), str(good), "--json", "--url", server.url)
    failed(done)
    assert [receipt["answer"] for receipt in orjson.loads(done.stdout)] == ["fatal-error", "ok"]


def test_a_dry_run_needs_no_server(tmp_path: Path) -> None:
    """It maps and checks here."""
    file = str(programs.write(STEPS["ready"], tmp_path))
    assert "discharge-ready" in succeeded(run("publish", "--dry-run", file))
    bad = tmp_path / "bad.json"
    bad.write_text('{"resourceType": "Bundle", "type": "message"}')
    assert "Bundle.entry" in failed(run("publish", "--dry-run", file, str(bad)))


def test_any_event_from_plain_values(server: Running) -> None:
    """By the keys of the directory; what cannot be used is named, and a matter nobody knows waits."""
    patient = ("--patient", NUMBER.value, "--from", "brygga-legesenter", "--url", server.url)
    applied = ("--set", "service=trygghetsalarm", "--set", "applicant=Solveig")
    assert "ok" in succeeded(run("send", "application", *applied, *patient))
    shown = succeeded(run("timeline", NUMBER.value, "--url", server.url))
    assert "Søknad om trygghetsalarm fra Solveig" in shown
    assert "granted, partly" in failed(run("send", "decision", "--set", "outcome=so", *patient))
    assert "not in the directory" in failed(run("send", "inquiry", "--to", "nobody", *patient))
    parked = run("send", "measure-dropped", "--set", "reason=x", *patient)
    assert "a matter that nobody has told of yet" in succeeded(parked)
    dry = succeeded(run("send", "inquiry", "--set", "text=Hvem?", *patient, "--dry-run"))
    assert orjson.loads(dry)["type"] == "message"
    assert "Vedtak / Decision" in succeeded(run("send", "--list"))


def test_the_timeline_by_any_name_of_the_patient(server: Running) -> None:
    """A bare number, asked for or not, an identifier with its system, and the id it has here."""
    shown = succeeded(run("timeline", NUMBER.value, "--url", server.url))
    assert "Sykehus valgt: Slagen sykehus, akuttmottaket" in shown
    by_system = run("timeline", f"{NUMBER.system}|{NUMBER.value}", "--url", server.url)
    assert succeeded(by_system) == shown
    asked = run("timeline", "-", "--url", server.url, said=f"{NUMBER.value}\n")
    assert succeeded(asked) == shown
    bundle = orjson.loads(succeeded(run("timeline", NUMBER.value, "--json", "--url", server.url)))
    assert bundle["type"] == "searchset"
    entries = [entry["resource"] for entry in bundle["entry"]]
    reference = next(one["subject"] for one in entries if one["resourceType"] == "ServiceRequest")
    patient = reference["reference"].rpartition("/")[2]
    assert succeeded(run("timeline", patient, "--url", server.url)) == shown


def test_the_timeline_in_english_and_as_of_before(server: Running) -> None:
    """The language is asked for; before anything was received there is nothing."""
    english = run("timeline", NUMBER.value, "--language", "en", "--url", server.url)
    assert "Hospital chosen" in succeeded(english)
    early = run("timeline", NUMBER.value, "--as-of", "2020-01-01", "--url", server.url)
    assert "Sykehus" not in early.stdout


def test_where_a_message_is(server: Running) -> None:
    """Everyone who was told, by key."""
    shown = succeeded(run("where", STEPS["choice"].message.id, "--url", server.url))
    assert "slagen-akutt" in shown
    assert "brygga-legesenter" in shown


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("timeline", "12824212447", "--as-of", "yesterday"), "is not a time"),
        (("timeline", "no|such|patient?"), "no patient has that identifier"),
        (("timeline", "00000000000"), "no patient has that identifier"),
        (("timeline", "unknown-id"), "the server says no"),
        (("where", "unheard-of"), "no message with that id"),
        (("publish", "/no/such/file.json"), "cannot be read"),
        (("subscribe", "--as", "not a key"), "the server says no"),
    ],
)
def test_mistakes_are_explained(server: Running, arguments: tuple[str, ...], told: str) -> None:
    """In words, without a traceback."""
    assert told in failed(run(*arguments, "--url", server.url))


@pytest.mark.parametrize("command", ["timeline", "where", "subscribe"])
def test_no_server_is_explained(command: str) -> None:
    """With what to start."""
    arguments = [] if command == "subscribe" else ["x"]
    url = f"http://127.0.0.1:{free_port()}"
    assert "carepath serve" in failed(run(command, *arguments, "--url", url))


def test_a_bad_setting_is_named() -> None:
    """By the variable to change."""
    assert "CAREPATH_PORT" in failed(run("check", CAREPATH_PORT="many"))


def test_open_mode_does_not_listen_to_strangers(tmp_path: Path) -> None:
    """Unless somebody says that the network is private."""
    url = f"sqlite:///{tmp_path / 'carepath.db'}"
    refused = run("serve", "--host", "0.0.0.0", "--database-url", url)  # noqa: S104
    assert "CAREPATH_OPEN_NETWORK=yes-i-know" in failed(refused)


def test_a_subscription_goes_on_where_it_broke(tmp_path: Path) -> None:
    """The server is stopped and started again: every event comes once, in order."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    follow = ("subscribe", "--as", "solvik-legevakt", "--since", "0", "--json", "--url", url)
    with ExitStack() as reading:
        with programs.serving(tmp_path, port) as running:
            store = ("--database-url", running.database_url)
            succeeded(run("org", "import", str(PARTIES_FILE), *store))
            succeeded(published(running, STEPS["choice"], tmp_path))
            succeeded(published(running, STEPS["redirect"], tmp_path))
            reader = reading.enter_context(programs.started(*follow))
            first = next_event(reader)
        with programs.serving(tmp_path, port) as running:
            succeeded(published(running, STEPS["confirmed"], tmp_path))
            second = next_event(reader)
    assert [first["sequence"], second["sequence"]] == ["1", "2"]
    assert "redirect-proposed" in first["type"]
    assert "hospital-choice-confirmed" in second["type"]


def next_event(reader: subprocess.Popen[str]) -> dict[str, str]:
    """The next CloudEvent that a subscription prints."""
    assert reader.stdout is not None
    event: dict[str, str] = orjson.loads(reader.stdout.readline())
    return event


def test_the_directory_is_imported_whole_or_not_at_all(tmp_path: Path) -> None:
    """Faults are named by line and column; then nothing is entered."""
    url = f"sqlite:///{tmp_path / 'carepath.db'}"
    succeeded(run("migrate", "--database-url", url))
    file = tmp_path / "parties.csv"
    file.write_text("key,name,kind\nnord,Nord,hospital\nsor,Sør,castle\n")
    wrong = failed(run("org", "import", str(file), "--database-url", url))
    assert "line 3, column kind" in wrong
    assert "empty" in succeeded(run("org", "list", "--database-url", url))
    file.write_text("key,name,parent\nnord,Nord,nowhere\n")
    assert "nowhere" in failed(run("org", "import", str(file), "--database-url", url))
    file.write_text("key,name\nnord,Nord\n")
    succeeded(run("org", "import", str(file), "--database-url", url))
    again = succeeded(run("org", "import", str(file), "--database-url", url))
    assert "0 new or changed" in again
    assert (
        orjson.loads(succeeded(run("org", "show", "nord", "--database-url", url)))["name"] == "Nord"
    )


def test_a_bundle_of_organisations_is_imported(tmp_path: Path) -> None:
    """The same command reads FHIR."""
    url = f"sqlite:///{tmp_path / 'carepath.db'}"
    succeeded(run("migrate", "--database-url", url))
    file = tmp_path / "organizations.json"
    resource = {"resourceType": "Organization", "id": "nord", "name": "Nord"}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource}]}
    file.write_bytes(orjson.dumps(bundle))
    succeeded(run("org", "import", str(file), "--database-url", url))
    listed = orjson.loads(succeeded(run("org", "list", "--json", "--database-url", url)))
    assert [party["key"] for party in listed] == ["nord"]


def test_what_cannot_be_placed_is_parked_tried_again_and_dropped(
    server: Running, tmp_path: Path
) -> None:
    """Answers to a referral that nobody has seen; one is given up, one waits until the referral comes."""
    store = ("--database-url", server.database_url)
    for name in ("accepted", "forwarded"):
        published(server, STEPS[name], tmp_path)
    listed = orjson.loads(succeeded(run("parked", "list", "--json", *store)))
    waiting = {one["message_id"]: one["id"] for one in listed}
    accepted = waiting[STEPS["accepted"].message.id]
    assert STEPS["forwarded"].message.id in waiting
    assert orjson.loads(succeeded(run("parked", "show", accepted, *store)))["state"] == "open"
    assert "Bundle" in succeeded(run("parked", "show", accepted, "--source", *store))
    failed(run("parked", "retry", accepted, *store))
    succeeded(run("parked", "drop", accepted, "--reason", "sent by mistake", *store))
    assert "no open parked message" in failed(run("parked", "retry", accepted, *store))
    succeeded(published(server, STEPS["referral"], tmp_path))
    left = succeeded(run("parked", "list", "--json", *store))
    assert waiting[STEPS["forwarded"].message.id] not in left
    assert "sent by mistake" in succeeded(run("parked", "list", "--all", "--json", *store))


def test_rebuilding_changes_nothing(server: Running) -> None:
    """State follows from the events."""
    assert succeeded(run("rebuild", "--database-url", server.database_url))


def test_check_says_what_is_wrong_and_how_to_mend_it(server: Running, tmp_path: Path) -> None:
    """A missing database is wrong; a running set-up is not."""
    missing = f"sqlite:///{tmp_path / 'none.db'}"
    assert "carepath migrate" in failed(run("check", "--database-url", missing))
    good = run("check", "--database-url", server.database_url, "--url", server.url)
    assert "is ready" in succeeded(good)


def test_a_plan_with_what_is_next_in_it_and_what_changed(server: Running, tmp_path: Path) -> None:
    """Goals, who does what and when; then the difference between its versions."""
    plan = (Identifier("https://ke.example/plans", "7"),)
    begun = PlanFacts(title="Hjem", goals=(Goal("Gå i trapp"),), identifiers=plan)
    changed = PlanFacts(goals=(Goal("Gå i trapp", date(2030, 3, 1)),), identifiers=plan)
    due = Moment(datetime(2030, 2, 1, 12, tzinfo=UTC))
    ramp = (Identifier("https://ke.example/measures", "1"),)
    said: tuple[tuple[EventCode, Facts], ...] = (
        (EventCode.PLAN_CREATED, begun),
        (
            EventCode.MEASURE_PROMISED,
            MeasureFacts(title="Rampe", due=due, plan=plan, identifiers=ramp),
        ),
        (EventCode.PLAN_UPDATED, changed),
    )
    for number, (code, facts) in enumerate(said):
        first = STEPS["choice"]
        id_ = str(UUID(int=0xC0DE << 64 | number))
        message = replace(first.message, id=id_, envelope=None, code=code, facts=facts, keys=())
        step = replace(first, name=f"plan-{number}", message=message)
        succeeded(published(server, step, tmp_path))
    shown = succeeded(run("plan", NUMBER.value, "--url", server.url))
    assert all(word in shown for word in ("Hjem", "Gå i trapp", "Rampe", "1. feb. 2030", "lovet"))
    different = succeeded(run("plan", NUMBER.value, "--diff", "--url", server.url))
    assert "1. mars 2030" in different
    assert "Hjem" not in different  # it is the same
