"""What receivers' own networks say, and what it means: HL7 v2's acknowledgements, EDI's states, HelseID's sign-in."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from joserfc import jwk

from carepath.delivery.edi import EdiCarrier, judged
from carepath.delivery.edi_api import Answered, EdiApi, Error, Status, Trouble
from carepath.delivery.sending import Later, Outcome, Parcel
from carepath.identity.helseid import Client, HelseId, SignInFailed
from carepath.store.transports import Judged, State
from fhir_mappings.codes import HER_ID
from fhir_mappings.hl7v2.acknowledgement import acknowledgements
from fhir_mappings.hl7v2.answers import acknowledgement, code_of, control_id
from fhir_mappings.reply import Reply
from pathways.parties import Identifier, Party
from pathways.refusals import Issue
from tests import norwegian as no
from tests.unit.hl7v2 import NOW, adt

# --- HL7 v2


def said(msa: str, *errors: str, head: str = "MSH|^~\\&|X|Y|||2026||ACK|1|P|2.5") -> bytes:
    """An answer to message M1."""
    return "\r".join((head, msa, *errors)).encode() + b"\r"


PID = "ERR||PID^1^3^1|204^Unknown key identifier^HL70357|E||||Ola Nordmann"


@pytest.mark.parametrize(
    ("answer", "verdict", "is_final", "reason"),
    [
        (said("MSA|AA|M1"), "taken", True, "AA"),
        (said("MSA|CA|M1"), "taken", True, "CA"),
        (said("MSA|AE|M1|Ola", PID), "refused", True, "AE: 204 Unknown key identifier (PID-3)"),
        (said("MSA|CE|M1"), "refused", True, "CE"),
        (said("MSA|AR|M1"), "rejected", False, "AR"),
        (
            said("MSA|AR|M1", "ERR||PV1|207"),
            "rejected",
            False,
            "AR: 207 Application internal error (PV1)",
        ),
        (
            said("MSA|AR|M1", "ERR|MSH^1^9^200&x&y~PID^1^3^101"),
            "rejected",
            True,
            "AR: 200 Unsupported message type (MSH-9), 101 Required field missing (PID-3)",
        ),
        (said("MSA|AE|M1|Ola|||102^x"), "refused", True, "AE: 102 Data type error"),
        (said("MSA|AE|M1", "ERR||Ola^1^x|17 Ola|E", "ERR||PID^1^Ola|999"), *["refused", True], "AE: 999 (PID)"),
        (said("MSA$AE$M1", "ERR$$PID:1:3$204:x", head="MSH$:~\\&$X$Y"), *["refused", True], "AE: 204 Unknown key identifier (PID-3)"),
    ],
)  # fmt: skip
def test_an_acknowledgement_is_read_in_codes(
    answer: bytes, verdict: str, is_final: bool, reason: str
) -> None:
    """Of every version and with any separators; never in the receiver's own words."""
    found = acknowledgement(answer)
    assert found is not None
    assert (found.verdict, found.about, found.is_final, found.reason) == (
        *(verdict, "M1", is_final),
        reason,
    )


@pytest.mark.parametrize(
    "answer", [b"", b"hello", b"MSH|^~\\&|", said("MSA"), said("MSA|XX|M1"), said("MSA|A|M1")]
)
def test_what_is_no_acknowledgement_says_nothing(answer: bytes) -> None:
    """Then the message is sent again."""
    assert acknowledgement(answer) is None


def test_our_own_answers_are_understood() -> None:
    """As we write them."""
    source = replace(adt("A01"), id="X1").source
    issue = Issue("required", "missing", "PID-3")
    for code, expected in (("ok", "AA"), ("fatal-error", "AE"), ("transient-error", "AR")):
        reply = Reply(id="1", code=code, issues=() if code == "ok" else (issue,), at=NOW)
        [answer] = acknowledgements(source, reply)
        found = acknowledgement(answer)
        assert found is not None
        assert (found.about, code_of(answer)) == (control_id(source), expected)


