"""For whom there is room: the quick and proven, and apart from them all others."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from carepath.delivery import hook_flights
from carepath.delivery.hook_flights import Flights, chosen
from carepath.store.hooks import Due, Room

KE, OTHER = "https://ke.example:443", "https://other.example:443"


def in_the_air(
    flights: Flights, number: int, *, proven: bool, target: str | None = KE
) -> list[str]:
    """So many are being served."""
    ids = [f"{proven}{target}{n}" for n in range(number)]
    for id_ in ids:
        task: asyncio.Task[None] = asyncio.create_task(asyncio.sleep(60))
        flights.begin(Due(id_, target, proven), task)
    return ids


def run(body: Callable[[Flights], Awaitable[None]]) -> None:
    """On an event loop, as flights need one."""

    async def go() -> None:
        flights = Flights()
        await body(flights)
        for task in flights.tasks():
            task.cancel()

    asyncio.run(go())


def limits(flights: Flights, *landed: str) -> dict[bool, int]:
    """Room for the proven, and for the others."""
    return {room.proven: room.limit for room in flights.rooms(landed)}


def test_others_never_take_the_quick_ones_places() -> None:
    """Whoever has no room is not asked for."""

    async def body(flights: Flights) -> None:
        assert limits(flights) == {True: 64, False: 32}
        ids = in_the_air(flights, 32, proven=False)
        assert limits(flights) == {True: 64}
        assert limits(flights, *ids[:2]) == {True: 64, False: 2}

    run(body)


def test_who_turns_slow_gives_up_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty-four that hang hold up the quick for as long as a call may be quick, no longer."""

    async def body(flights: Flights) -> None:
        ids = in_the_air(flights, 64, proven=True)
        assert limits(flights) == {False: 32}
        begun = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: begun + hook_flights.SLOW + 1)
        assert limits(flights) == {True: 64}
        flights.end(ids[0])
        assert all(room.slow == {ids[0]} for room in flights.rooms(()))
        flights.begin(Due(ids[0], KE, proven=False), asyncio.create_task(asyncio.sleep(60)))
        flights.end(ids[0])
        assert all(room.slow == set() for room in flights.rooms(()))

    run(body)


def test_a_host_has_no_more_than_its_share() -> None:
    """Counted with what is in the air; whoever calls nobody is not counted."""
    usual: dict[str, Any] = {"proven": True, "limit": 9, "each": 3, "slow": (), "besides": ()}
    due = [
        Due(str(n), target, proven=True)
        for n, target in enumerate([KE, KE, OTHER, None, KE, None, OTHER])
    ]
    room = Room(calls={KE: 1}, **usual)
    assert [one.id for one in chosen(due, room)] == ["0", "1", "2", "3", "5", "6"]


def test_leases_are_renewed_before_they_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once in a while, and not those that have landed."""

    async def body(flights: Flights) -> None:
        one, two = in_the_air(flights, 2, proven=True)
        assert flights.renewable((), 5) == []
        begun = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: begun + 6)
        assert flights.renewable((two,), 5) == [one]
        assert flights.renewable((), 5) == [two]
        assert flights.renewable((), 5) == []
        flights.drop(two)
        assert flights.flying() == {one}

    run(body)
