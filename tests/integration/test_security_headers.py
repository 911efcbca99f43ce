"""What every answer says to browsers and caches: each address, asked as it should be and as it should not."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import httpx
import pytest
from starlette.routing import Mount, Route

from carepath.api.app import ROUTES
from carepath.api.headers import ALWAYS, OVER_TLS
from carepath.ui.door import Door
from carepath.ui.routes import routes
from tests.integration.serving import Server, serving

METHODS: Final = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "PATCH")


def addresses() -> list[str]:
    """One of each route, and some that are none."""
    found = {
        one.path.replace("{type:fhir_type}", "Patient")
        .replace("{id:fhir_id}", "none")
        .replace("{version:fhir_version}", "1")
        .replace("{id}", "none")
        for one in (*ROUTES, *PAGES)
        if isinstance(one, Route)
    }
    return sorted(
        found | {"/nothing", "/fhir/Nothing", "/static/carepath.css", "/static/none", "/%00"}
    )


PAGES: Final = routes(data=None, door=Door(None, open_mode=True), desk=None)  # type: ignore[arg-type] # asked for addresses only
assert any(isinstance(one, Mount) for one in PAGES)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that is reached by TLS, as its base URL says."""
    folder: Path = tmp_path_factory.mktemp("served")
    with ExitStack() as running:
        with pytest.MonkeyPatch.context() as env:
            env.setenv("CAREPATH_BASE_URL", "https://carepath.example.no")
            made = serving(f"sqlite:///{folder}/carepath.db", folder / "log")
            started = running.enter_context(made)
        yield started


def check(answer: httpx.Response, wanted: dict[str, str]) -> None:
    """All of them, each once; nothing about what we are made of; nobody else's scripts may read it."""
    told = answer.headers
    own = {"Content-Security-Policy", "Referrer-Policy", "Cache-Control"}  # pages have theirs
    for name, value in wanted.items():
        assert len(told.get_list(name)) == 1, (name, answer.request.url)
        assert name in own or told[name] == value
    assert "frame-ancestors 'none'" in told["Content-Security-Policy"]
    assert "default-src 'none'" in told["Content-Security-Policy"]
    assert "unsafe" not in told["Content-Security-Policy"]
    assert told["Referrer-Policy"] in {"no-referrer", "same-origin"}
    assert not {"server", "x-powered-by", "access-control-allow-origin"} & {*told}
    if answer.content:
        assert told.get("content-type"), answer.request.url


@pytest.mark.parametrize("path", addresses())
def test_every_answer(served: Server, path: str) -> None:
    """Whatever is asked, however it is answered."""
    with httpx.Client(base_url=served.url, trust_env=False, timeout=20) as client:
        for method in METHODS:
            with client.stream(method, path) as answer:
                if "event-stream" not in answer.headers.get("content-type", ""):
                    answer.read()
                    check(answer, {**ALWAYS, **OVER_TLS})
                else:
                    assert answer.headers["X-Content-Type-Options"] == "nosniff"
                kept = answer.headers["Cache-Control"]
                assert answer.status_code < 500
                assert answer.status_code != 200 or method != "TRACE"
            if not path.startswith("/static/"):
                assert "no-store" in kept or "private" in kept, (method, path, kept)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example.org"}, 403),
        ({"Origin": "https://evil.example.org"}, 403),
        ({"Accept": "image/png"}, 406),
        ({"X-Carepath-Org": "not a key!"}, 400),
        ({"Content-Encoding": "gzip"}, 415),
        ({"X-Long": "a" * 30_000}, 431),
    ],
)
def test_every_refusal_at_the_door(served: Server, headers: dict[str, str], status: int) -> None:
    """Those that no route gives."""
    answer = httpx.get(f"{served.fhir}/Patient", headers=headers, trust_env=False)
    assert answer.status_code == status
    check(answer, {**ALWAYS, **OVER_TLS})


def test_a_fault_of_ours(tmp_path: Path) -> None:
    """The store is gone: the answer has them, and says nothing of what is broken."""
    file = tmp_path / "carepath.db"
    with serving(f"sqlite:///{file}", tmp_path / "log") as server:
        file.write_bytes(b"this is no database" * 1000)
        answer = httpx.get(f"{server.fhir}/Patient", trust_env=False)
    assert answer.status_code in {500, 503}
    check(answer, dict(ALWAYS))
    assert not any(word in answer.text for word in ("sqlite", "Traceback", str(tmp_path)))


def test_without_tls_nobody_is_told_to_use_it(server: str) -> None:
    """The header would be ignored, and be a lie."""
    assert "Strict-Transport-Security" not in httpx.get(f"{server}/livez", trust_env=False).headers


def test_people_get_a_page_and_programs_an_outcome(served: Server) -> None:
    """Of an address that is none."""
    for path, accept, kind in (
        ("/nothing", "text/html", "text/html; charset=utf-8"),
        ("/nothing", "*/*", "application/fhir+json"),
        ("/fhir/Nothing", "text/html", "application/fhir+json"),
    ):
        url = f"{served.url}{path}"
        answer = httpx.get(url, headers={"Accept": accept}, trust_env=False)
        assert (answer.status_code, answer.headers["content-type"]) == (404, kind)
