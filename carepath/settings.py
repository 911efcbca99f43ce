"""Everything that can be set, from the environment (``CAREPATH_*``) or as flags of the command line.

``carepath check`` prints what holds and what is wrong with it.
"""

import socket
from pathlib import Path
from typing import Final, Literal

from pydantic import AnyHttpUrl, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.broker import Broker, Mechanism, Protocol
from schemas.topics import RETENTION

NETWORK_CONSENT: Final = "yes-i-know"
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_SECRETS: Final = Path("/run/secrets")  # a container's: each in a file with its variable's name


class Settings(BaseSettings):
    """The settings of one process. Each field's description says what it does and in what unit."""

    model_config = SettingsConfigDict(
        env_prefix="CAREPATH_",
        env_ignore_empty=True,
        frozen=True,
        secrets_dir=_SECRETS if _SECRETS.is_dir() else None,
    )

    database_url: str = Field(
        "sqlite:///carepath.db",
        description="The system of record: sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME.",
    )
    base_url: AnyHttpUrl | None = Field(
        None,
        description="The address others know us by; absolute URLs in FHIR resources begin with it."
        " Without it: http://HOST:PORT.",
    )
    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(
        8000, ge=0, le=65535, description="The port to listen on; 0 takes a free one."
    )
    open_mode: bool = Field(
        True,
        description="No clients are registered: who calls is taken at its word. Loopback only, unless"
        " open_network says otherwise.",
    )
    open_network: str | None = Field(
        None,
        description=f"'{NETWORK_CONSENT}' lets open mode listen beyond loopback, for a private"
        " container network.",
    )
    accept_synthetic: bool = Field(
        True,
        description="Accept synthetic national ids (month plus 40, 65 or 80). Off in production.",
    )
    clock_skew_seconds: int = Field(
        300, ge=0, description="How far into the future a sender's clock may be, in seconds."
    )
    gather_ms: int = Field(
        3, ge=0, description="How long a request waits for others to share a transaction, in ms."
    )
    language: Literal["nb", "en"] = Field(
        "nb", description="The language of texts for readers who ask for none."
    )
    key_file: Path | None = Field(
        None,
        description="The key that seals identifiers and texts. Without it: beside the SQLite file."
        " Without the key nothing can be read: keep a copy apart from the database.",
    )
    body_retention_days: int | None = Field(
        None,
        ge=1,
        description="After how many days 'carepath retention' lets go of what messages said, once every"
        " receiver has been handed it; entries stay. Without it: never.",
    )
    inbox_retention_days: int | None = Field(
        None,
        ge=1,
        description="After how many days 'carepath retention' lets go of receipts, and of the ids of"
        " messages that were not accepted. Without it: never.",
    )
    pseudonym_version: int = Field(
        1,
        ge=1,
        description="Which key makes the pseudonyms of new patients on Kafka; a higher number is a new key."
        " Patients keep theirs.",
    )
    kafka: str | None = Field(
        None, description="HOST:PORT of Kafka, several with commas; without it there is none."
    )
    kafka_security_protocol: Protocol = Field(
        "PLAINTEXT", description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."
    )
    kafka_sasl_mechanism: Mechanism = Field(
        "SCRAM-SHA-512", description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."
    )
    kafka_username: str | None = Field(None, description="Who the broker is to Kafka.")
    kafka_password: SecretStr | None = Field(None, description="Its password.")
    kafka_ca_file: Path | None = Field(
        None, description="PEM file of the CAs that vouch for Kafka; without it the system's."
    )
    kafka_cert_file: Path | None = Field(
        None, description="PEM file of our own certificate, when Kafka asks for one."
    )
    kafka_key_file: Path | None = Field(None, description="PEM file of that certificate's key.")
    kafka_partitions: int = Field(
        4, ge=1, description="Partitions of every topic; at most so many workers share the intake."
    )
    kafka_replication_factor: int = Field(1, ge=1, description="Copies of every topic.")
    kafka_min_isr: int = Field(
        1, ge=1, description="How many copies must have a record before it counts as written."
    )
    kafka_retention_days: int = Field(
        RETENTION.days,
        ge=1,
        description="How many days Kafka keeps a record at least: longer than your newest backup is old.",
    )
    allow_loopback_hooks: bool = Field(
        False,
        description="Rest-hooks may call this machine, without TLS too. For tests: whoever may subscribe"
        " reaches what listens here.",
    )
    hook_schedule: Literal["quick", "long"] = Field(
        "quick",
        description="How often a rest-hook is tried before its Subscription is in error: quick, 3 times in"
        " seconds; long, 8 times in 28 hours.",
    )
    mllp_host: str = Field("127.0.0.1", description="The address to listen on for HL7 v2.")
    mllp_port: int = Field(
        2575, ge=0, le=65535, description="The port for HL7 v2 over MLLP; 0 takes a free one."
    )
    mllp_cert_file: Path | None = Field(
        None, description="PEM file of the listener's certificate: then it speaks TLS only."
    )
    mllp_key_file: Path | None = Field(None, description="PEM file of that certificate's key.")
    mllp_client_ca_file: Path | None = Field(
        None,
        description="PEM file of the CAs that vouch for senders over TLS; without it any may connect.",
    )
    mllp_idle_seconds: float = Field(
        600, gt=0, description="An MLLP connection that says nothing for so long is closed."
    )
    worker_id: str = Field(
        default_factory=socket.gethostname,
        description="What tells a worker from the others, the same after each start.",
    )
    worker_metrics: str | None = Field(
        None,
        pattern=r"^[^:\s]+:\d{1,5}$",
        description="HOST:PORT where a worker tells its figures to Prometheus; without it no port is opened.",
    )
    worker_restart_seconds: int = Field(
        300, ge=0, description="At most so often workers start again to read new organisations."
    )
    worker_look_seconds: float = Field(
        5, gt=0, description="How often a worker looks for new topics, and whether it gets on."
    )
    worker_stall_seconds: int = Field(
        60,
        ge=1,
        description="A worker that has work and gets nowhere for so long ends, with an error.",
    )

    payment_rates: dict[int, int] = Field(
        default_factory=dict,
        description='NOK by year, for years whose rate for a payment day is newer than this release: {"2026": 6000}.',
    )
    payment_same_day: bool = Field(
        False,
        description="A readiness that is withdrawn on its own day counts as a payment day.",
    )
    watch: bool = Field(
        True,
        description="'carepath serve' watches over promises. Without it, run 'carepath watch --once' regularly.",
    )
    smtp: str | None = Field(
        None,
        pattern=r"^[^:\s]+:\d{1,5}$",
        description="HOST:PORT of the mail server that tells people of missed deadlines; without it nobody is mailed.",
    )
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the mail server is spoken to; none is for tests."
    )
    smtp_sender: str = Field(
        "carepath@localhost", description="In whose name mail to people is sent."
    )
    smtp_username: str | None = Field(None, description="Who we are to the mail server.")
    smtp_password: SecretStr | None = Field(None, description="Its password.")
    pager_url: AnyHttpUrl | None = Field(
        None,
        description="Where text messages of urgent deadlines are handed over:"
        ' POST {"to": NUMBER, "text": TEXT}. Without it nobody gets any.',
    )
    tracing: bool = Field(
        False,
        description="Tell OpenTelemetry what is done and how long it takes, where its OTEL_* variables say."
        " Needs the extra 'otel'.",
    )

    @property
    def address(self) -> str:
        """The base URL without a slash at its end."""
        return str(self.base_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def broker(self) -> Broker | None:
        """How Kafka is reached; ``None`` when there is none."""
        if self.kafka is None:
            return None
        return Broker(
            bootstrap=tuple(self.kafka.split(",")),
            protocol=self.kafka_security_protocol,
            mechanism=self.kafka_sasl_mechanism,
            username=self.kafka_username,
            password=self.kafka_password.get_secret_value() if self.kafka_password else None,
            ca_file=self.kafka_ca_file,
            cert_file=self.kafka_cert_file,
            key_file=self.kafka_key_file,
        )

    @property
    def exposed(self) -> bool:
        """Open mode would listen where strangers can call, and nobody said that this is wanted."""
        return self.exposed_at(self.host)

    def exposed_at(self, host: str) -> bool:
        """As ``exposed``, on another address."""
        beyond = host not in LOOPBACK
        return self.open_mode and beyond and self.open_network != NETWORK_CONSENT