# --- EDI


def status(state: str = "Unconfirmed", answer: str | None = None, *errors: str) -> Status:
    """Of the receiver 201."""
    told = Answered(status=answer, errors=tuple(Error(error_code=one) for one in errors))
    return Status(
        receiver_her_id=201,
        transport_delivery_state=state,
        apprec_info=told if answer is not None else None,
    )


@pytest.mark.parametrize(
    ("found", "state", "reason"),
    [
        (status("Acknowledged", "Ok"), State.CONFIRMED, None),
        (status("Acknowledged", "OkErrorInMessagePart", "E35"), State.CONFIRMED, "E35"),
        (status("Acknowledged", "Rejected", "E21", "Ola"), State.REFUSED, "AppRec: E21 "),
        (status("Acknowledged", "SomethingNew"), State.REFUSED, "AppRec: refused"),
        (status("Rejected"), State.REFUSED, "EDI: Rejected"),
        (status("Abandoned"), State.REFUSED, "EDI: Abandoned"),
    ],
)
def test_what_became_of_a_message(found: Status, state: State, reason: str | None) -> None:
    """A status that nobody knows is never OK; what the receiver wrote in words is not repeated."""
    told = judged([found], "201")
    assert told is not None
    assert told.state is state
    assert (told.reason or "").startswith(reason or "")
    assert "Ola" not in (told.reason or "")


def test_who_has_said_nothing_is_waited_for() -> None:
    """As is somebody else's answer no answer."""
    assert judged([status(), status("Acknowledged")], "201") is None
    assert judged([status("Acknowledged", "Ok")], "301") is None
    assert judged([status("Acknowledged", "")], "201") is None


NURSING = Party("nursing", "x", identifiers=(Identifier(HER_ID, "201"),), transport="edi")
Handler = Callable[[httpx.Request], httpx.Response]


def carrier(client: httpx.AsyncClient, *her_ids: str) -> EdiCarrier:
    """All notifications have been read since 5 seconds past."""
    api, told = EdiApi(client), her_ids or ("101",)
    return EdiCarrier(api=api, her_ids=told, polled=lambda: 5_000_000, notified=2.0)


def carried(handler: Handler, *her_ids: str, to: Party = NURSING) -> Outcome:
    """What the carrier says of a message from the ward, HER-id 101 in the house 100."""

    async def carry() -> Outcome:
        transport = httpx.MockTransport(handler)
        async with httpx.AsyncClient(base_url="https://edi.example", transport=transport) as client:
            parcel = Parcel(to=to, content=no.stay()["admission"], message_id="m")
            return await carrier(client, *her_ids).carry(parcel)

    return asyncio.run(carry())


def answering(status_: int, told: object = None) -> Handler:
    """EDI says so."""
    return lambda _: httpx.Response(status_, json=told)


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (answering(202, {"id": "e1"}), Judged(state=State.SENT, reference="e1")),
        (answering(400, {"errorCode": 7}), Judged(state=State.REFUSED, reason="EDI 400 error 7")),
        (answering(404), Judged(state=State.REFUSED, reason="EDI 404")),
        (answering(423, {"errorCode": 1210}), Later("EDI 423 error 1210", 60.0)),
        (answering(401), Later("EDI 401")),
        (answering(403), Later("EDI 403")),
        (answering(429), Later("EDI 429")),
        (answering(500, []), Later("EDI 500", unsure=True)),
        (answering(202, {"name": "e1"}), Later("EDI 202", unsure=True)),
    ],
)
def test_what_edi_says_to_a_post(handler: Handler, expected: Outcome) -> None:
    """What would be said again is final; what may have been done all the same is told as such."""
    assert carried(handler) == expected


