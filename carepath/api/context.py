"""What every interaction works with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from carepath.api.metrics import Metrics
from carepath.delivery.answers import Answers
from carepath.delivery.gather import Gather
from carepath.delivery.hooks import Hooks
from carepath.delivery.kafka import Publisher
from carepath.delivery.live import Live
from carepath.delivery.relay import Relay
from carepath.delivery.rounds import Rounds
from carepath.service.directory import Parties
from carepath.service.terms import Tariff
from carepath.store.database import Database

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The running broker. ``address`` is where it is reached, without a slash at its end.

    ``publisher`` is for Kafka, if there is one; ``rounds`` are what is done beside answering.
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
    open_network: bool = False
    max_bytes: int
    publisher: Publisher | None = None
    rounds: Sequence[Rounds] = ()
    metrics: Metrics = field(default_factory=Metrics)
    tariff: Tariff = field(default_factory=Tariff)

    @property
    def base_url(self) -> str:
        """The FHIR base URL."""
        return f"{self.address}/fhir"

    async def ask(
        self, query: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a query of the store on a thread, in a snapshot of its own."""

        def run() -> T:
            with self.database.read() as conn:
                return query(conn, *args, **kwargs)

        return await run_in_threadpool(run)


def context_of(request: Request) -> Context:
    """The broker that serves this request."""
    found = request.app.state.context
    assert isinstance(found, Context)  # noqa: S101 -- set by ``application``, nowhere else
    return found
