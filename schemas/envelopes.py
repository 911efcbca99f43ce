"""The envelopes on the wire as pydantic models: what goes around a FHIR message, and the notice of what was parked.

Nothing on the wire is ever null: what there is nothing to say of is absent. Receivers let pass what they do not
know, so a later release may add to every envelope (docs/contracts.md).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AnyUrl, AwareDatetime, BaseModel, ConfigDict, Field, WithJsonSchema

from pathways.events import RULES

FHIR_JSON: Final = "application/fhir+json"
WITHHELD: Final = "withheld"
"""The place of an update that its receiver may no longer see."""
EXPIRED: Final = "expired"
"""The place of an update whose message is no longer kept."""
RESTORED: Final = "restored"
"""Carepath's store was restored from a backup: the feed goes on here, from a far higher number."""
PARKED: Final = "parked"
"""Something could not be taken in: told to the operator alone."""
WITHOUT_CONTENT: Final = (WITHHELD, EXPIRED, RESTORED)
_EVENT_TYPE: Final = r"^example\.carepath\.[a-z]+(-[a-z]+)*\.v[1-9][0-9]*$"


def event_type(code: str) -> str:
    """The CloudEvents ``type`` of an update; the number at its end is the version of the wire format."""
    return f"example.carepath.{code}.v1"


EVENT_TYPES: Final = tuple(event_type(code) for code in (*RULES, *WITHOUT_CONTENT, PARKED))
"""Every type that this release writes."""

EventType = Annotated[
    str,
    Field(pattern=_EVENT_TYPE),
    WithJsonSchema(
        {
            "type": "string",
            "description": "What happened. Later releases may add types: let pass what you do not know.",
            "anyOf": [{"enum": sorted(EVENT_TYPES)}, {"pattern": _EVENT_TYPE}],
        }
    ),
]
Id = Annotated[
    str, Field(min_length=1, description="The same at every repeat: drop what you have seen.")
]
Sequence = Annotated[
    str,
    Field(
        pattern="^[1-9][0-9]*$",
        description="The number in this receiver's feed: 1, 2, 3 … without gaps, but before one of type restored.",
    ),
]
Source = Annotated[AnyUrl, Field(description="The FHIR address of the Carepath that sends.")]
Time = Annotated[AwareDatetime, Field(description="When it was put into the feed.")]


class Envelope(BaseModel):
    """What all envelopes have in common: names as on the wire, and room for what comes later."""

    model_config = ConfigDict(extra="allow", frozen=True, validate_by_name=True)


class Message(Envelope):
    """A FHIR R4 message Bundle, the MessageHeader first. See docs/profile.md and https://hl7.org/fhir/R4/messaging.html."""

    resource_type: Literal["Bundle"] = Field(alias="resourceType")
    type: Literal["message"]
    entry: list[dict[str, Any]] = Field(min_length=1)


class UpdateEvent(Envelope):
    """An update as a CloudEvent in JSON (structured mode): the ``data`` of a server-sent event.

    ``data`` is absent when the update is withheld, expired, or says that the store was restored.
    """

    specversion: Literal["1.0"]
    id: Id
    source: Source
    type: EventType
    time: Time
    sequence: Sequence
    datacontenttype: Literal["application/fhir+json"]
    data: Message | None = None


class LetterEvent(Envelope):
    """The same for a receiver whose dialect in the directory is Norwegian XML or HL7 v2."""

    specversion: Literal["1.0"]
    id: Id
    source: Source
    type: EventType
    time: Time
    sequence: Sequence
    datacontenttype: Literal["application/xml", "application/hl7-v2"]
    data_base64: Annotated[str, Field(description="The message's bytes.")]


class _Headers(Envelope):
    ce_specversion: Literal["1.0"]
    ce_id: Id
    ce_source: Source
    ce_type: EventType
    ce_time: Time
    ce_sequence: Sequence
    ce_replay: Literal["true"] | None = Field(
        default=None, description="There when it is sent again because somebody asked."
    )


class UpdateHeaders(_Headers):
    """The Kafka headers of an update: a CloudEvent in binary mode. The record's value is the message.

    The value is empty when the update is withheld, expired, or says that the store was restored.
    """

    ce_dataref: Annotated[
        AnyUrl | None,
        Field(
            description="Where to fetch the update when it is too large for the topic; the value is empty then."
        ),
    ] = None
    content_type: Literal["application/fhir+json"] = Field(alias="content-type")


class LetterHeaders(_Headers):
    """The same for a receiver whose dialect in the directory is Norwegian XML or HL7 v2: so is the value."""

    content_type: Literal["application/xml", "application/hl7-v2"] = Field(alias="content-type")


class ParkedHeaders(_Headers):
    """The Kafka headers of a notice of what was parked: a CloudEvent in binary mode."""

    content_type: Literal["application/json", "application/fhir+json"] = Field(
        alias="content-type", description="That of the notice is the first."
    )


class InboundHeaders(Envelope):
    """The Kafka headers of a message that an organisation sends; none is needed, and others are not looked at."""

    content_type: str | None = Field(
        default=None,
        alias="content-type",
        description="What the value is: FHIR JSON or FHIR XML; without it, the one that the value begins as.",
        examples=[FHIR_JSON, "application/fhir+xml"],
    )


class ParkedNotice(Envelope):
    """What could not be taken in from a stream, and why; nothing of what it says: that ``carepath parked`` shows."""

    id: str = Field(min_length=1, description="Under which it is kept.")
    reason: str = Field(min_length=1, description="A short word: why it was parked.")
    organisation: str = Field(description="Whose topic it stood in (a directory key).")
    topic: str
    partition: int = Field(ge=0)
    offset: int = Field(ge=0)


ENVELOPES: Final[Mapping[str, type[Envelope]]] = {
    "inbound-headers": InboundHeaders,
    "letter-event": LetterEvent,
    "letter-headers": LetterHeaders,
    "message": Message,
    "parked-headers": ParkedHeaders,
    "parked-notice": ParkedNotice,
    "update-event": UpdateEvent,
    "update-headers": UpdateHeaders,
}
"""Every envelope by the name of its file in ``schemas/generated``."""
