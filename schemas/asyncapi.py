"""The AsyncAPI 3.0 document: Kafka's topics, the event stream, and what travels on them.

https://www.asyncapi.com/docs/reference/specification/v3.0.0

The operations are Carepath's own: what it receives, others send.
"""

from collections.abc import Mapping
from typing import Final

from schemas import topics
from schemas.envelopes import FHIR_JSON, PARKED, WITHHELD, WITHOUT_CONTENT, event_type
from schemas.jsonschema import JSON, components

KEY: Final = r"^[A-Za-z0-9._-]{1,64}$"
_KITH_XML: Final = "application/xml"
_JSON: Final = "application/json"
_KAFKA: Final = "0.5.0"  # the version of the bindings
_HTTP: Final = "0.3.0"
_WS: Final = "0.1.0"


def document(version: str, message: JSON) -> JSON:
    """The document. ``version`` is that of Carepath; ``message``, a FHIR message Bundle, is the example."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Carepath",
            "version": version,
            "description": "Messages about care pathways in, updates out. What a message says is in docs/profile.md, how"
            " to read updates and what may change in docs/contracts.md. All people in examples are made up.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "externalDocs": {"url": "https://hl7.org/fhir/R4/messaging.html"},
        },
        "defaultContentType": FHIR_JSON,
        "servers": _SERVERS,
        "channels": {name: _channel(name) for name in _CHANNELS},
        "operations": {name: _operation(name) for name in _OPERATIONS},
        "components": {
            "messages": {name: _message(name, message) for name in _MESSAGES},
            "schemas": components(),
            "securitySchemes": {"scram": {"type": "scramSha512"}},
        },
    }


_SERVERS: Final[JSON] = {
    "kafka": {
        "host": "kafka.carepath.example:9093",
        "protocol": "kafka-secure",
        "description": "Kafka with TLS. An organisation may write to its inbound topic and read its updates, no more.",
        "security": [{"$ref": "#/components/securitySchemes/scram"}],
    },
    "kafkaOpen": {
        "host": "localhost:9092",
        "protocol": "kafka",
        "description": "Kafka of open mode, on this machine or a private container network.",
    },
    "http": {
        "host": "localhost:8000",
        "protocol": "http",
        "description": "The same that schemas/generated/openapi.json describes.",
    },
    "websocket": {
        "host": "localhost:8000",
        "protocol": "ws",
        "description": "The same, by WebSocket: $get-ws-binding-token says where, and gives what it is bound with.",
    },
}
_ON_KAFKA: Final = [{"$ref": "#/servers/kafka"}, {"$ref": "#/servers/kafkaOpen"}]
_ORG: Final = {"org": {"description": f"A directory key: {KEY}", "examples": ["999999018"]}}

_LIMITS: Final = ("max.message.bytes", "retention.bytes", "retention.ms")

_CHANNELS: Final[JSON] = {
    "inbound": {
        "address": topics.inbound("{org}"),
        "parameters": _ORG,
        "description": "What an organisation sends. It alone may write here: a message that claims another sender is"
        " refused. The answer to each comes as an acknowledgement in its updates.",
        "servers": _ON_KAFKA,
        "messages": ["message"],
    },
    "updates": {
        "address": topics.updates("{org}"),
        "parameters": _ORG,
        "description": "What an organisation is told, numbered without gaps by ce_sequence. Records about one patient"
        " have one key and keep their order. A record may come again: drop a ce_id that you have seen.",
        "servers": _ON_KAFKA,
        "messages": ["update", "updateByReference", "updateWithoutContent", "letter"],
    },
    "parked": {
        "address": topics.PARKED,
        "description": "For the operator: that something could not be taken in, and why.",
        "servers": _ON_KAFKA,
        "messages": ["parkedNotice"],
    },
    "events": {
        "address": "/events",
        "description": "The updates as server-sent events: id is the number in the feed, event the code, data this"
        " payload. A stream goes on after Last-Event-ID.",
        "servers": [{"$ref": "#/servers/http"}],
        "messages": ["updateEvent", "letterEvent"],
    },
    "websocket": {
        "address": "/fhir/websocket",
        "description": "Notifications of the FHIR Subscriptions that the socket is bound to: for each a handshake, what its"
        " subscriber missed, then what happens. docs/subscriptions.md says how numbers and heartbeats are read.",
        "servers": [{"$ref": "#/servers/websocket"}],
        "messages": ["binding", "notification"],
        "bindings": {"ws": {"method": "GET", "bindingVersion": _WS}},
    },
    "restHook": {
        "address": None,
        "description": "The endpoint that a FHIR Subscription names: notifications are POSTed there, one at a time and in"
        " order. 2xx takes it; else it comes again.",
        "servers": [],
        "messages": ["notification"],
    },
}
_OPERATIONS: Final[JSON] = {
    "receiveMessages": {
        "action": "receive",
        "channel": "inbound",
        "summary": "Send Carepath a message.",
        "description": "Write a FHIR message Bundle to the topic of your own organisation. Key the record by patient,"
        " if order matters to you, with something that says nothing of the person. Sending it again does no harm.",
    },
    "sendUpdates": {
        "action": "send",
        "channel": "updates",
        "summary": "Hear what happened to your patients.",
        "description": "Read the topic of your own organisation, in the consumer group"
        f" {topics.group('{org}')}, and commit the offset when you have stored what you read.",
    },
    "sendParkedNotices": {
        "action": "send",
        "channel": "parked",
        "summary": "Hear what could not be taken in.",
        "description": "Read it as the operator; 'carepath parked' shows the message and tries it again.",
    },
    "streamUpdates": {
        "action": "send",
        "channel": "events",
        "summary": "Hear what happened to your patients, over HTTP.",
        "description": "GET it with the number of the last update that you stored.",
        "bindings": {"http": {"method": "GET", "bindingVersion": _HTTP}},
    },
    "bindWebsocket": {
        "action": "receive",
        "channel": "websocket",
        "messages": ["binding"],
        "summary": "Say which Subscriptions the socket is for.",
        "description": "Within ten seconds, and again whenever there is another token. A bad token closes the socket.",
    },
    "notifyByWebsocket": {
        "action": "send",
        "channel": "websocket",
        "messages": ["notification"],
        "summary": "Hear what a FHIR Subscription asks for, on a socket.",
        "description": "Bind again after the connection broke: what was not sent comes first, under its numbers.",
    },
    "notifyByRestHook": {
        "action": "send",
        "channel": "restHook",
        "summary": "Hear what a FHIR Subscription asks for, at an endpoint of your own.",
        "description": "Each carries the headers and the content type that the Subscription names.",
        "bindings": {"http": {"method": "POST", "bindingVersion": _HTTP}},
    },
}


def _channel(name: str) -> JSON:
    told = dict(_CHANNELS[name])
    told["messages"] = {one: {"$ref": f"#/components/messages/{one}"} for one in told["messages"]}
    if config := _topic_configs().get(told["address"]):
        told["bindings"] = {"kafka": {"topicConfiguration": config, "bindingVersion": _KAFKA}}
    return told


def _topic_configs() -> Mapping[str, JSON]:
    """Every topic's configuration as far as it matters to others, with the retention that is set by default."""
    options = topics.TopicOptions(partitions=1, copies=1, min_isr=1)
    return {
        topic.name: {
            "cleanup.policy": topic.config["cleanup.policy"].split(","),
            **{name: int(topic.config[name]) for name in _LIMITS},
        }
        for topic in topics.topics(["{org}"], options)
    }


