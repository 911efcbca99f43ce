"""People are called once, and nothing of a patient is said: over a real mail server, on both stores."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from typing_extensions import override

from carepath.delivery.alerts import Alerts, Calling, Smtp
from carepath.service.alerts import Alerting
from pathways.events import EventCode
from pathways.facts import InquiryFacts
from pathways.parties import Identifier
from tests.contract.mailing import mail_server
from tests.contract.stored import opened
from tests.contract.watching import OFFICE, WARD, Scene

ADDRESS = "https://broker.example"


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    """An empty store with a town and a hospital; people can be called."""
    with opened(database_url) as database:
        yield Scene(database, alerting=Alerting(mail=True, pager=True))


def alerts(scene: Scene, *, port: int = 1, pager: str | None = None) -> Alerts:
    """Whoever calls people, just started, on the test's clock."""
    smtp = Smtp(host="127.0.0.1", port=port, sender="carepath@broker.example", security="none")
    calling = Calling(address=ADDRESS, language="en", smtp=smtp, pager=pager)
    return Alerts(scene.database, calling, lambda: scene.now)


def test_one_mail_in_the_morning_for_all_of_a_night(scene: Scene) -> None:
    """Ten deadlines of ten patients are one line for the person; it is sent once, also when it had to wait."""
    for one in (scene, *(Scene(scene.database) for _ in range(9))):
        one.ask()
    scene.later(days=3)
    assert len(scene.look()) == 10
    with mail_server() as server:
        assert alerts(scene, port=server.port).round() == 0  # not before they are at work
        scene.later(days=1)
        server.busy = True
        assert alerts(scene, port=server.port).round() == 1
        assert server.mails == []
        server.busy = False
        scene.later(minutes=10)
        assert alerts(scene, port=server.port).round() == 1
        scene.later(hours=5)
        assert alerts(scene, port=server.port).round() == 0
    (mail,) = server.mails
    assert mail["To"] == "office@town.example"
    assert "Nordmann" not in mail.as_string()
    said = "One or more deadlines have passed. Sign in to see what they are about: "
    assert mail.get_content().strip() == f"{said}{ADDRESS}"


class _Pager(BaseHTTPRequestHandler):
    """Takes text messages."""

    texts: list[dict[str, str]] = []  # noqa: RUF012 -- of the one there is

    def do_POST(self) -> None:
        """One of them."""
        self.texts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def test_what_is_acute_is_told_at_once_by_text_message_too(scene: Scene) -> None:
    """In the night as well, for each deadline."""
    scene.later(hours=15)  # one o'clock in Oslo
    facts = InquiryFacts(text="Syk.", identifiers=(Identifier("https://ward.example", "c"),))
    scene.tell(scene.message(EventCode.CARER_UNAVAILABLE, WARD, facts, to=(OFFICE,)))
    scene.later(hours=2)
    assert len(scene.look()) == 1
    _Pager.texts.clear()
    pager = HTTPServer(("127.0.0.1", 0), _Pager)
    thread = threading.Thread(target=pager.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with mail_server() as server:
        url = f"http://127.0.0.1:{pager.server_address[1]}"
        assert alerts(scene, port=server.port, pager=url).round() == 2
        assert alerts(scene, port=server.port, pager=url).round() == 0
    pager.shutdown()
    pager.server_close()
    thread.join()
    assert [mail["Subject"] for mail in server.mails] == ["Carepath: an urgent deadline has passed"]
    text = f"An urgent deadline has passed. Sign in now: {ADDRESS}"
    assert _Pager.texts == [{"to": "+4790000000", "text": text}]


def test_who_cannot_be_called_is_given_up_after_a_day(scene: Scene) -> None:
    """The alarm stands in the feeds; a mail nobody takes is not tried for ever."""
    scene.ask()
    scene.later(days=3)
    scene.look()
    scene.later(days=1)
    tried = 0
    for _ in range(60):
        tried += alerts(scene).round()
        scene.now += timedelta(hours=1)
    assert 5 <= tried <= 10
