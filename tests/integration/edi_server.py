"""NHN's EDI 2.0 in this process, over real HTTP, as far as its published rules go; it can be told to go wrong.

Version 3 is spoken only, with a source system named, by whoever has a token of its own and proves to have the key
(DPoP, with a nonce). Notifications have rising offsets with gaps, each HER-id its own news; a message stays unread
until its receiver says that it is downloaded. It takes the same document twice: EDI has no key that makes it happen
once. https://utviklerportal.nhn.no/informasjonstjenester/meldingstjener/edi-20
"""

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import uuid4

import uvicorn
from joserfc import jwk, jws
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.servers import PATIENCE

KEY: Final = jwk.generate_key("EC", "P-256", private=True)
"""Ours; the server knows its public half."""
_TOKEN: Final = "token-of-the-test"
_NONCE: Final = "nonce-1"


@dataclass
class Kept:
    """A message at EDI. ``answered``: AppRecs by receiver, each as it was given; ``downloaded``: by whom."""

    id: str
    sender: int
    receivers: list[int]
    content: bytes
    answered: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    downloaded: list[int] = field(default_factory=list)
    transport: str = "Unconfirmed"

    @property
    def document_id(self) -> str | None:
        """MsgId."""
        found = re.search(rb"<(?:\w+:)?MsgId>([^<]+)<", self.content)
        return found[1].decode() if found else None


@dataclass(frozen=True)
class Fault:
    """What happens to the next call that fits: an answer instead, or ``lost``: done, but nobody hears of it."""

    call: str  # a pattern for "METHOD path"
    status: int = 500
    code: int | None = None
    lost: bool = False


@dataclass
class EdiServer:
    """``faults`` happen once each, in order. ``calls``: what was asked for."""

    port: int
    messages: dict[str, Kept] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    _news: list[dict[str, Any]] = field(default_factory=list)
    _offset: int = 100

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def settings(self, folder: Path, *her_ids: str, poll: float = 0.2) -> dict[str, str]:
        """What ``carepath edi`` is told, in the environment."""
        file = folder / "edi.jwk"
        file.write_text(json.dumps(KEY.as_dict(private=True)))
        file.chmod(0o600)
        told = {
            "EDI": self.url,
            "EDI_HER_IDS": " ".join(her_ids),
            "EDI_TOKEN_URL": f"{self.url}/connect/token",
            "EDI_CLIENT_ID": "carepath",
            "EDI_KEY_FILE": str(file),
            "EDI_POLL_SECONDS": str(poll),
        }
        return {f"CAREPATH_{name}": value for name, value in told.items()}

    # what other systems do

    def send(self, content: bytes, sender: int, *receivers: int) -> Kept:
        """Another system sends."""
        kept = Kept(str(uuid4()), sender, [*receivers], content)
        self.messages[kept.id] = kept
        for receiver in receivers:
            self.notify(receiver, "NewMessage", kept.id)
        return kept

    def answer(self, kept: Kept, status: str, *errors: str) -> None:
        """Its receiver's system answers with an AppRec."""
        told = {"appRecStatus": status, "appRecErrorList": [{"errorCode": one} for one in errors]}
        kept.answered.setdefault(kept.receivers[0], []).append(told)
        kept.transport = "Acknowledged"
        self.notify(kept.sender, "MessageApprecInfoUpdated", kept.id)

    def abandon(self, kept: Kept) -> None:
        """It never reaches its receiver."""
        kept.transport = "Abandoned"
        self.notify(kept.sender, "MessageDeliveryStateUpdated", kept.id)

    def notify(self, her_id: int, type_: str, id_: str) -> None:
        """News; offsets have gaps."""
        self._offset += 3
        told = {"relatedMessageId": id_, "type": type_, "offset": self._offset}
        self._news.append({**told, "notificationReceiverHerId": her_id, "createdAt": "2026-03-04"})

    def sent(self) -> list[Kept]:
        """What was posted, in order: others' messages are not among them."""
        return [kept for kept in self.messages.values() if kept.id.startswith("posted-")]

    # what it answers

    async def called(self, request: Request) -> Response:
        """One call, unless something is to go wrong with it."""
        call = f"{request.method} {request.url.path}"
        self.calls.append(call)
        fault = next((one for one in self.faults if re.fullmatch(one.call, call)), None)
        if fault:
            self.faults.remove(fault)
            if not fault.lost:
                return _problem(fault.status, fault.code)
        if refused := _refused(request):
            return refused
        answer = await self._answers(request)
        return _problem(502) if fault else answer

    async def _answers(self, request: Request) -> Response:
        if request.url.path == "/notifications":
            return self._notifications(request)
        if request.url.path == "/messages":
            return self._posted(await request.json())
        kept = self.messages.get(request.path_params["id"])
        if kept is None:
            return _problem(404)
        told = await request.json() if request.method in ("POST", "PUT") else {}
        answers: dict[str, Callable[[Kept, dict[str, Any]], Response]] = {
            "": _metadata,
            "business-document": _document,
            "status": _status,
            "apprec": self._apprec,
            "downloaded": _downloaded,
        }
        return answers[request.path_params.get("what", "")](kept, told)

    def _notifications(self, request: Request) -> Response:
        mine = {int(one) for one in request.query_params.getlist("HerIds")}
        after = int(request.query_params["Offset"])
        most = int(request.query_params["NotificationsToFetch"])
        found = [
            one
            for one in self._news
            if one["offset"] > after and one["notificationReceiverHerId"] in mine
        ]
        return JSONResponse({"notifications": found[:most]})

    def _posted(self, told: dict[str, Any]) -> Response:
        if told["contentType"] != "application/xml" or told["contentTransferEncoding"] != "base64":
            return _problem(400, 1000)
        content = base64.b64decode(told["businessDocument"], validate=True)
        id_ = f"posted-{uuid4()}"
        self.messages[id_] = Kept(id_, told["senderHerId"], told["receiverHerIds"], content)
        self.notify(told["senderHerId"], "MessageSentStateUpdated", id_)
        return JSONResponse({"id": id_}, 202)

    def _apprec(self, kept: Kept, told: dict[str, Any]) -> Response:
        receiver = told.pop("appRecSenderHerId")
        if receiver not in kept.receivers:
            return _problem(400, 1001)
        kept.answered.setdefault(receiver, []).append(told)
        return JSONResponse({"id": str(uuid4())}, 202)

    async def token(self, request: Request) -> Response:
        """HelseID's token endpoint: a client assertion, and a proof with its nonce."""
        form = dict(parse_qsl((await request.body()).decode()))
        claims = _verified(form["client_assertion"], "client-authentication+jwt")
        assert claims["iss"] == claims["sub"] == form["client_id"] == "carepath"
        assert claims["aud"] == f"{self.url}/connect/token"
        assert 0 < claims["exp"] - time.time() <= 60
        proof = _verified(request.headers["dpop"], "dpop+jwt")
        assert (proof["htm"], proof["htu"]) == ("POST", f"{self.url}/connect/token")
        if proof.get("nonce") != _NONCE:
            wanted = {"error": "use_dpop_nonce"}
            return JSONResponse(wanted, 400, headers={"DPoP-Nonce": _NONCE})
        return JSONResponse({"access_token": _TOKEN, "token_type": "DPoP", "expires_in": 600})

    @contextmanager
    def up(self) -> Iterator[None]:
        """Listen while inside; what it keeps stays for the next time."""
        routes = [
            Route("/connect/token", self.token, methods=["POST"]),
            *(
                Route(path, self.called, methods=["GET", "POST", "PUT"])
                for path in (
                    "/notifications",
                    "/messages",
                    "/messages/{id}",
                    "/messages/{id}/{what}",
                )
            ),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes), port=self.port, log_level="error", lifespan="off"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        latest = time.monotonic() + PATIENCE
        while not server.started and time.monotonic() < latest:
            time.sleep(0.02)
        try:
            yield
        finally:
            server.should_exit = True
            thread.join(PATIENCE)


