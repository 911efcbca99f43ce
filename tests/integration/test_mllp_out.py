"""HL7 v2 out over MLLP, to real listeners: ours and others, such as those that refuse, stammer, hang up and die."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from carepath.delivery.frames import Frame, Frames, framed
from carepath.store import transports
from fhir_mappings.hl7v2.answers import control_id
from tests import norwegian as no
from tests.integration.mllp import listening
from tests.integration.networks import Site, site
from tests.integration.test_mllp import kept
from tests.servers import free_port

READY = "Listening for HL7 v2"
STAY = [one for name, one in no.stay().items() if name != "admission-report"]
"""What the ward sends to home nursing: six messages."""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    """An installation."""
    with site(tmp_path) as made:
        made.settings = {"CAREPATH_MLLP_PORT": str(free_port())}
        yield made


Answering = Callable[[bytes], bytes | None]


def ack(code: str, error: str = "") -> Answering:
    """Answers so; ``error``: what stands behind ERR."""

    def answer(message: bytes) -> bytes:
        lines = (
            "MSH|^~\\&|X|Y|||20260304||ACK|1|P|2.5.1",
            f"MSA|{code}|{control_id(message)}|Åse Lind",
            error,
        )
        return framed("\r".join(filter(None, lines)).encode() + b"\r")

    return answer


@dataclass
class Peer:
    """A receiver: answers with ``turns`` in turn, ``None`` by hanging up, then always with AA."""

    port: int
    turns: list[Answering | None] = field(default_factory=list)
    got: list[bytes] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        """What came, in order."""
        return [control_id(one) for one in self.got]

    @contextmanager
    def up(self, tls: ssl.SSLContext | None = None) -> Iterator[None]:
        """Listen while inside."""
        with socket.create_server(("127.0.0.1", self.port)) as server:
            threading.Thread(target=self._listen, args=(server, tls), daemon=True).start()
            yield
            server.shutdown(socket.SHUT_RDWR)

    def _listen(self, server: socket.socket, tls: ssl.SSLContext | None) -> None:
        while True:
            try:
                line, _ = server.accept()
            except OSError:
                return
            try:
                with tls.wrap_socket(line, server_side=True) if tls else line as talking:
                    self._talk(talking)
            except OSError:  # who does not believe our certificate hangs up
                continue

    def _talk(self, line: socket.socket) -> None:
        frames = Frames(1_000_000)
        while data := line.recv(65_536):
            for piece in frames.feed(data):
                assert isinstance(piece, Frame)
                self.got.append(piece.content)
                turn = self.turns.pop(0) if self.turns else ack("AA")
                answer = turn(piece.content) if turn else None
                if answer is None:
                    return
                line.sendall(answer)


@pytest.fixture
def peer() -> Peer:
    """A receiver that is not there yet."""
    return Peer(free_port())


def reached(here: Site, port: int, scheme: str = "mllp", host: str = "127.0.0.1") -> None:
    """Home nursing reads HL7 v2, and listens there."""
    here.reached("nursing", "hl7v2", f"{scheme}://{host}:{port}")


def arrived(here: Site, number: int = len(STAY)) -> bool:
    """Whether so many are settled."""
    return here.delivery("nursing").published == number


def test_our_own_listener_gets_the_whole_stay(here: Site, tmp_path: Path) -> None:
    """Another broker's, which reads no MDM: all else is confirmed by its AA, and its figures and ours are told."""
    figures = free_port()
    here.settings["CAREPATH_MLLP_METRICS"] = f"127.0.0.1:{figures}"
    other = tmp_path / "other"
    other.mkdir()
    url, told = f"sqlite:///{other}/carepath.db", free_port()
    with listening(url, other / "log", mllp_metrics=f"127.0.0.1:{told}") as receiver:
        reached(here, receiver.port)
        here.take(*STAY)
        with here.running("mllp", READY):
            here.until(lambda: arrived(here))
            ours = httpx.get(f"http://127.0.0.1:{figures}/metrics", trust_env=False).text
        theirs = httpx.get(f"http://127.0.0.1:{told}/metrics", trust_env=False).text
    assert here.confirmed("nursing") == ["ok", "fatal-error", *["ok"] * 4]
    assert kept(url) == 5
    assert 'carepath_network_sent_total{outcome="confirmed"} 5.0' in ours
    assert 'carepath_network_received_total{outcome="AA"} 5.0' in theirs
    assert 'carepath_network_received_total{outcome="AR"} 1.0' in theirs
    assert "carepath_mllp_connections 0.0" in theirs


