"""A worker's own figures: what waits, whether it gets on, and that no port is opened unless it is set."""

import re
import urllib.request

import pytest
from prometheus_client import generate_latest

from carepath.wiring.figures import served
from carepath.wiring.store import Unusable
from consumers.metrics import Metrics
from consumers.progress import Log
from consumers.records import Place
from tests.servers import free_port


def told(metrics: Metrics) -> dict[str, float]:
    """Every figure of ours, by name and labels."""
    page = generate_latest(metrics.registry)
    lines = re.findall(r"^(carepath_\S+) (\S+)$", page.decode(), re.MULTILINE)
    return {name: float(value) for name, value in lines}


def place(org: str, partition: int = 0) -> Place:
    """A partition of an organisation's topic."""
    return Place(f"carepath.inbound.{org}", partition)


def test_lag_is_that_of_an_organisations_partitions_together() -> None:
    """From what is taken in, or from the log's beginning, to its end; a partition that was cut is not behind."""
    metrics = Metrics()
    logs = {
        place("north"): Log(0, 10),
        place("north", 1): Log(5, 9),
        place("south"): Log(20, 20),
    }
    metrics.measured({place("north"): 4, place("south"): 7}, logs, idle=12.5)
    found = told(metrics)
    assert found['carepath_intake_lag_records{organisation="north"}'] == 6 + 4
    assert found['carepath_intake_lag_records{organisation="south"}'] == 0
    assert found["carepath_intake_progress_seconds"] == 12.5


def test_what_another_worker_has_now_is_forgotten() -> None:
    """Lag is counted where the partition is; it is not counted twice after it moved."""
    metrics = Metrics()
    metrics.measured({}, {place("north"): Log(0, 10)}, idle=0)
    metrics.measured({}, {place("south"): Log(0, 1)}, idle=0)
    lag = {name: value for name, value in told(metrics).items() if "lag" in name}
    assert lag == {'carepath_intake_lag_records{organisation="south"}': 1}


def test_batches_are_counted() -> None:
    """Records and seconds of each."""
    metrics = Metrics()
    metrics.taken(3, 0.02)
    metrics.taken(200, 0.3)
    found = told(metrics)
    assert found["carepath_intake_batch_records_sum"] == 203
    assert found["carepath_intake_batch_records_count"] == 2
    assert found['carepath_intake_batch_seconds_bucket{le="0.025"}'] == 1


def test_it_is_served_where_it_is_set_and_nowhere_else() -> None:
    """While the worker runs; without an address nothing listens."""
    metrics, address = Metrics(), f"127.0.0.1:{free_port()}"
    with served(metrics.registry, None, "SETTING"):
        pass
    with (
        served(metrics.registry, address, "SETTING"),
        urllib.request.urlopen(f"http://{address}/metrics") as page,
    ):
        assert b"carepath_intake_lag_records" in page.read()
    with served(metrics.registry, address, "SETTING"):  # the port is free again
        other = served(metrics.registry, address, "SETTING")
        with pytest.raises(Unusable, match=address) as refused, other:
            pass
        assert refused.value.hint == "Set another SETTING."
