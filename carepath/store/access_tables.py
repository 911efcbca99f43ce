"""The tables of who may see what beside grants: what bars them, and what citizens' rights follow from (``tables``)."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, PrimaryKeyConstraint, Table, Text

from carepath.store.schema import metadata
from carepath.store.sealing import Sealed

bars = Table(
    "bars",
    metadata,
    Column("patient", Text, nullable=False),
    Column("reader", Text, nullable=False),  # as in grants, or a person at work by name, blind
    Column("event", Text, nullable=False),  # empty: all there is of the patient
    Column("begins", BigInteger, nullable=False),  # 0: always
    Column("ends", BigInteger),
    PrimaryKeyConstraint("patient", "reader", "event", "begins"),
)
Index("ix_bars_begins", bars.c.begins)  # which of them have begun since

markings = Table(
    "markings",
    metadata,
    Column("patient", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("marking", Text, nullable=False),  # pathways.markings.Marking
    PrimaryKeyConstraint("patient", "event", "marking"),
)

voices = Table(
    "voices",
    metadata,
    Column("event", Text, primary_key=True),  # sent by a citizen, or an answer to them
    Column("patient", Text, nullable=False, index=True),
    Column("person", Text, nullable=False, index=True),  # access.Actor.person
)

relatives_known = Table(
    "relatives_known",
    metadata,
    Column("blind", LargeBinary, nullable=False),  # keyed hash of a relative's system|value
    Column("patient", Text, nullable=False, index=True),
    PrimaryKeyConstraint("blind", "patient"),
)

sharing = Table(
    "sharing",
    metadata,
    Column("id", Text, primary_key=True),
    Column("pair", Text, nullable=False, index=True),  # as in grants
    Column("one", Text, nullable=False),  # directory keys of the two houses, in order
    Column("other", Text, nullable=False),
    Column("controller", Text, nullable=False),  # directory key of the data controller
    Column("legal_basis", Text, nullable=False),  # the section of the law
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger),
    Column("note", Text),  # where it is written down
)

glass = Table(
    "glass",
    metadata,
    Column("id", Text, primary_key=True),
    Column("patient", Text, nullable=False, index=True),
    Column("party", Text, nullable=False, index=True),  # for whom they work
    Column("person", Text, nullable=False),  # access.Actor.person
    Column("reason", Text, nullable=False),  # pathways.glass.GlassReason
    Column("at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("body", Sealed("glass.body"), nullable=False),  # JSON: name, and why in words
    Column("checked", BigInteger),  # afterwards
    Column("checked_by", Text),
    Column("verdict", Text),  # pathways.glass.Verdict
)
