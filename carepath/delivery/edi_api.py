"""NHN's EDI 2.0 over HTTP (API version 3): what one system may ask of it, in types of ours.

https://utviklerportal.nhn.no/informasjonstjenester/meldingstjener/edi-20 . Messages are known there by an id of EDI's
own; ``document_id`` is the sender's own (MsgId). Errors are problem details (RFC 9457) with an ``errorCode``.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

import httpx
import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from fhir_mappings.formats import KITH_XML
from fhir_mappings.kith.apprec import Coded
from fhir_mappings.kith.names import ERRORS

VERSION: Final = "3"
SCOPE: Final = "nhn:msh/api"
"""What HelseID is asked for."""
PATIENCE: Final = 30.0
"""Seconds for one call."""
_AT_ONCE: Final = 1000  # notifications
_LOCKED: Final = 423
_WAIT: Final = frozenset({401, 403, 408, 425, 429, _LOCKED})
_APPREC: Final = {"1": "Ok", "2": "Rejected", "3": "OkErrorInMessagePart"}
"""8258, as EDI calls it."""
SOFTWARE: Final = "Carepath"
"""What we call ourselves."""


class Trouble(Exception):
    """A call was not answered as wished. ``status`` of HTTP and ``code`` of EDI, where there were any.

    ``reached``: it may have been carried out all the same.
    """

    def __init__(self, status: int | None, code: int | None = None, *, reached: bool) -> None:
        self.status, self.code, self.reached = status, code, reached
        told = [f"EDI {status}" if status else "EDI away", f"error {code}" if code else ""]
        super().__init__(" ".join(filter(None, told)))

    @property
    def is_final(self) -> bool:
        """Whether the same call would get the same answer."""
        return self.status is not None and 400 <= self.status < 500 and self.status not in _WAIT

    @property
    def locked(self) -> bool:
        """Whether NHN keeps the HER-id locked, for a while."""
        return self.status == _LOCKED


class News(StrEnum):
    """What a notification is about; others are passed over."""

    MESSAGE = "NewMessage"
    REFUSED = "RefusedMessage"
    SENT = "MessageSentStateUpdated"
    DELIVERED = "MessageDeliveryStateUpdated"
    ANSWERED = "MessageApprecInfoUpdated"


class _Read(BaseModel):
    """What EDI answers; fields that we do not know are let be."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class Notification(_Read):
    """One piece of news for a HER-id. Offsets rise, with gaps."""

    related_message_id: str | None = None
    type: str
    offset: int


class Metadata(_Read):
    """What is known of a message without its content."""

    sender_her_id: int | None = None
    receiver_her_ids: tuple[int, ...] | None = None
    business_document_id: str | None = None


class Error(_Read):
    """An error of 8221 in an AppRec."""

    error_code: str | None = None


class Answered(_Read):
    """What a receiver's AppRec said."""

    status: str | None = Field(None, alias="appRecStatus")
    errors: tuple[Error, ...] | None = Field(None, alias="appRecErrorList")


class Status(_Read):
    """How far a message has come with one receiver."""

    receiver_her_id: int
    transport_delivery_state: str | None = None
    apprec_info: Answered | None = None


class _Notifications(_Read):
    notifications: tuple[Notification, ...] | None = None


class _Document(_Read):
    business_document: str
    content_transfer_encoding: str | None = None


class _Posted(_Read):
    id: str


class _Statuses(_Read):
    status_list: tuple[Status, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A message to be sent; ``kind``: its type in 8279, where it tells one."""

    content: bytes
    sender: str
    receiver: str
    kind: str | None


class EdiApi:
    """Calls. Each raises ``Trouble``."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        """``client`` has EDI's base URL, and signs what it sends."""
        self._client = client

    async def notifications(self, her_id: str, after: int) -> Sequence[Notification]:
        """The next ones behind an offset, oldest first."""
        asked = {"HerIds": her_id, "Offset": after, "NotificationsToFetch": _AT_ONCE}
        answer = await self._ask("GET", "notifications", params=asked)
        found = _read(_Notifications, answer).notifications or ()
        return sorted((one for one in found if one.offset > after), key=lambda one: one.offset)

    async def metadata(self, id_: str) -> Metadata:
        """Of a message in or out."""
        return _read(Metadata, await self._ask("GET", f"messages/{id_}"))

    async def document(self, id_: str) -> bytes:
        """The message itself, as its sender wrote it."""
        answer = await self._ask("GET", f"messages/{id_}/business-document")
        found = _read(_Document, answer)
        if (found.content_transfer_encoding or "base64").lower() != "base64":
            return found.business_document.encode()
        try:
            return base64.b64decode(found.business_document, validate=True)
        except binascii.Error:
            raise Trouble(answer.status_code, reached=True) from None

    async def post(self, post: Post) -> str:
        """EDI's id of the message, once it has it."""
        told = {
            "businessDocument": base64.b64encode(post.content).decode(),
            "senderHerId": int(post.sender),
            "receiverHerIds": [int(post.receiver)],
            "contentType": KITH_XML,
            "contentTransferEncoding": "base64",
            "messageTypeIdentificator": post.kind,
            "applicationName": SOFTWARE,
        }
        return _read(_Posted, await self._ask("POST", "messages", told=told)).id

    async def answer(self, id_: str, her_id: str, coded: Coded) -> None:
        """Send our AppRec, from the receiver with that HER-id; EDI writes it."""
        errors = [
            {"errorCode": one.code, "details": one.text, "description": one.name, "oid": ERRORS}
            for one in coded.errors
        ]
        told = {
            "appRecSenderHerId": int(her_id),
            "appRecStatus": _APPREC[coded.status],
            "appRecErrorList": errors,
            "applicationName": SOFTWARE,
        }
        await self._ask("POST", f"messages/{id_}/apprec", told=told)

    async def downloaded(self, id_: str, her_id: str) -> None:
        """The receiver has it for good; to say so again changes nothing."""
        told = {"receiverHerId": int(her_id)}
        await self._ask("PUT", f"messages/{id_}/downloaded", told=told)

    async def statuses(self, id_: str) -> Sequence[Status]:
        """How far a message has come with each of its receivers."""
        return _read(_Statuses, await self._ask("GET", f"messages/{id_}/status")).status_list or ()

    async def _ask(self, method: str, path: str, told: object = None, **how: Any) -> httpx.Response:
        if told is not None:
            how |= {"content": orjson.dumps(told), "headers": _JSON}
        try:
            answer = await self._client.request(method, path, **how)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            raise Trouble(None, reached=False) from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise Trouble(None, reached=True) from None
        if not answer.is_success:
            status = answer.status_code
            raise Trouble(status, _error_code(answer), reached=status >= 500)
        return answer


_JSON: Final = {"Content-Type": "application/json"}
_Model = TypeVar("_Model", bound=_Read)


def _read(model: type[_Model], answer: httpx.Response) -> _Model:
    try:
        return model.model_validate_json(answer.content)
    except ValidationError:  # its text would say what stands there
        raise Trouble(answer.status_code, reached=True) from None


def _error_code(answer: httpx.Response) -> int | None:
    try:
        told = orjson.loads(answer.content)
    except ValueError:
        return None
    code = told.get("errorCode") if isinstance(told, dict) else None
    return code if isinstance(code, int) else None
