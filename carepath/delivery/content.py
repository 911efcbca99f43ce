"""A place in a feed as a CloudEvent: what a receiver gets, whatever it is carried by.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

import re
from base64 import b64encode
from datetime import datetime
from json import JSONDecoder
from typing import Final

import orjson

from carepath.delivery.letters import Written
from carepath.store.feed import PARKED, Item
from fhir_mappings import inbound, outbound
from fhir_mappings.formats import FHIR_XML, as_json
from fhir_mappings.formats import media_type as written_in
from fhir_mappings.options import Options
from fhir_mappings.times import instant_text
from pathways.messages import Message
from schemas.envelopes import EXPIRED, FHIR_JSON, WITHHELD, event_type

_JSON: Final = "application/json"


def event_code(item: Item) -> str:
    """What the receiver may know of what it is."""
    if item.withheld:
        return WITHHELD
    return EXPIRED if item.expired else item.kind


def cloud_event(item: Item, base_url: str, written: Written | None = None) -> bytes:
    """The CloudEvent in JSON; ``data`` is the message Bundle, and absent when there is none to see.

    ``written``: instead of FHIR, in ``data_base64``, as section 3.1.1 has bytes.
    """
    if written:
        content = b64encode(written.content).decode()
        told = {"datacontenttype": written.media_type, "data_base64": content}
        return orjson.dumps({**attributes(item, base_url), **told})
    envelope = orjson.dumps({**attributes(item, base_url), "datacontenttype": media_type(item)})
    data = bundle(item, base_url)
    return envelope if data is None else envelope[:-1] + b',"data":' + data + b"}"


def media_type(item: Item) -> str:
    """A FHIR message; but what is told of parked messages is for the operator alone, and none."""
    return _JSON if item.kind == PARKED else FHIR_JSON


def attributes(item: Item, base_url: str) -> dict[str, str]:
    """The CloudEvent's attributes, whatever it is carried by."""
    return {
        "specversion": "1.0",
        "id": item.id,
        "source": base_url,
        "type": event_type(event_code(item)),
        "time": item.created.isoformat().replace("+00:00", "Z"),
        "sequence": str(item.number),
    }


def bundle(item: Item, base_url: str) -> bytes | None:
    """The message in FHIR JSON: the sender's own when it is in our profile, else our translation of it.

    Byte for byte, unless it came in XML.
    """
    if item.source is None or item.format == "carepath":
        own = item.body or item.source
        return None if own is None else as_json(own).removeprefix(b"\xef\xbb\xbf")
    received = item.received or item.created
    message = inbound.read(item.source, Options(received=received, base_url=base_url))
    if not isinstance(message, Message):  # accepted by an older release: as the sender wrote it
        is_fhir = written_in(item.source) in (FHIR_JSON, FHIR_XML)
        return as_json(item.source) if is_fhir else None
    return orjson.dumps(outbound.write(message, base_url=base_url))


def resource(item: Item, base_url: str) -> bytes | None:
    """The message as a resource of ours: as ``bundle`` gives it, byte for byte, but that its id is ``item.id``.

    A read by that id, and an entry whose ``fullUrl`` ends with it, can have no other.
    """
    told = bundle(item, base_url)
    return None if told is None else _with(told, "id", item.id)


def sent_anew(told: bytes, id_: str, at: datetime) -> bytes:
    """A message Bundle in a new envelope: with this id, and sent at ``at``; all else byte for byte."""
    return _with(_with(told, "id", id_), "timestamp", instant_text(at))


_GAP: Final = re.compile(r"[\s,:]*")


def _with(body: bytes, member: str, told: str) -> bytes:
    """A JSON object with this member, all else as it was written: digits of decimals, order, white space."""
    text, own = body.decode(), f'"{told}"'
    value_at, begins = JSONDecoder().raw_decode, text.index("{") + 1
    at = _skipped(text, begins)
    while text[at] != "}":
        name, end = value_at(text, at)
        begin = _skipped(text, end)
        _, end = value_at(text, begin)
        if name == member:
            return f"{text[:begin]}{own}{text[end:]}".encode()
        at = _skipped(text, end)
    return f'{text[:begins]}"{member}":{own},{text[begins:]}'.encode()


def _skipped(text: str, at: int) -> int:
    """Where what is between two values ends."""
    gap = _GAP.match(text, at)
    return gap.end() if gap else at