def _operation(name: str) -> JSON:
    told = dict(_OPERATIONS[name])
    channel = told["channel"]
    carried = told.get("messages", _CHANNELS[channel]["messages"])
    messages = [{"$ref": f"#/channels/{channel}/messages/{one}"} for one in carried]
    return told | {"channel": {"$ref": f"#/channels/{channel}"}, "messages": messages}


# --- messages

_ATTRIBUTES: Final = {
    "specversion": "1.0",
    "id": "5d5b1d9c-8c35-8b2c-a6cb-2e0c6f4f4e11",
    "source": "https://carepath.example/fhir",
    "type": event_type("admission"),
    "time": "2026-03-02T08:34:01Z",
    "sequence": "1",
}
_HEADERS: Final = {f"ce_{name}": value for name, value in _ATTRIBUTES.items()} | {
    "content-type": FHIR_JSON
}
_KEYED: Final = {
    "kafka": {
        "key": {
            "type": "string",
            "description": "Stands for the patient, and says nothing of the person. None when it is about nobody.",
        },
        "bindingVersion": _KAFKA,
    }
}
_SUBSCRIPTION: Final = "https://carepath.example/fhir/Subscription/2f0e4c1a"
_NOTIFICATION: Final = {
    "resourceType": "Bundle",
    "type": "history",
    "timestamp": "2026-03-02T08:34:01Z",
    "entry": [
        {
            "fullUrl": "urn:uuid:6c1b9a0e-54c5-8d3a-9f0e-1f2a3b4c5d6e",
            "resource": {
                "resourceType": "Parameters",
                "id": "6c1b9a0e-54c5-8d3a-9f0e-1f2a3b4c5d6e",
                "parameter": [
                    {"name": "subscription", "valueReference": {"reference": _SUBSCRIPTION}},
                    {"name": "status", "valueCode": "active"},
                    {"name": "type", "valueCode": "heartbeat"},
                    {"name": "events-since-subscription-start", "valueString": "2"},
                ],
            },
            "request": {"method": "GET", "url": f"{_SUBSCRIPTION}/$status"},
            "response": {"status": "200"},
        }
    ],
}
_NOTICE: Final = {
    "id": "0b8f4a52-6f0e-8d6a-a7a1-95f2a0c7d3e2",
    "reason": "malformed",
    "organisation": "999999018",
    "topic": topics.inbound("999999018"),
    "partition": 0,
    "offset": 17,
}


