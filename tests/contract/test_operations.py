"""What is done on the pages of deliveries and operations, on both stores: once, by whom it is for, with its line."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from carepath.service import changes
from carepath.service.changes import new_form
from carepath.store import audit, deliveries, feed, hooks, streams
from carepath.store.deliveries import Gap
from carepath.store.parked import State
from carepath.store.streams import Cursor
from carepath.store.subscriptions import Subscribed
from carepath.store.times import micros, now
from pathways.access import Actor, Role
from pathways.access_log import Act
from pathways.subscriptions import SubscriptionStatus
from tests.contract.door import NOW
from tests.contract.tending import HOOKS, PARKED, Pages, pages_on

WARD, TOWN = "/operations/deliveries/ward", "/operations/deliveries/town"
KAFKA = "ward over kafka"
MESSAGE = f"/operations/parked/{PARKED['ward']}"


@pytest.fixture
def pages(database_url: str) -> Iterator[Pages]:
    """Two organisations' deliveries."""
    with pages_on(database_url) as made:
        yield made


def said(pages: Pages) -> list[tuple[str, str | None, str | None]]:
    """What the access log says was done: what, by whom, with what."""
    return [(line.interaction, line.who.party, line.query) for line in pages.lines()]


@pytest.mark.parametrize("party", ["ward", "trust", None], ids=["its own", "its house's", "all"])
def test_pause_and_resume(pages: Pages, party: str | None) -> None:
    """As its administrator, as that of the house it is of, as the operator."""
    answer = pages.post(WARD, party, do="pause")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{WARD}?done=pause")
    with pages.database.read() as conn:
        assert streams.behind(conn, "me", now()) == ["town"]
    pages.post(WARD, party, do="resume")
    with pages.database.read() as conn:
        assert sorted(streams.behind(conn, "me", now())) == ["town", "ward"]
    assert said(pages) == [
        ("pause", party, "ward over kafka"),
        ("resume", party, "ward over kafka"),
    ]


@pytest.mark.parametrize("do", ["pause", "resume", "replay", "ask-anew"])
def test_nobody_changes_what_is_anothers(pages: Pages, do: str) -> None:
    """The same 404 as for what does not exist; a Subscription is not found at somebody else's page either."""
    theirs = pages.post(TOWN, "ward", do=do, from_="1")
    mixed = pages.post(WARD, "ward", do=do, from_="1", hook=HOOKS["town"])
    nowhere = pages.post("/operations/deliveries/nowhere", "ward", do=do, from_="1")
    assert {one.status_code for one in (theirs, mixed, nowhere)} == {404}
    assert theirs.text == mixed.text == nowhere.text
    assert pages.post(f"/operations/parked/{PARKED['town']}", do="retry").status_code == 404
    assert pages.parked("town").state is State.OPEN
    assert pages.cursor("town") == Cursor(4, 0, 6)
    assert said(pages) == []


