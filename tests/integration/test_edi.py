"""NHN's EDI: what comes in is taken in and answered once, what goes out arrives once and in order, whatever dies."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from sqlalchemy import func, select

from carepath.store import transports
from carepath.store.tables import events
from tests import norwegian as no
from tests.integration.edi_server import EdiServer, Fault, Kept
from tests.integration.networks import Site, site
from tests.servers import free_port

READY = "HER-ids. Ctrl-C"
TOWN, WARD, NURSING = 200, 101, 201
STAY = [one for name, one in no.stay().items() if name != "admission-report"]
"""What the ward sends to home nursing."""


@pytest.fixture
def edi() -> Iterator[EdiServer]:
    """EDI, running."""
    server = EdiServer(free_port())
    with server.up():
        yield server


@pytest.fixture
def here(tmp_path: Path, edi: EdiServer) -> Iterator[Site]:
    """An installation that acts for the ward and for home nursing."""
    with site(tmp_path) as made:
        made.settings = edi.settings(tmp_path, str(WARD), str(NURSING))
        yield made


def kept(here: Site) -> int:
    """How many events there are."""
    with here.database.read() as conn:
        return conn.execute(select(func.count()).select_from(events)).scalar_one()


def is_done(message: Kept) -> bool:
    """Whether it is marked as downloaded."""
    return bool(message.downloaded)


def statuses(message: Kept) -> list[str]:
    """Of the AppRecs that home nursing has given."""
    return [one["appRecStatus"] for one in message.answered.get(NURSING, [])]


# --- in


def test_what_comes_is_taken_in_answered_and_marked(here: Site, edi: EdiServer) -> None:
    """In order; what is refused, too, with the error's code; an AppRec is answered by nobody."""
    wrong = no.logistics("LOG_INNLAGT", 30, ("1", "2026-03-02T10:00:00")).replace(
        no.PERSON.encode(), b"15857640037"
    )
    sent = [edi.send(one, WARD, NURSING) for one in (*STAY, wrong)]
    receipt = edi.send(no.apprec(no.message_id(77)), WARD, NURSING)
    with here.running("edi", READY):
        here.until(lambda: is_done(receipt))
    assert [statuses(one) for one in sent] == [["Ok"]] * len(STAY) + [["Rejected"]]
    assert [one["errorCode"] for one in sent[-1].answered[NURSING][0]["appRecErrorList"]] == ["E31"]
    assert [one.downloaded for one in (*sent, receipt)] == [[NURSING]] * (len(STAY) + 2)
    assert receipt.answered == {}
    assert kept(here) == len(STAY)
    assert no.PERSON not in here.log
    assert "Lind" not in here.log


def test_trouble_at_edi_loses_and_doubles_nothing(here: Site, edi: EdiServer) -> None:
    """Away, locked, broken, or heard of by nobody: each message is taken in, answered and marked, once."""
    edi.faults = [
        Fault("GET /notifications", 503),
        Fault("GET /messages/[^/]+", 423, 1210),
        Fault("GET .*/business-document", 500),
        Fault("POST .*/apprec", lost=True),
        Fault("POST .*/apprec", 500),
        Fault("PUT .*/downloaded", lost=True),
        Fault("PUT .*/downloaded", 429),
    ]
    sent = [edi.send(one, WARD, NURSING) for one in STAY]
    with here.running("edi", READY):
        here.until(lambda: is_done(sent[-1]))
    assert edi.faults == []
    assert [statuses(one) for one in sent] == [["Ok"]] * len(STAY)
    assert kept(here) == len(STAY)


def test_what_edi_will_never_give_or_names_another_sender_of(here: Site, edi: EdiServer) -> None:
    """The one is told in the log, and holds nothing up; the other is refused: no document speaks for another house.

    A document that is sent twice is answered twice, and is there once.
    """
    edi.faults = [Fault("GET .*/business-document", 410)]
    lost, first, again = (edi.send(STAY[0], WARD, NURSING) for _ in range(3))
    forged = edi.send(STAY[1], TOWN, NURSING)
    with here.running("edi", READY):
        here.until(lambda: is_done(forged))
    told = [statuses(one) for one in (lost, first, again, forged)]
    assert told == [[], ["Ok"], ["Ok"], ["Rejected"]]
    assert "EDI does not give it" in here.log
    assert kept(here) == 1


