"""The oracle of the chaos runs can object: every way of losing, doubling, misplacing or delaying is told."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from kafka.partitioner.default import murmur2

from tests.chaos import laws
from tests.chaos.laws import OPERATOR, PARKED, Kept, Observed, Told, Update, objections, percentile
from tests.chaos.sender import Place
from tests.chaos.traffic import Good, Poison

SENDER, RECEIVER = "314270010", "314274121"
INBOUND = f"carepath.inbound.{SENDER}"
PATIENT, KEY, PARTITIONS = "fnr|1", b"pseudonym", 4
HOME = (murmur2(KEY) & 0x7FFFFFFF) % PARTITIONS
CONTENTS = {"m1": b"1" * 32, "m2": b"2" * 32}
POISON = b"p" * 32


def update(number: int, kind: str, **more: Any) -> Update:
    """A record about the patient, unless told otherwise."""
    about: dict[str, Any] = {"partition": HOME, "key": KEY, "content": b"", "headers": ()}
    return Update(**about | {"id": f"u{number}", "number": number, "kind": kind} | more)


def receipt(number: int, message: str, code: str) -> Update:
    """What a sender hears of a message; about no patient."""
    return update(number, "acknowledgement", key=None, partition=number % 4, about=(message, code))


def _goods() -> dict[str, Good]:
    return {
        id_: Good(
            id=id_,
            organisation=SENDER,
            patient=PATIENT,
            code="admission",
            named=frozenset({RECEIVER}),
            digests=frozenset({content}),
            passed=frozenset({content}),
            kind="told",
        )
        for id_, content in CONTENTS.items()
    }


def _topics() -> dict[str, list[Update]]:
    """What each receiver was sent."""
    return {
        RECEIVER: [
            update(number, "admission", message=id_, content=content)
            for number, (id_, content) in enumerate(CONTENTS.items(), 1)
        ],
        SENDER: [receipt(1, "m1", "ok"), receipt(2, "k1", "fatal-error"), receipt(3, "m2", "ok")],
        PARKED: [
            update(1, PARKED, key=None, about=("k1", "malformed"), place=(INBOUND, 1, 1)),
            update(2, PARKED, key=None, about=("k2", "unknown-matter"), place=(INBOUND, 1, 2)),
        ],
    }


def _told(updates: Sequence[Update]) -> list[Told]:
    """A feed as the broker has it; what came again has one place in it."""
    first = {update.id: update for update in updates}.values()
    return [Told(u.number, u.id, u.kind, u.message or "") for u in first]


@pytest.fixture
def sound() -> Observed:
    """Two messages about one patient, the second after a wait, and poison between: as a sound system shows them."""
    contents = (CONTENTS["m1"], POISON, CONTENTS["m2"])
    inbound = {Place(INBOUND, 0, 1, offset): content for offset, content in enumerate(contents)}
    updates = _topics()
    everything = [Told(n, f"o{n}", "admission", id_) for n, id_ in enumerate(CONTENTS, 1)]
    return Observed(
        goods=_goods(),
        poisons={(INBOUND, POISON): Poison(kind="cut-off", organisation=SENDER, digest=POISON)},
        acknowledged=inbound,
        inbound=inbound,
        timelines={PATIENT: [(f"event-{id_}", id_) for id_ in CONTENTS], "fnr|stranger": []},
        told={receiver: _told(some) for receiver, some in updates.items()} | {OPERATOR: everything},
        updates=updates,
        parked=[
            Kept("k1", "malformed", "open", SENDER, "k1", POISON),
            Kept("k2", "unknown-matter", laws.WAITED, SENDER, "m2", CONTENTS["m2"]),
        ],
        unread={(INBOUND, partition): 0 for partition in range(PARTITIONS)},
        rebuilt="",
        recoveries=[1.0, 2.0],
        terms=[0.5],
    )


def _updates(receiver: str, change: Callable[[list[Update]], Sequence[Update]]) -> "Sabotage":
    """The receiver's topic holds something else."""
    return lambda seen: replace(
        seen, updates={**seen.updates, receiver: [*change([*seen.updates[receiver]])]}
    )


