"""Kafka's topics and rights as the directory has it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kafka import KafkaAdminClient
from kafka.errors import (
    AuthorizationError,
    InvalidReplicationFactorError,
    KafkaConnectionError,
    KafkaError,
    RetriableError,
    SaslAuthenticationFailedError,
)

from carepath.delivery import admin
from carepath.delivery.admin_plan import Plan, State, plan
from carepath.settings import Settings
from carepath.store import streams
from carepath.store.database import Database
from carepath.wiring.store import Unusable
from pathways.parties import Party
from schemas import topics
from schemas.broker import Broker
from schemas.topics import Topic, TopicOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The topics there should be, what Kafka has, and what is to be done about the difference."""

    topics: Sequence[Topic]
    state: State
    plan: Plan


def survey(settings: Settings, parties: Sequence[Party], service: str | None) -> Survey:
    """What is to be done for these parties; changes nothing.

    ``service`` is the user that Carepath itself logs in as. Raises ``Unusable``.
    """
    with _reporting(settings) as broker, admin.connected(broker) as client:
        return _survey(settings, parties, service, client)


def apply(
    settings: Settings, database: Database, parties: Sequence[Party], service: str | None
) -> Survey:
    """Do it, and enter the organisations as ones with topics; what was to be done. Raises ``Unusable``."""
    with _reporting(settings) as broker, admin.connected(broker) as client:
        found = _survey(settings, parties, service, client)
        admin.apply(client, found.plan)
    with database.write() as connection:
        streams.enter(connection, valid_now(parties))
    return found


def valid_now(parties: Sequence[Party]) -> list[str]:
    """The keys of those that have topics and rights: whose entry holds at this moment."""
    now = datetime.now(UTC)
    return [party.key for party in parties if party.valid_at(now)]


def _survey(
    settings: Settings, parties: Sequence[Party], service: str | None, client: KafkaAdminClient
) -> Survey:
    options = TopicOptions(
        partitions=settings.kafka_partitions,
        copies=settings.kafka_replication_factor,
        min_isr=settings.kafka_min_isr,
        retention=timedelta(days=settings.kafka_retention_days),
    )
    valid = valid_now(parties)
    wanted = topics.topics(valid, options)
    others = [party.key for party in parties if party.key not in set(valid)]
    kept = topics.topics(others, options)[:-1]
    state = admin.state(client, [*wanted, *kept])
    known = {f"User:{name}" for name in (*(party.key for party in parties), service) if name}
    planned = plan(wanted, kept, topics.rights(valid, service), known, state)
    return Survey(topics=wanted, state=state, plan=planned)


@contextmanager
def _reporting(settings: Settings) -> Iterator[Broker]:
    """Kafka as it is set; what is wrong with it in words."""
    if settings.broker is None:
        raise Unusable("no Kafka is set", "Set CAREPATH_KAFKA or --kafka to HOST:PORT.")
    try:
        yield settings.broker
    except OSError as fault:
        told = f"a certificate or key for Kafka cannot be read: {fault.strerror or fault}"
        raise Unusable(told, "Look at CAREPATH_KAFKA_CA_FILE, _CERT_FILE and _KEY_FILE.") from None
    except KafkaError as fault:
        text, hint = next(told for kind, told in _FAULTS.items() if isinstance(fault, kind))
        said = str(fault) if isinstance(fault, KafkaConnectionError) else type(fault).__name__
        text = text.format(where=settings.kafka, user=settings.kafka_username or "us", fault=said)
        raise Unusable(text, hint) from None


_FAULTS = {
    SaslAuthenticationFailedError: (
        "Kafka at {where} does not let {user} in",
        "Look at CAREPATH_KAFKA_USERNAME, _PASSWORD and _SASL_MECHANISM.",
    ),
    AuthorizationError: (
        "Kafka at {where} does not let {user} do this: {fault}",
        "Log in as a user that may create and alter topics and alter rights (ALTER on the cluster).",
    ),
    InvalidReplicationFactorError: (
        "Kafka at {where} has fewer brokers than CAREPATH_KAFKA_REPLICATION_FACTOR says",
        "Start more brokers, or ask for fewer copies.",
    ),
    RetriableError: (
        "Kafka at {where} does not answer: {fault}",
        "Start it, or set CAREPATH_KAFKA. Do CAREPATH_KAFKA_SECURITY_PROTOCOL, _USERNAME and _PASSWORD fit?",
    ),
    KafkaError: ("Kafka at {where} says no: {fault}", None),
}
"""The first kind that fits tells what is wrong and how to mend it."""