def test_replay_from_a_number_and_from_a_time(pages: Pages) -> None:
    """Of what Kafka has; a time without a zone is Oslo's, an hour ahead of UTC in November."""
    assert pages.post(WARD, do="replay", from_="3").headers["location"] == f"{WARD}?done=replay"
    assert pages.cursor() == Cursor(2, 4, 6)
    pages.publish("ward", 4)
    local = (NOW - timedelta(hours=5) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")
    pages.post(WARD, do="replay", since=local)
    assert pages.cursor() == Cursor(1, 4, 6)
    assert said(pages) == [
        ("replay", "ward", f"{KAFKA} from 3"),
        ("replay", "ward", f"{KAFKA} from 2"),
    ]


def test_a_form_that_is_sent_twice_replays_once(pages: Pages) -> None:
    """However much has been published in between; a new form is another matter."""
    form = new_form()
    for _ in range(2):
        assert pages.post(WARD, do="replay", from_="1", form=form).status_code == 303
        pages.publish("ward", 4)
    assert len(said(pages)) == 1
    pages.post(WARD, do="replay", from_="1")
    assert pages.cursor() == Cursor(0, 4, 6)
    assert len(said(pages)) == 2


@pytest.mark.parametrize(
    "form",
    [
        "",
        "x",
        "0" * 33,
        f"{micros(datetime.now(UTC) - timedelta(hours=25)):016x}-{'0' * 16}",
        f"{micros(datetime.now(UTC) + timedelta(hours=1)):016x}-{'0' * 16}",
    ],
    ids=["none", "made up", "too long", "too old", "of tomorrow"],
)
def test_a_form_that_is_not_ours_does_nothing(pages: Pages, form: str) -> None:
    """It is said, and nothing is done."""
    for path, do in ((WARD, "replay"), (WARD, "pause"), (MESSAGE, "retry"), (MESSAGE, "drop")):
        answer = pages.post(path, do=do, from_="1", reason="x", form=form)
        assert answer.status_code == 400
        assert "for gammelt" in answer.text
    assert (pages.cursor(), pages.parked().state, said(pages)) == (
        Cursor(4, 0, 6),
        State.OPEN,
        [],
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://e"},
        {},
    ],
    ids=["another site", "a sister's", "another origin", "who does not say"],
)
def test_a_form_of_another_site_does_nothing(pages: Pages, headers: dict[str, str]) -> None:
    """The door refuses it."""
    told = {"form": new_form(), "do": "pause", "over": "kafka"}
    for role, party in ((Role.ADMINISTRATOR, "ward"), (Role.OPERATOR, None)):
        answer = pages.ask(role, party, "POST", WARD, headers=headers, data=told)
        assert answer.status_code == 403
    assert said(pages) == []


def test_in_open_mode_a_form_of_another_site_does_nothing_either(database_url: str) -> None:
    """Browsers say so themselves; who sends from this machine without a browser may."""
    with pages_on(database_url, open_mode=True) as pages:
        told = {"form": new_form(), "do": "pause", "over": "kafka"}
        sent = pages.ask(
            Role.OPEN, None, "POST", WARD, headers={"Sec-Fetch-Site": "cross-site"}, data=told
        )
        assert (sent.status_code, said(pages)) == (403, [])
        assert pages.ask(Role.OPEN, None, "POST", WARD, headers={}, data=told).status_code == 303
        (line,) = pages.lines()
        assert line.who.role is Role.OPEN


# --- rest-hooks


def due(pages: Pages) -> list[Subscribed]:
    """Which are to be called now, and somebody would."""
    with pages.database.write() as conn:
        claimed = hooks.claim(conn, [*HOOKS.values()], "caller", now=now(), until=now() + 10**9)
        hooks.release(conn, "caller")
    return claimed


def test_a_hook_is_sent_again_from_a_number_or_a_time(pages: Pages) -> None:
    """From where its endpoint had it; its numbers stay."""
    assert due(pages) == []
    pages.post(WARD, do="replay", hook=HOOKS["ward"], from_="5")
    (one,) = due(pages)
    assert (one.id, one.delivered, one.numbered) == (HOOKS["ward"], 4, 6)
    pages.post(WARD, do="replay", hook=HOOKS["ward"], since="2026-11-20T09:00")
    assert pages.hook().delivered == 2
    assert [what for what, _, _ in said(pages)] == ["replay", "replay"]


def test_a_hook_that_is_paused_is_not_called(pages: Pages) -> None:
    """Whatever is to be sent, until it is resumed; what another is sending is not noted any more."""
    pages.post(WARD, do="replay", hook=HOOKS["ward"], from_="5")
    with pages.database.write() as conn:
        (held,) = hooks.claim(conn, [HOOKS["ward"]], "caller", now=now(), until=now() + 10**9)
    pages.post(WARD, do="pause", hook=HOOKS["ward"])
    with pages.database.write() as conn:
        assert not hooks.settle(conn, "caller", held)
    assert due(pages) == []
    with pages.database.read() as conn:
        assert hooks.paused(conn) == {HOOKS["ward"]}
        (figure,) = [one for one in hooks.figures(conn) if one.receiver == "ward"]
        assert figure.undelivered == 0
    pages.post(WARD, do="replay", hook=HOOKS["ward"], from_="1")
    assert due(pages) == []
    pages.post(WARD, do="resume", hook=HOOKS["ward"])
    assert [one.delivered for one in due(pages)] == [0]


