"""What an operator watches of ``carepath mllp`` and ``carepath edi``: figures of one process."""

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector


class NetworkMetrics:
    """In ``registry``. Labels are codes."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._received = Counter(
            "carepath_network_received",
            "Messages that came over MLLP, by the acknowledgement (MSA-1; none where none was wanted);"
            " notifications of EDI, by what became of them.",
            ["outcome"],
            registry=self.registry,
        )
        self._sent = Counter(
            "carepath_network_sent",
            "Tries to send a message, by what came of it: sent, confirmed, refused, again.",
            ["outcome"],
            registry=self.registry,
        )
        self.connections = Gauge(
            "carepath_mllp_connections", "Open connections of senders.", registry=self.registry
        )

    def received(self, outcome: str) -> None:
        """Something came."""
        self._received.labels(outcome).inc()

    def sent(self, outcome: str) -> None:
        """Something was sent, or tried."""
        self._sent.labels(outcome).inc()
