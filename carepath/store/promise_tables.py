"""The tables of what is promised, what was agreed about it, and who was alerted (``tables`` has the others)."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text

from carepath.store.schema import metadata
from carepath.store.sealing import Sealed

promises = Table(
    "promises",
    metadata,
    Column("id", Text, primary_key=True),  # of the commitment, and of its Task
    Column("patient", Text, nullable=False, index=True),
    Column("thread", Text, nullable=False, index=True),
    Column("kind", Text, nullable=False),  # pathways.promises.PromiseKind
    Column("responsible", Text, nullable=False),  # directory key
    Column("other", Text),  # to whom it is owed
    Column("opened", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("state", Text, nullable=False),  # open | kept | withdrawn
    Column("proof", BigInteger),  # since when it provably is no longer owed
    Column("next_at", BigInteger),  # when the watch looks at it; none: no more
    Column("step", Integer, nullable=False),  # of escalation, that was reached
    Column("body", Sealed("promises.body"), nullable=False),  # JSON of pathways.watched.Course
    Column("holder", Text),  # the watch that looks at it, until its lease ends
    Column("leased_until", BigInteger),
)
Index("ix_promises_responsible", promises.c.responsible, promises.c.state)
Index("ix_promises_other", promises.c.other, promises.c.state)
Index(
    "ix_promises_next_at",
    promises.c.next_at,
    sqlite_where=promises.c.next_at.is_not(None),
    postgresql_where=promises.c.next_at.is_not(None),
)

agreements = Table(
    "agreements",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # pathways.promises.PromiseKind
    Column("one", Text, nullable=False),  # directory keys of the two houses, in order
    Column("other", Text, nullable=False),
    Column("amount", Integer, nullable=False),
    Column("unit", Text, nullable=False),  # pathways.calendars.Unit
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger),
    Column("note", Text),
)

receipt_cursors = Table(
    "receipt_cursors",
    metadata,
    Column("receiver", Text, primary_key=True),  # directory key
    Column("stage", Text, primary_key=True),  # pathways.receipts.Stage
    Column("upto", BigInteger, nullable=False),  # of its feed, for which it was done
    Column("next_at", BigInteger),  # when the next place is old enough; none: look at once
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Text, primary_key=True),  # deterministic: the alarm, and the address
    Column("party", Text, nullable=False),  # directory key
    Column("address", Text, nullable=False),  # of a person on duty: an e-mail address, a webhook
    Column("acute", Boolean, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("next_try", BigInteger, nullable=False),  # not before: a list waits for the morning
    Column("tries", Integer, nullable=False),
    Column("done", BigInteger),  # sent, or given up
)
Index(
    "ix_alerts_due",
    alerts.c.next_try,
    sqlite_where=alerts.c.done.is_(None),
    postgresql_where=alerts.c.done.is_(None),
)
