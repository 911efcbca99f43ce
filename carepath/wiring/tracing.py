"""Spans for OpenTelemetry: a batch taken in, a transaction, updates on their way to Kafka.

An extra: nothing here is imported unless ``CAREPATH_TRACING`` is on. Where spans go is for OpenTelemetry's own
variables to say (``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_SERVICE_NAME``, …). Attributes are counts, kinds of faults
and keys of the directory. A batch is many senders' work, and an update is sent by another process than took in the
message it follows from: nothing is carried on from a sender's ``traceparent``.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode, get_tracer, set_tracer_provider
from typing_extensions import override

from carepath.delivery.kafka import Flight, Publisher
from carepath.delivery.kafka_writer import Written
from carepath.service import Answer, Service, Submission
from carepath.store.database import Connection, Database

_TRACER = get_tracer("carepath")


@cache
def start() -> TracerProvider:
    """Send spans where OpenTelemetry's variables say, in the background, until ``stop`` or the interpreter's end."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    set_tracer_provider(provider)
    return provider


def stop() -> None:
    """Send what is left, and no more."""
    start().shutdown()


def traced_database(opened: Database) -> Database:
    """The same database, telling of its transactions."""
    return _Database(opened.reader, opened.writer, opened.keys)


@contextmanager
def _span(name: str, **attributes: str | int) -> Iterator[None]:
    """Of an exception it gets the kind alone: the text could be personal."""
    with _TRACER.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield
        except BaseException as fault:
            span.set_status(Status(StatusCode.ERROR, type(fault).__name__))
            raise


class _Database(Database):
    """A span for each transaction that writes; the thread's name says whose: relay, gather, intake."""

    @override
    @contextmanager
    def write(self) -> Iterator[Connection]:
        thread = {"thread.name": threading.current_thread().name}
        with _span("transaction", **thread), super().write() as connection:
            yield connection


class TracedService(Service):
    """A span for each batch, whether it came by HTTP or in streams."""

    @override
    def handle(self, batch: Sequence[Submission]) -> list[Answer]:
        with _span("handle", messages=len(batch)):
            return super().handle(batch)

    @override
    def receive(self, batch: Sequence[Submission]) -> list[Answer]:
        with _span("receive", messages=len(batch)):
            return super().receive(batch)


class TracedPublisher(Publisher):
    """A span for each organisation's updates on their way."""

    @override
    async def _deliver(self, flight: Flight) -> Written:
        with _span("publish", receiver=flight.party, updates=len(flight.records)):
            return await super()._deliver(flight)
