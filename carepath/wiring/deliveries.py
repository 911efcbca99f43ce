"""Delivery over Kafka as it is set."""

from datetime import datetime

from carepath.delivery.kafka import Publisher
from carepath.delivery.relay import Relay
from carepath.settings import Settings
from carepath.store import deliveries, streams
from carepath.store.database import Database
from carepath.store.deliveries import Delivery
from carepath.wiring.store import Unusable, tracing


def publisher(settings: Settings, opened: Database, relay: Relay) -> Publisher | None:
    """What carries feeds to Kafka; ``None`` when none is set. Raises ``Unusable``."""
    if settings.broker is None:
        return None
    try:
        settings.broker.options()
    except OSError as fault:
        told = f"a certificate or key for Kafka cannot be read: {fault.strerror or fault}"
        raise Unusable(told, "Look at CAREPATH_KAFKA_CA_FILE, _CERT_FILE and _KEY_FILE.") from None
    traced = tracing(settings)
    kind = traced.TracedPublisher if traced else Publisher
    made: Publisher = kind(opened, relay, settings.broker, base_url=f"{settings.address}/fhir")
    return made


def listed(database: Database) -> list[Delivery]:
    """Every receiver that has a topic, and how far it has come there."""
    with database.read() as conn:
        return deliveries.listed(conn)


def pause(database: Database, party: str, *, paused: bool) -> None:
    """Publish nothing more to it for now, or go on."""
    with database.write() as conn:
        streams.pause(conn, party, paused=paused)


def first_since(database: Database, party: str, at: datetime) -> int | None:
    """The first number of its feed at that time or later."""
    with database.read() as conn:
        return deliveries.first_since(conn, party, at)


def replay(database: Database, delivery: Delivery, first: int, *, dry_run: bool) -> int:
    """Publish again from this number on; how many it had been given of those."""
    with database.read() as conn:
        again = deliveries.between(conn, delivery.party, first, delivery.published)
    if not dry_run:
        with database.write() as conn:
            streams.replay(conn, delivery.party, first - 1)
    return again
