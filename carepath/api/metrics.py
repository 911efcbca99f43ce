"""What an operator watches: counted in the process, or looked up in the store when asked for."""

from collections.abc import Mapping, Sequence
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from carepath.store.figures import Figures
from carepath.store.hooks import Figure

_LOOKED_UP: Final[Mapping[str, tuple[str, ...]]] = {
    "outbox_unnumbered": ("Outbox rows that wait for their place in a feed.",),
    "outbox_unnumbered_seconds": ("How long the oldest of them has waited.",),
    "answers_unsent": ("Answers that registered endpoints have not taken.",),
    "subscriptions": ("Subscriptions, on whatever channel.", "status"),
    "hooks_in_error": ("Rest-hooks whose subscribers have to ask anew.", "receiver"),
    "hook_undelivered": ("Events that active rest-hooks have not taken.", "receiver"),
    "hook_undelivered_seconds": ("How long the oldest of them is there.", "receiver"),
    "intake_missing_records": ("Records of inbound topics that could never be read.",),
    "parked_open": ("Parked messages.", "reason"),
    "feed_undelivered": ("Rows that a receiver has not been handed.", "receiver"),
    "feed_undelivered_seconds": ("How long the first of them is there.", "receiver"),
    "kafka_unpublished": ("Updates that Kafka has not acknowledged.", "receiver"),
    "kafka_unpublished_seconds": ("How long the oldest of them is there.", "receiver"),
    "promises_waiting": ("Promises whose time to be looked at has come.",),
    "promises_waiting_seconds": ("How long ago the oldest of them should have been looked at.",),
    "alerts_unsent": ("People who should have been called.",),
    "audit_unsealed": ("Lines of the access log that are not sealed yet.",),
    "audit_unsealed_seconds": ("How long the oldest of them is there.",),
    "kafka_paused": ("1 while delivery to its topic is paused.", "receiver"),
    "network_unsent": ("Updates that wait to be sent over its own network.", "receiver"),
    "network_unsent_seconds": ("How long the oldest of them is there.", "receiver"),
    "network_unconfirmed": ("Messages that went there, of which it has said nothing.", "receiver"),
    "network_unconfirmed_seconds": ("How long ago the oldest of them was sent.", "receiver"),
    "network_refused": ("Messages that it did not take.", "receiver"),
    "network_paused": ("1 while sending there is paused.", "receiver"),
}
"""What the store knows: each with its explanation, and its label if it has one."""


class Metrics:
    """The figures of one process, in a registry of their own. A label is a key of the directory or a code."""

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
        self.calls = Histogram(
            "carepath_hook_seconds",
            "Calls to rest-hooks, by what came of them.",
            ["outcome"],
            registry=self._registry,
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
        )
        self.refused_sign_ins = Counter(
            "carepath_sign_in_refused",
            "Callers and sign-ins that were not believed, by what was wrong.",
            ["reason"],
            registry=self._registry,
        )
        self.throttled = Counter(
            "carepath_throttled",
            "Requests and streams that were one too many, by the limit: client, address or streams.",
            ["limit"],
            registry=self._registry,
        )
        self.streams = Gauge("carepath_streams", "Open event streams.", registry=self._registry)
        self.websockets = Gauge("carepath_websockets", "Open websockets.", registry=self._registry)
        self._gauges = {
            name: Gauge(f"carepath_{name}", text, labels, registry=self._registry)
            for name, (text, *labels) in _LOOKED_UP.items()
        }

    def called(self, outcome: str, seconds: float) -> None:
        """A rest-hook was called: ``taken``, or a code of subscription-error."""
        self.calls.labels(outcome).observe(seconds)

    def look_up(self, figures: Figures, now: float) -> None:
        """Take over what the store knows; ``now`` in seconds since 1970."""
        self._gauges["outbox_unnumbered"].set(figures.unnumbered)
        self._gauges["outbox_unnumbered_seconds"].set(figures.unnumbered_age)
        self._gauges["answers_unsent"].set(figures.unsent)
        self._gauges["intake_missing_records"].set(figures.missing)
        self._gauges["promises_waiting"].set(figures.promises.waiting)
        due = figures.promises.oldest
        self._gauges["promises_waiting_seconds"].set(now - due / 1_000_000 if due else 0)
        self._gauges["alerts_unsent"].set(figures.alerts)
        self._gauges["audit_unsealed"].set(figures.unsealed)
        self._gauges["audit_unsealed_seconds"].set(figures.unsealed_age)
        self._set("parked_open", figures.parked)
        self._set("subscriptions", figures.subscriptions)
        self._set("feed_undelivered", figures.undelivered)
        self._set("feed_undelivered_seconds", figures.undelivered_age)
        for stream in figures.streams:
            since = stream.waiting_since
            age = now - since.timestamp() if since else 0
            self._set("kafka_unpublished", {stream.party: stream.waiting})
            self._set("kafka_unpublished_seconds", {stream.party: age})
            self._set("kafka_paused", {stream.party: stream.paused})

        looked_up = {**_of_hooks(figures.hooks, now), **_of_networks(figures, now)}
        for name, values in looked_up.items():
            self._gauges[name].clear()  # a receiver's last one may be gone
            self._set(name, values)

    def page(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self._registry)

    def _set(self, name: str, values: Mapping[str, float]) -> None:
        for label, value in values.items():
            self._gauges[name].labels(label).set(value)


def _of_hooks(hooks: Sequence[Figure], now: float) -> Mapping[str, Mapping[str, float]]:
    since = {one.receiver: one.oldest for one in hooks}
    return {
        "hooks_in_error": {one.receiver: one.in_error for one in hooks},
        "hook_undelivered": {one.receiver: one.undelivered for one in hooks},
        "hook_undelivered_seconds": {
            receiver: max(now - oldest / 1_000_000, 0) if oldest else 0
            for receiver, oldest in since.items()
        },
    }


def _of_networks(figures: Figures, now: float) -> Mapping[str, Mapping[str, float]]:
    own = figures.networks
    since = {one.party: one.waiting_since for one in own}
    return {
        "network_unsent": {one.party: one.waiting for one in own},
        "network_unsent_seconds": {
            party: max(now - at.timestamp(), 0) if at else 0 for party, at in since.items()
        },
        "network_unconfirmed": {one.party: one.unconfirmed for one in own},
        "network_unconfirmed_seconds": {
            one.party: figures.unconfirmed_age.get(one.party, 0) for one in own
        },
        "network_refused": {one.party: one.refused for one in own},
        "network_paused": {one.party: one.paused for one in own},
    }
