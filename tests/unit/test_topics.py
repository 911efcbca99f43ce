"""What topics and rights there should be, and what makes Kafka so."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from carepath.delivery.admin_plan import Found, Plan, State, plan
from fhir_mappings.reading import MAX_BYTES
from schemas import topics
from schemas.topics import Right, Topic, TopicOptions

OPTIONS = TopicOptions(partitions=4, copies=3, min_isr=2)
SERVICE = "carepath"
KEYS = st.sets(st.from_regex(r"[a-z0-9][a-z0-9.-]{0,8}", fullmatch=True), max_size=4)
FOUND = st.builds(
    Found,
    partitions=st.integers(1, 6),
    copies=st.integers(1, 3),
    config=st.sampled_from([{}, {"retention.ms": "1"}, topics.topics([], OPTIONS)[0].config]),
)


@st.composite
def states(draw: st.DrawFn) -> tuple[list[Topic], frozenset[Right], State]:
    """What is wanted for some organisations, and a broker where anything may be."""
    keys = draw(KEYS)
    wanted, rights = topics.topics(sorted(keys), OPTIONS), topics.rights(keys, SERVICE)
    there = draw(st.sets(st.sampled_from([topic.name for topic in wanted])))
    others = topics.rights(draw(KEYS), SERVICE)
    given_ = draw(st.sets(st.sampled_from(sorted(rights | others))))
    found = {name: draw(FOUND) for name in there}
    return wanted, rights, State(topics=found, rights=frozenset(given_))


def test_a_name_tells_whose_topic_it_is() -> None:
    """Both ways; other topics are nobody's."""
    assert topics.organisation(topics.inbound("a.b")) == "a.b"
    assert topics.organisation(topics.updates("974633574")) == "974633574"
    assert topics.organisation(topics.PARKED) is None
    assert topics.organisation(topics.INBOUND) is None


@given(KEYS)
def test_an_organisation_writes_its_inbound_and_reads_its_updates_and_no_more(
    keys: set[str],
) -> None:
    """Keys that begin with one another included."""
    for right in topics.rights(keys, SERVICE):
        key = right.principal.removeprefix("User:")
        if right.principal != f"User:{SERVICE}":
            allowed = {
                (topics.inbound(key), "WRITE"),
                (topics.inbound(key), "DESCRIBE"),
                (topics.updates(key), "READ"),
                (topics.updates(key), "DESCRIBE"),
                (topics.group(key), "READ"),
            }
            assert (right.name, right.operation) in allowed


def test_carepath_itself_reads_what_is_sent_and_writes_what_is_told() -> None:
    """Never the other way."""
    mine = {
        (right.name, right.operation)
        for right in topics.rights(["a"], SERVICE)
        if right.principal == f"User:{SERVICE}" and right.operation != "DESCRIBE"
    }
    assert mine == {
        ("carepath.inbound.a", "READ"),
        ("carepath.updates.a", "WRITE"),
        (topics.PARKED, "WRITE"),
        (topics.INTAKE_GROUP, "READ"),
    }


def test_topics_are_alike_and_never_compacted() -> None:
    """The same number of partitions (T24), offsets without holes (T11), room for a message and its translation."""
    made = topics.topics(["a", "b"], replace(OPTIONS, retention=timedelta(days=1)))
    owned = [topic for topic in made if topics.organisation(topic.name)]
    assert {(topic.partitions, topic.copies) for topic in owned} == {(4, 3)}
    assert len({topic.name for topic in made}) == 5
    for topic in made:
        assert topic.config["cleanup.policy"] == "delete"
        assert topic.config["retention.ms"] == "86400000"
        assert topic.config["min.insync.replicas"] == "2"
        assert int(topic.config["max.message.bytes"]) >= 3 * MAX_BYTES


@given(states())
def test_what_is_done_is_not_to_be_done_again(
    case: tuple[list[Topic], frozenset[Right], State],
) -> None:
    """A plan, carried out, leaves an empty one; faults stay."""
    wanted, rights, state = case
    known = {right.principal for right in rights}
    first = plan(wanted, [], rights, known, state)
    again = plan(wanted, [], rights, known, _after(state, first))
    assert again.empty
    assert again.faults == first.faults


@given(states())
def test_organisations_have_the_rights_wanted_and_strangers_keep_theirs(
    case: tuple[list[Topic], frozenset[Right], State],
) -> None:
    """Nothing more for those we know; others are noted."""
    wanted, rights, state = case
    known = {right.principal for right in rights}
    planned = plan(wanted, [], rights, known, state)
    had = state.rights or frozenset()
    afterwards = _after(state, planned).rights or frozenset()
    assert {right for right in afterwards if right.principal in known} == rights
    strangers = {right for right in had if right.principal not in known}
    assert strangers <= afterwards
    assert len(planned.notes) == len({right.principal for right in strangers})


def test_without_an_authorizer_no_rights_are_set() -> None:
    """It is said, though."""
    rights = topics.rights(["a"], SERVICE)
    planned = plan([], [], rights, set(), State(topics={}, rights=None))
    assert planned.empty
    assert "no authorizer" in planned.notes[0]


def test_inbound_topics_grow_and_others_do_not() -> None:
    """More partitions would put a patient's updates where readers look at them out of order."""
    wanted = topics.topics(["a"], OPTIONS)
    few = {topic.name: Found(partitions=2, copies=3, config=topic.config) for topic in wanted}
    planned = plan(wanted, [], frozenset(), set(), State(topics=few, rights=None))
    assert planned.partitions == {"carepath.inbound.a": 4}
    assert [*planned.faults] == ["carepath.updates.a"]


def test_an_inbound_topic_with_too_many_partitions_is_a_fault() -> None:
    """Kafka takes none away."""
    wanted = topics.topics(["a"], OPTIONS)
    many = {wanted[0].name: Found(partitions=8, copies=3, config=wanted[0].config)}
    planned = plan(wanted[:1], [], frozenset(), set(), State(topics=many, rights=None))
    assert planned.empty
    assert "partitions are 8 and should be 4" in planned.faults["carepath.inbound.a"]


def test_topics_of_those_who_ended_are_mended_and_not_made() -> None:
    """Their rights go."""
    ended = topics.topics(["gone"], OPTIONS)[:-1]
    had = topics.rights(["gone"], None)
    there = {ended[0].name: Found(partitions=1, copies=3, config={})}
    planned = plan([], ended, frozenset(), {"User:gone"}, State(topics=there, rights=had))
    assert not planned.create
    assert planned.partitions == {"carepath.inbound.gone": 4}
    assert set(planned.revoke) == had


def _after(state: State, planned: Plan) -> State:
    """What Kafka has when the plan was carried out."""
    found = dict(state.topics)
    for topic in planned.create:
        found[topic.name] = Found(
            partitions=topic.partitions, copies=topic.copies, config=topic.config
        )
    for name, partitions in planned.partitions.items():
        found[name] = replace(found[name], partitions=partitions)
    for name, told in planned.configs.items():
        found[name] = replace(found[name], config={**found[name].config, **told})
    rights = (state.rights or frozenset()) - {*planned.revoke} | {*planned.grant}
    return State(topics=found, rights=rights)
