"""What was measured, and how it is told: a table for people, JSON for programs."""

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Final

import orjson
from pydantic import TypeAdapter

RESULTS: Final = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured value; ``aim`` is the most it should be."""

    part: str
    store: str
    name: str
    value: float
    unit: str
    aim: float | None = None


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def latencies(part: str, store: str, name: str, seconds: Sequence[float]) -> list[Figure]:
    """Median and 99th percentile in milliseconds."""
    return [
        Figure(
            part=part,
            store=store,
            name=f"{name}, {label}",
            value=percentile(seconds, share) * 1000,
            unit="ms",
        )
        for label, share in (("p50", 0.5), ("p99", 0.99))
    ]


def machine() -> str:
    """What it ran on, and how busy that was."""
    load = os.getloadavg()[0]
    return f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f}"


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One part of the benchmarks, run once. ``at``: when it began, aware; ``machine``: see there."""

    at: datetime
    machine: str
    figures: Sequence[Figure]


def markdown(runs: Iterable[Run]) -> str:
    """The figures as a page: one table for each part of each run."""
    lines = ["# What the broker costs"]
    for run in runs:
        for part, figures in groupby(run.figures, key=lambda figure: figure.part):
            lines += ["", f"## {part}", "", f"{run.at:%Y-%m-%d %H:%M %Z}. {run.machine}.", ""]
            lines += ["| Store | Measured | Value | Aim |", "|---|---|--:|--:|"]
            lines += [
                f"| {one.store} | {one.name} | {_value(one)} | {_aim(one)} |" for one in figures
            ]
    return "\n".join([*lines, ""])


def _value(figure: Figure) -> str:
    digits = 2 if figure.value < 10 else 0 if figure.value >= 100 else 1
    return f"{figure.value:.{digits}f} {figure.unit}"


def _aim(figure: Figure) -> str:
    if figure.aim is None:
        return ""
    return f"≤ {figure.aim:g} {'✓' if figure.value <= figure.aim else '✗'}"


def keep(runs: Mapping[str, Run], order: Sequence[str]) -> None:
    """Write ``latest.md`` and ``latest.json``: these runs, and of the other parts the ones before."""
    RESULTS.mkdir(exist_ok=True)
    known = {**_kept(), **runs}
    ordered = {name: known[name] for name in order if name in known}
    (RESULTS / "latest.md").write_text(markdown(ordered.values()))
    (RESULTS / "latest.json").write_bytes(orjson.dumps(ordered, option=orjson.OPT_INDENT_2) + b"\n")


def _kept() -> dict[str, Run]:
    file = RESULTS / "latest.json"
    return _RUNS.validate_json(file.read_bytes()) if file.exists() else {}


_RUNS: Final = TypeAdapter(dict[str, Run])
