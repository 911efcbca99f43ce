"""A patient, what they said, and who is who, for tests of who may see what."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pathways.access import Role
from pathways.events import Activity, EventCode, Family
from pathways.facts import ConsentFacts, Facts, PersonFacts, Relative, RelativeRole, ReportFacts
from pathways.messages import Author, Key, KeyRank, Record
from pathways.moments import Moment
from pathways.parties import Directory, Function, Identifier, Kind, Party, PartyRef
from pathways.pathway import Header, Thread, Told, fold
from pathways.states import Consents

OSLO = ZoneInfo("Europe/Oslo")
NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
C = EventCode


def ref(key: str) -> PartyRef:
    """A party as messages name it."""
    return PartyRef((Identifier("urn:x", key),), key)


def _party(key: str, kind: Kind, **told: Any) -> Party:
    return Party(key=key, name=key, kind=kind, identifiers=(Identifier("urn:x", key),), **told)


DIRECTORY = Directory(
    {
        one.key: one
        for one in (
            _party("sus", Kind.HOSPITAL),
            _party("ward", Kind.HOSPITAL, parent="sus", function=Function.WARD),
            _party("town", Kind.MUNICIPALITY, municipality="1103"),
            _party("nursing", Kind.MUNICIPALITY, parent="town", function=Function.NURSING),
            _party("village", Kind.MUNICIPALITY, municipality="1124"),
            _party("gp", Kind.GP),
            _party("school", Kind.SCHOOL),
            _party("nav", Kind.NAV),
        )
    }
)


def moment(hours: float) -> Moment:
    """So long after now."""
    return Moment(NOW + hours * HOUR)


def record(
    id_: str,
    code: EventCode = C.DOCTOR_REPORT,
    *,
    facts: Facts | None = None,
    at: float = -10,
    activity: Activity = Activity.NEW,
    target: str | None = None,
    sender: str = "ward",
    receivers: tuple[str, ...] = (),
    markings: Sequence[str] = (),
    citizen: Role | None = None,
    person: str | None = None,
    matter: Family | None = None,
) -> Record:
    """A record; its message id is ``m-<id>``."""
    party = facts.party if isinstance(facts, ConsentFacts) else None
    return Record(
        id=id_,
        patient="p",
        message_id=f"m-{id_}",
        code=code,
        activity=activity,
        target=f"m-{target}" if target else None,
        sender=sender,
        sender_name=sender,
        sender_root=DIRECTORY.root(sender),
        author=Author(),
        happened=moment(at),
        written=NOW + at * HOUR,
        received=NOW + at * HOUR,
        keys=(),
        facts=facts or ReportFacts(title=id_),
        named={"party": (party.name,)} if party and party.name else {},
        receivers=receivers,
        markings=frozenset(markings),
        citizen=citizen,
        person=person,
        matter=matter,
    )


Said = tuple[EventCode, dict[str, Any]]


def consents(*said: Said, begins: float = -100) -> Consents:
    """What these make, an hour between them from ``begins`` hours after now on."""
    told = [
        record(f"c{n}", code, facts=ConsentFacts(**facts), at=begins + n)
        for n, (code, facts) in enumerate(said)
    ]
    anchor = Key(KeyRank.EPISODE, Family.CONSENT)
    found = fold(Thread(id="c", patient="p", family=Family.CONSENT, anchor=anchor), told).facts
    return found if isinstance(found, Consents) else Consents()


def header(
    born: date | None = date(1950, 1, 1),
    *said: Said,
    relatives: Sequence[Relative] = (),
    **told: str,
) -> Header:
    """Who the patient is."""
    known = {"birth_date": born.isoformat()} if born else {}
    order = (NOW, NOW, "e")
    return Header(
        demographics={name: Told(order, value) for name, value in (known | told).items()},
        person=PersonFacts(relatives=tuple(relatives)),
        consents=consents(*said),
    )


def relative(name: str, *roles: RelativeRole, authority: str | None = None) -> Relative:
    """A relative whose number is their name."""
    return Relative(
        name, roles=roles, authority=authority, identifiers=(Identifier("urn:n", name),)
    )
