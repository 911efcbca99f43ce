"""The tables of people: who works where, and who is signed in (``tables`` has the others)."""

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text

from carepath.store.schema import metadata

members = Table(
    "members",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person", LargeBinary, nullable=False, index=True),  # keyed hash of system|value
    Column("party", Text),  # directory key; none: the broker's own operators
    Column("role", Text, nullable=False),  # pathways.access.Role
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger),
    Column("body", LargeBinary, nullable=False),  # sealed: name and identifier
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", LargeBinary, primary_key=True),  # SHA-256 of what the cookie says
    Column("person", LargeBinary, nullable=False, index=True),  # keyed hash of system|value
    Column("acting", Text),  # id of a membership, or citizen; none: not chosen yet
    Column("begun", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),  # to the minute
    Column("ends", BigInteger, nullable=False, index=True),  # however much it is used
    Column("body", LargeBinary, nullable=False),  # sealed: what the issuer said of the person
)

looks = Table(
    "looks",
    metadata,
    Column("person", Text, primary_key=True),  # pathways.access.Actor.person; empty in open mode
    Column("party", Text, primary_key=True),  # directory key whose worklist it was
    Column("at", BigInteger, nullable=False),  # all until then was seen
)