@pytest.mark.parametrize(
    ("fault", "unsure"),
    [
        (httpx.ConnectError("no"), False),
        (httpx.ConnectTimeout("no"), False),
        (httpx.ReadTimeout("no"), True),
        (httpx.RemoteProtocolError("no"), True),
    ],
)
def test_silence_after_a_post_leaves_it_open(fault: Exception, unsure: bool) -> None:
    """Who was not reached has not got it."""

    def handler(_: httpx.Request) -> httpx.Response:
        raise fault

    assert carried(handler) == Later("EDI away", unsure=unsure)


def test_in_whose_name_it_goes() -> None:
    """The sender's own, or its house's, if we act for it; else the first that we act for."""
    seen: list[bytes] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.content)
        return httpx.Response(202, json={"id": "e1"})

    for her_ids in (("7", "101", "100"), ("7", "100"), ("7", "8")):
        carried(handler, *her_ids)
    told = [httpx.Response(200, content=one).json() for one in seen]
    assert [one["senderHerId"] for one in told] == [101, 100, 7]
    assert told[0]["receiverHerIds"] == [201]
    assert told[0]["messageTypeIdentificator"] == "LOG_INNLAGT"


def test_what_may_have_arrived_waits_for_edis_news() -> None:
    """Until notifications have been read that are younger than the try, and two seconds more."""
    edi = carrier(httpx.AsyncClient())
    assert edi.waits(3_000_000) is not None
    assert edi.waits(2_999_999) is None


def test_nobody_is_reached_without_a_her_id() -> None:
    """It says so."""
    told = carried(answering(500), to=replace(NURSING, identifiers=()))
    assert isinstance(told, Judged)
    assert told.state is State.REFUSED


# --- HelseID

KEY = jwk.generate_key("EC", "P-256", private=True)
WHO = Client("carepath", "https://id.example/connect/token", "nhn:msh/api")


def asked(handler: Handler, times: int = 1) -> list[int]:
    """What so many requests are answered with, one after the other."""

    async def ask() -> list[int]:
        signing = HelseId(WHO, KEY)
        transport = httpx.MockTransport(handler)
        async with httpx.AsyncClient(auth=signing, transport=transport) as client:
            return [(await client.get("https://edi.example/x")).status_code for _ in range(times)]

    return asyncio.run(ask())


def test_a_token_is_used_until_it_is_refused() -> None:
    """Then there is one more, and one more try."""
    calls: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "id.example":
            calls.append("token")
            return httpx.Response(200, json={"access_token": f"t{len(calls)}", "expires_in": 600})
        calls.append(request.headers["authorization"])
        return httpx.Response(401 if len(calls) == 4 else 200)

    assert asked(handler, 3) == [200, 200, 200]
    assert calls == ["token", "DPoP t1", "DPoP t1", "DPoP t1", "token", "DPoP t5"]


def test_what_is_refused_with_a_new_token_is_refused() -> None:
    """Nobody is asked for ever."""
    calls: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.host)
        if request.url.host == "id.example":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 600})
        return httpx.Response(401)

    assert asked(handler) == [401]
    assert calls == ["id.example", "edi.example"]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(400, json={"error": "invalid_client", "error_description": "Ola"}),
        httpx.Response(200, json={"token": "t"}),
        httpx.Response(502, content=b"<html>"),
        httpx.Response(400, json={"error": "use_dpop_nonce"}, headers={"DPoP-Nonce": "n"}),
    ],
)
def test_no_token_is_no_connection(answer: httpx.Response) -> None:
    """For who wants to send, nothing was sent; a nonce is told once."""

    def handler(_: httpx.Request) -> httpx.Response:
        return answer

    with pytest.raises(SignInFailed) as fault:
        asked(handler)
    assert "Ola" not in str(fault.value)

    async def ask() -> None:
        transport = httpx.MockTransport(handler)
        signing = HelseId(WHO, KEY)
        async with httpx.AsyncClient(
            base_url="https://edi.example", auth=signing, transport=transport
        ) as client:
            await EdiApi(client).notifications("1", 0)

    with pytest.raises(Trouble) as trouble:
        asyncio.run(ask())
    assert (trouble.value.is_final, trouble.value.reached) == (False, False)
