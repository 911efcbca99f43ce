"""What every interaction works with."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request

from carepath.api.allowance import NONE, Limits
from carepath.api.metrics import Metrics
from carepath.delivery.answers import Answers
from carepath.delivery.gather import Gather
from carepath.delivery.hooks import Hooks
from carepath.delivery.kafka import Publisher
from carepath.delivery.live import Live
from carepath.delivery.relay import Relay
from carepath.delivery.rounds import Rounds
from carepath.identity.entrance import Entrance
from carepath.service.directory import Parties
from carepath.service.terms import Tariff
from carepath.store.database import Database
from carepath.store.rights import Viewer
from pathways.access import Actor

P = ParamSpec("P")
T = TypeVar("T")
InSession = Callable[[HTTPConnection], Awaitable[Actor | None]]
"""Who is signed in to the pages, by a cookie; it sets ``state.standing``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The running broker. ``address`` is where it is reached, without a slash at its end.

    ``entrance`` is where clients sign in and ``sessions`` know people at the pages: both but in open mode.
    ``publisher`` is for Kafka, if there is one; ``rounds`` are what is done beside answering. ``metrics_port`` is where
    figures are, if not beside everything else.
    """

    database: Database
    gather: Gather
    relay: Relay
    answers: Answers
    hooks: Hooks
    live: Live
    parties: Parties
    address: str
    version: str
    open_mode: bool
    entrance: Entrance | None = None
    sessions: InSession | None = None
    open_network: bool = False
    mail: bool = False  # whether people can be told by e-mail
    max_bytes: int
    limits: Limits = NONE
    publisher: Publisher | None = None
    rounds: Sequence[Rounds] = ()
    metrics: Metrics = field(default_factory=Metrics)
    metrics_port: int | None = None
    tariff: Tariff = field(default_factory=Tariff)

    @property
    def base_url(self) -> str:
        """The FHIR base URL."""
        return f"{self.address}/fhir"

    async def ask(
        self, query: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a query of the store on a thread, in a snapshot of its own: one that tells nobody of any patient."""

        def run() -> T:
            with self.database.read() as conn:
                return query(conn, *args, **kwargs)

        return await run_in_threadpool(run)

    async def ask_as(
        self,
        viewer: Viewer,
        query: Callable[Concatenate[Any, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """The same to answer ``viewer``: the database itself keeps from them what is not theirs."""

        def run() -> T:
            with self.database.seen_by(viewer) as conn:
                return query(conn, *args, **kwargs)

        return await run_in_threadpool(run)


def context_of(request: Request) -> Context:
    """The broker that serves this request."""
    found = request.app.state.context
    assert isinstance(found, Context)  # noqa: S101 -- set by ``application``, nowhere else
    return found
