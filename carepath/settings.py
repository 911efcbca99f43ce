"""Everything that can be set, from the environment (``CAREPATH_*``) or as flags of the command line.

``carepath check`` prints what holds and what is wrong with it.
"""

import socket
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Final, Literal

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from carepath.identity.addresses import is_loopback
from carepath.identity.scopes import scopes
from schemas.broker import Broker, Mechanism, Protocol
from schemas.topics import RETENTION

NETWORK_CONSENT: Final = "yes-i-know"
ClaimName = Literal["parent", "child", "supplier", "client", "pid", "level", "hpr", "name"]
HOST_PORT: Final = r"^[^:\s]+:\d{1,5}$"
SECRETS: Final = Path("/run/secrets")  # a container's: each in a file with its variable's name


class IssuerSettings(BaseModel):
    """An OpenID Connect issuer whose access tokens are believed, such as HelseID; one item of ``issuers``.

    ``scopes``: SMART scopes by the issuer's own scope. ``claims``: the names of its claims where they are not HelseID's
    (``carepath.identity.issuers.HELSEID``). ``levels``: those that a person's token may have. ``dpop``: whether tokens
    must be bound to a key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(pattern=r"^https?://\S+$")
    audience: str = Field(min_length=1)
    scopes: dict[str, str]
    claims: dict[ClaimName, str] = Field(default_factory=dict)
    levels: tuple[str, ...] = ("4", "high")
    dpop: bool = True

    @field_validator("scopes")
    @classmethod
    def _smart(cls, told: dict[str, str]) -> dict[str, str]:
        for written in told.values():
            scopes(written)
        return told


class Settings(BaseSettings):
    """The settings of one process. Each field's description says what it does and in what unit."""

    model_config = SettingsConfigDict(
        env_prefix="CAREPATH_",
        env_ignore_empty=True,
        frozen=True,
        secrets_dir=SECRETS if SECRETS.is_dir() else None,
    )

    database_url: str = Field(
        "sqlite:///carepath.db",
        repr=False,  # a password may be in it
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
    erased_file: Path | None = Field(
        None,
        description="Where 'carepath erase' notes who was erased, so that 'carepath restore' erases them again."
        " Without it: the key file's name, with .erased after it. Keep a copy with the key's.",
    )
    vault: AnyHttpUrl | None = Field(
        None,
        description="The address of HashiCorp Vault or OpenBao, whose Transit engine then wraps the master keys of"
        " payloads; without it the key file does.",
    )
    vault_key: str = Field("carepath", description="The name of the key in the Transit engine.")
    vault_mount: str = Field("transit", description="Where the Transit engine is mounted.")
    vault_token: SecretStr | None = Field(None, description="Who the broker is to Vault.")
    vault_token_file: Path | None = Field(
        None, description="A file with that token, which an agent keeps fresh."
    )
    vault_ca_file: Path | None = Field(
        None, description="PEM file of the CAs that vouch for Vault; without it the system's."
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
    access_log_retention_years: int | None = Field(
        None,
        ge=5,
        description="After how many years 'carepath retention' lets go of lines of the access log, up to a signed"
        " checkpoint. Without it: never.",
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
    client_id: str | None = Field(
        None, description="Who we are to a server that commands talk to: 'carepath client-key'."
    )
    client_key_file: Path | None = Field(
        None, description="The private JWK that those commands sign in with."
    )
    issuers: tuple[IssuerSettings, ...] = Field(
        (),
        description="OpenID Connect issuers whose access tokens are believed besides our own, as JSON: docs/operations.md.",
    )
    allow_loopback_issuers: bool = Field(
        False,
        description="Keys of clients and issuers may be fetched from this machine, without TLS too. For tests and the"
        " demo.",
    )
    allow_loopback_hooks: bool = Field(
        False,
        description="Rest-hooks may call this machine, without TLS too. For tests: whoever may subscribe"
        " reaches what listens here.",
    )
    private_networks: tuple[IPv4Network | IPv6Network, ...] = Field(
        (),
        description="Networks whose addresses may be called besides public ones, by https: those of rest-hooks and"
        ' issuers in a health network, as JSON: ["10.20.0.0/16"]. Whoever may subscribe reaches what is there.',
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
    mllp_ca_file: Path | None = Field(
        None,
        description="PEM file of the CAs that vouch for receivers over mllps://; without it the system's. They are"
        " shown the listener's own certificate, if there is one.",
    )
    mllp_metrics: str | None = Field(
        None,
        pattern=HOST_PORT,
        description="HOST:PORT where 'carepath mllp' tells its figures to Prometheus; without it no port is opened.",
    )
    edi: AnyHttpUrl | None = Field(
        None, description="The address of NHN's EDI 2.0, for 'carepath edi'."
    )
    edi_her_ids: str = Field(
        "",
        pattern=r"^[\d\s,]*$",
        description="The HER-ids that 'carepath edi' receives and sends for, separated by spaces or commas; what is"
        " from none of them goes in the name of the first.",
    )
    edi_token_url: AnyHttpUrl | None = Field(
        None, description="HelseID's token endpoint, https://…/connect/token."
    )
    edi_client_id: str | None = Field(None, description="Who we are to HelseID.")
    edi_key_file: Path | None = Field(
        None, description="JWK or PEM file of our private key, whose public half HelseID knows."
    )
    edi_poll_seconds: float = Field(
        60, gt=0, description="How often EDI is asked for what is new; NHN asks for about a minute."
    )
    edi_metrics: str | None = Field(
        None,
        pattern=HOST_PORT,
        description="HOST:PORT where 'carepath edi' tells its figures to Prometheus; without it no port is opened.",
    )
    worker_id: str = Field(
        default_factory=socket.gethostname,
        description="What tells a worker from the others, the same after each start.",
    )
    serve_metrics: str | None = Field(
        None,
        pattern=HOST_PORT,
        description="HOST:PORT where 'carepath serve' tells its figures to Prometheus, and nowhere else then; without it"
        " they are at /metrics, for whoever reaches the server.",
    )
    worker_metrics: str | None = Field(
        None,
        pattern=HOST_PORT,
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
        pattern=HOST_PORT,
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
    oidc_issuer: str | None = Field(
        None,
        pattern=r"^https?://[^\s?#]+$",
        description="The OpenID Connect issuer where people sign in to the pages, exactly as it calls itself; without"
        " it the pages are open in open mode, and closed otherwise.",
    )
    oidc_client_id: str | None = Field(None, description="Who the pages are to the issuer.")
    oidc_client_secret: SecretStr | None = Field(
        None, description="Their secret, where the issuer has given one."
    )
    oidc_private_key_file: Path | None = Field(
        None,
        description="Their private key (JWK or PEM), where the issuer knows its public half: private_key_jwt.",
    )
    oidc_scope: str = Field(
        "openid profile",
        description="What the issuer is asked to tell of people, as it calls that.",
    )
    oidc_levels: str | None = Field(
        None,
        description="The values of acr that are good enough, separated by spaces; without it any is.",
    )
    session_idle_minutes: int = Field(
        30, ge=1, description="Who does nothing for so long has to sign in again."
    )
    session_hours: int = Field(
        10, ge=1, le=24, description="After so long everybody has to sign in again."
    )
    client_rate: int | None = Field(
        None,
        ge=0,
        description="Requests that a client may make in a minute, of each 'carepath serve'; 0: any number. Without it"
        " 6000, and any number in open mode.",
    )
    stranger_rate: int | None = Field(
        None,
        ge=0,
        description="Requests in a minute from an address where nobody has signed in, to sign in or in vain; 0: any"
        " number. Without it 600. In open mode nobody signs in.",
    )
    client_streams: int | None = Field(
        None,
        ge=0,
        description="Event streams and websockets that a client may have open; 0: any number. Without it 100, and any"
        " number in open mode.",
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
        beyond = not is_loopback(host)
        return self.open_mode and beyond and self.open_network != NETWORK_CONSENT
