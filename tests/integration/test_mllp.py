"""HL7 v2 over the wire: other people's senders, bytes that are no messages, kills, stops, TLS."""

import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import hl7
import pytest
from sqlalchemy import func, select

from carepath.cli.mllp import mllp
from carepath.cli.output import Trouble
from carepath.delivery.frames import framed
from carepath.store.blind import Keys
from carepath.store.database import open_database
from carepath.store.tables import events
from tests.integration import java_peer, node_peer
from tests.integration.mllp import Listening, listening
from tests.unit.hl7v2 import FNR, HOSPITAL, REFERRAL, REPORT, Letter, adt, pid, pv1


@pytest.fixture(scope="module")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    """A listener that these tests share: use ids of your own."""
    folder = tmp_path_factory.mktemp("mllp")
    with listening(f"sqlite:///{folder}/carepath.db", folder / "log") as running:
        yield running


def said(answer: bytes) -> tuple[str, str]:
    """MSA-1 and MSA-2."""
    msa = hl7.parse(answer).segment("MSA")
    return str(msa[1]), str(msa[2]) if len(msa) > 2 else ""


def kept(database_url: str) -> int:
    """How many events a database has."""
    with (
        closing(open_database(database_url, Keys(b"k" * 32))) as database,
        database.read() as conn,
    ):
        return conn.execute(select(func.count()).select_from(events)).scalar_one()


def numbered(number: int) -> Letter:
    """One of many messages."""
    return replace(adt("A01", pid(), pv1(visit=f"V{number}")), id=f"N{number}")


# --- other people's senders


def test_hapi_understands_every_answer(listener: Listening, tmp_path: Path) -> None:
    """HAPI's client sends over one connection, and parses and validates what it is told."""
    letters = [
        replace(adt("A01"), id="H1", event="ADT^A01^ADT_A01"),
        replace(adt("A01"), id="H2", event="ADT^A01^ADT_A01", wants=("AL", "NE")),
        replace(REPORT, id="H3", event="ORU^R01^ORU_R01"),
        replace(REFERRAL, id="H4", event="REF^I12^REF_I12"),
        replace(adt("A01", pid(number="15720255179"), pv1()), id="H5", event="ADT^A01^ADT_A01"),
    ]
    files = [tmp_path / f"{letter.id}.hl7" for letter in letters]
    for file, letter in zip(files, letters, strict=True):
        file.write_bytes(letter.source)
    answers = java_peer.hapi_hl7(listener.port, files)
    told = [(answer["MSA-1"], answer["MSA-2"]) for answer in answers]
    assert told == [("AA", "H1"), ("CA", "H2"), ("AA", "H3"), ("AA", "H4"), ("AE", "H5")]
    last = {name: answers[-1][name] for name in ("ERR-2-1", "ERR-2-3", "ERR-3-1", "ERR-8")}
    text = "a control digit of the fødselsnummer is wrong"
    assert last == {"ERR-2-1": "PID", "ERR-2-3": "3", "ERR-3-1": "102", "ERR-8": text}


