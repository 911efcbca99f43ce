"""What each interaction takes and how it can answer: the half of ``/openapi.json`` that no route tells.

Every answer that is no success is an OperationOutcome, so an operation names their statuses only.
"""

from collections.abc import Mapping
from typing import Final

from carepath.api import examples
from carepath.api.binary import binary
from carepath.api.binding import (
    binding,
    binding_by_parameters,
    bindings,
    bindings_by_parameters,
)
from carepath.api.bundle import message
from carepath.api.errors import FHIR_JSON
from carepath.api.events import events
from carepath.api.everything import everything, everything_by_parameters
from carepath.api.health import livez, metrics, readyz
from carepath.api.history import history
from carepath.api.kith import TYPES as KITH_TYPES
from carepath.api.kith import kith_messages
from carepath.api.list_operations import LISTS
from carepath.api.mailbox import confirm, mailbox
from carepath.api.metadata import metadata
from carepath.api.negotiation import TYPES
from carepath.api.operation import ANY, FORM, STREAM, TEXT, Interaction, Operation
from carepath.api.process_message import process_message
from carepath.api.read import read
from carepath.api.search import search, search_by_form
from carepath.api.sign_in_operations import SIGN_IN
from carepath.api.subscription import create, delete, update
from carepath.api.subscription_operations import events as subscription_events
from carepath.api.subscription_operations import (
    events_by_parameters,
    status,
    status_by_parameters,
    statuses,
    statuses_by_parameters,
)
from carepath.api.summary import summary
from carepath.api.timeline import timeline
from carepath.api.vread import vread
from carepath.api.where import where_
from carepath.service import STATUS
from fhir_mappings.formats import CLOUD_EVENT, KITH_XML

_FHIR: Final = ("organisation", "format", "pretty")
_CONDITIONS: Final = ("if-none-match", "if-modified-since")
_SEARCH: Final = (*_FHIR, "prefer", "count", "summary", "elements", "total")
_EVENTS: Final = ("events-since", "events-until", "content")
_EVERYTHING: Final = ("care-start", "care-end", "changed-since", "types", "page-size", "page")
_STATE: Final = "The resource. ETag is its version, Last-Modified when it became so."
_TOKEN: Final = (
    "The token, when it ends, for which Subscriptions it is, and where the websocket is opened."  # noqa: S105
)
_KNOWN: Final = "The caller has this version already."

