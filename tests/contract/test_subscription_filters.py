"""What filters let through of real messages, on both stores, against what the messages themselves say."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from carepath.delivery.notifications import next_events
from carepath.service import Service, ServiceOptions
from carepath.store.database import Database
from carepath.store.times import micros
from pathways.subscriptions import Filter, FilterName, Topic
from tests.contract.keeping import sender, tell
from tests.contract.stored import opened
from tests.contract.test_notifications import standing, subscribed
from tests.integration import stories
from tests.integration.stories import Matter, Resource
from tests.integration.talk import resource

Says = Callable[[Resource], bool]


@pytest.fixture
def broker(database_url: str) -> Iterator[Service]:
    """A broker without any message."""
    with opened(database_url) as database:
        yield Service(database, ServiceOptions())


def event_code(message: Resource) -> str:
    """What has happened."""
    return str(message["entry"][0]["resource"]["eventCoding"]["code"])


def had(database: Database, id_: str) -> list[str]:
    """The codes of its events."""
    with database.read() as conn:
        found = next_events(conn, standing(database, id_), micros(datetime.now(UTC)))
    return [event.item.kind for event in found]


def check(broker: Service, sent: list[Resource], *wanted: tuple[dict[str, Any], Says]) -> None:
    """Each Subscription of the operator's feed gets just those messages of which it is true, in their order."""
    ids = [subscribed(broker.database, "*", **asked) for asked, _ in wanted]
    tell(broker, sent)
    for id_, (asked, says) in zip(ids, wanted, strict=True):
        expected = [event_code(message) for message in sent if says(message)]
        assert had(broker.database, id_) == expected, asked
        assert 0 < len(expected) < len(sent), asked


def only(name: FilterName, *values: str) -> dict[str, Any]:
    """One filter."""
    return {"filters": (Filter(name, values),)}


def test_whose_message_it_is(broker: Service) -> None:
    """By identifier with its system or without, by any of several; nobody else's."""
    one, other, third = (stories.admission(Matter(stories.person())) for _ in range(3))
    (identifier,) = resource(one, "Patient")["identifier"]
    (second,) = resource(other, "Patient")["identifier"]
    token = f"{identifier['system']}|{identifier['value']}"
    name = FilterName.IDENTIFIER

    check(
        broker,
        [one, other, third],
        (only(name, token), lambda message: message is one),
        (only(name, identifier["value"]), lambda message: message is one),
        (only(name, token, second["value"]), lambda message: message is not third),
    )
    elsewhere = subscribed(broker.database, "*", **only(name, f"urn:x|{identifier['value']}"))
    tell(broker, [stories.admission(Matter(stories.person()))])
    assert had(broker.database, elsewhere) == []


def test_who_sent_it_and_what_it_says(broker: Service) -> None:
    """By the sender's key, by event, by topic, and by all of them together."""
    hospital = stories.HOSPITAL.number
    stay = ("admission", "transfer", "discharge")

    def of_hospital(message: Resource) -> bool:
        return sender(message) == hospital

    both = (Filter(FilterName.ORGANIZATION, (hospital,)), Filter(FilterName.EVENT, stay))
    check(
        broker,
        [*stories.hospital_stay(), *stories.referral_and_question()],
        (only(FilterName.ORGANIZATION, hospital), of_hospital),
        (only(FilterName.EVENT, *stay), lambda message: event_code(message) in stay),
        ({"filters": both}, lambda m: of_hospital(m) and event_code(m) in stay),
        ({"topic": Topic.REFERRAL}, lambda m: event_code(m).startswith("referral")),
    )


def test_whose_duty_it_is(broker: Service) -> None:
    """By the municipality that has it when the event is numbered: the one where the person stays, if told."""
    mine, other = stories.admission(Matter(stories.person())), stories.hospital_stay()[:3]
    told = resource(mine, "Patient")["address"][0]["_district"]["extension"][0]["valueCoding"]
    moved = "4601"
    for message in other:
        for address in resource(message, "Patient")["address"]:
            address["_district"]["extension"][0]["valueCoding"]["code"] = moved

    check(
        broker,
        [mine, *other],
        (only(FilterName.MUNICIPALITY, told["code"]), lambda message: message is mine),
        (only(FilterName.MUNICIPALITY, moved), lambda message: message is not mine),
    )
