"""What subscribers do instead of taking notifications, and that it is theirs alone."""

import time
from contextlib import ExitStack
from pathlib import Path

import httpx

from tests.integration.backport import parameter
from tests.integration.hooking import (
    admissions,
    admit,
    again,
    becomes,
    count,
    quiet,
    read,
    subscribed,
    told,
    upto,
)
from tests.integration.subscriber import Reply, Subscriber, never_reading, until
from tests.integration.talk import FHIR
from tests.servers import free_port


def test_three_tries_within_seconds_then_error(
    hook_client: httpx.Client, subscriber: Subscriber
) -> None:
    """The same events under the same numbers; then nothing until the client asks, heartbeats neither."""
    with subscribed(hook_client, admissions(subscriber.url, heartbeat_period=2)) as id_:
        becomes(hook_client, id_, "active")
        subscriber.usual = Reply(503)
        admit(hook_client)
        becomes(hook_client, id_, "error")
        tries = subscriber.events()
        assert [got.numbers for got in tries] == [[1], [1], [1]]
        assert tries[-1].at - tries[0].at < 10
        quiet(subscriber, 3)

        admit(hook_client, 2)
        subscriber.usual = Reply(202)
        again(hook_client, id_)
        until(lambda: subscriber.taken() == upto(3))
        until(lambda: subscriber.kinds("heartbeat"))


def test_one_that_flaps_loses_nothing(hook_client: httpx.Client, subscriber: Subscriber) -> None:
    """Every failure is followed by a try that works: never an error, and no number is left out or given anew."""
    with subscribed(hook_client, admissions(subscriber.url)) as id_:
        becomes(hook_client, id_, "active")
        subscriber.replies = [Reply(500), Reply(), Reply(502), Reply(), Reply(404), Reply()]
        for number in (2, 4, 6):
            admit(hook_client, 2)
            until(lambda: len(subscriber.taken()) == number)  # noqa: B023 -- asked at once
        assert subscriber.taken() == upto(6)
        assert read(hook_client, id_)["status"] == "active"
    assert not subscriber.replies


def test_gone_is_an_error_at_once(hook_client: httpx.Client, subscriber: Subscriber) -> None:
    """410: whoever says so is not asked again."""
    with subscribed(hook_client, admissions(subscriber.url)) as id_:
        becomes(hook_client, id_, "active")
        subscriber.usual = Reply(410)
        admit(hook_client)
        assert "410" in becomes(hook_client, id_, "error")["error"]
        assert len(subscriber.events()) == 1


def test_who_asks_for_a_pause_gets_it(hook_client: httpx.Client, subscriber: Subscriber) -> None:
    """429 with Retry-After."""
    with subscribed(hook_client, admissions(subscriber.url)) as id_:
        becomes(hook_client, id_, "active")
        subscriber.replies = [Reply(429, headers=(("Retry-After", "3"),))]
        admit(hook_client)
        until(lambda: subscriber.taken() == [1])
    first, second = subscriber.events()
    assert 3 <= second.at - first.at < 8


def test_redirects_are_not_followed(hook_client: httpx.Client, subscriber: Subscriber) -> None:
    """Whoever is to be called says so in the Subscription."""
    with subscribed(hook_client, admissions(subscriber.url)) as id_:
        becomes(hook_client, id_, "active")
        elsewhere = f"http://127.0.0.1:{subscriber.port}/elsewhere"
        subscriber.usual = Reply(307, headers=(("Location", elsewhere),))
        admit(hook_client)
        assert "307" in becomes(hook_client, id_, "error")["error"]
    assert {got.path for got in subscriber.got} == {"/hook/s3cret-path?key=s3cret-query"}


def test_a_slow_one_has_its_own_time(hook_client: httpx.Client, subscriber: Subscriber) -> None:
    """The channel's timeout is for each call; what came too late comes again, under its number."""
    with subscribed(hook_client, admissions(subscriber.url, timeout=1)) as id_:
        becomes(hook_client, id_, "active")
        subscriber.replies = [Reply(after=2)]
        admit(hook_client)
        until(lambda: len(subscriber.events()) == 2)
        assert read(hook_client, id_)["status"] == "active"
        assert [got.numbers for got in subscriber.events()] == [[1], [1]]


def test_one_that_never_reads(hook_client: httpx.Client) -> None:
    """Taken connections, nothing read: no response."""
    port = free_port()
    with never_reading(port):
        asked = admissions(f"http://127.0.0.1:{port}/", timeout=1)
        with subscribed(hook_client, asked) as id_:
            stands = becomes(hook_client, id_, "error")
            assert "in time" in stands["error"]
            assert parameter(told(hook_client, id_), "error")["coding"][0]["code"] == "no-response"


def test_who_hangs_does_not_hold_up_its_own_change(
    hook_client: httpx.Client, subscriber: Subscriber
) -> None:
    """Another endpoint, asked for while the old one is still being waited for, is called at once."""
    old = Subscriber(free_port(), usual=Reply(after=30))
    with old.up():
        old.replies = [Reply()]
        with subscribed(hook_client, admissions(old.url, timeout=60)) as id_:
            becomes(hook_client, id_, "active")
            admit(hook_client)
            until(lambda: count(hook_client, id_) == 1)
            time.sleep(0.5)
            moved = admissions(subscriber.url) | {"id": id_}
            url = f"/fhir/Subscription/{id_}"
            assert hook_client.put(url, json=moved, headers={"Content-Type": FHIR}).is_success
            until(subscriber.taken, 5)
    assert subscriber.taken() == [1]


def test_nobody_else_is_held_up(hook_client: httpx.Client, subscriber: Subscriber) -> None:
    """Twenty that never read, on one host: who reads gets everything at once."""
    port = free_port()
    with never_reading(port), ExitStack() as there:
        id_ = there.enter_context(subscribed(hook_client, admissions(subscriber.url)))
        becomes(hook_client, id_, "active")
        for _ in range(20):
            there.enter_context(subscribed(hook_client, admissions(f"http://127.0.0.1:{port}/")))
        begun = time.monotonic()
        admit(hook_client)
        until(subscriber.taken)
        assert subscriber.events()[0].at - begun < 5


def test_tls(hook_client: httpx.Client, certificates: tuple[Path, Path]) -> None:
    """The certificate is of the name that is called, and of an authority that is believed; or nobody is called."""
    believed, other = certificates
    for file, host, status in (
        (believed, "localhost", "active"),
        (believed, "127.0.0.1", "error"),
        (other, "localhost", "error"),
        (None, "localhost", "error"),
    ):
        endpoint = Subscriber(free_port())
        with endpoint.up(file), subscribed(hook_client, admissions(endpoint.https(host))) as id_:
            stands = becomes(hook_client, id_, status)
            assert len(endpoint.got) == (status == "active")
            assert ("could not be reached" in stands.get("error", "")) == (status == "error")
