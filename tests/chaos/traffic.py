"""What organisations write to their streams, from a seed: stories of many patients, and all that goes wrong.

The order of a patient's steps is the order in which they are written; those of several patients are shuffled
together. The shape follows from the seed; message ids and times do not.
"""

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias
from uuid import uuid4

from tests.integration import stories
from tests.integration.oracle import code_of, destinations, identifier_of
from tests.integration.stories import (
    CASE_OFFICE,
    GP,
    HOSPITAL,
    LEGEVAKT,
    NURSING,
    OTHER_HOSPITAL,
    Matter,
    Resource,
)

ORGANISATIONS: Final = (HOSPITAL, OTHER_HOSPITAL, LEGEVAKT, NURSING, CASE_OFFICE, GP)
_REQUESTS: Final = (
    *("hospital-choice-confirmed", "redirect-proposed", "referral-accepted"),
    *("referral-rejected", "referral-forwarded", "inquiry-forwarded"),
)
"""Refused when they come before what they answer, so their senders wait until they have heard of that."""
_AGAIN: Final = 0.04  # how many are written twice, the same bytes
_RESENT: Final = 0.03  # how many are sent anew: the same message in another envelope
_LATE: Final = 0.3  # how many stays have a report that comes last
_SPOILED: Final = 0.02  # how many steps are followed by poison

Kind: TypeAlias = Literal["told", "late", "correction", "early"]
Repeat: TypeAlias = Literal["again", "resent"]
Spoiling: TypeAlias = Literal[
    "undecodable",
    "tombstone",
    "cut-off",
    "other-profile",
    "no-patient",
    "huge",
    "forged",
    "conflict",
]
SPOILINGS: Final[dict[Spoiling, str]] = {
    "undecodable": "malformed",
    "tombstone": "malformed",
    "cut-off": "malformed",
    "other-profile": "unknown-event",
    "no-patient": "patient",
    "huge": "too-large",
    "forged": "forbidden",
    "conflict": "conflict",
}
"""Every kind of poison, and the reason it is parked for."""
_STRANGERS: Final = 1_900_000
"""The synthetic people from this number on are in poison only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """A message that must be taken in. ``named``: the organisations it is sent to.

    ``digests``: of its bytes, in each envelope; ``passed``: of those that may be passed on, the first that are
    taken in. One that came early waited, and may have come again meanwhile.
    """

    id: str
    organisation: str
    patient: str
    code: str
    named: frozenset[str]
    digests: frozenset[bytes]
    passed: frozenset[bytes]
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """What must be parked. ``about`` is the message id that its sender is told of, where there is one.

    ``patient``: whose timeline it must not be on.
    """

    kind: Spoiling
    organisation: str
    digest: bytes
    about: str | None = None
    patient: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A record to be written. ``after``: the messages that its sender must have heard of before.

    ``owed``: something early waits for it, or for what follows it.
    """

    organisation: str
    key: bytes
    value: bytes | None
    fact: Good | Poison
    repeat: Repeat | None = None
    after: frozenset[str] = frozenset()
    owed: bool = False


Told: TypeAlias = tuple[Resource, Kind]


