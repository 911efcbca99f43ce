"""Times in the database: whole microseconds since 1970 in UTC."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """An aware datetime as microseconds since 1970; exact, unlike ``timestamp()``."""
    return (moment - _EPOCH) // _MICROSECOND


def now() -> int:
    """This moment in microseconds since 1970."""
    return micros(datetime.now(UTC))


def stamp(moment: datetime) -> str:
    """An instant of FHIR with microseconds, of an aware datetime: those in UTC end in Z."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def instant(value: int) -> datetime:
    """The inverse of ``micros``, in UTC."""
    return _EPOCH + timedelta(microseconds=value)


def when(value: int | None) -> datetime | None:
    """The same of what may not have been yet."""
    return None if value is None else instant(value)
