"""Send messages through Kafka to a ``compose.yaml`` that is up, while each of its services ends and starts again.

Every message must reach its receiver's topic and the timeline, and the receiver's numbers must have no gap.
Usage: python -m scripts.compose_check, with the ports in CAREPATH_PORT and CAREPATH_KAFKA_PORT.
"""

import json
import os
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import httpx
from kafka import KafkaConsumer, KafkaProducer

from schemas import topics
from tests.integration.stories import (
    OSLO,
    Matter,
    Resource,
    admission,
    message_id,
    patient_identifier,
    person,
)

SENDER: Final = "solvik-medisin"
RECEIVER: Final = "fjordby-sykepleie"
MUNICIPALITY: Final = "9901"  # all three as in deploy/organizations.csv
SERVICES: Final = ("worker-1", "worker-2", "serve", "database", "kafka")
PATIENCE: Final = 60.0
"""Seconds for a message to arrive while a service starts, and for Compose to end or start one."""


@dataclass(frozen=True, slots=True)
class Outside:
    """The sender and the receiver, each with a Kafka client of its own, and a reader of the timeline over HTTP."""

    producer: KafkaProducer
    consumer: KafkaConsumer
    http: httpx.Client
    numbers: dict[str, int] = field(default_factory=dict)
    """By message id, the number in the receiver's feed that it arrived with."""

    def send(self) -> Resource:
        """Hand the admission of somebody new to the producer, which goes on trying where Kafka is away.

        It has only just happened: nothing that it promises is overdue, so nobody is alarmed beside it.
        """
        message = admission(Matter(person(municipality=MUNICIPALITY), datetime.now(OSLO)))
        self.producer.send(topics.inbound(SENDER), json.dumps(message).encode())
        return message

    def expect(self, message: Resource) -> None:
        """Wait for the message in the receiver's topic, and see it on the timeline. Raises ``TimeoutError``."""
        latest = time.monotonic() + PATIENCE
        self.producer.flush(timeout=PATIENCE)
        while message_id(message) not in self.numbers:
            _in_time(latest, "the update did not arrive")
            self._receive()
        while message_id(message) not in self._timeline(message):
            _in_time(latest, "the message is not on the timeline")
            time.sleep(0.2)

    def _receive(self) -> None:
        for records in self.consumer.poll(timeout_ms=500).values():
            for record in records:
                number = int(dict(record.headers)["ce_sequence"])
                header = json.loads(record.value)["entry"][0]["resource"]
                self.numbers.setdefault(header["id"], number)

    def _timeline(self, message: Resource) -> str:
        """The timeline of the message's patient; empty when the server or the database is away."""
        identifier = patient_identifier(message)
        asked = {"identifier": f"{identifier['system']}|{identifier['value']}"}
        try:
            found = self.http.post("/fhir/Patient/_search", data=asked).raise_for_status().json()
            path = f"/fhir/Patient/{found['entry'][0]['resource']['id']}/$timeline"
            return self.http.get(path).raise_for_status().text
        except httpx.HTTPError:
            return ""


def _in_time(latest: float, complaint: str) -> None:
    if time.monotonic() > latest:
        raise TimeoutError(f"{complaint} within {PATIENCE:.0f} s")


def _compose(*arguments: str) -> None:
    command = ["docker", "compose", "--progress=quiet", *arguments]
    subprocess.run(command, check=True, timeout=PATIENCE)  # noqa: S603 - our own words


def _interrupted(outside: Outside, service: str, end: str) -> None:
    """A message that is sent while the service is away arrives when it is back. ``end``: stop or kill."""
    print(f"{end} {service:8}", end="  ", flush=True)
    began = time.monotonic()
    _compose(end, service)
    message = outside.send()
    _compose("start", service)
    outside.expect(message)
    print(f"arrived after {time.monotonic() - began:4.1f} s", flush=True)


def check(outside: Outside) -> None:
    """End each service in order, then each at once; see every message arrive and no number missing."""
    outside.expect(outside.send())
    for service in SERVICES:
        _interrupted(outside, service, "stop")
    for service in SERVICES:
        _interrupted(outside, service, "kill")
    numbers = sorted(outside.numbers.values())
    if numbers != list(range(1, len(numbers) + 1)):
        raise ValueError(f"the receiver's numbers have gaps: {numbers}")
    print(f"{len(numbers)} messages arrived, numbered without a gap")


def main() -> None:
    """Talk to the services on this machine's ports."""
    url = f"http://127.0.0.1:{os.environ['CAREPATH_PORT']}"
    kafka: dict[str, Any] = {
        "bootstrap_servers": f"127.0.0.1:{os.environ['CAREPATH_KAFKA_PORT']}",
        "reconnect_backoff_max_ms": 1000,  # else half a minute, when Kafka has been away
    }
    reading = {"auto_offset_reset": "earliest"}
    with (
        closing(KafkaProducer(**kafka)) as producer,
        closing(KafkaConsumer(topics.updates(RECEIVER), **kafka, **reading)) as consumer,
        httpx.Client(base_url=url, timeout=5, trust_env=False) as http,
    ):
        check(Outside(producer, consumer, http))


if __name__ == "__main__":
    main()
