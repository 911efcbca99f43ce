"""The laws of the picture: every entry in one mark, nothing outside its lane, whatever order things came in."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from carepath.cli.demo.story import latest_saturday, story
from carepath.service.terms import NORWAY
from pathways.axis import Window, framed
from pathways.corrections import Mark
from pathways.deadlines import Commitment, Terms
from pathways.events import EventCode, Family
from pathways.lanes import Grain, Lanes, Level
from pathways.layout import APART
from pathways.messages import Record
from pathways.moments import Moment
from pathways.parties import Directory, Kind, Party
from pathways.pathway import Header
from pathways.picture import Picture, Scene, picture
from pathways.situation import planned
from pathways.stays import Part, Phase, parts
from pathways.timeline import Entry, entries
from tests.unit import story_records
from tests.unit.records import BEGIN, records

AT = BEGIN + timedelta(days=4)
FAMILIES = (Family.STAY, Family.REFERRAL, Family.INQUIRY, Family.MEASURE, Family.COURSE)
DIRECTORY = Directory(
    {
        "ward": Party("ward", "Fjord sykehus, sengepost", Kind.HOSPITAL, parent="fjord"),
        "unit": Party("unit", "Vik kommune, hjemmesykepleien", Kind.MUNICIPALITY, parent="vik"),
        "other": Party("other", "Vik legevakt", Kind.LEGEVAKT),
        "fjord": Party("fjord", "Fjord sykehus", Kind.HOSPITAL),
        "vik": Party("vik", "Vik kommune", Kind.MUNICIPALITY),
    }
)
TERMS = Terms(NORWAY, DIRECTORY)
GRAINS = st.sampled_from(Grain)


@st.composite
def pathways(draw: st.DrawFn) -> dict[str, list[Record]]:
    """The records of up to five matters, of a family each."""
    made = {}
    for place, family in enumerate(draw(st.lists(st.sampled_from(FAMILIES), max_size=5))):
        numbers = range(place * 20, place * 20 + draw(st.integers(1, 8)))
        told = [draw(records(family=family, number=number)) for number in numbers]
        made[f"t{place}"] = told
    return made


def scene_of(told: dict[str, list[Record]]) -> Scene:
    """What there is to see of them."""
    threads = story_records.threads(told)
    header = Header()
    owed: list[Commitment] = [c for t in threads for c in TERMS.commitments(t, header)]
    return Scene(
        entries=entries(told),
        commitments=owed,
        planned=planned(threads, AT, NORWAY.zone),
        directory=DIRECTORY,
        at=AT,
    )


def whole(scene: Scene, grain: Grain = Grain.UNIT) -> Picture:
    """The picture of all of it."""
    return picture(scene, everything(scene), Lanes(DIRECTORY, grain))


def everything(scene: Scene) -> Window:
    """All of the time."""
    return framed(*(scene.reach() or (AT, AT)), 1000, least=timedelta(hours=2))


WINDOWS = st.builds(
    lambda begins, hours: Window(
        BEGIN + timedelta(hours=begins), BEGIN + timedelta(hours=begins + hours), 1000
    ),
    st.integers(-20, 100),
    st.integers(1, 200),
)


@given(pathways(), GRAINS, WINDOWS)
def test_every_entry_in_the_window_is_in_exactly_one_mark(
    told: dict[str, list[Record]], grain: Grain, window: Window
) -> None:
    """And no other is; the whole picture has them all."""
    scene = scene_of(told)
    lanes = Lanes(DIRECTORY, grain)
    shown = [e.id for p in picture(scene, window, lanes).points for e in p.entries]
    assert sorted(shown) == sorted(e.id for e in scene.entries if window.has(e.happened.at))
    every = [e.id for p in whole(scene, grain).points for e in p.entries]
    assert sorted(every) == sorted(e.id for e in scene.entries)


@given(pathways(), GRAINS, WINDOWS)
def test_nothing_stands_outside_its_lane_or_the_window(
    told: dict[str, list[Record]], grain: Grain, window: Window
) -> None:
    """Whatever is drawn has a lane, a row in it, and a place between the edges."""
    made = picture(scene_of(told), window, Lanes(DIRECTORY, grain))
    within = range(len(made.lanes))
    for point in made.points:
        assert 0 <= point.x <= window.width
        assert point.row < made.rows[point.lane]
    for bar in made.bars:
        assert 0 <= bar.left <= bar.right <= window.width
        assert bar.row < made.rows[bar.lane]
        assert all(bar.left <= a <= b <= bar.right for _, a, b in bar.phases)
    for one in made.owed:
        assert 0 <= one.opened <= one.due <= one.ends <= window.width
        assert one.row < made.owing[one.lane]
    for arrow in made.arrows:
        assert {arrow.sender, arrow.receiver} <= {*within}
        assert arrow.sender != arrow.receiver
        assert 0 <= arrow.left <= arrow.reached <= window.width
    assert all(0 <= a.x <= window.width and a.lane in within for a in made.ahead)


@given(pathways(), GRAINS)
def test_marks_of_a_row_do_not_overlap(told: dict[str, list[Record]], grain: Grain) -> None:
    """What stands nearer than a mark is wide is gathered; ``room`` says how far the next one is."""
    made = whole(scene_of(told), grain)
    for one, other in combinations(made.points, 2):
        if (one.lane, one.row) == (other.lane, other.row):
            assert abs(one.x - other.x) >= APART
    for point in made.points:
        right = [p.x for p in made.points if (p.lane, p.row) == (point.lane, point.row)]
        following = min((x for x in right if x > point.x), default=1000.0)
        assert point.room == following - point.x


@given(pathways(), GRAINS)
def test_bars_of_a_row_do_not_overlap(told: dict[str, list[Record]], grain: Grain) -> None:
    """Bars stand on rows of their own only where the stays themselves overlap."""
    made = whole(scene_of(told), grain)
    for one, other in combinations(made.bars, 2):
        if (one.lane, one.row) == (other.lane, other.row):
            assert not _overlap(one.part, other.part)
    for lane in range(len(made.lanes)):
        mine = [bar for bar in made.bars if bar.lane == lane]
        if not any(_overlap(a.part, b.part) for a, b in combinations(mine, 2)):
            assert {bar.row for bar in mine} <= {0}


def _overlap(one: Part, other: Part) -> bool:
    return one.begins < _ends(other) and other.begins < _ends(one)


def _ends(part: Part) -> datetime:
    return part.ends or max(part.begins, AT)


@given(pathways(), st.randoms(use_true_random=False), GRAINS)
def test_the_order_of_arrival_changes_nothing(
    told: dict[str, list[Record]], random: Random, grain: Grain
) -> None:
    """But for the marks that are about arrival."""

    def settled(made: dict[str, list[Record]]) -> Picture:
        known = scene_of(made)
        bare = [replace(e, marks=e.marks - {Mark.LATE}) for e in known.entries]
        random.shuffle(bare)
        return whole(replace(known, entries=bare), grain)

    mixed = [*told.items()]
    random.shuffle(mixed)
    shuffled = {id_: random.sample(own, len(own)) for id_, own in mixed}
    assert settled(told) == settled(shuffled)


@given(pathways(), WINDOWS, GRAINS)
def test_the_order_of_lanes_is_always_the_same(
    told: dict[str, list[Record]], window: Window, grain: Grain
) -> None:
    """A part of the time shows some of the lanes, in the order that all have."""
    scene = scene_of(told)
    lanes = Lanes(DIRECTORY, grain)
    all_ = [lane.key for lane in whole(scene, grain).lanes]
    some = [lane.key for lane in picture(scene, window, lanes).lanes]
    assert some == [key for key in all_ if key in some]
    levels = [[*Level].index(lane.level) for lane in whole(scene, grain).lanes]
    assert levels == sorted(levels)


@given(pathways())
@settings(max_examples=50)
def test_what_is_owed_reaches_to_its_due_time(told: dict[str, list[Record]]) -> None:
    """What is open and overdue goes on until now; what is not late ends there; none is lost."""
    scene = scene_of(told)
    window = everything(scene)
    made = whole(scene)
    assert len(made.owed) + sum(made.more) == len(scene.shown)
    for one in made.owed:
        assert one.due == window.x(one.commitment.due)
        late = one.commitment.due < AT if one.commitment.promise.is_open else True
        assert one.is_late is (late and one.ends > one.due)
        if one.commitment.promise.is_open and late:
            assert one.ends == window.x(AT)


# --- the demo's story, as it is


def test_the_story_as_a_picture() -> None:
    """From legevakt to hospital to home: who had her when, who handed her over, and who was asked."""
    told, directory = story_told()
    stayed = [p for p in parts(told) if p.family is Family.STAY]
    assert [(p.party, p.ward) for p in stayed] == [
        ("bjorkelia-obs", "Observasjonsposten"),
        ("bjorkelia-lunge", "Lungemedisinsk sengepost"),
        ("slagen-akutt", "Akuttmottaket"),
    ]
    assert stayed[0].ends == stayed[1].begins
    assert [phase for phase, *_ in stayed[1].phases] == [Phase.READY, Phase.READY]
    made = drawn_story(told, directory)
    names = [lane.key for lane in made.lanes]
    arrows = {(names[a.sender], names[a.receiver], a.asks) for a in made.arrows}
    assert arrows == {
        ("solvik-legevakt", "slagen-akutt", True),
        ("slagen-akutt", "bjorkelia-obs", True),
        ("bjorkelia-obs", "bjorkelia-lunge", False),
        ("bjorkelia-lunge", "solvik-tildeling", True),
        ("solvik-tildeling", "solvik-hjemmesykepleie", True),
        ("bjorkelia-lunge", "solvik-hjemmesykepleie", False),
        ("brygga-legesenter", "slagen-lunge", True),
        ("slagen-lunge", "bjorkelia-lunge", True),
    }


def test_lanes_are_named_without_their_organisation() -> None:
    """It is told once, beside."""
    told, directory = story_told()
    lane = next(x for x in drawn_story(told, directory).lanes if x.key == "solvik-hjemmesykepleie")
    assert (lane.name, lane.organisation) == ("Hjemmesykepleien", "Solvik kommune")
    assert lane.level is Level.MUNICIPAL


def test_an_open_stay_goes_on_until_now() -> None:
    """Until somebody tells of its end."""
    told, directory = story_told()
    before = [e for e in told if e is not _left(told)]
    (bar,) = [b for b in drawn_story(before, directory).bars if b.going_on]
    window = everything(scene_story(before, directory))
    assert bar.right == window.x(now_of(before))


def test_a_stay_that_ends_before_it_begins_is_no_bar() -> None:
    """What cannot be is not drawn; its marks are."""
    told, _ = story_told()
    leaves = _left(told)
    early = replace(leaves, happened=Moment(leaves.happened.at - timedelta(days=90)))
    assert all(p.ends is None or p.begins < p.ends for p in parts([*told, early]))


def _left(told: Sequence[Entry]) -> Entry:
    """The discharge of the long stay; there is an evening's, too."""
    return next(e for e in told if e.code is EventCode.DISCHARGE)


def story_told() -> tuple[list[Entry], Directory]:
    """The demo's story as entries, and its directory."""
    steps = [s for s in story(latest_saturday(datetime.now(UTC).date())) if s.name != "duplicate"]
    return entries(story_records.records(steps)), story_records.DIRECTORY


def now_of(told: Sequence[Entry]) -> datetime:
    """A day after the last event."""
    return max(e.happened.at for e in told) + timedelta(days=1)


def scene_story(told: Sequence[Entry], directory: Directory) -> Scene:
    """What there is to see of the story."""
    return Scene(entries=told, commitments=(), planned=(), directory=directory, at=now_of(told))


def drawn_story(told: Sequence[Entry], directory: Directory) -> Picture:
    """The picture of it."""
    scene = scene_story(told, directory)
    return picture(scene, everything(scene), Lanes(directory))
