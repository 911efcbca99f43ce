"""The tables of clients, and of what may be said once only (``tables`` has the others)."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, PrimaryKeyConstraint, Table, Text

from carepath.store.schema import metadata

clients = Table(
    "clients",
    metadata,
    Column("id", Text, nullable=False),  # OAuth's client_id
    Column("since", BigInteger, nullable=False),  # a change is a new row; the former one ends
    Column("until", BigInteger),
    Column("party", Text, nullable=False),  # directory key
    Column("role", Text, nullable=False),  # pathways.access.Role: system | supplier
    Column("scopes", Text, nullable=False),  # SMART v2, separated by spaces
    Column("acts_for", Text, nullable=False),  # directory keys, separated by spaces
    Column("jwks", Text),  # public keys only; this or the next
    Column("jwks_url", Text),
    Column("ended", BigInteger),  # when somebody changed or revoked it
    Column("reason", Text),
    PrimaryKeyConstraint("id", "since"),
)

used_ids = Table(
    "used_ids",
    metadata,
    Column("blind", LargeBinary, primary_key=True),  # keyed hash of whose it is, and the jti
    Column("until", BigInteger, nullable=False),  # what bears it is worth nothing after
)
Index("ix_used_ids_until", used_ids.c.until)