def _both(receiver: str, change: Callable[[list[Update]], Sequence[Update]]) -> "Sabotage":
    """The receiver's topic holds something else, and the broker says so."""

    def changed(seen: Observed) -> Observed:
        seen = _updates(receiver, change)(seen)
        return replace(seen, told={**seen.told, receiver: _told(seen.updates[receiver])})

    return changed


def _timeline(change: Callable[[list[tuple[str, str]]], Sequence[tuple[str, str]]]) -> "Sabotage":
    return lambda seen: replace(
        seen, timelines={**seen.timelines, PATIENT: change([*seen.timelines[PATIENT]])}
    )


def _parked(change: Callable[[list[Kept]], Sequence[Kept]]) -> "Sabotage":
    return lambda seen: replace(seen, parked=change([*seen.parked]))


Sabotage = Callable[[Observed], Observed]
SABOTAGES: dict[str, tuple[Sabotage, str]] = {
    "Kafka lost a record": (lambda seen: replace(seen, inbound={}), "_kept_by_kafka"),
    "a record was not read": (
        lambda seen: replace(seen, unread={**seen.unread, (INBOUND, 1): 1}),
        "_read_to_the_end",
    ),
    "lost from the timeline": (_timeline(lambda some: some[1:]), "_once_on_the_timeline"),
    "twice on the timeline": (_timeline(lambda some: [*some, some[0]]), "_once_on_the_timeline"),
    "on a stranger's timeline": (
        lambda seen: replace(seen, timelines={**seen.timelines, "fnr|stranger": [("event", "m9")]}),
        "_once_on_the_timeline",
    ),
    "receiver not told": (_both(RECEIVER, lambda some: some[:1]), "_told_to_those_named"),
    "doubled under another id": (
        _both(RECEIVER, lambda some: [*some, replace(some[0], id="u3", number=3)]),
        "_told_to_those_named",
    ),
    "withheld": (
        _both(RECEIVER, lambda some: [some[0], replace(some[1], kind="withheld", message=None)]),
        "_told_to_those_named",
    ),
    "update lost on the way": (
        _updates(RECEIVER, lambda some: some[:1]),
        "_told_as_the_broker_says",
    ),
    "update that nobody sent": (
        _updates(PARKED, lambda some: [*some, update(3, PARKED, key=None)]),
        "_told_as_the_broker_says",
    ),
    "operator not told": (
        lambda seen: replace(seen, told={**seen.told, OPERATOR: []}),
        "_told_as_the_broker_says",
    ),
    "other bytes": (
        _updates(RECEIVER, lambda some: [replace(some[0], content=b"x"), some[1]]),
        "_carried_as_sent",
    ),
    "a gap in the numbers": (
        _both(RECEIVER, lambda some: [some[0], replace(some[1], number=3)]),
        "_numbered_without_gaps",
    ),
    "a number twice": (
        _both(RECEIVER, lambda some: [some[0], replace(some[1], number=1)]),
        "_numbered_without_gaps",
    ),
    "overtaken": (_updates(RECEIVER, lambda some: some[::-1]), "_in_order"),
    "in another partition": (
        _updates(RECEIVER, lambda some: [replace(u, partition=(HOME + 1) % 4) for u in some]),
        "_in_its_partition",
    ),
    "another pseudonym": (
        _updates(RECEIVER, lambda some: [some[0], replace(some[1], key=b"other")]),
        "_one_key_per_patient",
    ),
    "one pseudonym for two": (
        lambda seen: replace(
            seen, goods={**seen.goods, "m2": replace(seen.goods["m2"], patient="fnr|2")}
        ),
        "_one_key_per_patient",
    ),
    "a repeat with other headers": (
        _updates(RECEIVER, lambda some: [*some, replace(some[0], headers=(("ce_time", b"now"),))]),
        "_repeats_are_the_same",
    ),
    "no receipt": (_both(SENDER, lambda some: some[:2]), "_answered"),
    "two receipts": (
        _both(SENDER, lambda some: [*some, receipt(4, "m1", "ok")]),
        "_answered",
    ),
    "a refusal of what was taken in": (
        _both(SENDER, lambda some: [replace(some[0], about=("m1", "fatal-error")), *some[1:]]),
        "_answered",
    ),
    "poison is not told of": (
        _both(SENDER, lambda some: [some[0], receipt(2, "m2", "ok")]),
        "_answered",
    ),
    "poison was dropped": (_parked(lambda some: some[1:]), "_poison_is_parked"),
    "poison is parked with other bytes": (
        _parked(lambda some: [replace(some[0], content=b"x"), some[1]]),
        "_poison_is_parked",
    ),
    "poison is parked for another reason": (
        _parked(lambda some: [replace(some[0], reason="fault"), some[1]]),
        "_poison_is_parked",
    ),
    "a good message is parked": (
        _parked(lambda some: [*some, Kept("k3", "fault", "open", SENDER, "m1", CONTENTS["m1"])]),
        "_poison_is_parked",
    ),
    "what came early still waits": (
        _parked(lambda some: [some[0], replace(some[1], state="open")]),
        "_poison_is_parked",
    ),
    "operator does not hear of what is parked": (
        _both(PARKED, lambda some: some[:1]),
        "_parked_is_told",
    ),
    "a notice of another place": (
        _updates(PARKED, lambda some: [replace(some[0], place=(INBOUND, 1, 0)), some[1]]),
        "_parked_is_told",
    ),
    "rebuild finds a difference": (
        lambda seen: replace(seen, rebuilt="1 changed"),
        "_rebuild_changes_nothing",
    ),
    "slow to recover": (lambda seen: replace(seen, recoveries=[1.0, 5.1]), "_in_time"),
    "slow to stop": (lambda seen: replace(seen, terms=[5.1]), "_in_time"),
}