def test_a_kill_between_any_two_steps(here: Site, edi: EdiServer) -> None:
    """At every one, one after the other: each message is there once, and answered once."""
    sent = [edi.send(one, WARD, NURSING) for one in STAY]
    for place in ("edi_fetched", "edi_committed", "edi_answered", "edi_downloaded"):
        with here.running("edi", READY, failpoint=place) as dying:
            assert dying.wait(60) == 137, here.log
    with here.running("edi", READY):
        here.until(lambda: is_done(sent[-1]))
    assert [statuses(one) for one in sent] == [["Ok"]] * len(STAY)
    assert kept(here) == len(STAY)


# --- out


def numbers(edi: EdiServer) -> list[str | None]:
    """The ids of what was posted, in order."""
    return [one.document_id for one in edi.sent()]


def negative(here: Site, sender: str) -> set[tuple[str, str]]:
    """Which of its messages a sender is told were not taken, and why."""
    receipts = [orjson.loads(one)["entry"] for one in here.told(sender, "acknowledgement")]
    told = [(one[0]["resource"]["response"], one[1]["resource"]) for one in receipts]
    assert {response["code"] for response, _ in told} <= {"fatal-error"}
    return {(re["identifier"], outcome["issue"][0]["details"]["text"]) for re, outcome in told}


EXPECTED = [no.message_id(number) for number in (1, 2, 4, 5, 6, 7)]


def test_updates_go_out_in_order_and_their_apprec_is_the_confirmation(
    here: Site, edi: EdiServer
) -> None:
    """OK confirms, also with an error in part; what is refused or lost, its sender hears of, with the code."""
    here.reached("nursing", "kith", "edi")
    here.take(*STAY)
    with here.running("edi", READY):
        here.until(lambda: len(edi.sent()) == len(STAY))
        posted = edi.sent()
        edi.answer(posted[0], "Ok")
        edi.answer(posted[1], "OkErrorInMessagePart", "E35")
        edi.answer(posted[2], "Rejected", "E21", "Ola Nordmann")
        edi.abandon(posted[3])
        edi.answer(posted[4], "Whatever")
        here.until(lambda: sum(map(bool, here.confirmed("nursing"))) == 5)
    assert numbers(edi) == EXPECTED
    assert [(one.sender, one.receivers) for one in posted] == [(WARD, [NURSING])] * len(STAY)
    assert posted[0].content == STAY[0]
    code = "fatal-error"
    assert here.confirmed("nursing") == ["ok", "ok", code, code, code, None]
    reasons = ("AppRec: E21 Mottaker finnes ikke", "EDI: Abandoned", "AppRec: refused")
    assert negative(here, "ward") == {
        (id_, f"Sykepleietjeneste could not take it: {reason}")
        for id_, reason in zip(EXPECTED[2:5], reasons, strict=True)
    }
    stands = here.delivery("nursing")
    assert (stands.published, stands.waiting, stands.unconfirmed, stands.refused) == (6, 0, 1, 3)
    assert no.PERSON not in here.log


def test_trouble_on_the_way_out(here: Site, edi: EdiServer) -> None:
    """What is heard of by nobody is not sent again; what EDI will not have is set aside; the rest waits, in order."""
    edi.faults = [
        Fault("POST /messages", 429),
        Fault("POST /messages", lost=True),
        Fault("POST /messages", 400, 1500),
        Fault("POST /messages", 503),
    ]
    here.reached("nursing", "kith", "edi")
    here.take(*STAY)
    with here.running("edi", READY):
        here.until(lambda: here.delivery("nursing").published == len(STAY))
    assert numbers(edi) == [EXPECTED[0], *EXPECTED[2:]]
    assert here.confirmed("nursing") == [None, "fatal-error", *[None] * 4]
    with here.database.read() as conn:
        [refused] = transports.refused(conn, "nursing")
    assert (refused.number, refused.reason) == (2, "EDI 400 error 1500")


def test_kills_before_and_after_the_post_send_nothing_twice(here: Site, edi: EdiServer) -> None:
    """EDI's notifications say what it has; what they do not tell of goes, with the same id, when they were read."""
    here.reached("nursing", "kith", "edi")
    here.take(*STAY)
    for place, arrived in (("after_sent_before_mark:2", 2), ("before_audit", 2)):
        with here.running("edi", READY, failpoint=place) as dying:
            assert dying.wait(60) == 137, here.log
        here.leases_end()
        assert len(edi.sent()) == arrived
    with here.running("edi", READY):
        here.until(lambda: here.delivery("nursing").published == len(STAY))
        edi.answer(edi.sent()[1], "Ok")
        here.until(lambda: here.confirmed("nursing")[1] == "ok")
    assert numbers(edi) == EXPECTED