OPERATIONS: Final[Mapping[Interaction, Operation]] = {
    process_message: Operation(
        id="processMessage",
        summary="Take a message in. The answer is definitive: what it says is committed.",
        takes=(*TYPES, CLOUD_EVENT),
        asked=examples.message,
        told=examples.taken_in,
        parameters=(*_FHIR, "async", "response-url"),
        gives=("Bundle",),
        answers={
            200: "Taken in: the response message; a repeat gets the same bytes. Without a body when async=true.",
            202: "Kept until it can be placed: an OperationOutcome says why.",
            204: "An acknowledgement was taken in; it is never answered.",
        },
        refuses=(*sorted({*STATUS.values(), 406, 415, 503} - {403, 500}),),
    ),
    kith_messages: Operation(
        id="kithMessage",
        summary="Take a Norwegian message in (PLO, Henvisning, Epikrise, Dialogmelding, AppRec in XML).",
        takes=KITH_TYPES,
        receives="",
        parameters=("organisation",),
        gives=("OperationOutcome",),
        media=(KITH_XML, FHIR_JSON),
        answers={
            200: "Taken in: the AppRec; a repeat gets the same bytes.",
            204: "An AppRec was taken in; it is never answered.",
            400: "Refused: the AppRec says why, or the OperationOutcome where there was nobody to answer.",
            409: "Its id came before with other content: the AppRec says so.",
            415: "Not XML by its Content-Type: the AppRec says so.",
        },
        refuses=(413, 503),
    ),
    mailbox: Operation(
        id="mailbox",
        summary="What the caller was sent and has not confirmed, oldest first, each with its number in the feed.",
        parameters=(*_FHIR, "count", "after"),
        gives=("Bundle",),
        answers={
            200: "A history of message Bundles in pages. It comes again until it is confirmed."
        },
        refuses=(400, 406, 503),
    ),
    confirm: Operation(
        id="confirm",
        summary="The caller is done with its mailbox up to and with a number: none of that is given again.",
        takes=TYPES,
        receives="Parameters",
        asked=examples.worked_off,
        told=examples.confirmed,
        parameters=_FHIR,
        gives=("Parameters",),
        answers={200: "How far it is confirmed now, and how many wait."},
        refuses=(400, 406, 409, 413, 415, 422, 503),
    ),
    metadata: Operation(
        id="capabilities",
        summary="What this server can do.",
        parameters=("format", "pretty"),
        gives=("CapabilityStatement",),
        answers={200: "The CapabilityStatement."},
        refuses=(406,),
    ),
    timeline: Operation(
        id="timeline",
        summary="What happened to the patient, oldest first: a Provenance for each entry, then the current resources.",
        parameters=(*_FHIR, "as-of", "language"),
        gives=("Bundle",),
        answers={200: "A searchset; its sentences in the language of Content-Language."},
        refuses=(400, 404, 406, 503),
    ),
    summary: Operation(
        id="summary",
        summary="The handover document, as of now.",
        parameters=(*_FHIR, "language"),
        gives=("Bundle",),
        answers={200: "A document in the language of Content-Language."},
        refuses=(400, 404, 406, 503),
    ),
    everything: Operation(
        id="everything",
        summary="The patient and all that is known of them, with the Organizations that it refers to.",
        parameters=(*_FHIR, "prefer", *_EVERYTHING),
        gives=("Bundle",),
        answers={200: "A searchset in pages, the patient first."},
        refuses=(400, 404, 406, 503),
    ),
    everything_by_parameters: Operation(
        id="everythingByParameters",
        summary="The same, asked for with the parameters start, end, _since, _type and _count.",
        takes=TYPES,
        receives="Parameters",
        parameters=(*_FHIR, "prefer"),
        gives=("Bundle",),
        answers={200: "A searchset in pages, the patient first."},
        refuses=(400, 404, 406, 413, 415, 422, 503),
    ),
    where_: Operation(
        id="where",
        summary="How far a message has come with each receiver.",
        parameters=_FHIR,
        gives=("Parameters",),
        answers={
            200: "One message for each that bears the id, with one receiver for each it went to."
        },
        refuses=(400, 404, 406, 503),
    ),
    binary: Operation(
        id="original",
        summary="A message as its sender wrote it, byte for byte.",
        parameters=("organisation",),
        media=(FHIR_JSON, ANY),
        gives=("Bundle", "Binary"),
        answers={200: "The very bytes, in their own media type."},
        refuses=(400, 404, 410, 503),
    ),
    search: Operation(
        id="search{type}",
        summary="Find resources of this type.",
        searches=True,
        parameters=_SEARCH,
        gives=("Bundle",),
        answers={200: "A searchset in pages, empty when nothing matches."},
        refuses=(400, 406, 503),
    ),
    search_by_form: Operation(
        id="search{type}ByForm",
        summary="The same, with the parameters where they leave no trace in logs.",
        searches=True,
        takes=(FORM,),
        parameters=_SEARCH,
        gives=("Bundle",),
        answers={200: "A searchset in pages, empty when nothing matches."},
        refuses=(400, 406, 413, 415, 503),
    ),
    read: Operation(
        id="read{type}",
        summary="The resource as it stands now.",
        parameters=(*_FHIR, *_CONDITIONS),
        gives=("{type}",),
        answers={200: _STATE, 304: _KNOWN},
        refuses=(400, 404, 406, 410, 503),
    ),
    history: Operation(
        id="history{type}",
        summary="Every version of the resource, newest first.",
        parameters=(*_FHIR, "count", "before"),
        gives=("Bundle",),
        answers={200: "A history in pages."},
        refuses=(400, 404, 406, 503),
    ),
    vread: Operation(
        id="version{type}",
        summary="The resource as it was.",
        parameters=(*_FHIR, *_CONDITIONS),
        gives=("{type}",),
        answers={200: _STATE, 304: _KNOWN},
        refuses=(400, 404, 406, 410, 503),
    ),
    message: Operation(
        id="message",
        summary="A message as it was sent to the caller, by its place in the caller's feed.",
        parameters=_FHIR,
        gives=("Bundle",),
        answers={200: "The message."},
        refuses=(400, 404, 406, 410, 503),
    ),
    create: Operation(
        id="subscribe",
        summary="Subscribe to a topic.",
        takes=TYPES,
        receives="Subscription",
        asked=examples.subscription,
        parameters=(*_FHIR, "return", "if-none-exist"),
        gives=("Subscription",),
        answers={
            200: "The one that If-None-Exist finds: nothing was made.",
            201: "It is there at Location; a rest-hook gets a handshake now.",
        },
        refuses=(400, 406, 412, 413, 415, 422, 503),
    ),
    update: Operation(
        id="subscribeAnew",
        summary="Change a Subscription, or ask for it anew: its events are counted on, and what waits is sent.",
        takes=TYPES,
        receives="Subscription",
        asked=examples.subscription,
        parameters=(*_FHIR, "return", "if-match"),
        gives=("Subscription",),
        answers={200: "It is changed."},
        refuses=(400, 404, 405, 406, 410, 412, 413, 415, 422, 503),
    ),
    delete: Operation(
        id="unsubscribe",
        summary="End a Subscription. Its history stays.",
        parameters=("organisation", "if-match"),
        answers={204: "It is gone."},
        refuses=(400, 404, 412, 503),
    ),
    status: Operation(
        id="subscriptionStatus",
        summary="How a Subscription stands, and how many events it has had.",
        parameters=_FHIR,
        gives=("Bundle",),
        answers={200: "A searchset of one status."},
        refuses=(400, 404, 406, 410, 503),
    ),
    status_by_parameters: Operation(
        id="subscriptionStatusByParameters",
        summary="The same, with POST.",
        takes=TYPES,
        receives="Parameters",
        parameters=_FHIR,
        gives=("Bundle",),
        answers={200: "A searchset of one status."},
        refuses=(400, 404, 406, 410, 413, 415, 422, 503),
    ),
    statuses: Operation(
        id="subscriptionStatuses",
        summary="How the caller's Subscriptions stand.",
        parameters=(*_FHIR, "prefer", "subscription-ids", "subscription-statuses"),
        gives=("Bundle",),
        answers={200: "A searchset of statuses."},
        refuses=(400, 406, 503),
    ),
    statuses_by_parameters: Operation(
        id="subscriptionStatusesByParameters",
        summary="The same, asked for with the parameters id and status.",
        takes=TYPES,
        receives="Parameters",
        parameters=(*_FHIR, "prefer"),
        gives=("Bundle",),
        answers={200: "A searchset of statuses."},
        refuses=(400, 406, 413, 415, 422, 503),
    ),
    subscription_events: Operation(
        id="subscriptionEvents",
        summary="Events of a Subscription by their numbers, for whoever missed some.",
        parameters=(*_FHIR, "prefer", *_EVENTS),
        gives=("Bundle",),
        answers={200: "A history: the status, then what the events are about."},
        refuses=(400, 404, 406, 410, 503),
    ),
    events_by_parameters: Operation(
        id="subscriptionEventsByParameters",
        summary="The same, asked for with the parameters eventsSinceNumber, eventsUntilNumber and content.",
        takes=TYPES,
        receives="Parameters",
        parameters=(*_FHIR, "prefer"),
        gives=("Bundle",),
        answers={200: "A history: the status, then what the events are about."},
        refuses=(400, 404, 406, 410, 413, 415, 422, 503),
    ),
    binding: Operation(
        id="websocketToken",
        summary="A token that binds a websocket to a Subscription; schemas/generated/asyncapi.json describes the socket.",
        parameters=(*_FHIR, "prefer"),
        gives=("Parameters",),
        answers={200: _TOKEN},
        refuses=(400, 404, 406, 410, 422, 503),
    ),
    binding_by_parameters: Operation(
        id="websocketTokenByParameters",
        summary="The same, with POST.",
        takes=TYPES,
        receives="Parameters",
        parameters=(*_FHIR, "prefer"),
        gives=("Parameters",),
        answers={200: _TOKEN},
        refuses=(400, 404, 406, 410, 413, 415, 422, 503),
    ),
    bindings: Operation(
        id="websocketTokens",
        summary="A token that binds a websocket to several Subscriptions: the named, or all that the caller can bind.",
        parameters=(*_FHIR, "prefer", "subscription-ids"),
        gives=("Parameters",),
        answers={200: _TOKEN},
        refuses=(400, 404, 406, 410, 422, 503),
    ),
    bindings_by_parameters: Operation(
        id="websocketTokensByParameters",
        summary="The same, asked for with the parameter id.",
        takes=TYPES,
        receives="Parameters",
        parameters=(*_FHIR, "prefer"),
        gives=("Parameters",),
        answers={200: _TOKEN},
        refuses=(400, 404, 406, 410, 413, 415, 422, 503),
    ),
    events: Operation(
        id="events",
        summary="A receiver's feed as server-sent events, which schemas/generated/asyncapi.json describes.",
        media=(STREAM,),
        parameters=("organisation", "org", "since", "last-event-id"),
        answers={
            200: "Events without end: id is the feed number, event the code, data a CloudEvent."
        },
        refuses=(400, 503),
    ),
    livez: Operation(
        id="live", summary="Whether the process answers.", media=(TEXT,), answers={200: "It does."}
    ),
    readyz: Operation(
        id="ready",
        summary="Whether the store answers too.",
        media=(TEXT,),
        answers={200: "It does."},
        refuses=(503,),
    ),
    metrics: Operation(
        id="metrics",
        summary="The figures of this process, in Prometheus' text format.",
        media=(TEXT,),
        answers={200: "The figures."},
        refuses=(503,),
    ),
    **LISTS,
    **SIGN_IN,
}
"""Every interaction of ``app.ROUTES`` but the document's own."""
