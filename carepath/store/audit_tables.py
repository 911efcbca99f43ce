"""The tables of the access log and of the chain that seals it (``tables`` has the others).

A line is never changed once it is written, but that the sealer gives it its number and its hash. ``sealed`` is
encrypted (``blind.Keys.seal``, bound to the line's id): a person's name, the query, the reason for breaking the glass.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, Table, Text

from carepath.store.schema import metadata

access_log = Table(
    "access_log",
    metadata,
    Column("id", Text, primary_key=True),  # begins with its time: new ones stand last
    Column("at", BigInteger, nullable=False),
    Column("act", Text, nullable=False),  # pathways.access_log.Act
    Column("role", Text, nullable=False),  # pathways.access.Role
    Column("party", Text),  # directory key of whoever asked or was sent it
    Column("client", Text),  # the system that asked, as registered
    Column("person", Text),
    Column("purpose", Text, nullable=False),  # pathways.access.Purpose
    Column("basis", Text, nullable=False),  # pathways.access.Basis, with commas between
    Column("patient", Text),
    Column("interaction", Text, nullable=False),
    Column("shown", LargeBinary, nullable=False),  # JSON: ids by type
    Column("sealed", LargeBinary, nullable=False),
    Column("request", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column(
        "tag", LargeBinary, nullable=False
    ),  # keyed hash of all before it: who wrote it had the key
    Column("number", BigInteger),  # its place in the chain, from 1; none until it is sealed
    Column("hash", LargeBinary),  # of itself and everything before it
)
Index("ix_access_log_patient", access_log.c.patient, access_log.c.at)
Index("ix_access_log_party", access_log.c.party, access_log.c.at)
Index("ix_access_log_number", access_log.c.number, unique=True)
Index(
    "ix_access_log_unsealed",
    access_log.c.at,
    access_log.c.id,
    sqlite_where=access_log.c.number.is_(None),
    postgresql_where=access_log.c.number.is_(None),
)

access_chain = Table(
    "access_chain",
    metadata,
    Column("name", Text, primary_key=True),  # there is one chain
    Column("size", BigInteger, nullable=False),  # lines sealed
    Column("hash", LargeBinary, nullable=False),  # of the last of them
    Column("peaks", LargeBinary, nullable=False),  # pathways.merkle.Tree
    Column("removed", BigInteger, nullable=False),  # lines that went by age, up to a checkpoint
    Column("holder", Text),  # who seals, until the lease ends
    Column("leased_until", BigInteger),
)

access_checkpoints = Table(
    "access_checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("peaks", LargeBinary, nullable=False),
    Column("kept", Boolean, nullable=False),  # else it goes with the next one
    Column("signature", LargeBinary, nullable=False),  # Ed25519
)
