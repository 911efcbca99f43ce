"""The tables, for SQLite and PostgreSQL alike.

Index columns hold only ids, codes, times and blind indexes; what a message says is in blobs, which are encrypted
(``Sealed``). Times are whole microseconds since 1970 in UTC (``store.times``): one integer sorts and
compares the same on both databases. Every table about a patient is keyed by the patient key, so PostgreSQL
can be partitioned without changing a query.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from carepath.store.access_tables import bars as bars  # noqa: PLC0414 -- told on
from carepath.store.access_tables import glass as glass  # noqa: PLC0414 -- told on
from carepath.store.access_tables import markings as markings  # noqa: PLC0414 -- told on
from carepath.store.access_tables import relatives_known as relatives_known  # noqa: PLC0414
from carepath.store.access_tables import sharing as sharing  # noqa: PLC0414 -- told on
from carepath.store.access_tables import voices as voices  # noqa: PLC0414 -- told on
from carepath.store.audit_tables import access_chain as access_chain  # noqa: PLC0414 -- told on
from carepath.store.audit_tables import access_checkpoints as access_checkpoints  # noqa: PLC0414
from carepath.store.audit_tables import access_log as access_log  # noqa: PLC0414 -- told on
from carepath.store.delivery_tables import edi_offsets as edi_offsets  # noqa: PLC0414 -- told on
from carepath.store.delivery_tables import sent_on as sent_on  # noqa: PLC0414 -- told on
from carepath.store.delivery_tables import streams as streams  # noqa: PLC0414 -- told on
from carepath.store.delivery_tables import transports as transports  # noqa: PLC0414 -- told on
from carepath.store.identity_tables import clients as clients  # noqa: PLC0414 -- told on
from carepath.store.identity_tables import used_ids as used_ids  # noqa: PLC0414 -- told on
from carepath.store.key_tables import data_keys as data_keys  # noqa: PLC0414 -- told on
from carepath.store.key_tables import erasures as erasures  # noqa: PLC0414 -- told on
from carepath.store.key_tables import master_keys as master_keys  # noqa: PLC0414 -- told on
from carepath.store.lost_tables import lost_rights as lost_rights  # noqa: PLC0414 -- told on
from carepath.store.promise_tables import agreements as agreements  # noqa: PLC0414 -- told on
from carepath.store.promise_tables import alerts as alerts  # noqa: PLC0414 -- told on
from carepath.store.promise_tables import promises as promises  # noqa: PLC0414 -- told on
from carepath.store.promise_tables import (
    receipt_cursors as receipt_cursors,  # noqa: PLC0414 -- told on
)
from carepath.store.schema import metadata as metadata  # noqa: PLC0414 -- told on
from carepath.store.sealing import Sealed
from carepath.store.session_tables import looks as looks  # noqa: PLC0414 -- told on
from carepath.store.session_tables import members as members  # noqa: PLC0414 -- told on
from carepath.store.session_tables import sessions as sessions  # noqa: PLC0414 -- told on

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

parties = Table(
    "parties",
    metadata,
    Column("key", Text, primary_key=True),
    Column("seen", Boolean, nullable=False),
    Column("body", LargeBinary, nullable=False),  # JSON of pathways.parties.Party
)

patients = Table(
    "patients",
    metadata,
    Column("key", Text, primary_key=True),  # random; also the FHIR id of the Patient
    Column("created", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),  # of the newest event: increases per patient
    Column(
        "body", Sealed("patients.body", whose="key"), nullable=False
    ),  # JSON of pathways.pathway.Header
    Column("pseudonym_version", Integer, nullable=False, server_default="1"),  # never changes
)

patient_identifiers = Table(
    "patient_identifiers",
    metadata,
    Column("blind", LargeBinary, primary_key=True),  # keyed hash of system|value
    Column("blind_value", LargeBinary, nullable=False),  # keyed hash of the value alone
    Column("patient", Text, nullable=False, index=True),
    Column("cipher", LargeBinary, nullable=False),  # system|value, encrypted
)
Index("ix_patient_identifiers_blind_value", patient_identifiers.c.blind_value)

patient_links = Table(
    "patient_links",
    metadata,
    Column("patient", Text, nullable=False),
    Column("other", Text, nullable=False),
    PrimaryKeyConstraint("patient", "other"),
)
Index("ix_patient_links_other", patient_links.c.other)

inbox = Table(
    "inbox",
    metadata,
    Column("id", Text, primary_key=True),  # the event's id, and that of Binary/{id}
    Column("sender", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("envelope", Text),  # Bundle.id
    Column("content", LargeBinary, nullable=False),  # hash of the canonical source
    Column("verdict", Text, nullable=False),  # accepted | refused | parked
    Column("patient", Text),
    Column("received", BigInteger, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("source", Sealed("inbox.source"), nullable=False),  # the sender's bytes
    Column("status", Integer, nullable=False),  # HTTP status of the answer
    Column("receipt", Sealed("inbox.receipt"), nullable=False),  # the answer, byte for byte
    UniqueConstraint("message_id", "sender", "format"),  # serves a look-up by message id, too
)
Index("ix_inbox_envelope", inbox.c.envelope)

parked = Table(
    "parked",
    metadata,
    Column("id", Text, primary_key=True),
    Column("received", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),  # conflict | identity-conflict | unknown-matter
    Column("state", Text, nullable=False),  # open | placed | dropped
    Column("sender", Text),
    Column("message_id", Text, index=True),
    Column("patient", Text, index=True),
    Column("media_type", Text, nullable=False),
    Column("source", Sealed("parked.source"), nullable=False),
    Column("note", Text),  # why it was dropped
    Column("due", Boolean, nullable=False, server_default=false()),  # what it waited for is there
)
Index(
    "ix_parked_due",
    parked.c.received,
    sqlite_where=parked.c.due,
    postgresql_where=parked.c.due,
)

events = Table(
    "events",
    metadata,
    Column("id", Text, primary_key=True),
    Column("patient", Text, nullable=False),
    Column("thread", Text, nullable=False, index=True),
    Column("code", Text, nullable=False),
    Column("activity", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("target", Text),
    Column("sender", Text, nullable=False),
    Column("happened", BigInteger, nullable=False),
    Column("happened_day", Boolean, nullable=False),
    Column("written", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),  # of the body; older ones are upcast
    Column("body", Sealed("events.body"), nullable=False),
)
Index("ix_events_patient_received", events.c.patient, events.c.received)

threads = Table(
    "threads",
    metadata,
    Column("id", Text, primary_key=True),
    Column("patient", Text, nullable=False, index=True),
    Column("family", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("body", Sealed("threads.body"), nullable=False),  # JSON of pathways.pathway.Thread
)

thread_keys = Table(
    "thread_keys",
    metadata,
    Column("patient", Text, nullable=False),
    Column("blind", LargeBinary, nullable=False),  # keyed hash of family|rank|value
    Column("thread", Text, nullable=False, index=True),
    PrimaryKeyConstraint("blind", "patient"),
)

thread_aliases = Table(
    "thread_aliases",
    metadata,
    Column("alias", Text, primary_key=True),
    Column("thread", Text, nullable=False, index=True),
)

grants = Table(
    "grants",
    metadata,
    Column("patient", Text, nullable=False),
    Column("reader", Text, nullable=False),  # directory key
    Column("event", Text, nullable=False),
    Column("thread", Text, nullable=False),
    Column("basis", Text, nullable=False),  # sent, addressed, copy, need, service, gp, …
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger),
    Column("pair", Text),  # the two houses between which it needs an agreement (sharing)
    PrimaryKeyConstraint("patient", "reader", "event"),
)
Index("ix_grants_reader_event", grants.c.reader, grants.c.event)
Index(
    "ix_grants_until",
    grants.c.until,
    sqlite_where=grants.c.until.is_not(None),
    postgresql_where=grants.c.until.is_not(None),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Text, primary_key=True),  # deterministic: event, receiver and kind
    Column("receiver", Text, nullable=False),  # directory key; "*" is the operator's own feed
    Column("number", BigInteger),  # in the receiver's feed; given by the relay
    Column("kind", Text, nullable=False),  # event code
    Column("patient", Text),
    Column("event", Text),  # the one forwarded, or that caused a broker-made one
    Column("message_id", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column(
        "body", Sealed("outbox.body")
    ),  # a message the broker made itself; else the event's own is sent
    Column("withheld", Boolean, nullable=False),
    Column("confirmed", BigInteger),
    Column("confirmed_code", Text),  # ok | transient-error | fatal-error
    Column("read", BigInteger),  # read by a person, said by systems that can tell
    UniqueConstraint("receiver", "number"),
)
Index(
    "ix_outbox_pending",
    outbox.c.receiver,
    outbox.c.created,
    sqlite_where=outbox.c.number.is_(None),
    postgresql_where=outbox.c.number.is_(None),
)
Index("ix_outbox_message_id", outbox.c.message_id)
Index("ix_outbox_event", outbox.c.event)

feeds = Table(
    "feeds",
    metadata,
    Column("receiver", Text, primary_key=True),
    Column("last", BigInteger, nullable=False),  # newest number given
    Column("delivered", BigInteger, nullable=False),  # highest number handed to the receiver
    Column("delivered_at", BigInteger),
    Column("confirmed", BigInteger, nullable=False, server_default="0"),  # by who reads its mailbox
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("receiver", Text, nullable=False),
    Column("number", BigInteger, nullable=False),  # everything up to here had been handed over
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("receiver", "number"),
)

positions = Table(
    "positions",
    metadata,
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("topic_id", Text, nullable=False),  # a topic made anew has another, and offsets from 0
    Column("next", BigInteger, nullable=False),  # offset of the first record not taken in
    PrimaryKeyConstraint("topic", "partition"),
)

answers = Table(
    "answers",
    metadata,
    Column("id", Text, primary_key=True),  # MessageHeader.id of the response message
    Column("party", Text, nullable=False),  # directory key of whoever is owed it
    Column("url", Text, nullable=False),  # where it is sent
    Column("body", Sealed("answers.body"), nullable=False),  # the response message
    Column("tries", Integer, nullable=False),
    Column("next_try", BigInteger, nullable=False),
    Column("status", Integer),  # HTTP status of the last try; none when nobody answered
    Column("done", BigInteger),  # taken, or refused for good
)
Index(
    "ix_answers_due",
    answers.c.next_try,
    sqlite_where=answers.c.done.is_(None),
    postgresql_where=answers.c.done.is_(None),
)

resources = Table(
    "resources",
    metadata,
    Column("type", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("patient", Text),
    Column("thread", Text),
    Column("updated", BigInteger, nullable=False),
    Column("status", Text),
    Column("code", Text),  # Encounter.class, ServiceRequest.priority, Task.code
    Column("starts", BigInteger),
    Column("ends", BigInteger),
    Column("deleted", Boolean, nullable=False),
    Column(
        "digest", Sealed("resources.digest")
    ),  # of the newest body without meta: has it changed?
    PrimaryKeyConstraint("type", "id"),
)
Index("ix_resources_patient", resources.c.patient, resources.c.type)
Index("ix_resources_updated", resources.c.type, resources.c.updated, resources.c.id)

resource_versions = Table(
    "resource_versions",
    metadata,
    Column("type", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("patient", Text),
    Column("updated", BigInteger, nullable=False),
    Column("body", Sealed("resource_versions.body"), nullable=False),  # FHIR JSON with meta
    PrimaryKeyConstraint("type", "id", "version"),
)

resource_tokens = Table(
    "resource_tokens",
    metadata,
    Column("type", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("name", Text, nullable=False),  # search parameter
    Column("blind", LargeBinary, nullable=False),  # keyed hash of system|value
    Column("blind_value", LargeBinary, nullable=False),  # keyed hash of the value alone
    PrimaryKeyConstraint("type", "id", "name", "blind"),
)
Index("ix_resource_tokens_blind", resource_tokens.c.blind)
Index("ix_resource_tokens_blind_value", resource_tokens.c.blind_value)

resource_values = Table(
    "resource_values",
    metadata,
    Column("type", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("name", Text, nullable=False),  # search parameter
    Column("system", Text, nullable=False),  # of a code; the type of what is referred to
    Column(
        "value", Text, nullable=False
    ),  # a code, an id, a URL: nothing that tells who it is about
    PrimaryKeyConstraint("type", "id", "name", "system", "value"),
    sqlite_with_rowid=False,  # the key is the table
)
Index(
    "ix_resource_values_found",
    resource_values.c.type,
    resource_values.c.name,
    resource_values.c.value,
)

resource_dates = Table(
    "resource_dates",
    metadata,
    Column("type", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("name", Text, nullable=False),  # search parameter
    Column("starts", BigInteger),
    Column("ends", BigInteger),  # its last microsecond
    PrimaryKeyConstraint("type", "id", "name"),
    sqlite_with_rowid=False,
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", Text, primary_key=True),  # of the Subscription
    Column("receiver", Text, nullable=False, index=True),  # whose feed; "*" is the operator's
    Column("status", Text, nullable=False),  # requested | active | error | off
    Column("target", Text),  # scheme://host:port of a rest-hook; none for other channels
    Column(
        "body", Sealed("subscriptions.body"), nullable=False
    ),  # JSON of pathways.subscriptions.Subscription
    Column("numbered", BigInteger, nullable=False),  # of its newest event
    Column("delivered", BigInteger, nullable=False),  # its subscriber has all up to here
    Column("tries", Integer, nullable=False),  # that failed in a row
    Column("next_try", BigInteger),  # not before; none: at once
    Column("told", BigInteger),  # when anything was sent the last time
    Column("error", Text),  # code of subscription-error
    Column("holder", Text),  # who sends, until the lease ends
    Column("leased_until", BigInteger),
)

subscription_events = Table(
    "subscription_events",
    metadata,
    Column("subscription", Text, nullable=False),
    Column("number", BigInteger, nullable=False),  # from 1, without gaps
    Column("item", Text, nullable=False),  # the outbox row
    PrimaryKeyConstraint("subscription", "number"),
)