class Traffic:
    """Steps without end, of ``patients`` stories at a time."""

    def __init__(self, seed: int, patients: int = 60) -> None:
        self._chance = random.Random(seed)
        self._numbers = iter(range(seed % 900 * 2_000, _STRANGERS))
        self._people = patients
        self._stories = [self._story() for _ in range(patients)]
        self._next: list[Step] = [next(story) for story in self._stories]

    def steps(self, ready: Callable[[Step], bool], most: int) -> list[Step]:
        """The next steps of as many patients as have one that is ``ready``, one of each, ``most`` at most."""
        order = self._chance.sample(range(self._people), self._people)
        chosen = [at for at in order if ready(self._next[at])][:most]
        steps = [self._next[at] for at in chosen]
        for at in chosen:
            self._next[at] = next(self._stories[at])
        return steps

    @property
    def owed(self) -> int:
        """How many patients have an early message that still waits."""
        return sum(step.owed for step in self._next)

    def _story(self) -> Iterator[Step]:
        """One patient after the other, without end."""
        while True:
            patient = stories.person(next(self._numbers))
            chapters = self._chance.sample(CHAPTERS, self._chance.randint(1, len(CHAPTERS)))
            for chapter in chapters:
                yield from self._steps(patient, chapter(patient, self._chance))

    def _steps(self, patient: Resource, chapter: Sequence[Told]) -> Iterator[Step]:
        key = hashlib.sha256(identifier(patient).encode()).hexdigest()[:16].encode()
        before: set[str] = set()
        owed = False
        for message, kind in chapter:
            waits = code_of(message) in _REQUESTS and kind != "early"
            after = frozenset(before if waits else ())
            step = replace(_step(message, key, kind), after=after, owed=owed)
            yield step
            before.add(stories.message_id(message))
            owed |= kind == "early"
            for wrong in self._what_goes_wrong(message, step):
                yield replace(wrong, owed=owed)

    def _what_goes_wrong(self, message: Resource, step: Step) -> Iterator[Step]:
        if self._chance.random() < _AGAIN:
            yield replace(step, repeat="again")
        if self._chance.random() < _RESENT:
            yield _anew(step, resent(message))
        if self._chance.random() < _SPOILED:
            yield spoiled(self._kind(), message, step, self._chance)

    def _kind(self) -> Spoiling:
        """Huge ones are rare: each is ten thousand others."""
        kinds = [kind for kind in SPOILINGS if kind != "huge" or self._chance.random() < 0.1]
        return self._chance.choice(kinds)


def identifier(patient: Resource) -> str:
    """A patient's identifier as a search names it."""
    first = patient["identifier"][0]
    return f"{first['system']}|{first['value']}"


def digest(value: bytes | None) -> bytes:
    """What a record's value is known by; a tombstone is nothing at all."""
    return hashlib.sha256(value or b"").digest()


def written(message: Resource) -> bytes:
    """A message as its sender writes it."""
    return json.dumps(message, ensure_ascii=False).encode()


def resent(message: Resource) -> bytes:
    """The same message in another envelope, as a system that lost its answer sends it."""
    return json.dumps(message | {"id": str(uuid4())}, indent=1).encode()


def _step(message: Resource, key: bytes, kind: Kind) -> Step:
    value = written(message)
    sender = _sender(message)
    fact = Good(
        id=stories.message_id(message),
        organisation=sender,
        patient=identifier_of(message),
        code=code_of(message),
        named=frozenset(destinations(message)),
        digests=frozenset({digest(value)}),
        passed=frozenset({digest(value)}),
        kind=kind,
    )
    return Step(organisation=sender, key=key, value=value, fact=fact)


def _anew(step: Step, value: bytes) -> Step:
    fact = step.fact
    if isinstance(fact, Good):
        digests = fact.digests | {digest(value)}
        passed = digests if fact.kind == "early" else fact.passed
        fact = replace(fact, digests=digests, passed=passed)
    return replace(step, value=value, fact=fact, repeat="resent")


def _sender(message: Resource) -> str:
    resources = {entry["fullUrl"]: entry["resource"] for entry in message["entry"]}
    sender = resources[message["entry"][0]["resource"]["sender"]["reference"]]
    return str(sender["identifier"][0]["value"])


# chapters: what is told of one patient, and in which order it comes


def _stay(patient: Resource, chance: random.Random) -> list[Told]:
    """A stay; sometimes one of its reports comes last, long after it happened."""
    told: list[Told] = [(message, "told") for message in stories.hospital_stay(patient)]
    if chance.random() < _LATE:
        message, _ = told.pop(chance.randrange(1, len(told)))
        told.append((message, "late"))
    return told


