"""How an organisation connects, by each way in and out: commands to copy, with its own key and our address."""

from collections.abc import Iterator
from dataclasses import dataclass
from shlex import quote
from urllib.parse import urlsplit

import orjson

from fhir_mappings.channels import PAYLOAD_CONTENT
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
        "_payload": {"extension": [{"url": PAYLOAD_CONTENT, "valueCode": "id-only"}]},
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
            f"carepath client-key add {quote(key)} --client-id {quote(_system(key))}"
            " --jwks-file public.json --scope system/Bundle.cru --scope 'system/*.rs' --scope system/Subscription.cruds",
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
            yield Way(
                "kafka-in", (f"{_kcat(self.broker)} -P -t {quote(inbound(key))} message.json",)
            )
        yield Way(
            "kith",
            (
                f"{sends} -H 'Content-Type: application/xml' --data-binary @innlagt.xml \\\n  {quote(kith)}",
            ),
        )
        yield Way("hl7v2", (_python(*self._mllp()),))
        sending = (
            "from pathlib import Path",
            "from carepath_client import Publisher",
            *self._auth(key),
            f"with Publisher.http({self._client(key)}) as publisher:",
            "    print(publisher.publish(Path('message.json').read_bytes()).state)",
        )
        yield Way("client-in", (_python(*sending),))

    def ways_out(self, key: str) -> Iterator[Way]:
        """How it is told."""
        reads, sends = self._curl(key), self._curl(key, "POST")
        events = f"{self.address}/events?org={key}&since=0"
        yield Way("sse", (f"{reads} --no-buffer {quote(events)}",))
        reading = (
            "from carepath_client import FileCursor, Subscriber",
            *self._auth(key),
            "cursor = FileCursor('carepath.cursor')",
            f"with Subscriber.http({self._client(key)}, cursor=cursor) as updates:",
            "    for update in updates:",
            "        print(update.sequence, update.event, flush=True)",
        )
        yield Way("client-out", (_python(*reading),))
        if self.broker is not None:
            command = f"{_kcat(self.broker)} -G {quote(group(key))} {quote(updates(key))}"
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

    def _auth(self, key: str) -> tuple[str, ...]:
        """The lines of a program that sign it in as ``auth``."""
        if not self.signs_in:
            return ()
        known_as = f"{_system(key)!r}, 'private.json', {f'{self.address}/auth/token'!r}"
        return (
            "from carepath_client import BackendServices",
            f"auth = BackendServices({known_as})",
        )

    def _client(self, key: str) -> str:
        """Where a program connects, and as whom."""
        auth = ", auth=auth" if self.signs_in else ""
        return f"{self.address!r}, organisation={key!r}{auth}"

    def _mllp(self) -> Iterator[str]:
        """A message in its frame, and the answer without."""
        host = urlsplit(self.address).hostname or ""
        yield "import socket, ssl" if self.mllp_tls else "import socket"
        yield f"line = socket.create_connection(({host!r}, {self.mllp_port}), 30)"
        if self.mllp_tls:
            wrap = f"ssl.create_default_context().wrap_socket(line, server_hostname={host!r})"
            yield f"line = {wrap}"
        yield r"line.sendall(b'\x0b' + open('adt.hl7', 'rb').read() + b'\x1c\r')"
        yield r"print(line.recv(65536).decode().strip('\x0b\x1c\r').replace('\r', '\n'))"


def _system(key: str) -> str:
    """What the organisation's record system is called here."""
    return f"{key}-journal"


def _python(*lines: str) -> str:
    """A program that a shell hands to Python as it stands."""
    return "\n".join(("python3 - <<'END'", *lines, "END"))


def _kcat(broker: Broker) -> str:
    secured = f" -X security.protocol={broker.protocol}" if broker.protocol != "PLAINTEXT" else ""
    return f"kcat -b {quote(','.join(broker.bootstrap))}{secured}"


_FHIR = "-H 'Content-Type: application/fhir+json'"
