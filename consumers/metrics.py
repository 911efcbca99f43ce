"""What an operator watches of ``carepath worker``: figures of one process."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from consumers.progress import Log
from consumers.records import Place
from schemas.topics import organisation


class Metrics:
    """In ``registry``. Lag is that of the partitions which are this worker's now: add the workers up."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)  # memory, CPU, open files
        self.retries = Counter(
            "carepath_intake_retries",
            "Tries that failed because Kafka or the database was away.",
            registry=self.registry,
        )
        self._batch = Histogram(
            "carepath_intake_batch_records",
            "Records in one transaction.",
            registry=self.registry,
            buckets=(1, 2, 5, 10, 20, 50, 100, 200),
        )
        self._seconds = Histogram(
            "carepath_intake_batch_seconds",
            "From a gathered batch to its commit.",
            registry=self.registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
        )
        self._lag = Gauge(
            "carepath_intake_lag_records",
            "Records that wait at Kafka.",
            ["organisation"],
            registry=self.registry,
        )
        self._idle = Gauge(
            "carepath_intake_progress_seconds",
            "How long nothing was taken in though something waits; 0 when nothing does.",
            registry=self.registry,
        )

    def taken(self, records: int, seconds: float) -> None:
        """A batch was committed."""
        self._batch.observe(records)
        self._seconds.observe(seconds)

    def measured(self, next_: Mapping[Place, int], logs: Mapping[Place, Log], idle: float) -> None:
        """What waits in these partitions, and for how many seconds nothing of it was taken in."""
        lag: dict[str, int] = {}
        for place, log in logs.items():
            key = organisation(place.topic) or place.topic
            waiting = log.end - max(next_.get(place, 0), log.first)
            lag[key] = lag.get(key, 0) + max(waiting, 0)
        self._lag.clear()
        for key, waiting in lag.items():
            self._lag.labels(key).set(waiting)
        self._idle.set(idle)
