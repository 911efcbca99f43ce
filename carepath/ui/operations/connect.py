"""How an organisation connects, by each way in and out: commands to copy, with its own key and our address."""

from collections.abc import Iterator
from dataclasses import dataclass
from shlex import quote
from urllib.parse import urlsplit

import orjson

from schemas.broker import Broker
from schemas.topics import group, inbound, updates

_SUBSCRIPTION = {
    "resourceType": "Subscription",
    "status": "requested",
    "reason": "Carepath",
    "criteria": "https://carepath.example/fhir/SubscriptionTopic/pathway-update",
    "channel": {
        "type": "rest-hook",
        "endpoint": "https://ehr.example/notifications",
        "payload": "application/fhir+json",
    },
}


@dataclass(frozen=True, slots=True)
class Way:
    """A way in or out: ``name`` is its part of the texts' keys; the commands, one after the other."""

    name: str
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """Where we are reached. ``signs_in``: whether systems need a token; ``mllp``: HOST:PORT of the listener."""

    address: str
    signs_in: bool
    broker: Broker | None
    mllp_port: int
    mllp_tls: bool

    def signing_in(self, key: str) -> Way | None:
        """How a system gets its token; ``None``: it needs none."""
        if not self.signs_in:
            return None
        commands = (
            "carepath client-key generate private.json --public public.json",
            f"carepath client-key add {quote(key)} --client-id {quote(key)}-journal"
            " --jwks-file public.json --scope system/Bundle.cru --scope 'system/*.rs'",
            f"curl {quote(f'{self.address}/fhir/.well-known/smart-configuration')}",
        )
        return Way("sign-in", commands)

    def ways_in(self, key: str) -> Iterator[Way]:
        """How it sends."""
        sends = self._curl(key, "POST")
        fhir, kith = f"{self.address}/fhir/$process-message", f"{self.address}/kith/messages"
        yield Way(
            "http",
            (
                f"{sends} -H 'Content-Type: application/fhir+json' --data-binary @message.json \\\n  {quote(fhir)}",
            ),
        )
        if self.broker is not None:
            yield Way("kafka-in", (f"{self._kcat()} -P -t {quote(inbound(key))} message.json",))
        yield Way(
            "kith",
            (
                f"{sends} -H 'Content-Type: application/xml' --data-binary @innlagt.xml \\\n  {quote(kith)}",
            ),
        )
        framed = "{ printf '\\013'; cat adt.hl7; printf '\\034\\015'; }"
        yield Way("hl7v2", (f"{framed} | {self._mllp()}",))

    def ways_out(self, key: str) -> Iterator[Way]:
        """How it is told."""
        reads, sends = self._curl(key), self._curl(key, "POST")
        events = f"{self.address}/events?org={key}&since=0"
        yield Way("sse", (f"{reads} --no-buffer {quote(events)}",))
        if self.broker is not None:
            command = f"{self._kcat()} -G {quote(group(key))} {quote(updates(key))}"
            yield Way("kafka-out", (command,))
        mailbox, confirm = f"{self.address}/fhir/$mailbox", f"{self.address}/fhir/$confirm"
        upto = orjson.dumps(
            {"resourceType": "Parameters", "parameter": [{"name": "upto", "valueString": "1"}]}
        )
        yield Way(
            "mailbox",
            (
                f"{reads} {quote(mailbox)}",
                f"{sends} {_FHIR} --data {quote(upto.decode())} \\\n  {quote(confirm)}",
            ),
        )
        wanted = quote(orjson.dumps(_SUBSCRIPTION).decode())
        subscription = quote(f"{self.address}/fhir/Subscription")
        yield Way("subscription", (f"{sends} {_FHIR} --data {wanted} \\\n  {subscription}",))

    def _curl(self, key: str, method: str | None = None) -> str:
        who = ' -H "Authorization: Bearer $TOKEN"' if self.signs_in else ""
        posts = f" -X {method}" if method else ""
        return f"curl{posts}{who} -H {quote(f'X-Carepath-Org: {key}')}"

    def _kcat(self) -> str:
        broker = self.broker
        if broker is None:
            return "kcat"
        secured = (
            f" -X security.protocol={broker.protocol}" if broker.protocol != "PLAINTEXT" else ""
        )
        return f"kcat -b {quote(','.join(broker.bootstrap))}{secured}"

    def _mllp(self) -> str:
        host = quote(urlsplit(self.address).hostname or "")
        if self.mllp_tls:
            return f"openssl s_client -quiet -connect {host}:{self.mllp_port}"
        return f"nc {host} {self.mllp_port}"


_FHIR = "-H 'Content-Type: application/fhir+json'"