def test_mllp_send(listener: Listening, tmp_path: Path) -> None:
    """python-hl7's program sends a file of messages, and prints the answers."""
    file = tmp_path / "messages"
    file.write_bytes(b"".join(framed(replace(adt("A01"), id=f"S{n}").source) for n in (1, 2)))
    program = Path(sys.executable).with_name("mllp_send")
    command = [str(program), "--file", str(file), "--port", str(listener.port), "127.0.0.1"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert done.stdout.count(b"MSA|AA|S") == 2


def test_node_hl7_client(listener: Listening, tmp_path: Path) -> None:
    """The JavaScript client makes a message of its own, sends it and others on one line, and reads the answers."""
    letters = [
        replace(adt("A03", pid(), pv1(visit="NODE", ends="20261121100000")), id="J2"),
        replace(REFERRAL, id="J3"),
        replace(REPORT, id="J4"),
        replace(adt("A01", pid(number="15720255179")), id="J5"),
    ]
    files = [tmp_path / f"{letter.id}.hl7" for letter in letters]
    for file, letter in zip(files, letters, strict=True):
        file.write_bytes(letter.source)
    answers = node_peer.node_hl7_client(listener.port, HOSPITAL, FNR, files)
    told = [(answer["code"], answer["about"]) for answer in answers]
    assert told == [("AA", "NODE1"), *(("AA", f"J{n}") for n in (2, 3, 4)), ("AE", "J5")]
    assert (answers[-1]["place"], answers[-1]["error"]) == ("PID", "102")


# --- what is no message


def test_bytes_of_all_kinds(listener: Listening) -> None:
    """Each is answered as far as it says whose it is; what is good goes through, and nothing is told of anybody."""
    good = [replace(adt("A01"), id=f"B{number}").source for number in range(3)]
    cut = replace(adt("A01"), id="CUT").source[:300]
    long = replace(adt("A01"), id="LONG").source + b"NTE|1||" + b"x" * 10 * 1024 * 1024
    other = replace(adt("A01"), id="LATIN", charset="8859/1").text.encode()
    stream = b"".join(
        (
            FNR.encode(),  # outside of any frame
            framed(good[0]),
            b"\x0b" + cut,  # the next frame begins in it
            framed(good[1]),
            framed(b"PID|1||" + FNR.encode()),
            framed(long),
            framed(other),
            framed(b""),
            framed(good[2]),
            b"\x0b" + cut,
        )
    )
    expected = [
        *(("AA", "B0"), ("AE", "CUT"), ("AA", "B1"), ("AE", "")),
        *(("AE", "LONG"), ("AE", "LATIN"), ("AE", ""), ("AA", "B2"), ("AE", "CUT")),
    ]
    assert [said(answer) for answer in listener.talk(stream)] == expected
    log = listener.log.read_text()
    assert "bytes outside of MLLP frames" in log
    assert not any(secret in log for secret in (FNR, "Ødegård", "Storgata"))
    assert "Traceback" not in log


def test_a_header_that_was_cut_off_names_no_message(listener: Listening) -> None:
    """Half of MSH-10 would be another message's."""
    source = replace(adt("A01"), id="LONGNUMBER").source
    begin = source[: source.index(b"NUMBER")]
    assert [said(answer) for answer in listener.talk(b"\x0b" + begin)] == [("AE", "")]


# --- kills and stops


def test_a_kill_before_the_answer(tmp_path: Path) -> None:
    """It is committed: sent again it is answered as it would have been, and there is one of it."""
    url, log = f"sqlite:///{tmp_path}/carepath.db", tmp_path / "log"
    source = numbered(1).source
    with listening(url, log, failpoint="after_commit_before_ack") as dying:
        assert dying.send(source) == []
        assert dying.process.wait(20) == 137
    assert kept(url) == 1
    with listening(url, log) as again:
        [first] = again.send(source)
        assert again.send(source, source) == [first, first]
    assert said(first) == ("AA", "N1")
    assert kept(url) == 1


def test_a_stop_under_load(tmp_path: Path) -> None:
    """Within five seconds; what was answered is there, and what is there was answered or will be."""
    url, log = f"sqlite:///{tmp_path}/carepath.db", tmp_path / "log"
    stream = b"".join(framed(numbered(number).source) for number in range(2000))
    with listening(url, log) as running:
        with socket.create_connection(("127.0.0.1", running.port), 20) as line:
            line.setblocking(False)
            got, sent = _exchange(line, stream, until=20)
            running.process.send_signal(signal.SIGTERM)
            begun = time.monotonic()
            more, _ = _exchange(line, stream[sent:], until=None)
        assert running.process.wait(20) == 0
        assert time.monotonic() - begun < 5
    answered = (got + more).count(b"MSA|AA|N")
    assert 20 <= answered <= kept(url) < 2000
    assert "Traceback" not in log.read_text()


def _exchange(line: socket.socket, stream: bytes, until: int | None) -> tuple[bytes, int]:
    """Send and receive at once, until so many answers have come, or the other side closes."""
    got, sent, latest = b"", 0, time.monotonic() + 20
    while (until is None or got.count(b"\x1c\r") < until) and time.monotonic() < latest:
        try:
            sent += line.send(stream[sent : sent + 8192]) if sent < len(stream) else 0
        except BlockingIOError:
            pass
        except OSError:
            sent = len(stream)
        try:
            if not (data := line.recv(65_536)):
                break
            got += data
        except BlockingIOError:
            time.sleep(0.001)
        except OSError:
            break
    return got, sent


# --- TLS


def test_tls(certificates: tuple[Path, Path], tmp_path: Path) -> None:
    """With a certificate it speaks TLS only; with CAs for senders, to those that they vouch for."""
    own, other = certificates
    trusting = ssl.create_default_context(cafile=str(own))
    settings = {"mllp_cert_file": str(own), "mllp_client_ca_file": str(other)}
    with listening(f"sqlite:///{tmp_path}/carepath.db", tmp_path / "log", **settings) as running:
        assert running.send(adt("A01").source) == []
        assert running.send(adt("A01").source, tls=trusting) == []
        trusting.load_cert_chain(other)
        assert [said(a) for a in running.send(numbered(1).source, tls=trusting)] == [("AA", "N1")]


def test_strangers_are_kept_out_of_open_mode(tmp_path: Path) -> None:
    """They would be taken at their word."""
    with pytest.raises(Trouble, match="loopback only"):
        mllp(host="0.0.0.0", port=0, database_url=f"sqlite:///{tmp_path}/x.db")  # noqa: S104
