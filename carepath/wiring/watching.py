"""The watch over promises and the calling of people, as they are set."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from carepath.delivery.alerts import Alerts, Calling, Smtp
from carepath.delivery.receipts import Receipts
from carepath.delivery.rounds import Rounds
from carepath.service.alerts import Alerting
from carepath.service.watch import Watch
from carepath.settings import Settings
from carepath.store.database import Database
from carepath.wiring.store import options_of


def watch_on(
    settings: Settings, opened: Database, now: Callable[[], datetime] | None = None
) -> Watch:
    """The watch on an open database; ``now``: by another clock than the machine's."""
    alerting = Alerting(mail=settings.smtp is not None, pager=settings.pager_url is not None)
    options = options_of(settings)
    return Watch(opened, replace(options, now=now) if now else options, alerting)


def alerts_on(settings: Settings, opened: Database) -> Alerts:
    """Whoever calls people."""
    pager = str(settings.pager_url) if settings.pager_url else None
    calling = Calling(
        address=settings.address, language=settings.language, smtp=_smtp(settings), pager=pager
    )
    return Alerts(opened, calling)


def _smtp(settings: Settings) -> Smtp | None:
    if settings.smtp is None:
        return None
    host, _, port = settings.smtp.rpartition(":")
    password = settings.smtp_password
    return Smtp(
        host=host,
        port=int(port),
        sender=settings.smtp_sender,
        security=settings.smtp_security,
        username=settings.smtp_username,
        password=password.get_secret_value() if password else None,
    )


def rounds(settings: Settings, opened: Database, told: Callable[[], None]) -> tuple[Rounds, ...]:
    """What a server does beside answering; ``told`` is called when something was said. None where it is set so."""
    if not settings.watch:
        return ()
    return (
        Rounds("receipts", Receipts(watch_on(settings, opened)).round, done=told),
        Rounds("watch", watch_on(settings, opened).round, done=told),
        Rounds("alerts", alerts_on(settings, opened).round),
    )


def once(settings: Settings, opened: Database) -> tuple[int, int]:
    """All that is due now: how many promises were looked at, and how many calls were tried."""
    watch, alerts = watch_on(settings, opened), alerts_on(settings, opened)
    _all(Receipts(watch).round)
    return _all(watch.round), _all(alerts.round)


def _all(work: Callable[[], int]) -> int:
    total = 0
    while number := work():
        total += number
    return total