def test_a_hook_in_error_is_tried_again_when_it_is_asked_for(pages: Pages) -> None:
    """As after a PUT of its client: with a handshake. Where nothing is wrong, nothing is asked."""
    pages.post(WARD, do="ask-anew", hook=HOOKS["ward"])
    assert pages.hook().status is SubscriptionStatus.ACTIVE
    with pages.database.write() as conn:
        failed = hooks.claim(conn, [HOOKS["ward"]], "caller", now=now(), until=now())
        assert failed == []
        hooks.put(conn, _failed(pages.hook()))
    pages.post(WARD, do="ask-anew", hook=HOOKS["ward"])
    asked = pages.hook()
    assert (asked.status, asked.error, asked.tries) == (SubscriptionStatus.REQUESTED, None, 0)
    assert [one.id for one in due(pages)] == [HOOKS["ward"]]


def _failed(one: Subscribed) -> Subscribed:
    return replace(one, status=SubscriptionStatus.ERROR, tries=4, error="no-response")


# --- parked messages


def test_a_parked_message_is_taken_in_when_it_is_tried_again(pages: Pages) -> None:
    """Once; who had it tried is kept."""
    form = new_form()
    answer = pages.post(MESSAGE, do="retry", form=form)
    assert answer.headers["location"] == f"{MESSAGE}?done=retry-accepted"
    assert pages.parked().state is State.PLACED
    again = pages.post(MESSAGE, do="retry", form=form)
    assert again.headers["location"] == f"{MESSAGE}?done=already"
    assert said(pages) == [("retry", "ward", PARKED["ward"])]


def test_a_parked_message_is_given_up_with_a_reason(pages: Pages) -> None:
    """Which is kept with it, and in the access log with who did it."""
    answer = pages.post(MESSAGE, do="drop", reason="  Sendt på nytt  ")
    assert answer.headers["location"] == f"{MESSAGE}?done=drop"
    assert (pages.parked().state, pages.parked().note) == (State.DROPPED, "Sendt på nytt")
    (line,) = pages.lines()
    assert (line.who.role, line.who.party) == (Role.ADMINISTRATOR, "ward")
    assert (line.who.name, line.who.reason) == ("Nina Dahl", "Sendt på nytt")
    for do in ("retry", "drop"):
        again = pages.post(MESSAGE, do=do, reason="x")
        assert again.headers["location"] == f"{MESSAGE}?done=already"
    assert pages.parked().note == "Sendt på nytt"
    assert len(pages.lines()) == 1


def test_the_log_stays_whole(pages: Pages) -> None:
    """What these lines say is sealed as all others are, and read again."""
    pages.post(MESSAGE, do="drop", reason="Sendt på nytt")
    (line,) = pages.lines(Act.ADMINISTRATION)
    with pages.database.read() as conn:
        assert audit.is_written(conn, line.request, micros(line.at) - 1)
        assert not audit.is_written(conn, line.request, micros(line.at) + 10**6)


# --- whose, and where numbers jump


def test_who_reaches_what(pages: Pages) -> None:
    """An administrator their own house and what is below it, the operator all, nobody else anything."""
    with pages.database.read() as conn:
        trust = changes.reach(conn, Actor(role=Role.ADMINISTRATOR, party="trust"))
        assert trust == frozenset({"trust", "ward", "surgery"})
        assert changes.reach(conn, Actor(role=Role.ADMINISTRATOR, party="ward")) == frozenset(
            {"ward"}
        )
        assert changes.reach(conn, Actor(role=Role.ADMINISTRATOR)) == frozenset()
        assert changes.reach(conn, Actor(role=Role.OPERATOR)) is None
        assert changes.reach(conn, Actor(role=Role.CLINICIAN, party="ward")) == frozenset()


def test_gaps_are_where_a_restored_feed_jumped(pages: Pages) -> None:
    """And nowhere else."""
    with pages.database.write() as conn:
        assert deliveries.gaps(conn, "ward") == []
        begins = feed.begin_anew(conn, 1000)
        assert deliveries.gaps(conn, "ward") == [Gap(7, begins - 1)]
    assert f"7 til {begins - 1}" in pages.get(WARD).text
