"""The runbook, the alarms and the dashboard name only what there is."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from carepath.api.metrics import Metrics
from carepath.cli import COMMANDS
from carepath.settings import Settings
from carepath.store.walls import BROKER, READER
from consumers.metrics import Metrics as WorkerMetrics
from consumers.network_metrics import NetworkMetrics

ROOT = Path(__file__).parents[2]
RUNBOOK = ROOT / "docs" / "operations.md"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
DASHBOARD = ROOT / "deploy" / "grafana" / "carepath.json"
_PARTS = ("_bucket", "_sum", "_count")
_GENERAL = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"}


def exposed() -> set[str]:
    """The names of all figures that any process tells, with what is made of histograms."""
    registries = (WorkerMetrics().registry, NetworkMetrics().registry)
    page = b"".join((Metrics().page(), *map(generate_latest, registries))).decode()
    found = dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE))
    parts = {
        f"{name}{part}" for name, kind in found.items() if kind == "histogram" for part in _PARTS
    }
    return {*found, *parts}


def named(text: str) -> set[str]:
    """The names of figures in a text."""
    return {*re.findall(r"\b(?:carepath_[a-z_]+|process_[a-z_]+)\b", text)}


def alarms() -> list[dict[str, Any]]:
    """All alarms."""
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def queries() -> Iterator[str]:
    """What the dashboard asks for."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


@pytest.mark.parametrize("file", [RUNBOOK, ALERTS, DASHBOARD], ids=lambda file: file.name)
def test_every_figure_named_is_told(file: Path) -> None:
    """No alarm waits for a figure that never comes."""
    assert named(file.read_text()) - exposed() - _GENERAL - {READER, BROKER} == set()


def test_every_figure_told_is_explained_and_shown() -> None:
    """Our own figures are in the runbook's table and on the dashboard."""
    ours = {name for name in exposed() if name.startswith("carepath_")}
    told = {name for name in ours if not name.endswith((*_PARTS, "_created"))}
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in named(" ".join(queries()))}
    assert told - named(RUNBOOK.read_text()) == set()
    assert told - shown == set()


def test_every_alarm_has_its_runbook_and_every_runbook_its_alarm() -> None:
    """The link leads to a heading of the alarm's name."""
    text = RUNBOOK.read_text().split("## Alarms")[1].split("\n## ")[0]
    headings = re.findall(r"^### (\w+)$", text, re.MULTILINE)
    assert headings
    assert {alarm["alert"] for alarm in alarms()} == {*headings}
    for alarm in alarms():
        anchor = f"docs/operations.md#{alarm['alert'].lower()}"
        assert alarm["annotations"]["runbook"] == anchor
        assert alarm["labels"]["severity"] in {"page", "ticket"}


def test_the_dashboard_is_one() -> None:
    """Panels do not overlap, have ids of their own, and ask the source that is chosen."""
    dashboard = json.loads(DASHBOARD.read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len({*taken}) == len(taken)
    assert {x for x, _ in taken} == {*range(24)}
    charts = [panel for panel in panels if panel["type"] != "row"]
    assert {panel["datasource"]["uid"] for panel in charts} == {"${datasource}"}
    assert [v["name"] for v in dashboard["templating"]["list"]] == ["datasource"]


def test_commands_and_settings_exist() -> None:
    """What the runbook says to type can be typed."""
    text = RUNBOOK.read_text()
    known = {f"CAREPATH_{name.upper()}" for name in Settings.model_fields}
    assert {*re.findall(r"CAREPATH_[A-Z_]+", text)} - known == set()
    assert {*re.findall(r"`?\bcarepath ([a-z]+(?:-[a-z]+)*)", text)} - {*COMMANDS} == set()


def test_log_lines_exist() -> None:
    """What the runbook says to look for in the log is written there by somebody."""
    sources = [*(ROOT / "carepath").rglob("*.py"), *(ROOT / "consumers").rglob("*.py")]
    written = r'log\.(?:debug|info|warning|error|exception)\(\s*"([^"]+)"'
    events = {event for file in sources for event in re.findall(written, file.read_text())}
    named = {*re.findall(r"`([a-z]+(?: [a-z]+)+)`", RUNBOOK.read_text())}
    commands = {name for name in named if name.startswith(("carepath ", "docker "))}
    commands |= {"openid profile"}  # scopes
    assert named - commands
    assert named - commands - events == set()