def _refused(request: Request) -> Response | None:
    """Who may not be answered."""
    if request.headers.get("api-version") != "3" or not request.headers.get("nhn-source-system"):
        return _problem(400, 1002)
    if request.headers.get("authorization") != f"DPoP {_TOKEN}":
        return _problem(401)
    proof = _verified(request.headers["dpop"], "dpop+jwt")
    digest = base64.urlsafe_b64encode(hashlib.sha256(_TOKEN.encode()).digest()).rstrip(b"=")
    url = str(request.url).partition("?")[0]
    fits = (proof["htm"], proof["htu"], proof["ath"]) == (request.method, url, digest.decode())
    return None if fits else _problem(401)


def _verified(token: str, type_: str) -> dict[str, Any]:
    registry = jws.JWSRegistry(algorithms=["ES256"], strict_check_header=False)
    found = jws.deserialize_compact(token, KEY, registry=registry)
    assert found.headers()["typ"] == type_
    claims: dict[str, Any] = json.loads(found.payload)
    return claims


def _problem(status: int, code: int | None = None) -> Response:
    told = {"type": "about:blank", "title": "no", "status": status, "errorCode": code}
    return JSONResponse(told, status, media_type="application/problem+json")


def _metadata(kept: Kept, _told: dict[str, Any]) -> Response:
    told = {"id": kept.id, "senderHerId": kept.sender, "receiverHerIds": kept.receivers}
    return JSONResponse({**told, "businessDocumentId": kept.document_id})


def _document(kept: Kept, _told: dict[str, Any]) -> Response:
    content = base64.b64encode(kept.content).decode()
    kind = {"contentType": "application/xml", "contentTransferEncoding": "base64"}
    return JSONResponse({"businessDocument": content, **kind})


def _status(kept: Kept, _told: dict[str, Any]) -> Response:
    told = [
        {
            "receiverHerId": receiver,
            "transportDeliveryState": kept.transport,
            "sent": True,
            "apprecInfo": next(reversed(kept.answered.get(receiver, [])), None),
        }
        for receiver in kept.receivers
    ]
    return JSONResponse({"statusList": told})


def _downloaded(kept: Kept, told: dict[str, Any]) -> Response:
    kept.downloaded.append(told["receiverHerId"])
    return Response(status_code=204)
