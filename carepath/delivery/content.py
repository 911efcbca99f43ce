"""A place in a feed as a CloudEvent: what a receiver gets, whatever it is carried by.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from typing import Final

import orjson

from carepath.store.feed import PARKED, Item
from fhir_mappings import inbound, outbound
from fhir_mappings.options import Options
from pathways.messages import Message
from schemas.envelopes import EXPIRED, FHIR_JSON, WITHHELD, event_type

_JSON: Final = "application/json"


def event_code(item: Item) -> str:
    """What the receiver may know of what it is."""
    if item.withheld:
        return WITHHELD
    return EXPIRED if item.expired else item.kind


def cloud_event(item: Item, base_url: str) -> bytes:
    """The CloudEvent in JSON; ``data`` is the message Bundle, and absent when there is none to see."""
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
    """The message: the sender's own bytes when they are in our profile, else our translation of them."""
    if item.source is None or item.format == "carepath":
        own = item.body or item.source
        return None if own is None else own.removeprefix(b"\xef\xbb\xbf")
    received = item.received or item.created
    message = inbound.read(item.source, Options(received=received, base_url=base_url))
    if not isinstance(message, Message):  # accepted by an older release: as the sender wrote it
        return item.source
    return orjson.dumps(outbound.write(message, base_url=base_url))
