"""How much may be asked for: never more than the limit in a window, each key for itself, and when to come again."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carepath.api.allowance import GENEROUS, NONE, Limits, Throttle
from carepath.api.throttle import address_of, too_many
from carepath.identity.entrance import TOKEN

KEYS = st.lists(st.sampled_from("abc"), max_size=40)


def peer(host: str) -> dict[str, Any]:
    """A request from there."""
    return {"type": "http", "client": (host, 4711)}


@given(keys=KEYS, most=st.integers(1, 10))
def test_nobody_gets_more_than_the_limit_and_nobody_takes_from_another(
    keys: list[str], most: int
) -> None:
    """So many of each key, whatever the others do; what is one too many is told of."""
    seen = Counter[str]()
    throttle = Throttle(Limits(requests=most), lambda limit: seen.update([limit]))

    async def all_of_them() -> list[int | None]:
        return [await throttle.client(key) for key in keys]

    answers = asyncio.run(all_of_them())
    given_ = Counter(key for key, after in zip(keys, answers, strict=True) if after is None)
    assert given_ == {key: min(n, most) for key, n in Counter(keys).items()}
    assert seen["client"] == len(keys) - given_.total()
    assert all(after is None or 1 <= after <= 60 for after in answers)


def test_clients_and_addresses_are_counted_apart() -> None:
    """A client's requests are none of a stranger who happens to have its name."""
    throttle = Throttle(Limits(requests=1, strangers=1), lambda _limit: None)

    async def both() -> tuple[int | None, ...]:
        return await throttle.client("a"), await throttle.address("a"), await throttle.address("a")

    client, first, second = asyncio.run(both())
    assert (client, first) == (None, None)
    assert second is not None


def test_no_limit_is_no_limit() -> None:
    """As in open mode."""
    throttle = Throttle(NONE, lambda _limit: pytest.fail("nothing is limited"))

    async def many() -> list[int | None]:
        return [await throttle.client("a") for _ in range(10 * GENEROUS.streams)]

    assert set(asyncio.run(many())) == {None}
    assert all(throttle.begin_stream("a") for _ in range(1000))


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 5))
def test_streams_are_counted_while_they_are_open(steps: list[bool], most: int) -> None:
    """Never more at once than allowed; one that ends makes room."""
    throttle, open_ = Throttle(Limits(streams=most), lambda _limit: None), 0
    for begin in steps:
        if begin:
            assert throttle.begin_stream("a") is (open_ < most)
            open_ = min(open_ + 1, most)
        elif open_:
            throttle.end_stream("a")
            open_ -= 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("testclient", "testclient", True),
    ],
)
def test_an_address_is_one_host_or_one_network_of_ipv6(one: str, other: str, same: bool) -> None:
    """Who has a /64 has every address in it."""
    assert (address_of(peer(one)) == address_of(peer(other))) is same


def test_a_refusal_says_when_to_come_again() -> None:
    """In FHIR's words, and in OAuth's where tokens come from."""
    fhir, oauth = too_many("/fhir/Patient", 7), too_many(TOKEN, 7)
    assert (fhir.status_code, oauth.status_code) == (429, 429)
    assert fhir.headers["Retry-After"] == oauth.headers["Retry-After"] == "7"
    assert b'"throttled"' in fhir.body
    assert b'"error":"temporarily_unavailable"' in oauth.body
