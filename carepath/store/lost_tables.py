"""The table of who lost a right when: what is open for them closes (``tables`` has the others)."""

from sqlalchemy import BigInteger, Column, Table, Text

from carepath.store.schema import metadata

lost_rights = Table(
    "lost_rights",
    metadata,
    Column("reader", Text, primary_key=True),  # as in grants
    Column("at", BigInteger, nullable=False),  # the last time
)
