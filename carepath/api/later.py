"""``$process-message?async=true``: the response message is sent to the sender's endpoint, once it is there.

Only to endpoints that an administrator entered: whoever could name any address would have the broker call it.
A message that leaves nothing behind (it cannot be read, its sender is not who sends it) is answered at once.
https://hl7.org/fhir/R4/messaging.html#async
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from carepath.api.context import Context
from carepath.api.errors import Refused
from carepath.service import Answer
from carepath.store.answers import Owed
from fhir_mappings.inbound import Options, read
from fhir_mappings.outcome import issues
from fhir_mappings.parties import is_endpoint
from fhir_mappings.receipt import receipt
from pathways.messages import Message, stable_id
from pathways.refusals import Reason, Refusal, refuse

_ASYNC: Final = "http.async"
_RESPONSE_URL: Final = "http.response-url"


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer is to be sent later; to ``response_url`` when the caller gave one."""

    response_url: str | None


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whose message it is, and where its answer goes."""

    message: Message
    party: str
    url: str


def asked(request: Request) -> Asked | None:
    """What the caller wants; ``None`` is an answer at once. Raises ``Refused``."""
    wanted, url = request.query_params.get("async"), request.query_params.get("response-url")
    if wanted not in (None, "true", "false"):
        raise _refused("value", "must be true or false", _ASYNC)
    if wanted == "true":
        return Asked(url)
    if url is not None:
        raise _refused("value", "only together with async=true", _RESPONSE_URL)
    return None


async def addressee(context: Context, source: bytes, asked: Asked) -> Addressee:
    """Where the answer to a message goes. Raises ``Refused``, and then nothing has been taken in."""
    return await run_in_threadpool(_addressee, context, source, asked)


def _addressee(context: Context, source: bytes, asked: Asked) -> Addressee:
    now = datetime.now(UTC)
    message = read(source, Options(received=now, base_url=context.base_url))
    if isinstance(message, Refusal):
        raise Refused(message)
    with context.database.read() as conn:
        context.parties.refresh(conn)
    party = context.parties.find(message.sender, now)
    if party is None or party.seen or party.endpoint is None:
        text = "the sender has no registered endpoint: ask without 'async', or have one entered"
        raise _refused("not-supported", text, _ASYNC)
    return Addressee(message, party.key, _url(party.endpoint, asked.response_url))


def _url(endpoint: str, given: str | None) -> str:
    """The operation at the registered endpoint, or a given address below it."""
    target = endpoint if given is None else given.rstrip("/")
    below = target.startswith(f"{endpoint}/") and is_endpoint(target)
    if target != endpoint and not below:
        raise _refused("value", "is not at the sender's registered endpoint", _RESPONSE_URL)
    return f"{target if below else f'{endpoint}/$process-message'}?async=true"


async def owe(context: Context, to: Addressee, answer: Answer) -> None:
    """Returns when the response message is written down; acknowledgements are never answered."""
    made = _response(context, to.message, answer)
    if made is not None:
        await context.answers.owe(Owed(id=made[0], party=to.party, url=to.url, body=made[1]))


def _response(context: Context, message: Message, answer: Answer) -> tuple[str, bytes] | None:
    """The response message with its id: the receipt, or a refusal or custody in the same shape."""
    if answer.status == 204:
        return None
    told = orjson.loads(answer.body)
    if told["resourceType"] == "Bundle":
        return told["entry"][0]["resource"]["id"], answer.body
    # The same attempt gets the same id, whenever it is asked for.
    id_ = stable_id("answer", str(answer.event_id), message.envelope or "", str(answer.status))
    made = receipt(
        message,
        id=id_,
        code="fatal-error" if answer.status >= 400 else "ok",
        issues=issues(told),
        at=datetime.now(UTC),
        base_url=context.base_url,
    )
    return id_, orjson.dumps(made)


def _refused(code: str, text: str, where: str) -> Refused:
    return Refused(refuse(Reason.INVALID, code, text, where))
