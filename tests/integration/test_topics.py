"""Topics and rights on a real broker that asks who somebody is."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import errors as refused
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import (
    TopicAuthorizationFailedError,
)

from carepath.settings import Settings
from carepath.wiring import topics as wired
from carepath.wiring.store import Store, Unusable, open_store
from pathways.parties import Party
from schemas import topics
from schemas.broker import Broker, Protocol
from tests import kafka

SERVICE = "carepath"
PASSWORD = "made-up"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.Node]:
    """A broker with authentication and rights, where Carepath may log in."""
    with kafka.broker(tmp_path_factory.mktemp("kafka"), secured=True) as node:
        node.add_user(SERVICE, PASSWORD)
        yield node


@pytest.fixture
def settings(node: kafka.Node, sqlite_url: str) -> Settings:
    """As its administrator has them."""
    return _settings(node.settings(), sqlite_url)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """An empty one."""
    with open_store(settings) as store:
        yield store


@pytest.fixture
def parties(node: kafka.Node) -> list[Party]:
    """Two of the test's own, with users; the first one's key begins the other's."""
    first = f"org-{secrets.token_hex(4)}"
    keys = (first, f"{first}-ke")
    for key in keys:
        node.add_user(key, PASSWORD)
    return [Party(key=key, name=key) for key in keys]


Applied = Callable[..., wired.Survey]


@pytest.fixture
def applied(settings: Settings, store: Store, parties: list[Party]) -> Applied:
    """``topics apply`` for the parties, or for those given."""

    def apply(those: list[Party] | None = None, **other: Any) -> wired.Survey:
        chosen = settings.model_copy(update=other)
        return wired.apply(chosen, store.database, those or parties, SERVICE)

    return apply


async def test_an_organisation_writes_its_inbound_and_carepath_reads_it(
    node: kafka.Node, applied: Applied, parties: list[Party]
) -> None:
    """What they are there for."""
    applied()
    org = parties[0].key
    _send(node.settings(org, PASSWORD), topics.inbound(org))
    carepath = node.settings(SERVICE, PASSWORD)
    assert await _read(carepath, topics.inbound(org), topics.INTAKE_GROUP) == b"{}"


async def test_carepath_writes_updates_and_the_organisation_reads_them(
    node: kafka.Node, applied: Applied, parties: list[Party]
) -> None:
    """In the organisation's own group."""
    applied()
    org = parties[0].key
    _send(node.settings(SERVICE, PASSWORD), topics.updates(org))
    assert (
        await _read(node.settings(org, PASSWORD), topics.updates(org), topics.group(org)) == b"{}"
    )


def test_an_organisation_writes_nowhere_else(
    node: kafka.Node, applied: Applied, parties: list[Party]
) -> None:
    """Not to a neighbour's inbound, whose key begins as its own; not to updates; not to the operator."""
    applied()
    org, other = parties[0].key, parties[1].key
    mine = node.settings(org, PASSWORD)
    forbidden = [topics.inbound(other), topics.updates(org), topics.updates(other), topics.PARKED]
    for topic in forbidden:
        with pytest.raises(TopicAuthorizationFailedError):
            _send(mine, topic)


async def test_an_organisation_reads_nowhere_else(
    node: kafka.Node, applied: Applied, parties: list[Party]
) -> None:
    """Not a neighbour's updates, no inbound, not in another's group."""
    applied()
    org, other = parties[0].key, parties[1].key
    mine = node.settings(org, PASSWORD)
    for topic in (topics.updates(other), topics.inbound(org), topics.inbound(other), topics.PARKED):
        with pytest.raises(refused.TopicAuthorizationFailedError):
            await _read(mine, topic, topics.group(org))
    for group in (topics.group(other), topics.INTAKE_GROUP):
        with pytest.raises(refused.GroupAuthorizationFailedError):
            await _read(mine, topics.updates(org), group)


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
async def test_both_clients_take_the_settings(
    node: kafka.Node, applied: Applied, parties: list[Party], protocol: Protocol
) -> None:
    """SCRAM with and without TLS: kafka-python and aiokafka."""
    applied()
    org, other = parties[0].key, parties[1].key
    mine = node.settings(org, PASSWORD, protocol)
    _send(mine, topics.inbound(org))
    async with AIOKafkaProducer(**mine.options()) as producer:
        await producer.send_and_wait(topics.inbound(org), b"{}")
        with pytest.raises(refused.TopicAuthorizationFailedError):
            await producer.send_and_wait(topics.inbound(other), b"{}")


async def test_a_broker_that_no_known_authority_vouches_for_is_not_talked_to(
    node: kafka.Node, settings: Settings, parties: list[Party]
) -> None:
    """Nothing is sent there, no password either."""
    stranger = node.settings(protocol="SASL_SSL").bootstrap
    unknown = Broker(bootstrap=stranger, protocol="SASL_SSL", username="a", password=PASSWORD)
    producer = AIOKafkaProducer(**unknown.options(), request_timeout_ms=2_000)
    with pytest.raises(refused.KafkaConnectionError):
        await producer.start()
    await producer.stop()


def test_applying_twice_has_nothing_to_do(applied: Applied) -> None:
    """Whatever is done once stays done."""
    assert applied().plan.create
    again = applied().plan
    assert again.empty
    assert not again.faults


