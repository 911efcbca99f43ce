"""What each interaction needs of its caller: a column of the authorisation matrix, and letters of SMART scopes.

FHIR's operations have no scope of their own, so we say which (SMART App Launch 2.2 leaves it to servers): a message in
is a Bundle that is created, the feed and the mailbox are Bundles that are read; what tells of all types at once needs
all types.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from carepath.api.access_log import access_log_, audit_event_, audit_events
from carepath.api.binary import binary
from carepath.api.binding import (
    binding,
    binding_by_parameters,
    bindings,
    bindings_by_parameters,
)
from carepath.api.break_glass import break_glass_
from carepath.api.bundle import message
from carepath.api.events import events
from carepath.api.everything import everything, everything_by_parameters
from carepath.api.health import livez, metrics, readyz
from carepath.api.history import history
from carepath.api.kith import kith_messages
from carepath.api.mailbox import confirm, mailbox
from carepath.api.metadata import metadata
from carepath.api.openapi import openapi
from carepath.api.payment_days import payment_days_
from carepath.api.process_message import process_message
from carepath.api.quiet import quiet_
from carepath.api.read import read
from carepath.api.search import search, search_by_form
from carepath.api.smart import smart_configuration
from carepath.api.statistics import statistics_
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
from carepath.api.token import token
from carepath.api.vread import vread
from carepath.api.websocket import websocket
from carepath.api.where import where_
from carepath.api.worklist import worklist_, worklist_by_parameters
from carepath.identity.scopes import EVERY, allow
from pathways.access import Actor, Operation

OF_ADDRESS: Final = "{type}"
"""The type that stands in the address."""


@dataclass(frozen=True, slots=True)
class Need:
    """What is asked for, and the FHIR type and the letters that a client's scopes must cover."""

    operation: Operation
    type: str | None = None
    letters: str = ""

    def missing(self, actor: Actor, of_address: str | None) -> str | None:
        """The scope that a client would need besides; ``None``: it has what it needs, or is no client."""
        if self.type is None or actor.client is None:
            return None
        type_ = of_address or EVERY if self.type == OF_ADDRESS else self.type
        has = all(allow(actor.scopes, type_, letter) for letter in self.letters)
        return None if has else f"system/{type_}.{self.letters}"


_PUBLIC: Final = Need(Operation.PUBLIC)
_FEED: Final = Need(Operation.FEED, "Bundle", "r")
_BOUND: Final = Need(Operation.FEED, "Subscription", "r")
_WHOLE: Final = Need(Operation.READ, EVERY, "r")
_LIST: Final = Need(Operation.READ, "Task", "s")
_READ: Final = Need(Operation.READ, OF_ADDRESS, "r")
_SEARCH: Final = Need(Operation.READ, OF_ADDRESS, "s")

NEEDS: Final[Mapping[Callable[..., Awaitable[Any]], Need]] = {
    process_message: Need(Operation.SEND, "Bundle", "c"),
    kith_messages: Need(Operation.SEND, "Bundle", "c"),
    mailbox: _FEED,
    confirm: Need(Operation.FEED, "Bundle", "u"),
    events: _FEED,
    message: _FEED,
    create: Need(Operation.FEED, "Subscription", "c"),
    update: Need(Operation.FEED, "Subscription", "u"),
    delete: Need(Operation.FEED, "Subscription", "d"),
    status: _BOUND,
    status_by_parameters: _BOUND,
    statuses: _BOUND,
    statuses_by_parameters: _BOUND,
    subscription_events: _BOUND,
    events_by_parameters: _BOUND,
    binding: _BOUND,
    binding_by_parameters: _BOUND,
    bindings: _BOUND,
    bindings_by_parameters: _BOUND,
    websocket: _PUBLIC,  # says nothing before it is bound by a token, which asks for the above
    break_glass_: Need(Operation.BREAK_GLASS, EVERY, "r"),
    timeline: _WHOLE,
    summary: _WHOLE,
    everything: _WHOLE,
    everything_by_parameters: _WHOLE,
    where_: Need(Operation.READ, "MessageHeader", "r"),
    payment_days_: Need(Operation.READ, "Encounter", "r"),
    worklist_: _LIST,
    worklist_by_parameters: _LIST,
    quiet_: _LIST,
    statistics_: _LIST,
    access_log_: Need(Operation.ACCESS_LOG, "AuditEvent", "s"),
    audit_events: Need(Operation.ACCESS_LOG, "AuditEvent", "s"),
    audit_event_: Need(Operation.ACCESS_LOG, "AuditEvent", "r"),
    binary: Need(Operation.READ, "Binary", "r"),
    search: _SEARCH,
    search_by_form: _SEARCH,
    read: _READ,
    history: _READ,
    vread: _READ,
    metadata: _PUBLIC,
    smart_configuration: _PUBLIC,
    token: _PUBLIC,
    livez: _PUBLIC,
    readyz: _PUBLIC,
    metrics: _PUBLIC,
    openapi: _PUBLIC,
}
"""Every interaction of ``app.ROUTES``; what has no row here is refused to everybody."""
