"""The tables of the keys that payloads are encrypted with, and of the patients who were erased."""

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text

from carepath.store.schema import metadata

master_keys = Table(
    "master_keys",
    metadata,
    Column("id", LargeBinary, primary_key=True),  # random
    Column("port", Text, nullable=False),  # who can unwrap it: keyring.KeyPort.name
    Column("wrapped", LargeBinary, nullable=False),
    Column("created", BigInteger, nullable=False),  # the newest wraps new data keys
)

data_keys = Table(
    "data_keys",
    metadata,
    Column("id", LargeBinary, primary_key=True),  # random; stands in every blob
    Column("patient", Text, nullable=False, unique=True),  # "": of what is about nobody we know
    Column("master", LargeBinary, nullable=False, index=True),
    Column("wrapped", LargeBinary, nullable=False),  # the master's id, and the key under it
    Column("created", BigInteger, nullable=False),
)

erasures = Table(
    "erasures",
    metadata,
    Column("patient", Text, primary_key=True),  # the key only; it leads to nobody any more
    Column("at", BigInteger, nullable=False),
)
