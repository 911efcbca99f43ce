"""What a subscriber is told of real messages, on both stores: the matter, the message, or why there is neither."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import update

from carepath.delivery.notifications import most, next_events, notification
from carepath.service import Service, ServiceOptions
from carepath.service import subscriptions as service
from carepath.store import feed as feeds
from carepath.store import subscription_numbers, subscription_resources, subscriptions
from carepath.store.database import Database
from carepath.store.resources import Viewer
from carepath.store.retention import Cutoffs, expire
from carepath.store.subscriptions import Subscribed
from carepath.store.tables import grants, resources
from carepath.store.times import instant, micros
from fhir_mappings.subscription import Asked
from pathways.subscriptions import (
    ChannelType,
    Content,
    NotificationType,
    Subscription,
    SubscriptionStatus,
    Topic,
)
from tests.contract.keeping import number, tell
from tests.contract.stored import KEYS, opened
from tests.contract.test_subscriptions import CHANNEL
from tests.integration import stories
from tests.integration.backport import numbers, parameter

BASE = "https://broker.example/fhir"
JSON = dict[str, Any]


@pytest.fixture
def broker(database_url: str) -> Iterator[Service]:
    """A broker without any message."""
    with opened(database_url) as database:
        yield Service(database, ServiceOptions())


def subscribed(
    database: Database, receiver: str, content: Content = Content.FULL_RESOURCE, **more: Any
) -> str:
    """A websocket Subscription to everything; its id."""
    channel = replace(CHANNEL, type=ChannelType.WEBSOCKET, content=content)
    asked = {"topic": Topic.PATHWAY_UPDATE, "filters": (), "channel": channel, "ends": None}
    wanted = Subscription(**{**asked, **more})
    resource = {"resourceType": "Subscription", "status": "requested", "reason": "to know"}
    with database.write() as conn:
        made = service.create(
            conn,
            KEYS,
            receiver,
            resource,
            Asked(SubscriptionStatus.REQUESTED, wanted),
            datetime.now(UTC),
        )
    return made.id


def told(
    database: Database,
    id_: str,
    kind: NotificationType = NotificationType.EVENT_NOTIFICATION,
    at: datetime | None = None,
) -> JSON:
    """The next notification."""
    now = micros(at or datetime.now(UTC))
    with database.read() as conn:
        one = standing(database, id_)
        events = next_events(conn, one, now) if kind is NotificationType.EVENT_NOTIFICATION else []
        found: JSON = orjson.loads(notification(conn, BASE, one, kind, events, now))
    return found


def standing(database: Database, id_: str) -> Subscribed:
    """How it stands."""
    with database.read() as conn:
        (one,) = subscriptions.listed(conn, Viewer(None, 0), [id_])
    return one


def entries(bundle: JSON) -> list[tuple[str, str, bool]]:
    """Type, status and whether there is a resource, of each entry but the first."""
    return [
        (entry["fullUrl"].split("/")[-2], entry["response"]["status"], "resource" in entry)
        for entry in bundle["entry"][1:]
    ]


def test_a_stay_and_its_messages(broker: Service) -> None:
    """Each stay stands there once, however many events it had, with each message as it was sent, in order."""
    database = broker.database
    id_ = subscribed(database, "*")
    sent = stories.hospital_stay()
    tell(broker, sent)

    bundle = told(database, id_)

    assert numbers(bundle) == [*range(1, len(sent) + 1)]
    shown = [entry["resource"] for entry in bundle["entry"][1:]]
    messages = [resource for resource in shown if resource["resourceType"] == "Bundle"]
    assert len([one for one in shown if one["resourceType"] == "Encounter"]) == 1
    assert [message["entry"] for message in messages] == [message["entry"] for message in sent]
    for entry in bundle["entry"][1:]:
        assert entry["fullUrl"].endswith(f"/{entry['resource']['id']}")


def test_what_the_broker_made_itself(broker: Service) -> None:
    """A handover is about the patient; a receipt is about nobody, and stands for itself."""
    database = broker.database
    id_ = subscribed(database, stories.CASE_OFFICE.number, Content.ID_ONLY)
    tell(broker, stories.hospital_stay())
    with database.read() as conn:
        found = next_events(conn, standing(database, id_), micros(datetime.now(UTC)))
    kinds = {event.number: event.item.kind for event in found}
    about: dict[str, set[str]] = {}
    for parameter_ in told(database, id_)["entry"][0]["resource"]["parameter"]:
        parts = {part["name"]: part for part in parameter_.get("part", ())}
        if parts:
            kind = kinds[int(parts["event-number"]["valueString"])]
            focus = parts["focus"]["valueReference"]["reference"].split("/")[-2]
            context = "context" if "additional-context" in parts else "alone"
            about.setdefault(kind, set()).update((focus, context))

    assert about["handover-summary"] == {"Patient", "context"}
    assert about["acknowledgement"] == {"Bundle", "alone"}
    assert about["discharge-ready"] == {"Encounter", "context"}


def test_who_may_no_longer_see_is_told_nothing(broker: Service) -> None:
    """The numbers stay; neither the patient nor the matter is named."""
    database, receiver = broker.database, stories.NURSING.number
    id_ = subscribed(database, receiver)
    tell(broker, stories.hospital_stay())
    before = told(database, id_)
    with database.write() as conn:
        mine = grants.c.reader == receiver
        conn.execute(update(grants).where(mine).values(until=1))

    after = told(database, id_)

    assert numbers(after) == numbers(before)
    withheld = [entry for entry in after["entry"][1:] if entry["response"]["status"] == "403"]
    assert len(withheld) > 3
    assert not any("resource" in entry for entry in withheld)
    assert {*entries(after)} == {("Bundle", "403", False), ("Bundle", "200", True)}  # receipts
    assert patient_of(before) not in orjson.dumps(after).decode()


def patient_of(bundle: JSON) -> str:
    """The id of the patient that the first matter is about."""
    matter = next(e["resource"] for e in bundle["entry"][1:] if "subject" in e["resource"])
    return str(matter["subject"]["reference"].rpartition("/")[2])


def test_what_is_no_longer_kept_is_told_so(broker: Service) -> None:
    """The matter stands as it is; its messages are gone."""
    id_ = subscribed(broker.database, "*")
    tell(broker, stories.hospital_stay())
    before = entries(told(broker.database, id_))
    later = datetime.now(UTC) + timedelta(days=1)
    for receiver in (stories.NURSING, stories.CASE_OFFICE, stories.HOSPITAL, stories.GP):
        with broker.database.write() as conn:
            feeds.delivered(conn, {receiver.number: 10**6}, micros(later))
    expire(broker.database, Cutoffs(bodies=later), dry_run=False)

    after = entries(told(broker.database, id_))

    gone = [
        ("Bundle", "410", False) if kind == "Bundle" else (kind, *more) for kind, *more in before
    ]
    assert after == gone


def test_a_matter_that_is_gone_is_told_so(broker: Service) -> None:
    """Another thread took its place, say."""
    id_ = subscribed(broker.database, "*")
    tell(broker, stories.hospital_stay()[:1])
    with broker.database.write() as conn:
        stays = resources.c.type == "Encounter"
        conn.execute(update(resources).where(stays).values(deleted=True))

    assert ("Encounter", "410", False) in entries(told(broker.database, id_))


def test_the_jump_after_a_restore_says_why(broker: Service) -> None:
    """It is an event of its own, with nothing but that."""
    database = broker.database
    id_ = subscribed(database, "*", Content.FULL_RESOURCE)
    with database.write() as conn:
        begins = feeds.begin_anew(conn, 10**15, subscription_numbers.receivers(conn))
        subscription_numbers.begin_anew(conn, begins)

    bundle = told(database, id_)

    assert numbers(bundle) == [begins]
    assert entries(bundle) == [("Bundle", "410", False)]
    (issue,) = bundle["entry"][1]["response"]["outcome"]["issue"]
    assert "backup" in issue["details"]["text"]


@pytest.mark.parametrize("kind", [NotificationType.HANDSHAKE, NotificationType.HEARTBEAT])
def test_no_event_is_no_event(broker: Service, kind: NotificationType) -> None:
    """A handshake and a heartbeat count nothing."""
    id_ = subscribed(broker.database, "*")
    tell(broker, stories.hospital_stay()[:2])

    bundle = told(broker.database, id_, kind)

    first = bundle["entry"][0]["resource"]
    assert (len(bundle["entry"]), numbers(bundle)) == (1, [])
    assert parameter(first, "type") == kind
    assert parameter(first, "events-since-subscription-start") == "2"


@pytest.mark.parametrize(("asked", "given"), [(None, 20), (3, 3), (1000, 100)])
def test_how_many_events_at_once(broker: Service, asked: int | None, given: int) -> None:
    """As many as the subscriber says, within limits."""
    channel = replace(CHANNEL, type=ChannelType.WEBSOCKET, max_count=asked, content=Content.EMPTY)
    id_ = subscribed(broker.database, "*", channel=channel)
    tell(broker, stories.hospital_stay())

    assert most(standing(broker.database, id_)) == given
    assert len(numbers(told(broker.database, id_))) == min(given, len(stories.hospital_stay()))


def test_its_time_is_over(broker: Service) -> None:
    """It is off, its resource says so, and nothing counts any more."""
    database, ends = broker.database, datetime.now(UTC) + timedelta(hours=1)
    id_ = subscribed(database, "*", ends=ends)
    for at, expected in ((ends - timedelta(seconds=1), "active"), (ends, "off")):
        with database.write() as conn:
            service.end(conn, KEYS, at)
        assert standing(database, id_).status == expected
    number(database)
    with database.read() as conn:
        shown = subscription_resources.current(conn, id_)
    assert shown is not None
    assert (orjson.loads(shown.body)["status"], shown.version) == ("off", 2)
    assert shown.updated == instant(micros(ends))
