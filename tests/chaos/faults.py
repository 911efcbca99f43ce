"""Every way in which the system is broken, each a function on a run. When it returns, the fault is over."""

import random
import signal
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from schemas import topics
from tests.chaos import group, logs
from tests.chaos.observe import INBOUND
from tests.chaos.sender import Place, Sender
from tests.chaos.system import Death, Program, System
from tests.chaos.view import Offset, Partition, View, behind
from tests.servers import PATIENCE

FROZEN: Final = 15.0
"""Seconds; longer than Kafka waits for a member of a group, and as long as a publisher's lease."""


@dataclass(slots=True)
class Run:
    """A system under load, and what was measured; seconds."""

    system: System
    sender: Sender
    view: View
    chance: random.Random
    recoveries: list[float] = field(default_factory=list)
    terms: list[float] = field(default_factory=list)
    earlier: dict[Place, bytes] = field(default_factory=dict)
    """What stood in topics that were deleted."""

    def any_worker(self) -> Program:
        """One of the two that always run."""
        return self.chance.choice(self.system.workers[:2])

    def recovers(self, death: Death, owned: Collection[Partition]) -> None:
        """Measure how long the partitions of a killed worker wait for the next commit."""
        before = self.positions()
        self.until(lambda: any(self.positions().get(p) != before.get(p) for p in owned))
        self.recoveries.append(time.monotonic() - death.at)

    def assigned(self, worker: str) -> set[Partition]:
        """The partitions that a worker has, or had when it died a moment ago; waits until it has some."""
        broker = self.system.node.settings()
        self.until(lambda: bool(group.assigned(broker, worker)), every=0.2)
        return group.assigned(broker, worker)

    def positions(self) -> Mapping[Partition, Offset]:
        """How far all is taken in; waits for the database."""
        while (found := self.view.positions()) is None:
            time.sleep(0.05)
        return found

    def goes_on(self) -> None:
        """Wait until something is committed."""
        before = self.positions()
        self.until(lambda: self.positions() != before)

    def takes_in(self, ends: Mapping[Partition, Offset]) -> bool:
        """Wait until all before these ends is taken in; whether it was."""
        self.until(lambda: not any(behind(self.positions(), ends).values()))
        return not any(behind(self.positions(), ends).values())

    def until(self, condition: Callable[[], bool], every: float = 0.02) -> None:
        """Wait for what must soon be so, while there is load; if it is not, the oracle will see."""
        latest = time.monotonic() + PATIENCE
        while not condition() and time.monotonic() < latest and self.sender.left:
            time.sleep(every)


def failpoint(name: str, run: Run) -> None:
    """A worker dies exactly there, the first time or a little later."""
    worker = run.any_worker()
    run.terms.append(worker.stop())
    before = len(worker.deaths)
    worker.start(f"{name}:{run.chance.randint(1, 3)}")
    death = worker.died(before)
    assert death.code == 137, f"{worker.name} ended with {death.code} instead of at {name}"
    run.recovers(death, run.assigned(worker.name))


def kill(run: Run) -> None:
    """SIGKILL of a worker."""
    worker = run.any_worker()
    owned = run.assigned(worker.name)
    before = len(worker.deaths)
    worker.signal(signal.SIGKILL)
    run.recovers(worker.died(before), owned)


def terminate(run: Run) -> None:
    """SIGTERM of a worker and the server, both started again."""
    for program in (run.any_worker(), run.system.server):
        run.terms.append(program.stop(wanted=True))
    run.goes_on()


def freeze(run: Run) -> None:
    """SIGSTOP of a worker and the server; when they go on, the other worker has done their work."""
    frozen = (run.any_worker(), run.system.server)
    for program in frozen:
        program.signal(signal.SIGSTOP)
    time.sleep(FROZEN)
    for program in frozen:
        program.signal(signal.SIGCONT)
    run.goes_on()


def broker(run: Run) -> None:
    """Kafka is killed, and starts again after a moment."""
    run.system.node.kill()
    time.sleep(run.chance.uniform(0, 3))
    run.system.node.start()
    run.goes_on()


def database(mode: str, run: Run) -> None:
    """PostgreSQL is stopped, and starts again after a moment."""
    run.system.cluster.stop("fast" if mode == "fast" else "immediate")
    time.sleep(run.chance.uniform(0, 3))
    run.system.cluster.start()
    run.goes_on()


def rebalance(run: Run) -> None:
    """A third worker joins, takes its share, and leaves."""
    third = run.system.workers[2] if len(run.system.workers) > 2 else run.system.worker()
    third.start()
    run.assigned(third.name)
    time.sleep(run.chance.uniform(0.5, 2))
    run.terms.append(third.stop())
    run.goes_on()


def ahead(run: Run) -> None:
    """All workers end; somebody sets the group's offsets to the end, past what nobody has read."""
    workers = run.system.workers[:2]
    run.terms.extend(worker.stop() for worker in workers)
    time.sleep(2)
    end = logs.ends(run.system.node.settings(), INBOUND)
    group.set_ahead_when_empty(run.system.node.settings(), end)
    for worker in workers:
        worker.start()
    run.takes_in(end)


def ahead_while_running(run: Run) -> None:
    """The same under the workers' feet: Kafka permits it to nobody but them, today."""
    end = logs.ends(run.system.node.settings(), INBOUND)
    group.set_ahead(run.system.node.settings(), end)
    run.takes_in(end)


def anew(run: Run) -> None:
    """An organisation's topic is deleted when all in it was taken in, and made anew."""
    organisation = run.chance.choice(INBOUND).removeprefix(topics.INBOUND)
    topic, broker_ = topics.inbound(organisation), run.system.node.settings()
    run.sender.hold(organisation)
    end = logs.ends(broker_, [topic])
    assert run.takes_in(end), f"{topic} is not taken in"
    run.earlier |= logs.inbound(broker_, topic, run.sender.lives[topic])
    with closing(run.system.node.admin()) as admin:
        admin.delete_topics([topic])
    time.sleep(run.chance.uniform(0, 3))
    run.system.carepath("topics", "apply")
    run.sender.release(organisation)
    run.goes_on()


Fault = Callable[[Run], None]
FAULTS: Final[Mapping[str, Fault]] = {
    **{
        name: partial(failpoint, name)
        for name in (
            "after_fetch",
            "after_parse",
            "before_commit",
            "after_commit_before_ack",
            "after_ack_before_offset",
            "after_outbox_publish_before_mark",
        )
    },
    "kill -9": kill,
    "SIGTERM": terminate,
    "SIGSTOP": freeze,
    "Kafka killed": broker,
    "PostgreSQL fast": partial(database, "fast"),
    "PostgreSQL immediate": partial(database, "immediate"),
    "rebalance": rebalance,
    "offsets ahead": ahead,
    "offsets ahead, running": ahead_while_running,
    "topic anew": anew,
}
