"""The commands of the connect guide, and what the pages of operations mark."""

import shlex
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from carepath import texts
from carepath.store.deliveries import Delivery
from carepath.ui.operations.connect import Guide, Way
from carepath.ui.operations.data import Subscriber
from carepath.ui.operations.words import tags
from pathways.parties import Party
from schemas.broker import Broker

KEY: Final = "solvik-ke"
KAFKA: Final = Broker(bootstrap=("a:9092", "b:9092"), protocol="SASL_SSL", username="ours")
NOW: Final = datetime.now(UTC)


def guide(*, signs_in: bool = True, broker: Broker | None = KAFKA, tls: bool = False) -> Guide:
    """Of a server at ke.example."""
    return Guide(
        address="https://ke.example",
        signs_in=signs_in,
        broker=broker,
        mllp_port=2575,
        mllp_tls=tls,
    )


def ways(told: Guide) -> list[Way]:
    """All of them."""
    first = told.signing_in(KEY)
    return [*([first] if first else []), *told.ways_in(KEY), *told.ways_out(KEY)]


@pytest.mark.parametrize("told", [guide(), guide(signs_in=False, broker=None), guide(tls=True)])
def test_every_command_is_one_that_a_shell_reads(told: Guide) -> None:
    """With nothing left to expand but the token; and every way has its words in both languages."""
    for way in ways(told):
        for command in way.commands:
            program, _, lines = command.partition(" - <<'END'\n")
            words = shlex.split(program.replace("\\\n", " "))
            assert words[0] in {"curl", "kcat", "carepath", "python3"}
            assert bool(lines) == (words[0] == "python3")
            compile(lines.removesuffix("END"), way.name, "exec")
            assert command.count("$TOKEN") == (told.signs_in and "X-Carepath-Org" in command)
        for language in texts.LANGUAGES:
            keys = {f"operations.connect.{way.name}", f"operations.connect.{way.name}.what"}
            assert keys <= set(texts.catalogue(language))


def test_the_commands_have_the_organisations_own_names() -> None:
    """Its topics, its group, its key; the broker's own user is nobody else's."""
    said = "\n".join(command for way in ways(guide()) for command in way.commands)
    for own in (
        f"carepath.inbound.{KEY}",
        f"carepath.updates.{KEY}",
        f"-G carepath.{KEY}",
        f"X-Carepath-Org: {KEY}",
        "a:9092,b:9092",
        "https://ke.example/fhir/$process-message",
        "('ke.example', 2575)",
        "auth = BackendServices('solvik-ke-journal', 'private.json', 'https://ke.example/auth/token')",
    ):
        assert own in said
    assert "ours" not in said


def test_without_kafka_there_is_no_way_over_it() -> None:
    """Nor a token where systems need none; MLLP over TLS is called as such."""
    names = [way.name for way in ways(guide(signs_in=False, broker=None))]
    assert names == [
        *("http", "kith", "hl7v2", "client-in"),
        *("sse", "client-out", "mailbox", "subscription"),
    ]
    (secured,) = next(way for way in ways(guide(tls=True)) if way.name == "hl7v2").commands
    assert "wrap_socket" in secured


def subscriber(**changes: object) -> Subscriber:
    """One with a topic, all of which is there."""
    usual: dict[str, object] = {
        "key": KEY,
        "party": Party(KEY, "Solvik"),
        "feed": None,
        "waits": 0,
        "age": 0.0,
        "sent": (delivery(),),
        "hooks": (),
        "owed": None,
    }
    return Subscriber(**{**usual, **changes})  # type: ignore[arg-type]


def delivery(*, minutes: float | None = None, paused: bool = False, upto: int = 0) -> Delivery:
    """Something has waited for so many minutes."""
    since = None if minutes is None else NOW - timedelta(minutes=minutes)
    return Delivery(
        party=KEY,
        last=6,
        published=4,
        published_at=NOW,
        waiting=2,
        waiting_since=since,
        replay_upto=upto,
        paused=paused,
        over="kafka",
        fault=None,
        unconfirmed=0,
        refused=0,
    )


@pytest.mark.parametrize(
    ("one", "marked"),
    [
        (subscriber(), []),
        (subscriber(sent=(delivery(minutes=4),)), []),
        (subscriber(sent=(delivery(minutes=6),)), ["late"]),
        (subscriber(sent=(delivery(minutes=6, paused=True),)), ["paused"]),
        (subscriber(sent=(delivery(upto=5),)), ["replays"]),
        (subscriber(sent=(), age=86_000.0), []),
        (subscriber(sent=(), age=87_000.0), ["late"]),
        (subscriber(sent=(), age=87_000.0, party=None), []),
    ],
)
def test_what_is_marked(one: Subscriber, marked: list[str]) -> None:
    """Late by the limits of the alarms; what is paused is late on purpose; the operator's own nobody needs to read."""
    assert [tag.text_key.removeprefix("operations.tag.") for tag in tags(one, NOW)] == marked
