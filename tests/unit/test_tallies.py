"""Figures by unit: right, whatever their order, and never of a few."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pathways.promises import PromiseKind, PromiseState
from pathways.tallies import MINIMUM, Figure, Owed, Row, Waited, rows

K, S = PromiseKind, PromiseState
NOW = datetime(2026, 12, 1, tzinfo=UTC)
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
UNITS = st.sampled_from(["ward", "office"])


@st.composite
def owed(draw: st.DrawFn) -> Owed:
    """A promise of November."""
    opened = BEGIN + timedelta(hours=draw(st.integers(0, 600)))
    state = draw(st.sampled_from(PromiseState))
    took = timedelta(hours=draw(st.integers(0, 100)))
    return Owed(
        unit=draw(UNITS),
        kind=draw(st.sampled_from([K.EARLY_NOTICE, K.INQUIRY_ANSWER])),
        opened=opened,
        due=opened + timedelta(hours=48),
        state=state,
        proof=None if state is S.OPEN else opened + took,
        alarms=draw(st.integers(0, 3)),
    )


OWED = st.lists(owed(), max_size=60)
STAYS = st.dictionaries(UNITS, st.integers(0, 30))
WAITED = st.lists(
    st.builds(
        lambda unit, days, unpaid: Waited(unit, days, max(0, days - unpaid)),
        UNITS,
        st.integers(0, 9),
        st.integers(0, 9),
    ),
    max_size=20,
)


def one(
    found: list[Row], figure: Figure, unit: str = "ward", kind: PromiseKind | None = None
) -> float | None:
    """The value of the one such row."""
    (row,) = (r for r in found if (r.figure, r.unit, r.kind) == (figure, unit, kind))
    return row.value


def promise(hours: int, **more: Any) -> Owed:
    """An answer of the ward's after so many hours; it had 48."""
    told = {"unit": "ward", "kind": K.INQUIRY_ANSWER, "opened": BEGIN, "state": S.KEPT}
    due, proof = BEGIN + timedelta(hours=48), BEGIN + timedelta(hours=hours)
    return Owed(**{**told, "due": due, "proof": proof, **more})


def test_what_a_unit_is_told() -> None:
    """Ten answers within two days and five late ones; the withdrawn question does not count."""
    known = [promise(10 + n) for n in range(10)] + [promise(100, alarms=2) for _ in range(5)]
    found = rows(
        [*known, promise(1, state=S.WITHDRAWN)], {"ward": 40}, [Waited("ward", 3, 2)] * 6, NOW
    )
    assert one(found, Figure.PROMISED, kind=K.INQUIRY_ANSWER) == 15
    assert one(found, Figure.IN_TIME, kind=K.INQUIRY_ANSWER) == 66.7
    assert one(found, Figure.ANSWER_HOURS, kind=K.INQUIRY_ANSWER) == 17
    assert one(found, Figure.ALARMS_PER_100_STAYS) == 25
    assert (one(found, Figure.READY_DAYS), one(found, Figure.OWED_DAYS)) == (18, 12)
    assert one(found, Figure.LATE_NOTICES) == 0


def test_few_are_hidden_on_either_side() -> None:
    """A share would tell of the three who were late, a sum of the two who are paid for."""
    known = [promise(10)] * 10 + [promise(100)] * 3
    waited = [Waited("ward", 3, 0)] * 6 + [Waited("ward", 3, 3)] * 2
    found = rows(known, {}, waited, NOW)
    assert one(found, Figure.PROMISED, kind=K.INQUIRY_ANSWER) == 13
    assert one(found, Figure.IN_TIME, kind=K.INQUIRY_ANSWER) is None
    assert (one(found, Figure.READY_DAYS), one(found, Figure.OWED_DAYS)) == (24, None)


def test_what_is_still_open_counts_when_its_time_is_over() -> None:
    """Before that nobody can say."""
    late = [promise(0, kind=K.EARLY_NOTICE, state=S.OPEN, proof=None)] * 5
    for now, told in ((BEGIN, 0), (NOW, 5)):
        assert one(rows(late, {"ward": 5}, (), now), Figure.LATE_NOTICES) == told


@given(OWED, STAYS, WAITED, st.randoms(use_true_random=False))
def test_the_order_is_nothing(
    known: list[Owed], stays: dict[str, int], waited: list[Waited], chance: Any
) -> None:
    """The same figures."""
    before = rows(known, stays, waited, NOW)
    chance.shuffle(known)
    chance.shuffle(waited)
    assert rows(known, stays, waited, NOW) == before


@given(OWED, STAYS, WAITED)
def test_nothing_rests_on_a_few(
    known: list[Owed], stays: dict[str, int], waited: list[Waited]
) -> None:
    """One person more or less is never to be seen: taking any four away from a unit leaves nothing told of it."""
    few = MINIMUM - 1
    for unit in ("ward", "office"):
        mine = [o for o in known if o.unit == unit][:few]
        alarmless = [Owed(**{**_fields(o), "alarms": 0}) for o in mine]
        own = [w for w in waited if w.unit == unit][:few]
        found = rows(alarmless, {unit: min(few, stays.get(unit, 0))}, own, NOW)
        assert all(row.value in (None, 0) for row in found)


def _fields(one_: Owed) -> dict[str, Any]:
    return {name: getattr(one_, name) for name in Owed.__slots__}


@given(OWED, STAYS, WAITED)
def test_figures_are_within_their_bounds(
    known: list[Owed], stays: dict[str, int], waited: list[Waited]
) -> None:
    """Counts are nothing or at least the minimum; shares are per cent; no figure is told twice."""
    found = rows(known, stays, waited, NOW)
    assert len({(r.unit, r.figure, r.kind) for r in found}) == len(found)
    for row in found:
        if row.value is None:
            continue
        if row.figure is Figure.IN_TIME:
            assert 0 <= row.value <= 100
        elif row.figure in (Figure.PROMISED, Figure.STAYS, Figure.READY_STAYS, Figure.ALARMS):
            assert row.value == 0 or row.value >= MINIMUM
        assert row.value >= 0