def _schema(model: str) -> JSON:
    return {"$ref": f"#/components/schemas/{model}"}


_MESSAGES: Final[Mapping[str, JSON]] = {
    "message": {
        "title": "A message to Carepath",
        "headers": _schema("InboundHeaders"),
        "payload": _schema("Message"),
    },
    "update": {
        "title": "An update",
        "summary": "A CloudEvent 1.0 in binary mode: its attributes are headers, its data the record's value.",
        "headers": _schema("UpdateHeaders"),
        "payload": _schema("Message"),
        "bindings": _KEYED,
    },
    "updateByReference": {
        "title": "An update that is too large for the topic",
        "summary": "Fetch it where ce_dataref says. There is not one byte in its value.",
        "headers": {"allOf": [_schema("UpdateHeaders"), {"required": ["ce_dataref"]}]},
        "bindings": _KEYED,
    },
    "updateWithoutContent": {
        "title": "A place in the feed without content",
        "summary": "Withheld: you may no longer see it. Expired: what it said is no longer kept. Restored: the feed goes"
        " on here, from a far higher number. There is not one byte in its value.",
        "headers": {
            "allOf": [
                _schema("UpdateHeaders"),
                {"properties": {"ce_type": {"enum": [event_type(one) for one in WITHOUT_CONTENT]}}},
            ]
        },
    },
    "updateEvent": {
        "title": "An update, as the data of a server-sent event",
        "summary": "A CloudEvent 1.0 in JSON (structured mode).",
        "contentType": "application/cloudevents+json",
        "payload": _schema("UpdateEvent"),
    },
    "letter": {
        "title": "An update in Norwegian XML or HL7 v2",
        "summary": "For receivers that have this dialect in the directory. docs/kith.md, docs/hl7v2.md.",
        "headers": _schema("LetterHeaders"),
        "bindings": _KEYED,
    },
    "letterEvent": {
        "title": "The same, as the data of a server-sent event",
        "contentType": "application/cloudevents+json",
        "payload": _schema("LetterEvent"),
    },
    "binding": {
        "title": "What binds a websocket",
        "contentType": "text/plain",
        "payload": {"type": "string", "pattern": r"^bind-with-token:?\s+[A-Za-z0-9_-]+$"},
        "examples": [{"payload": "bind-with-token 8Zc2b0yS3v1hTq"}],
    },
    "notification": {
        "title": "A notification",
        "summary": "A history Bundle of FHIR's R5 Subscriptions Backport: first how the Subscription stands and which"
        " events there are, then what they are about. In FHIR XML for who asks for it.",
        "payload": {
            "type": "object",
            "required": ["resourceType", "type", "timestamp", "entry"],
            "properties": {
                "resourceType": {"const": "Bundle"},
                "type": {"const": "history"},
                "timestamp": {"type": "string", "format": "date-time"},
                "entry": {"type": "array", "minItems": 1, "items": {"type": "object"}},
            },
        },
        "examples": [{"payload": _NOTIFICATION}],
    },
    "parkedNotice": {
        "title": "A notice of what was parked",
        "contentType": _JSON,
        "headers": _schema("ParkedHeaders"),
        "payload": _schema("ParkedNotice"),
    },
}


def _message(name: str, message: JSON) -> JSON:
    told = _MESSAGES[name]
    return told if "examples" in told else told | {"examples": [_example(name, message)]}


def _example(name: str, message: JSON) -> JSON:
    event = {"payload": {**_ATTRIBUTES, "datacontenttype": FHIR_JSON, "data": message}}
    letter = {**_ATTRIBUTES, "datacontenttype": _KITH_XML, "data_base64": "PE1zZ0hlYWQvPg=="}
    withheld = {"ce_type": event_type(WITHHELD), "ce_sequence": "2"}
    place = "https://carepath.example/events?org=999999018&since=0"
    parked = {"ce_type": event_type(PARKED), "content-type": _JSON}
    examples: dict[str, JSON] = {
        "message": {"headers": {"content-type": FHIR_JSON}, "payload": message},
        "update": {"headers": _HEADERS, "payload": message},
        "updateByReference": {"headers": _HEADERS | {"ce_dataref": place}},
        "updateWithoutContent": {"headers": _HEADERS | withheld},
        "updateEvent": event,
        "letter": {"headers": _HEADERS | {"content-type": _KITH_XML}},
        "letterEvent": {"payload": letter},
        "parkedNotice": {"headers": _HEADERS | parked, "payload": _NOTICE},
    }
    return examples[name]
