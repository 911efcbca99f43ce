"""Strangers' bytes: the kept inputs, and 5,000 others of each kind, made of them."""

import random
import time
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest

from fhir_mappings import inbound
from fhir_mappings.options import Options
from pathways.refusals import Issue, Reason, Refusal
from tests.fuzz.mutate import CANARIES, large, mutated
from tests.fuzz.oracle import Figures, fault
from tests.fuzz.targets import BASE, CORPUS, NOW, TARGETS, message_json, seeds

INPUTS = 5_000
KEPT = [file for target in TARGETS for file in sorted((CORPUS / target).iterdir())]


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_too_much(target: str) -> None:
    """Every input is read or refused: nothing raised, in its time, with code, text and place, nothing repeated."""
    chance, kept, figures = random.Random(f"carepath {target}"), seeds(target), Figures()
    for number in range(INPUTS):
        data = mutated(chance.choice(kept), chance, kept)
        data = large(data, chance) if number % 100 == 0 else data
        assert fault(TARGETS[target], data, figures) is None, data[:2000]
    assert figures.inputs == INPUTS
    assert (
        0 < figures.refused < INPUTS
    )  # some are good, some are bad: the readers are seen from both sides


@pytest.mark.parametrize("file", KEPT, ids=lambda file: f"{file.parent.name}-{file.name}")
def test_a_kept_input(file: Any) -> None:
    """What is real, and what once was too much."""
    assert fault(TARGETS[file.parent.name], file.read_bytes(), Figures()) is None


def test_the_same_chance_makes_the_same_input() -> None:
    """A fault can be found again."""

    def made() -> Iterator[bytes]:
        chance, kept = random.Random(7), seeds("json")
        return (mutated(kept[0], chance, kept) for _ in range(50))

    assert [*made()] == [*made()]
    assert len({*made()}) > 25


def _raises(_data: bytes) -> Refusal | None:
    raise ValueError("no")


def _slow(data: bytes) -> Refusal | None:
    begun = time.process_time()
    while time.process_time() - begun < 0.5:
        pass
    return message_json(data)


def _refuses(*issues: Issue) -> Any:
    return lambda _data: Refusal(Reason.INVALID, issues)


BAD = {
    "ValueError: no": _raises,
    "takes ": _slow,
    "a refusal says nothing": _refuses(),
    "a refusal leaves something out": _refuses(Issue("value", "wrong", None)),
    "a refusal repeats what was sent": _refuses(Issue("value", f"{CANARIES[0]}?", "Bundle")),
    "a refusal is too long": _refuses(Issue("value", "wrong", "Bundle." + "x" * 3_000)),
}


@pytest.mark.parametrize("told", BAD)
def test_the_oracle_would_tell(told: str) -> None:
    """Of each kind of fault."""
    said = fault(BAD[told], b"x", Figures())
    assert said is not None
    assert said.startswith(told)


def test_figures_are_kept() -> None:
    """They can be written down and read again: a run goes on where the last one ended."""
    assert {one.type for one in fields(Figures)} <= {int, float}


def test_a_name_that_none_could_have_is_not_repeated_below() -> None:
    """A megabyte of a name above a thousand objects took two gigabytes: it was in the place of each."""
    inside = b",".join(b'"a%d":{"b":[1]}' % number for number in range(1_000))
    body = (
        b'{"resourceType":"Bundle","type":"message","' + b"k" * 1_000_000 + b'":{' + inside + b"}}"
    )
    read = inbound.read(body, Options(received=NOW, base_url=BASE))
    assert isinstance(read, Refusal)
    assert max(len(issue.where or "") for issue in read.issues) < 100