def test_a_sound_system_gets_no_objection(sound: Observed) -> None:
    """Silence is approval."""
    assert objections(sound) == []


def test_what_is_sent_again_is_answered_again(sound: Observed) -> None:
    """Each record once, whatever its envelope; poison of a conflict is parked once."""
    anew, place = b"a" * 32, Place(INBOUND, 0, 1, 3)
    first = replace(sound.goods["m1"], digests=frozenset({CONTENTS["m1"], anew}))
    again = replace(
        sound, goods={**sound.goods, "m1": first}, inbound={**sound.inbound, place: anew}
    )
    assert [*laws._answered(again)] != []  # noqa: SLF001 - this law alone
    told = _both(SENDER, lambda some: [*some, receipt(4, "m1", "ok")])(again)
    assert objections(told) == []


def test_repeats_are_no_fault(sound: Observed) -> None:
    """What comes again as it was, however late, is recognised by its id."""
    again = _updates(RECEIVER, lambda some: [*some, *some])(sound)
    assert objections(again) == []


@pytest.mark.parametrize("name", SABOTAGES)
def test_every_sabotage_is_told(sound: Observed, name: str) -> None:
    """By the law that is there for it."""
    sabotage, law = SABOTAGES[name]
    broken = sabotage(sound)
    assert objections(broken) != []
    assert [*getattr(laws, law)(broken)] != []


def test_every_law_has_a_sabotage() -> None:
    """A law that nothing can break says nothing."""
    assert {law for _, law in SABOTAGES.values()} == {law.__name__ for law in laws.LAWS}


def test_not_everything_is_told_of_a_great_loss(sound: Observed) -> None:
    """A run that lost ten thousand is still to be read."""
    many = {(INBOUND, n): 1 for n in range(1000)}
    wrong = objections(replace(sound, unread=many))
    assert len(wrong) < 50
    assert any("980 more" in one for one in wrong)


def test_counts_of_the_table(sound: Observed) -> None:
    """What is lost and what is doubled, in figures."""
    assert (laws.lost(sound), laws.doubled(sound)) == (0, 0)
    assert laws.lost(SABOTAGES["lost from the timeline"][0](sound)) == 1
    assert laws.doubled(SABOTAGES["twice on the timeline"][0](sound)) == 1
    assert laws.doubled(SABOTAGES["doubled under another id"][0](sound)) == 1


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([3.0], 0.95, 3.0), ([*range(1, 21)], 0.95, 19), ([*range(1, 21)], 0.5, 10), ([2, 1], 1, 2)],
)
def test_percentile(values: list[float], share: float, expected: float) -> None:
    """By rank: a value that was measured."""
    assert percentile(values, share) == expected
