"""Figures of a period, reckoned from what is stored."""

from datetime import datetime
from functools import partial

from carepath.service.terms import NORWAY, Tariff
from carepath.store import tallies
from carepath.store.database import Connection
from carepath.store.tallies import Period
from pathways.messages import Record
from pathways.pathway import Thread
from pathways.payment import Day, payment_days
from pathways.tallies import Row, rows


def figures(conn: Connection, period: Period, tariff: Tariff, now: datetime) -> list[Row]:
    """All figures of the period, by unit; what is open is judged as of ``now``."""
    reckon = partial(_days, period, tariff, now)
    return rows(
        tallies.owed(conn, period),
        tallies.stays(conn, period),
        tallies.waits(conn, period, reckon),
        now,
    )


def _days(
    period: Period, tariff: Tariff, now: datetime, thread: Thread, records: list[Record]
) -> list[Day]:
    """The days of waiting that fall into the period."""
    first, before = NORWAY.local_day(period.first), NORWAY.local_day(min(period.after, now))
    days = payment_days(records, thread.promises, NORWAY, before, same_day=tariff.same_day)
    return [day for day in days if first <= day.day]
