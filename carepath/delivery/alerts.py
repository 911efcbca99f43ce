"""Calling people by e-mail, and by text message or pager where it is acute: that there is something to sign in for.

Nothing of a patient leaves here, nor which promise it is about. What cannot be sent is tried again, less and less
often, for a day; the alarm itself stands in the feeds whatever becomes of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from smtplib import SMTP, SMTP_SSL, SMTPException
from ssl import create_default_context
from typing import Final, Literal

import httpx
import structlog

from carepath.service.alerts import is_mail
from carepath.store import alerts
from carepath.store.alerts import Alert
from carepath.store.database import Database
from carepath.store.times import micros
from carepath.texts import render

log = structlog.get_logger()

PATIENCE: Final = 20.0
"""Seconds that a server has to take one."""
MOST_TRIES: Final = 10
_LEASE: Final = timedelta(minutes=5)
_AT_ONCE: Final = 20
Security = Literal["none", "starttls", "tls"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Smtp:
    """A mail server, and in whose name it is asked."""

    host: str
    port: int
    sender: str
    security: Security = "starttls"
    username: str | None = None
    password: str | None = None

    def send(self, message: EmailMessage) -> None:
        """Hand one over. Raises ``SMTPException`` and ``OSError``."""
        if self.security == "tls":
            server: SMTP = SMTP_SSL(
                self.host, self.port, timeout=PATIENCE, context=create_default_context()
            )
        else:
            server = SMTP(self.host, self.port, timeout=PATIENCE)
        with server:
            if self.security == "starttls":
                server.starttls(context=create_default_context())
            if self.username is not None:
                server.login(self.username, self.password or "")
            server.send_message(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calling:
    """How people are called. ``pager``: a URL that takes ``{"to": …, "text": …}``; ``address``: where to sign in."""

    address: str
    language: str
    smtp: Smtp | None = None
    pager: str | None = None

    def call(self, alert: Alert) -> None:
        """Raises ``SMTPException``, ``OSError`` and ``httpx.HTTPError``."""
        if not is_mail(alert.address):
            if self.pager is not None:
                told = {"to": alert.address, "text": self._text(alert, "text")}
                httpx.post(
                    self.pager, json=told, timeout=PATIENCE, trust_env=False
                ).raise_for_status()
            return
        if self.smtp is not None:
            self.smtp.send(self._mail(alert, self.smtp.sender))

    def _mail(self, alert: Alert, sender: str) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"] = sender, alert.address
        mail["Subject"] = self._text(alert, "subject")
        mail["Message-ID"] = f"<{alert.id}@carepath>"  # sent twice, it is one
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(self._text(alert, "text"))
        return mail

    def _text(self, alert: Alert, what: str) -> str:
        told: Mapping[str, str] = {"address": self.address}
        kind = "acute" if alert.acute else "list"
        return render(f"alert.{kind}.{what}", told, self.language)


class Alerts:
    """Sends what is due, each to one person."""

    def __init__(
        self,
        database: Database,
        calling: Calling,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database, self._calling, self._now = database, calling, now

    def round(self) -> int:
        """Send some of what is due; how many were tried. Raises the database's fault when it is away."""
        now = self._now()
        with self._database.read() as conn:
            if not alerts.waiting(conn, micros(now)):
                return 0
        with self._database.write() as conn:
            claimed = alerts.claim(conn, micros(now), lease=micros(now + _LEASE), limit=_AT_ONCE)
        for one in claimed:
            self._send(one)
        return len(claimed)

    def _send(self, one: Alert) -> None:
        try:
            self._calling.call(one)
        except (SMTPException, OSError, ValueError, httpx.HTTPError) as fault:
            log.warning("alert not sent", party=one.party, fault=type(fault).__name__)
            self._again(one)
            return
        with self._database.write() as conn:
            alerts.done(conn, one.id, micros(self._now()))

    def _again(self, one: Alert) -> None:
        now = self._now()
        with self._database.write() as conn:
            if one.tries >= MOST_TRIES:
                alerts.done(conn, one.id, micros(now))
            else:
                alerts.failed(conn, one.id, micros(now + timedelta(minutes=2**one.tries)))