def test_a_dry_run_changes_nothing(
    node: kafka.Node, settings: Settings, store: Store, parties: list[Party]
) -> None:
    """No topic, no right, no organisation with topics."""
    survey = wired.survey(settings, parties, SERVICE)
    assert len(survey.plan.create) >= 4
    assert survey.plan.grant
    assert wired.survey(settings, parties, SERVICE) == survey
    with closing(node.admin()) as admin:
        assert topics.inbound(parties[0].key) not in admin.list_topics()
    assert store.intake_began(parties[0].key) is None


def test_organisations_are_entered_once_their_topics_exist(
    applied: Applied, store: Store, parties: list[Party]
) -> None:
    """From then on the worker knows what to read."""
    ended = Party(
        key=f"{parties[0].key}-old", name="Old", valid_to=datetime(2020, 1, 1, tzinfo=UTC)
    )
    applied([*parties, ended])
    assert store.intake_began(parties[0].key) == "waiting for the worker"
    assert store.intake_began(ended.key) is None


def test_partitions_and_settings_are_put_right(
    node: kafka.Node, applied: Applied, parties: list[Party]
) -> None:
    """What somebody else made, or changed by hand."""
    topic = topics.inbound(parties[0].key)
    compacted = {"num_partitions": 2, "configs": {"cleanup.policy": "compact"}}
    with closing(node.admin()) as admin:
        admin.create_topics({topic: compacted}, wait_for_metadata=True)
        planned = applied().plan
        assert planned.partitions == {topic: 4}
        assert planned.configs[topic]["cleanup.policy"] == "delete"
        assert len(admin.describe_topics([topic])[0]["partitions"]) == 4
        assert _setting(admin, topic, "cleanup.policy") == "delete"
        assert _setting(admin, topic, "message.timestamp.type") == "LogAppendTime"
    assert applied().plan.empty


def test_too_many_partitions_are_told_and_the_rest_is_done(
    node: kafka.Node, applied: Applied, parties: list[Party]
) -> None:
    """A person decides."""
    topic = topics.inbound(parties[0].key)
    with closing(node.admin()) as admin:
        admin.create_topics({topic: {"num_partitions": 5}}, wait_for_metadata=True)
    planned = applied().plan
    assert [*planned.faults] == [topic]
    assert applied().plan.empty


def test_who_has_ended_may_do_nothing_any_more(
    node: kafka.Node, applied: Applied, parties: list[Party]
) -> None:
    """The topics stay, with what is in them."""
    applied()
    org = parties[0].key
    _send(node.settings(org, PASSWORD), topics.inbound(org))
    yesterday = datetime.now(UTC) - timedelta(days=1)
    planned = applied([Party(key=org, name=org, valid_to=yesterday), parties[1]]).plan
    assert {right.principal for right in planned.revoke} >= {f"User:{org}"}
    with pytest.raises(TopicAuthorizationFailedError):
        _send(node.settings(org, PASSWORD), topics.inbound(org))
    with closing(node.admin()) as admin:
        assert topics.inbound(org) in admin.list_topics()


def test_whoever_may_not_is_told(
    node: kafka.Node, store: Store, sqlite_url: str, parties: list[Party]
) -> None:
    """Carepath's own user makes no topics."""
    service = _settings(node.settings(SERVICE, PASSWORD), sqlite_url)
    with pytest.raises(Unusable, match=r"does not let carepath do this: .*AuthorizationFailed"):
        wired.apply(service, store.database, parties, SERVICE)


def test_a_wrong_password_is_told(node: kafka.Node, sqlite_url: str, parties: list[Party]) -> None:
    """As what it is; or as a Kafka that does not answer, when it closes before its answer is read. Mended alike."""
    wrong = _settings(node.settings("admin", "wrong"), sqlite_url)
    with pytest.raises(Unusable, match=r"does not (let admin in|answer)") as told:
        wired.survey(wrong, parties, SERVICE)
    assert "_PASSWORD" in (told.value.hint or "")


def test_more_copies_than_brokers_are_told(applied: Applied) -> None:
    """With what to do."""
    with pytest.raises(Unusable, match="fewer brokers"):
        applied(kafka_replication_factor=3)


def test_a_broker_that_hangs_is_given_up(
    node: kafka.Node, settings: Settings, parties: list[Party]
) -> None:
    """After ten seconds, in words."""
    node.freeze()
    try:
        with pytest.raises(Unusable, match="does not answer"):
            wired.survey(settings, parties, SERVICE)
    finally:
        node.thaw()


def _settings(broker: Broker, database_url: str) -> Settings:
    return Settings(
        database_url=database_url,
        kafka=",".join(broker.bootstrap),
        kafka_security_protocol=broker.protocol,
        kafka_username=broker.username,
        kafka_password=broker.password,
    )


def _send(broker: Broker, topic: str) -> None:
    options: dict[str, Any] = broker.options()
    with closing(KafkaProducer(**options, acks="all", max_block_ms=10_000)) as producer:
        producer.send(topic, b"{}").get(timeout=10)


async def _read(broker: Broker, topic: str, group: str) -> bytes:
    """The first record of the topic, its position committed for the group."""
    begin: dict[str, Any] = {"auto_offset_reset": "earliest", "enable_auto_commit": False}
    consumer = AIOKafkaConsumer(topic, **broker.options(), group_id=group, **begin)
    try:
        await consumer.start()
        record = await asyncio.wait_for(consumer.getone(), 20)
        await consumer.commit()
    finally:
        await consumer.stop()
    value: bytes = record.value
    return value


def _setting(admin: KafkaAdminClient, topic: str, name: str) -> str:
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic, [name])]
    value: str = admin.describe_configs(asked, config_filter="all")["topic"][topic][name]["value"]
    return value
