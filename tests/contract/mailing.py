"""A mail server of the test's own: it takes what it is given, or is busy."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string, policy
from email.message import EmailMessage

from typing_extensions import override


class _Session(socketserver.StreamRequestHandler):
    """One client, as RFC 5321 has it."""

    server: "MailServer"

    @override
    def handle(self) -> None:
        """Greet, then answer line by line."""
        self._say("220 test")
        while line := self.rfile.readline().decode().rstrip("\r\n"):
            verb = line[:4].upper()
            if verb == "DATA":
                self._say("354 go on")
                self._take()
            else:
                self._say("221 bye" if verb == "QUIT" else self.server.answer(verb))

    def _take(self) -> None:
        lines: list[str] = []
        while (line := self.rfile.readline().decode()) != ".\r\n":
            lines.append(line.removeprefix("."))
        self.server.mails.append(_parsed("".join(lines)))
        self._say("250 taken")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


def _parsed(text: str) -> EmailMessage:
    mail = message_from_string(text, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


class MailServer(socketserver.ThreadingTCPServer):
    """``mails`` are those it took; while ``busy`` it takes none."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails: list[EmailMessage] = []
        self.busy = False

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def answer(self, verb: str) -> str:
        """To a command."""
        return "450 later" if self.busy and verb == "RCPT" else "250 ok"


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """One at work."""
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
