"""What somebody who asks may see: the one place where an ``Actor`` becomes a ``Viewer``.

Nobody who is not named here sees anything about a patient.

- **People at work and systems** see what is granted to the party they act as, and a person who broke the glass what
  that gave to them alone; of a patient who objects to them by name they see nothing. A hospital's system sees what is
  granted to the key it signed in as, not to its wards: the duty of confidentiality holds within a house, too
  (helsepersonelloven § 21 a, pasientjournalloven § 16), feeds are by the same keys, and a token can name each unit
  (``orgnr_child``). So no way of reading is wider than the feed.
- **Coordinators** see the pathways they have a baton in by grants to their unit: whoever is responsible for a matter
  or is on the care team is among those who are told (``pathways.recipients``), and bars hold for them as for others.
- **Citizens** see what their ``Sight`` of each patient covers, made when they ask.
- **Administrators and operators** see no patient at all.
"""

from collections.abc import Iterable
from typing import Final

from carepath.service.parts import parts
from carepath.store.blind import Keys
from carepath.store.database import Connection
from carepath.store.disclosures import Disclosures, Right
from carepath.store.rights import Viewer, professional
from carepath.store.sights import sights
from carepath.store.times import instant
from pathways.access import CITIZENS, Actor, Role
from pathways.sight import Sight

AT_WORK: Final = frozenset(
    {
        Role.SYSTEM,
        Role.SUPPLIER,
        Role.CLINICIAN,
        Role.STAFF,
        Role.COORDINATOR,
        Role.NON_HEALTH,
    }
)
"""Those whose party's grants count."""


def viewer(
    conn: Connection, keys: Keys, actor: Actor, now: int, disclosed: Disclosures | None = None
) -> Viewer:
    """What ``actor`` may see at ``now`` (microseconds). ``conn``: the broker's own; a citizen's rights are read."""
    if actor.role not in CITIZENS:
        return without_reading(keys, actor, now, disclosed)
    collected = Disclosures() if disclosed is None else disclosed
    seen = sights(conn, keys, actor, instant(now))
    collected.because.update(rights(seen))
    return Viewer(actor.reader, now, sights=seen, disclosed=collected)


def without_reading(
    keys: Keys, actor: Actor, now: int, disclosed: Disclosures | None = None
) -> Viewer:
    """The same for everybody but citizens, who see nothing by it: for them the store has to be read."""
    collected = Disclosures() if disclosed is None else disclosed
    if actor.role is Role.OPEN:
        return Viewer(actor.party, now, disclosed=collected, parts=parts)
    if actor.role in AT_WORK and actor.party is not None:
        own = next((key for key in actor.readers if key != actor.party), None)
        name = professional(keys, actor.name) if actor.person and actor.name else None
        return Viewer(
            actor.party, now, person=own, professional=name, disclosed=collected, parts=parts
        )
    return Viewer(actor.reader, now, sights=(), disclosed=collected)


def receiver(reader: str | None, now: int) -> Viewer:
    """Whose feed it is, by the reader's key; ``None``: the operator."""
    return Viewer(reader, now, parts=parts)


def rights(seen: Iterable[Sight]) -> dict[str, Right]:
    """What a citizen is to each patient, for the access log."""
    return {one.patient: Right(one.role, one.purpose, one.basis) for one in seen}