def test_what_a_receiver_answers_is_what_counts(here: Site, peer: Peer) -> None:
    """AE is set aside with its codes, as is AR for what it never takes; any other AR, silence and babble come again."""
    peer.turns = [
        ack("AA"),
        ack("AE", "ERR||PID^1^3|204^Unknown key identifier^HL70357|E||||Åse Lind"),
        ack("AR"),
        None,
        lambda _: framed(b"hello"),
        ack("AA"),
        ack("AR", "ERR||MSH^1^9|200^Unsupported message type^HL70357|E"),
        ack("CA"),
    ]
    reached(here, peer.port)
    here.take(*STAY)
    with peer.up(), here.running("mllp", READY):
        here.until(lambda: arrived(here))
    first, second, *again, fourth, fifth, last = peer.ids
    assert again == [again[0]] * 4
    assert len({first, second, again[0], fourth, fifth, last}) == len(STAY)
    assert here.confirmed("nursing") == ["ok", "fatal-error", "ok", "fatal-error", "ok", "ok"]
    with here.database.read() as conn:
        refused = [(one.number, one.reason) for one in transports.refused(conn, "nursing")]
    assert refused == [
        (2, "AE: 204 Unknown key identifier (PID-3)"),
        (4, "AR: 200 Unsupported message type (MSH-9)"),
    ]
    assert len(here.told("ward", "acknowledgement")) == 2
    assert not any(secret in here.log for secret in ("Lind", no.PERSON))


def test_a_receiver_that_is_away_holds_up_itself_alone(here: Site, peer: Peer) -> None:
    """What is wrong is seen; when it is back, everything comes in order."""
    reached(here, peer.port)
    here.take(*STAY)
    with here.running("mllp", READY):
        here.until(lambda: here.delivery("nursing").fault)
        assert here.delivery("nursing").fault == "no connection"
        with peer.up():
            here.until(lambda: arrived(here))
    assert len(peer.ids) == len({*peer.ids}) == len(STAY)


def test_a_kill_before_the_mark_sends_the_same_message_again(here: Site, peer: Peer) -> None:
    """With the same MSH-10, by which the receiver knows it; none is left out."""
    reached(here, peer.port)
    here.take(*STAY)
    with peer.up():
        with here.running("mllp", READY, failpoint="after_sent_before_mark:2") as dying:
            assert dying.wait(60) == 137, here.log
        here.leases_end()
        with here.running("mllp", READY):
            here.until(lambda: arrived(here))
    assert len(peer.got) == len(STAY) + 1
    assert peer.got[1] == peer.got[2]
    assert len({*peer.ids}) == len(STAY)


def test_tls(here: Site, peer: Peer, certificates: tuple[Path, Path]) -> None:
    """To receivers whose certificate is vouched for, and nobody else; they are shown ours."""
    own, other = certificates
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    asking.load_cert_chain(own)
    asking.load_verify_locations(other)
    asking.verify_mode = ssl.CERT_REQUIRED
    reached(here, peer.port, "mllps", "localhost")
    here.take(STAY[0])
    ours = {"CAREPATH_MLLP_CERT_FILE": str(other)}
    with peer.up(asking):
        with here.running("mllp", READY, **ours):
            here.until(lambda: here.delivery("nursing").fault)
        assert (here.delivery("nursing").fault, peer.got) == ("tls", [])
        with here.running("mllp", READY, **ours, CAREPATH_MLLP_CA_FILE=str(own)):
            here.until(lambda: arrived(here, 1))
    assert here.confirmed("nursing") == ["ok"]
