"""A place in a feed as a CloudEvent: what a receiver gets, whatever it is carried by.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from typing import Final

import orjson

from carepath.store.feed import Item
from fhir_mappings import inbound, outbound
from fhir_mappings.options import Options
from pathways.messages import Message

FHIR_JSON: Final = "application/fhir+json"
WITHHELD: Final = "withheld"


def event_code(item: Item) -> str:
    """What the receiver may know of what it is."""
    return WITHHELD if item.withheld else item.kind


def cloud_event(item: Item, base_url: str) -> bytes:
    """The CloudEvent in JSON; ``data`` is the message Bundle, and absent when it is withheld."""
    envelope = orjson.dumps(
        {
            "specversion": "1.0",
            "id": item.id,
            "source": base_url,
            "type": f"example.carepath.{event_code(item)}.v1",
            "time": item.created,
            "sequence": str(item.number),
            "datacontenttype": FHIR_JSON,
        },
        option=orjson.OPT_UTC_Z,
    )
    data = bundle(item, base_url)
    return envelope if data is None else envelope[:-1] + b',"data":' + data + b"}"


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
