"""What an operator watches: counted in the process, or looked up in the store when asked for."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)


class Metrics:
    """The figures of one process, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)  # memory, CPU, open files
        self.messages = Counter(
            "carepath_messages", "Messages answered.", ["verdict"], registry=self._registry
        )
        self.seconds = Histogram(
            "carepath_message_seconds",
            "From request to committed answer.",
            registry=self._registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
        )
        self.streams = Gauge("carepath_streams", "Open event streams.", registry=self._registry)
        self.unnumbered = Gauge(
            "carepath_outbox_unnumbered",
            "Outbox rows that wait for their place in a feed.",
            registry=self._registry,
        )
        self.unsent = Gauge(
            "carepath_answers_unsent",
            "Answers that registered endpoints have not taken.",
            registry=self._registry,
        )
        self.parked = Gauge("carepath_parked_open", "Parked messages.", registry=self._registry)
        self.undelivered = Gauge(
            "carepath_feed_undelivered",
            "Rows that a receiver has not been handed.",
            ["receiver"],
            registry=self._registry,
        )

    def page(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self._registry)
