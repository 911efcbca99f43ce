"""What OpenTelemetry is told, and that nothing of it is there when nobody wants it."""

import asyncio
import subprocess
import sys
from contextlib import closing
from functools import cache
from pathlib import Path

import orjson
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, set_tracer_provider

from carepath.delivery.relay import Relay
from carepath.service import Submission
from carepath.settings import Settings
from carepath.store.database import migrate
from carepath.wiring import tracing
from carepath.wiring.deliveries import publisher
from carepath.wiring.store import open_as_set, service_on
from schemas.topics import updates
from tests.integration import stories
from tests.integration.kafka_topics import entered, make, organisation, reading
from tests.integration.kafka_topics import told as forwarded
from tests.integration.serving import ROOT

_TOLD = InMemorySpanExporter()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """The spans of this test. OpenTelemetry takes one provider in a process, so all share it."""
    monkeypatch.setattr(tracing, "start", _start)
    _TOLD.clear()
    return _TOLD


_PROVIDER = TracerProvider()
_PROVIDER.add_span_processor(SimpleSpanProcessor(_TOLD))


@cache
def _start() -> None:
    set_tracer_provider(_PROVIDER)


def named(told: InMemorySpanExporter) -> list[tuple[str, dict[str, object]]]:
    """Names and attributes, in the order they ended."""
    return [(span.name, dict(span.attributes or {})) for span in told.get_finished_spans()]


def test_a_batch_and_its_transactions_are_told(told: InMemorySpanExporter, tmp_path: Path) -> None:
    """How many messages, on which thread; the transaction is part of the batch, the relay's is its own."""
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'a.db'}", tracing=True)
    migrate(settings.database_url)
    person = stories.person()
    messages = stories.hospital_stay(person)[:3]
    with closing(open_as_set(settings)) as database:
        service_on(settings, database).handle([Submission(orjson.dumps(m)) for m in messages])
        with Relay(database).running():
            pass

    spans: dict[str, list[ReadableSpan]] = {}
    for span in told.get_finished_spans():
        spans.setdefault(span.name, []).append(span)
    (handle,) = spans["handle"]
    assert handle.attributes == {"messages": 3}
    inside = [
        s for s in spans["transaction"] if s.parent and s.parent.span_id == handle.context.span_id
    ]
    assert inside
    assert {(s.attributes or {})["thread.name"] for s in spans["transaction"]} >= {"relay"}
    everything = "".join(span.to_json() for span in told.get_finished_spans())
    assert person["identifier"][0]["value"] not in everything
    assert person["name"][0]["family"] not in everything


def test_a_fault_is_told_by_its_kind(told: InMemorySpanExporter, tmp_path: Path) -> None:
    """Not by its text, which could be personal."""
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'a.db'}", tracing=True)
    with closing(open_as_set(settings)) as database, pytest.raises(ValueError, match="Kari"):
        _fail(database)
    (span,) = told.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")
    assert "Kari" not in span.to_json()


def _fail(database: object) -> None:
    with database.write():  # type: ignore[attr-defined]
        raise ValueError("Kari")


async def test_updates_on_their_way_are_told(
    told: InMemorySpanExporter, tmp_path: Path, kafka_server: str
) -> None:
    """Whose, and how many."""
    org = organisation()
    settings = Settings(
        database_url=f"sqlite:///{tmp_path / 'a.db'}", tracing=True, kafka=kafka_server
    )
    migrate(settings.database_url)
    assert settings.broker is not None
    make(settings.broker, updates(org))
    with closing(open_as_set(settings)) as database:
        relay = Relay(database)
        entered(database, org)
        forwarded(database, org, "a", "b")
        publishing = publisher(settings, database, relay)
        assert publishing is not None
        with relay.running(), reading(settings.broker, updates(org)) as reader:
            async with publishing.running():
                await asyncio.to_thread(reader.until, 2)
    sent = [attributes for name, attributes in named(told) if name == "publish"]
    assert {attributes["receiver"] for attributes in sent} == {org}
    assert sum(int(str(attributes["updates"])) for attributes in sent) >= 2


def test_nothing_is_imported_unless_it_is_wanted() -> None:
    """Everything the server and the worker are made of, and no OpenTelemetry."""
    program = (
        "import sys, carepath.wiring.server, carepath.wiring.worker, carepath.wiring.store;"
        "print(sorted(m for m in sys.modules if m.startswith('opentelemetry')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout == "[]\n"


def test_without_its_packages_it_says_what_to_install(tmp_path: Path) -> None:
    """Asked for and not installed: that can be mended."""
    program = (
        "import sys; sys.modules['opentelemetry'] = None;"
        "from carepath.settings import Settings; from carepath.wiring import store;"
        "store.open_as_set(Settings(tracing=True, database_url='sqlite:///a.db'))"
    )
    command = [sys.executable, "-c", program]
    environment = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert "pip install" not in done.stdout
    assert "OpenTelemetry is not installed" in done.stderr