def _corrected_stay(patient: Resource, _chance: random.Random) -> list[Told]:
    """A transfer that is corrected, a leave and a discharge that are cancelled."""
    matter = Matter(patient)
    wrong = stories.stay("transfer", matter)
    right = stories.stay("transfer", matter, activity="revise", target=stories.message_id(wrong))
    left, gone = stories.stay("leave-start", matter), stories.discharge(matter)
    stays = stories.stay("leave-start", matter, activity="cancel", target=stories.message_id(left))
    back = stories.discharge(matter, activity="cancel", target=stories.message_id(gone))
    told = (stories.admission(matter), wrong, left, gone)
    return [(m, "told") for m in told] + [(m, "correction") for m in (right, stays, back)]


def _early_answer(patient: Resource, _chance: random.Random) -> list[Told]:
    """An answer that overtakes the referral it answers: it waits for it."""
    matter = Matter(patient)
    asks, answers = stories.referral(matter), stories.referral(matter, "referral-accepted")
    return [(answers, "early"), (asks, "told")]


def _in_order(build: Callable[[Resource], list[Resource]]) -> "Chapter":
    return lambda patient, _chance: [(message, "told") for message in build(patient)]


Chapter: TypeAlias = Callable[[Resource, random.Random], list[Told]]
CHAPTERS: Final[Sequence[Chapter]] = (
    _stay,
    _corrected_stay,
    _early_answer,
    _in_order(stories.night_at_the_legevakt),
    _in_order(stories.referral_and_question),
)


# poison


def spoiled(kind: Spoiling, message: Resource, step: Step, chance: random.Random) -> Step:
    """Poison in the stream of the message's sender, on its patient's partition."""
    about: str | None = None
    patient: str | None = None
    value: bytes | None
    if kind in ("forged", "conflict"):
        stranger = stories.person(chance.randrange(_STRANGERS, 2_000_000))
        other = _another(message, stranger, forged=kind == "forged")
        value, about, patient = written(other), stories.message_id(other), identifier_of(other)
    else:
        value = _unreadable(kind, message, chance)
    organisation = _victim(step.organisation) if kind == "forged" else step.organisation
    fact = Poison(
        kind=kind, organisation=organisation, digest=digest(value), about=about, patient=patient
    )
    return Step(organisation=organisation, key=step.key, value=value, fact=fact)


def _victim(sender: str) -> str:
    """Another organisation, in whose stream the message does not belong."""
    return next(o.number for o in ORGANISATIONS if o.number != sender)


def _another(message: Resource, stranger: Resource, *, forged: bool) -> Resource:
    """About somebody else: a message of its own, or other content under the same id."""
    told: Resource = json.loads(json.dumps(message))
    told["id"] = str(uuid4())
    for entry in told["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            entry["resource"] |= {
                key: stranger[key] for key in ("identifier", "birthDate", "gender")
            }
    if forged:
        _rename(told)
    return told


def _rename(message: Resource) -> None:
    """Give it a message id of its own, wherever the id stands."""
    old, new = stories.message_id(message), str(uuid4())
    message["entry"] = json.loads(json.dumps(message["entry"]).replace(old, new))


def _unreadable(kind: Spoiling, message: Resource, chance: random.Random) -> bytes | None:
    match kind:
        case "tombstone":
            return None
        case "cut-off":
            return written(message)[: chance.randrange(1, 2_000)]
        case "other-profile":
            header = message["entry"][0]["resource"]
            coding = {"system": "https://elsewhere.example/events", "code": str(uuid4())}
            first = message["entry"][0] | {"resource": header | {"eventCoding": coding}}
            return written(message | {"entry": [first, *message["entry"][1:]]})
        case "no-patient":
            nobody = [e for e in message["entry"] if e["resource"]["resourceType"] != "Patient"]
            return written(message | {"id": str(uuid4()), "entry": nobody})
        case "huge":
            return (
                b'{"resourceType":"Bundle","id":"'
                + chance.randbytes(8).hex().encode()
                + b" " * 10_000_000
            )
        case _:
            return b"\xff\xfe" + chance.randbytes(40)
