"""What the pages ask for, and what they are given: plain values, with neither store nor API behind them."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol

from carepath import texts
from carepath.service.drafts import Draft, Matter
from carepath.store.disclosures import Disclosures
from pathways.access import Actor
from pathways.deadlines import Commitment
from pathways.events import Activity, Family
from pathways.glass import GlassReason
from pathways.messages import Record
from pathways.parties import Identifier, Party
from pathways.pathway import Header, Thread
from pathways.plan_versions import Version
from pathways.refusals import Reason, Refusal
from pathways.sight import Sight
from pathways.timeline import Entry

if TYPE_CHECKING:
    from carepath.ui.worklist.data import Worklists


@dataclass(frozen=True, slots=True)
class Visit:
    """Who looks at a page, and what collects what they are shown."""

    actor: Actor
    disclosed: Disclosures


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientRow:
    """A patient in the list. ``received`` is when the newest event came in; aware UTC.

    ``overdue`` of the ``owed`` open promises are over their time; ``due`` is when the first of them is due.
    """

    id: str
    header: Header
    received: datetime
    owed: int = 0
    overdue: int = 0
    due: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientPage:
    """Everything one patient's page shows; ``entries`` oldest first, as ``$timeline`` gives them.

    ``at`` is the moment it is shown as of; ``received`` when the newest event came in, and ``known`` every instant at
    which something did, oldest first (all aware UTC). ``parties``: the directory by key. ``takers``: the person who
    has taken a promise, by its id.
    """

    header: Header
    at: datetime
    received: datetime
    known: Sequence[datetime]
    threads: Sequence[Thread]
    entries: Sequence[Entry]
    commitments: Sequence[Commitment]
    parties: Mapping[str, Party]
    takers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Close:
    """Somebody of whom whoever visits sees anything: themselves, or one of their own. ``name``: as far as known."""

    sight: Sight
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPage:
    """What somebody sees of themselves, or of one of their own.

    ``key`` is what stands in the address. ``sight`` is ``None`` for nobody in particular: whom they are to name.
    """

    key: str
    sight: Sight | None
    shown: PatientPage
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of what a person sent: to whom it went, by name, and by when they get an answer (aware UTC).

    ``matter``: where it belongs. ``stands``: it was neither corrected nor taken back, and takes nothing back itself.
    """

    record: Record
    matter: Matter
    stands: bool
    to: Sequence[str]
    due: datetime | None

    @property
    def text_key(self) -> str:
        """Of what is said of it."""
        if self.record.activity is Activity.CANCEL:
            return "own.taken-back"
        return f"own.{'sent' if self.to else 'kept'}.{self.record.code}"

    @property
    def can_be_taken_back(self) -> bool:
        """Whether it still holds; a consent or an objection ends by a word of its own."""
        return self.stands and self.record.family is not Family.CONSENT


@dataclass(frozen=True, slots=True)
class Looked:
    """A line of the access log: its id, when (aware UTC), and who, what and why in a sentence."""

    id: str
    at: datetime
    said: str


class OwnData(Protocol):
    """What people see of themselves and their own; all of it runs in a worker thread.

    Each gives ``None`` for somebody of whom they may see nothing.
    """

    def people(self, visit: Visit) -> Sequence[Close]:
        """Of whom they see anything: themselves first."""

    def page(self, visit: Visit, key: str) -> OwnPage | None:
        """By our id of a patient; ``ME``: who signed in, ``SOMEONE``: whom they are to name."""

    def version(self, visit: Visit, key: str) -> str | None:
        """What changes with the page."""

    def sent(self, visit: Visit, message: str) -> Sent | None:
        """What became of a message of theirs, by its id."""

    def log(
        self, visit: Visit, key: str, language: str, before: str | None
    ) -> Sequence[Looked] | None:
        """Who received and read what of the patient, and why: the newest first, those before a line."""


ME: Final = "me"
SOMEONE: Final = "someone"
"""In addresses, in place of our id of a patient: the ids are longer."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A message of theirs as it was taken in; ``record`` is ``None``: it waits for its matter.

    ``matter``: where it belongs. ``stands``: it was neither corrected nor taken back, and takes nothing back itself.
    """

    record: Record | None
    matter: Matter | None = None
    stands: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """How a plan came about, the oldest version first; ``whole``: nothing of it is kept from who looks.

    ``last``: the id of the newest record, of whatever kind.
    """

    versions: Sequence[Version]
    whole: bool
    last: str


@dataclass(frozen=True, slots=True)
class PlanPage:
    """A patient's page, and the history of each of the plans on it, by thread."""

    shown: PatientPage
    histories: Mapping[str, History]


class WritingData(Protocol):
    """What those who send events by hand need to know; all of it runs in a worker thread."""

    def parties(self) -> Mapping[str, Party]:
        """The directory by key."""

    def receipt(self, visit: Visit, message: str) -> Receipt | None:
        """What became of a message of theirs, by its id; ``None``: they have sent none such."""

    def plans(self, visit: Visit, key: str) -> PlanPage | None:
        """A patient's plans as far as they may see them; ``None``: nothing of the patient is theirs to see."""


class Fate(StrEnum):
    """What became of what somebody did."""

    DONE = "done"
    WAITS = "waits"  # parked: what it is about is not known yet
    AGAIN = "again"  # this form was sent before; what it says now was not
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Done:
    """What became of it. ``patient``: whom it was about, by our id; ``refusal``: why not."""

    fate: Fate
    patient: str | None = None
    refusal: Refusal | None = None

    def why(self, language: str) -> str:
        """Why it was not done, in words."""
        if self.fate is not Fate.REFUSED:
            return texts.render(f"done.{self.fate}", {}, language)
        issues = self.refusal.issues if self.refusal else ()
        cause = next((one.cause for one in issues if one.cause), None)
        if cause:
            return texts.render(f"refusal.{cause}", {}, language)
        reason = self.refusal.reason if self.refusal else Reason.TRANSIENT
        return texts.render(f"reason.{reason}", {}, language)


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """What the pages ask for, for whoever visits. All but ``changed`` and ``send`` run in a worker thread.

    ``page`` takes a patient id and an as-of instant (``None`` is now) and gives ``None`` for a patient who is
    unknown, or of whom they may know nothing; ``find`` takes ``system|value`` or a bare value and gives a patient
    id; ``received`` gives when the newest event came in that they may see; ``changed`` waits until something was
    committed (true), or some seconds (false). ``send`` does what they do, and says what became of it. ``break_glass``
    opens what they were not told of, for a reason in words: a patient id, or why not. ``own``: what
    people see of themselves and their own; ``writing``: what those who send by hand need to know; ``lists``:
    what organisations owe.
    """

    patients: Callable[[Visit], Sequence[PatientRow]]
    find: Callable[[Visit, str], str | None]
    page: Callable[[Visit, str, datetime | None], PatientPage | None]
    received: Callable[[Visit, str], datetime | None]
    changed: Callable[[], Coroutine[Any, Any, bool]]
    send: Callable[[Visit, Draft], Coroutine[Any, Any, Done]]
    break_glass: Callable[[Visit, Identifier, GlassReason, str], str | Refusal | None]
    own: OwnData
    writing: WritingData
    lists: "Worklists"
