"""What holds of every input: nothing is raised, it takes its time and no more, and no refusal repeats it."""

import time
from dataclasses import dataclass
from typing import Final

import orjson

from fhir_mappings.outcome import outcome
from pathways.refusals import Refusal
from tests.fuzz.mutate import CANARIES
from tests.fuzz.targets import Target

_FLOOR: Final = 0.25
_PER_BYTE: Final = 1e-6
"""Seconds of the processor: a quarter, and one for each megabyte."""


@dataclass(slots=True)
class Figures:
    """What was seen so far. ``slowest``: seconds of the processor for one input, and its size in bytes."""

    inputs: int = 0
    refused: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    slowest_bytes: int = 0
    faults: int = 0


def fault(target: Target, data: bytes, figures: Figures) -> str | None:
    """What is wrong with how ``data`` is read, if anything."""
    begun = time.thread_time()
    try:
        refusal = target(data)
    except Exception as raised:  # noqa: BLE001 - that nothing is raised is what is tried
        return f"{type(raised).__name__}: {str(raised)[:200]}"
    finally:
        took = time.thread_time() - begun
        figures.inputs += 1
        figures.seconds += took
    if took > figures.slowest:
        figures.slowest, figures.slowest_bytes = took, len(data)
    if (
        took > _FLOOR + len(data) * _PER_BYTE
        and _again(target, data) > _FLOOR + len(data) * _PER_BYTE
    ):
        return f"takes {took:.2f} s for {len(data)} bytes"
    if refusal is None:
        return None
    figures.refused += 1
    return _refused_badly(refusal)


def _again(target: Target, data: bytes) -> float:
    """The least of three, so that a busy machine is not taken for a slow reader."""
    taken = []
    for _ in range(3):
        begun = time.thread_time()
        target(data)
        taken.append(time.thread_time() - begun)
    return min(taken)


def _refused_badly(refusal: Refusal) -> str | None:
    if not refusal.issues:
        return "a refusal says nothing"
    for issue in refusal.issues:
        if not (issue.code and issue.text and issue.where):
            return f"a refusal leaves something out: {issue}"
        if len(issue.text) > 2000 or len(issue.where) > 2000:
            return f"a refusal is too long: {issue.code} at {issue.where[:80]}"
        if any(canary in issue.text or canary in issue.where for canary in CANARIES):
            return f"a refusal repeats what was sent: {issue.code} {issue.text[:40]!r} {issue.where[:80]!r}"
    orjson.dumps(outcome(refusal.issues))
    return None
