"""SMART scopes: read as the standard writes them, granted never beyond what is asked for and registered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carepath.identity.scopes import (
    LETTERS,
    NoScope,
    Scope,
    allow,
    granted,
    known,
    scope,
    scopes,
    text_of,
)

TYPES = ("*", "Patient", "Task", "Encounter")
LETTER = st.sets(st.sampled_from(LETTERS), min_size=1).map(
    lambda some: "".join(letter for letter in LETTERS if letter in some)
)
SCOPES = st.builds(Scope, st.sampled_from(("system", "user")), st.sampled_from(TYPES), LETTER)
SETS = st.frozensets(SCOPES, max_size=6)


@given(SCOPES)
def test_a_scope_is_read_as_it_is_written(one: Scope) -> None:
    """And written as it was read."""
    assert scope(str(one)) == one


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("system/Patient.read", "system/Patient.rs"),
        ("system/*.write", "system/*.cud"),
        ("user/Task.*", "user/Task.cruds"),
    ],
)
def test_version_1_is_translated(text: str, means: str) -> None:
    """As SMART App Launch 2.2 says."""
    assert str(scope(text)) == means


@pytest.mark.parametrize(
    "text",
    [
        "system/Patient.sr",  # out of order
        "system/Patient.rr",
        "system/Patient.x",
        "system/Patient.",
        "system/Patient",
        "system/patient.rs",
        "system/.rs",
        "System/Patient.rs",
        "openid",
        "launch/patient",
        "system/Observation.rs?category=laboratory",
        "system/Patient.rs ",
        "system/Pati\u00e9nt.rs",
        "",
    ],
)
def test_what_is_not_understood_is_refused(text: str) -> None:
    """Never guessed; a suffix is never ignored."""
    with pytest.raises(NoScope):
        scope(text)
    assert known([text]) == frozenset()


@pytest.mark.parametrize("text", ["", "  ", "system/Patient.rs openid"])
def test_one_wrong_scope_is_enough(text: str) -> None:
    """All of what is asked for is understood, or none of it counts."""
    with pytest.raises(NoScope):
        scopes(text)


@given(SETS, SETS, st.sampled_from(TYPES), st.sampled_from(LETTERS))
def test_granted_is_what_is_both_asked_for_and_registered(
    asked: frozenset[Scope], registered: frozenset[Scope], type_: str, letter: str
) -> None:
    """Interaction by interaction, in each context."""
    given_ = granted(asked, registered)
    for context in ("system", "user"):

        def covers(some: frozenset[Scope], context: str = context) -> bool:
            return any(one.allows(type_, letter) for one in some if one.context == context)

        assert covers(given_) == (covers(asked) and covers(registered))


@given(SETS, SETS)
def test_granting_again_changes_nothing(
    asked: frozenset[Scope], registered: frozenset[Scope]
) -> None:
    """What was granted is granted whole; and it can be written down and read."""
    given_ = granted(asked, registered)
    assert granted(given_, registered) == given_
    assert known(text_of(given_).split()) == given_


@pytest.mark.parametrize(
    ("texts", "type_", "letter", "allowed"),
    [
        (("system/Task.rs",), "Task", "r", True),
        (("system/Task.rs",), "Task", "c", False),
        (("system/Task.rs",), "Patient", "r", False),
        (("system/*.r",), "Patient", "r", True),
        (("system/Task.rs",), "*", "r", False),
        ((), "Task", "r", False),
    ],
)
def test_scopes_cover_interactions(
    texts: tuple[str, ...], type_: str, letter: str, allowed: bool
) -> None:
    """All types are covered by ``*`` only."""
    assert allow(texts, type_, letter) is allowed
