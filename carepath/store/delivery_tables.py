"""The tables of what goes out, to Kafka and over receivers' own networks (``tables`` has the others)."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text, literal_column

from carepath.store.schema import metadata

streams = Table(
    "streams",
    metadata,
    Column("party", Text, primary_key=True),  # whose topics there are
    Column("active_from", BigInteger),  # since when its inbound topic is read
    Column("published", BigInteger, nullable=False),  # highest feed number that Kafka has
    Column("published_at", BigInteger),
    Column(
        "replay_upto", BigInteger, nullable=False
    ),  # up to here numbers are sent again on demand
    Column("paused", Boolean, nullable=False),
    Column("holder", Text),  # the relay that publishes, until its lease ends
    Column("leased_until", BigInteger),
)

transports = Table(
    "transports",
    metadata,
    Column("party", Text, primary_key=True),  # whose updates go over its own network
    Column("carrier", Text, nullable=False),  # edi | mllp
    Column("sent", BigInteger, nullable=False),  # all of its feed up to here is settled there
    Column("sent_at", BigInteger),
    Column("replay_upto", BigInteger, nullable=False),  # as in streams
    Column("paused", Boolean, nullable=False),
    Column("tries", Integer, nullable=False),  # that failed in a row
    Column("next_try", BigInteger),  # not before; none: at once
    Column("fault", Text),  # why the last try failed, in codes
    Column("holder", Text),  # who sends, until the lease ends
    Column("leased_until", BigInteger),
)

sent_on = Table(
    "sent_on",
    metadata,
    Column("item", Text, primary_key=True),  # the outbox row
    Column("party", Text, nullable=False),
    Column("number", BigInteger, nullable=False),  # in its feed
    Column("carrier", Text, nullable=False),
    Column("message_id", Text, nullable=False),  # MsgId, MSH-10
    Column("state", Text, nullable=False),  # carepath.store.transports.State
    Column("reference", Text, index=True),  # what the network knows it by
    Column("reason", Text),  # of a refusal, in codes
    Column("tried", BigInteger, nullable=False),  # when it was sent the last time
    Column("settled", BigInteger),  # when its receiver took or refused it
)
Index("ix_sent_on_party", sent_on.c.party, sent_on.c.number)
UNCONFIRMED = sent_on.c.state != literal_column("'confirmed'")
"""Few are not, and only these are looked for; as it is written here, so that the index is used."""
Index(
    "ix_sent_on_unconfirmed",
    sent_on.c.state,
    sent_on.c.party,
    sent_on.c.number,
    sqlite_where=UNCONFIRMED,
    postgresql_where=UNCONFIRMED,
)

edi_offsets = Table(
    "edi_offsets",
    metadata,
    Column("her_id", Text, primary_key=True),  # whose notifications NHN's EDI keeps
    Column("seen", BigInteger, nullable=False),  # offset of the newest that was dealt with
    Column("polled", BigInteger, nullable=False),  # when all that were there had been
)
