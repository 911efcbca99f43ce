"""Kafka's administration with kafka-python: seeing what there is, and doing what is planned.

It blocks: never call it in an event loop. A broker that does not answer is given up after ``_TIMEOUT_MS``.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final, TypeVar, get_args

from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ConfigResource,
    ConfigResourceType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.errors import (
    InvalidConfigurationError,
    KafkaError,
    KafkaTimeoutError,
    SecurityDisabledError,
    TopicAuthorizationFailedError,
)

from carepath.delivery.admin_plan import OURS, Found, Plan, State
from schemas.broker import Broker
from schemas.topics import Operation, Resource, Right, Topic

T = TypeVar("T")

_TIMEOUT_MS: Final = 10_000
_TOPICS_AT_ONCE: Final = 200
"""The controller does at most 10,000 things for one request; a topic is one, and each partition and setting too."""
_RIGHTS_AT_ONCE: Final = 1_000


@contextmanager
def connected(broker: Broker) -> Iterator[KafkaAdminClient]:
    """A client; raises ``KafkaError`` when nobody answers or we are not let in."""
    with _reasons() as reasons:
        try:
            client = KafkaAdminClient(
                **broker.options(),
                client_id="carepath-topics",
                request_timeout_ms=_TIMEOUT_MS,
                bootstrap_timeout_ms=_TIMEOUT_MS,
                reconnect_backoff_max_ms=1_000,
            )
        except KafkaTimeoutError as fault:
            final = (reason for reason in reasons if not reason.retriable)
            raise next(final, reasons[0] if reasons else fault) from None
    with closing(client):
        yield client


@contextmanager
def _reasons() -> Iterator[list[KafkaError]]:
    """Why we were not let in, while inside: kafka-python tells its log only."""
    told: list[KafkaError] = []

    def note(record: logging.LogRecord) -> bool:
        errors = (arg for arg in record.args or () if isinstance(arg, KafkaError))
        told.extend(error for error in errors if not isinstance(error, KafkaTimeoutError))
        return True

    log = logging.getLogger("kafka.net.manager")
    log.addFilter(note)
    try:
        yield told
    finally:
        log.removeFilter(note)


def state(client: KafkaAdminClient, topics: Sequence[Topic]) -> State:
    """What Kafka has of these topics, and all rights. Raises ``KafkaError``."""
    described = {topic["name"]: topic["partitions"] for topic in client.describe_topics()}
    there = [topic for topic in topics if topic.name in described]
    configs = _configs(client, there)
    found = {
        topic.name: Found(
            partitions=len(described[topic.name]),
            copies=min(len(one["replica_nodes"]) for one in described[topic.name]),
            config=configs[topic.name],
        )
        for topic in there
    }
    rules = _rules(client)
    if rules is None:
        return State(topics=found, rights=None)
    plain = {rule: right for rule in rules if (right := _right(rule))}
    others = tuple(_in_words(rule) for rule in rules if rule not in plain and _concerns_us(rule))
    return State(topics=found, rights=frozenset(plain.values()), others=others)


def apply(client: KafkaAdminClient, plan: Plan) -> None:
    """Do what is planned. Raises ``KafkaError``; what was done until then stays, and a new plan goes on from there."""
    _revoke(client, plan)
    for fresh in _batches(plan.create, _TOPICS_AT_ONCE):
        made = {topic.name: _creation(topic) for topic in fresh}
        client.create_topics(made, timeout_ms=_TIMEOUT_MS, wait_for_metadata=True)
    for names in _batches([*plan.partitions], _TOPICS_AT_ONCE):
        client.create_partitions({name: plan.partitions[name] for name in names})
    for names in _batches([*plan.configs], _TOPICS_AT_ONCE):
        _configure(client, {name: plan.configs[name] for name in names})
    _grant(client, plan)
    if plan.revoke or plan.grant:
        _await_rights(client, plan)


def _revoke(client: KafkaAdminClient, plan: Plan) -> None:
    for some in _batches(plan.revoke, _RIGHTS_AT_ONCE):
        for _, _, error in client.delete_acls([_acl(right) for right in some]):
            _raise(error)


def _grant(client: KafkaAdminClient, plan: Plan) -> None:
    for some in _batches(plan.grant, _RIGHTS_AT_ONCE):
        for error in client.create_acls([_acl(right) for right in some])["failed"]:
            _raise(error)


def _await_rights(client: KafkaAdminClient, plan: Plan) -> None:
    """Brokers learn of rights a moment after the controller has agreed."""
    latest = time.monotonic() + _TIMEOUT_MS / 1000
    while True:
        hold = {_right(rule) for rule in _rules(client) or ()}
        if hold.issuperset(plan.grant) and hold.isdisjoint(plan.revoke):
            return
        if time.monotonic() > latest:
            raise KafkaTimeoutError("the rights do not take hold")
        time.sleep(0.1)


def _configs(client: KafkaAdminClient, topics: Sequence[Topic]) -> dict[str, dict[str, str]]:
    """The settings that we care for, by topic."""
    told: dict[str, dict[str, str]] = {}
    for some in _batches(topics, _TOPICS_AT_ONCE):
        asked = [ConfigResource(ConfigResourceType.TOPIC, t.name, list(t.config)) for t in some]
        answer = client.describe_configs(asked, config_filter="all")["topic"]
        for name, settings in answer.items():
            if not settings:  # kafka-python does not look at the answer's error
                raise TopicAuthorizationFailedError(f"the settings of {name} may not be read")
            told[name] = {key: value["value"] for key, value in settings.items()}
    return told


def _configure(client: KafkaAdminClient, configs: Mapping[str, Mapping[str, str]]) -> None:
    asked = [ConfigResource(ConfigResourceType.TOPIC, n, dict(told)) for n, told in configs.items()]
    answer = client.alter_configs(asked, raise_on_unknown=False)["topic"]
    for name, outcome in answer.items():
        if outcome != "OK":
            raise InvalidConfigurationError(f"{name}: {outcome}")


def _creation(topic: Topic) -> dict[str, Any]:
    return {
        "num_partitions": topic.partitions,
        "replication_factor": topic.copies,
        "configs": dict(topic.config),
    }


def _rules(client: KafkaAdminClient) -> list[ACL] | None:
    """All of them; ``None`` where there is no authorizer."""
    everywhere = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    every = ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, everywhere)
    try:
        rules: list[ACL] = client.describe_acls(every)[0]
    except SecurityDisabledError:
        return None
    return rules


def _right(rule: ACL) -> Right | None:
    """The rule as a right, when it is no more and no less than that."""
    pattern = rule.resource_pattern
    resource, operation = pattern.resource_type.name, rule.operation.name
    plain = (
        rule.permission_type is ACLPermissionType.ALLOW
        and rule.host == "*"
        and pattern.pattern_type is ACLResourcePatternType.LITERAL
        and resource in get_args(Resource)
        and operation in get_args(Operation)
    )
    return Right(rule.principal, resource, pattern.resource_name, operation) if plain else None


def _concerns_us(rule: ACL) -> bool:
    pattern = rule.resource_pattern
    if pattern.resource_type.name not in get_args(Resource):
        return False
    shorter = pattern.pattern_type is ACLResourcePatternType.PREFIXED and OURS.startswith(
        pattern.resource_name
    )
    return shorter or pattern.resource_name.startswith(OURS) or pattern.resource_name == "*"


def _in_words(rule: ACL) -> str:
    pattern = rule.resource_pattern
    return (
        f"{rule.permission_type.name} {rule.principal} from {rule.host}: {rule.operation.name}"
        f" {pattern.resource_type.name.lower()} {pattern.resource_name} ({pattern.pattern_type.name})"
    )


def _acl(right: Right) -> ACL:
    pattern = ResourcePattern(ResourceType[right.resource], right.name)
    operation = ACLOperation[right.operation]
    return ACL(right.principal, "*", operation, ACLPermissionType.ALLOW, pattern)


def _raise(error: type[Exception]) -> None:
    """kafka-python hands errors out as classes, that of no error among them."""
    if getattr(error, "errno", None) != 0:
        raise error


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
