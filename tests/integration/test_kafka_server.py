"""The brokers that the tests start."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient

from schemas.broker import Broker, Protocol
from tests import kafka


def test_the_shared_broker_makes_topics_only_when_told(kafka_server: str) -> None:
    """Nothing appears by being asked for."""
    with _client(Broker(bootstrap=(kafka_server,))) as client:
        client.create_topics({"server.told": {"num_partitions": 2}})
        assert "server.told" in client.list_topics()
        client.delete_topics(["server.told"])


def test_a_private_broker_keeps_its_data_over_a_kill(tmp_path: Path) -> None:
    """Same ports, same topics."""
    with kafka.broker(tmp_path) as node:
        with _client(node.settings()) as client:
            client.create_topics({"kept": {"num_partitions": 1}})
        node.kill()
        node.start()
        with _client(node.settings()) as client:
            assert "kept" in client.list_topics()


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL", "SSL"])
def test_a_secured_broker_knows_its_admin(secured: kafka.Node, protocol: Protocol) -> None:
    """By password or by certificate."""
    with _client(secured.settings(protocol=protocol)) as client:
        assert client.describe_cluster()["cluster_id"]


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.Node]:
    """A broker with authentication and rights."""
    with kafka.broker(tmp_path_factory.mktemp("kafka"), secured=True) as node:
        yield node


def _client(broker: Broker) -> KafkaAdminClient:
    options: dict[str, Any] = broker.options()
    return KafkaAdminClient(**options, bootstrap_timeout_ms=20_000)
