"""Delivery over Kafka as it is set."""

from carepath.delivery.kafka import Publisher
from carepath.delivery.relay import Relay
from carepath.settings import Settings
from carepath.store.database import Database
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
