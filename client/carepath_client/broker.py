"""How Kafka is reached."""

import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kafka.errors import KafkaTimeoutError
from kafka.net.compat import KafkaNetClient

_LIBRARY = logging.getLogger("kafka")
if _LIBRARY.level == logging.NOTSET:
    _LIBRARY.setLevel(logging.INFO)  # its DEBUG quotes whole messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """What the broker asks for. The files are PEM; without ``ca_file`` the system's CAs count."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def options(self, bootstrap: str) -> dict[str, Any]:
        """What every client of kafka-python is made with. Raises ``OSError`` when a file cannot be read."""
        servers: Sequence[str] = bootstrap.split(",")
        told: dict[str, Any] = {"bootstrap_servers": servers, "security_protocol": self.protocol}
        if self.protocol.endswith("SSL"):
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                context.load_cert_chain(self.cert_file, self.key_file)
            told["ssl_context"] = context
        if self.protocol.startswith("SASL_"):
            told |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return told


def opened(kind: Any, **options: Any) -> Any:
    """A client of kafka-python. Raises ``KafkaError`` when nobody answers.

    One that cannot be made leaves its thread and its sockets behind (kafka-python 3.0.12): they are ended here.
    """
    begun: list[KafkaNetClient] = []

    def connection(**told: Any) -> KafkaNetClient:
        begun.append(KafkaNetClient(**told))
        return begun[-1]

    try:
        return kind(**options, kafka_client=connection)
    except KafkaTimeoutError:
        _end(begun)
        where = ",".join(options["bootstrap_servers"])
        raise KafkaTimeoutError(f"no broker at {where} answers, or lets this user in") from None
    except BaseException:
        _end(begun)
        raise


def _end(begun: list[KafkaNetClient]) -> None:
    for one in begun:
        one.close()


def inbound(organisation: str) -> str:
    """The topic that an organisation writes."""
    return f"carepath.inbound.{organisation}"


def updates(organisation: str) -> str:
    """The topic that an organisation reads."""
    return f"carepath.updates.{organisation}"
