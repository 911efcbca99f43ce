"""When the glass is broken, and when it stays whole."""

import pytest

from pathways.access import Actor, Operation, Purpose, Role, may
from pathways.events import EventCode
from pathways.facts import ConsentKind
from pathways.glass import (
    LASTS,
    PURPOSES,
    GlassReason,
    Verdict,
    is_shut,
    objection,
    objection_to_check,
    shut_documents,
)
from pathways.refusals import Cause, Reason
from tests.unit.rights import DIRECTORY, HOUR, NOW, OSLO, Said, consents, moment, ref

C = EventCode
NO = C.OBJECTION_REGISTERED
PERSONNEL = {"consent": ConsentKind.HEALTH_PERSONNEL}
KARI = Actor(role=Role.CLINICIAN, party="ward", person="k", name="Kari Li")
WHY = "Unconscious on arrival"


def refused(
    actor: Actor = KARI,
    reason: GlassReason = GlassReason.TREATMENT,
    words: str = WHY,
    *,
    shut: bool,
) -> tuple[Cause | None, Reason] | None:
    """Why the glass stays whole."""
    found = objection(actor, reason, words, is_shut=shut)
    return (found.issues[0].cause, found.reason) if found else None


@pytest.mark.parametrize("role", Role)
def test_it_is_for_those_who_may(role: Role) -> None:
    """By the matrix."""
    actor = Actor(role=role, party="ward", person="k", name="Kari")
    wanted = (
        None if may(role, Operation.BREAK_GLASS) else (Cause.GLASS_NOT_FOR_YOU, Reason.FORBIDDEN)
    )
    assert refused(actor, shut=False) == wanted


@pytest.mark.parametrize(
    "actor",
    [
        Actor(role=Role.CLINICIAN, party="ward"),
        Actor(role=Role.CLINICIAN, person="k"),
        Actor(role=Role.OPEN),
    ],
)
def test_nobody_breaks_it_who_is_nobody(actor: Actor) -> None:
    """It needs a person at work."""
    assert refused(actor, shut=False) == (Cause.GLASS_NOT_FOR_YOU, Reason.FORBIDDEN)


@pytest.mark.parametrize(
    ("words", "enough"),
    [
        ("", False),
        ("a b c d e f g h i", False),
        ("123456789", False),
        ("1234567890", True),
        (WHY, True),
    ],
)
def test_why_is_said_in_words(words: str, enough: bool) -> None:
    """Spaces are no words."""
    wanted = None if enough else (Cause.REASON_NEEDED, Reason.INVALID)
    assert refused(words=words, shut=False) == wanted


@pytest.mark.parametrize("reason", GlassReason)
def test_what_the_patient_has_shut_opens_for_an_emergency_only(reason: GlassReason) -> None:
    """What nobody shut opens for every reason."""
    wanted = None if reason is GlassReason.EMERGENCY else (Cause.SHUT_BY_PATIENT, Reason.FORBIDDEN)
    assert refused(reason=reason, shut=True) == wanted
    assert refused(reason=reason, shut=False) is None


@pytest.mark.parametrize(
    ("said", "shut"),
    [
        ([], False),
        ([(NO, PERSONNEL)], True),
        ([(NO, PERSONNEL | {"party": ref("ward")})], True),
        ([(NO, PERSONNEL | {"party": ref("sus")})], True),
        ([(NO, PERSONNEL | {"party": ref("town")})], False),
        ([(NO, PERSONNEL | {"professional": "KARI  li"})], True),
        ([(NO, PERSONNEL | {"professional": "Kari Lie"})], False),
        ([(NO, PERSONNEL | {"document": "m"})], False),
        ([(NO, PERSONNEL | {"professional": "Kari Li", "until": moment(-1)})], False),
        ([(C.CONSENT_GIVEN, PERSONNEL | {"professional": "Kari Li"})], False),
        ([(NO, {"consent": ConsentKind.PLAN, "professional": "Kari Li"})], False),
    ],
)
def test_who_is_shut_out(said: list[Said], shut: bool) -> None:
    """By organisation or by name, while it is in force."""
    assert is_shut(consents(*said), KARI, DIRECTORY, NOW, OSLO) is shut


def test_who_has_no_name_is_shut_out_by_none() -> None:
    """Names are how professionals are shut out."""
    nameless = Actor(role=Role.CLINICIAN, party="ward", person="k")
    said = consents((NO, PERSONNEL | {"professional": "Kari Li"}))
    assert not is_shut(said, nameless, DIRECTORY, NOW, OSLO)
    assert not is_shut(consents(), Actor(role=Role.CLINICIAN), DIRECTORY, NOW, OSLO)


def test_documents_that_are_shut() -> None:
    """While the objection is in force."""
    said = consents(
        (NO, PERSONNEL | {"document": "a"}),
        (NO, PERSONNEL | {"document": "b", "until": moment(-1)}),
        (C.CONSENT_GIVEN, PERSONNEL | {"document": "c"}),
        (NO, PERSONNEL),
    )
    assert shut_documents(said, NOW, OSLO) == {"a"}


def test_it_is_checked_once_and_by_somebody_else() -> None:
    """Names whatever their case."""
    assert objection_to_check("Kari Li", "Per", None) is None
    assert objection_to_check("Kari Li", "kari  LI", None) is Cause.OWN_CHECK
    assert objection_to_check("Kari Li", "Per", Verdict.JUSTIFIED) is Cause.CHECKED_ALREADY


def test_every_reason_has_a_purpose_and_it_lasts_for_hours() -> None:
    """The access log tells it."""
    assert {*PURPOSES} == {*GlassReason}
    assert PURPOSES[GlassReason.EMERGENCY] is Purpose.EMERGENCY
    assert HOUR < LASTS < 12 * HOUR
