"""Keys that others publish: fetched with care, kept as long as they say, and never from where nobody may call."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from typing_extensions import override

from carepath.delivery.targets import Reach
from carepath.identity import fetching
from carepath.identity.fetching import Fetcher
from carepath.identity.refusals import OutOfReach
from carepath_client import BackendServices, Refused
from tests.integration import issuer as local
from tests.integration.signed_in import key_of, site

Answer = Callable[[BaseHTTPRequestHandler], None]
KEYS: Final = b'{"keys": []}'


@pytest.fixture
def listening() -> Iterator[Callable[[Answer], str]]:
    """Let somebody answer; where that is."""
    with ExitStack() as open_:
        yield lambda answer: open_.enter_context(_listening(answer))


@contextmanager
def _listening(answer: Answer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/jwks"
        finally:
            server.shutdown()
            thread.join()


def _says(body: bytes, status: int = 200, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.mark.parametrize(
    ("caching", "times"), [(None, 1), ("max-age=60", 1), ("no-store", 3), ("max-age=0", 3)]
)
def test_what_is_fetched_is_kept_as_long_as_it_says(
    monkeypatch: pytest.MonkeyPatch, caching: str | None, times: int
) -> None:
    """Of three who ask."""
    monkeypatch.setattr(fetching, "_AGAIN", 0.0)
    with local.issuing() as issuer:
        issuer.caching = caching

        async def ask() -> None:
            fetcher = Fetcher(reach=Reach(loopback=True))
            for _ in range(3):
                assert (await fetcher.json(f"{issuer.url}/jwks"))["keys"]

        asyncio.run(ask())
        assert issuer.asked["/jwks"] == times


def test_nobody_makes_us_ask_again_and_again() -> None:
    """Many who show an unknown key, all at once: one question, and the kept keys for the others."""
    with local.issuing() as issuer:

        async def ask() -> None:
            fetcher = Fetcher(reach=Reach(loopback=True))
            asked = (fetcher.json(f"{issuer.url}/jwks", anew=True) for _ in range(20))
            assert all(await asyncio.gather(*asked))

        asyncio.run(ask())
        assert issuer.asked["/jwks"] == 1


@pytest.mark.parametrize(
    "answer",
    [
        _says(b"[]"),
        _says(b"{"),
        _says(b"<html>"),
        _says(b'{"keys": "' + b"x" * 70_000 + b'"}'),
        _says(KEYS, 404),
        _says(KEYS, 500),
        _says(KEYS, 302, Location="https://elsewhere.example/jwks"),
        lambda handler: handler.connection.close(),
    ],
    ids=("list", "half", "html", "long", "missing", "fault", "redirect", "nothing"),
)
def test_what_is_no_answer_is_none(listening: Callable[[Answer], str], answer: Answer) -> None:
    """And is not asked for again at once."""
    asked = []

    def counted(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        answer(handler)

    url = listening(counted)

    async def ask() -> None:
        fetcher = Fetcher(reach=Reach(loopback=True))
        for _ in range(2):
            with pytest.raises(OutOfReach):
                await fetcher.json(url)

    asyncio.run(ask())
    assert asked == ["/jwks"]


@pytest.mark.parametrize("drips", [b"x", b""])
def test_an_answer_that_does_not_end_is_given_up(
    listening: Callable[[Answer], str], monkeypatch: pytest.MonkeyPatch, drips: bytes
) -> None:
    """After some seconds for all of it."""
    monkeypatch.setattr(fetching, "_SECONDS", 0.5)
    over = threading.Event()

    def slowly(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "60000")
        handler.end_headers()
        while not over.wait(0.1):
            handler.wfile.write(drips)
            handler.wfile.flush()

    url = listening(slowly)

    async def ask() -> None:
        with pytest.raises(OutOfReach):
            await Fetcher(reach=Reach(loopback=True)).json(url)

    asyncio.run(ask())
    over.set()


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9/jwks", "https://localhost/jwks", "https://10.0.0.1/jwks", "file:///jwks"],
)
def test_nobody_has_us_call_what_they_may_not(url: str) -> None:
    """As rest-hooks."""

    async def ask() -> None:
        with pytest.raises(OutOfReach):
            await Fetcher(reach=Reach()).json(url)

    asyncio.run(ask())


def test_a_client_publishes_its_keys_and_changes_them(tmp_path: Path) -> None:
    """By URL: the new key is found, the old one is gone, and ``jku`` is that URL or nothing."""
    here = site(tmp_path, CAREPATH_ALLOW_LOOPBACK_ISSUERS="yes")
    told: dict[str, Any] = {}

    def publishes(handler: BaseHTTPRequestHandler) -> None:
        _says(_public(told), Cache_Control="max-age=1")(handler)

    with _listening(publishes) as url:
        first = _generated(here.folder / "first.json", here.carepath)
        second = _generated(here.folder / "second.json", here.carepath)
        here.carepath("client-key", "add", "ward", "--client-id", "journal", "--jwks-url", url)
        with here.serving() as server:

            def signs_in(key: dict[str, Any]) -> str:
                auth = BackendServices("journal", key, f"{server.url}/auth/token")
                try:
                    with httpx.Client(auth=auth) as client:
                        return str(client.get(f"{server.fhir}/Patient").status_code)
                except Refused as refused:
                    return str(refused).partition(":")[0]

            told.update(first)
            assert signs_in(first) == "200"
            assert signs_in(second) == "assertion-key"
            told.clear()
            told.update(second)
            threading.Event().wait(10.5)
            assert signs_in(second) == "200"
            assert signs_in(first) == "assertion-key"


def _generated(file: Path, carepath: Callable[..., str]) -> dict[str, Any]:
    carepath("client-key", "generate", str(file), "--public", f"{file}.public")
    return key_of(file)


def _public(key: dict[str, Any]) -> bytes:
    return httpx.Request("POST", "http://a", json={"keys": [_without_secret(key)]}).content


def _without_secret(key: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in key.items() if name != "d"}
