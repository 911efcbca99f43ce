"""Breaking the glass: reading of a patient without a grant, for a reason that the patient sees and somebody checks.

Helsepersonelloven § 45 and pasientjournalloven § 19 let health personnel read what they need to help; §§ 21 a and 16
forbid all other reading. What the patient has shut, pasientjournalloven § 17, may still be read where weighty reasons
demand it (pasient- og brukerrettighetsloven § 5-3): to us, that is help that cannot wait, helsepersonelloven § 7.
"""

from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from pathways.access import Actor, Operation, Purpose, may
from pathways.consents import consented, folded, is_in_force
from pathways.facts import ConsentKind
from pathways.parties import Directory
from pathways.refusals import Cause, Reason, Refusal, no
from pathways.states import Consents

LASTS: Final = timedelta(hours=4)
"""For so long it stays broken, for that person alone; then it can be broken again."""
FEWEST_LETTERS: Final = 10
"""A reason in words that says less is none."""


class GlassReason(StrEnum):
    """Why somebody looks who was told nothing: codes of ``CodeSystem/glass-reason``."""

    EMERGENCY = "emergency"  # help that cannot wait
    TREATMENT = "treatment"  # the patient is in their care, and nobody has told them yet
    ORAL_CONSENT = "oral-consent"  # the patient says they may


class Verdict(StrEnum):
    """What somebody else found who looked at it afterwards."""

    JUSTIFIED = "justified"
    NOT_JUSTIFIED = "not-justified"


PURPOSES: Final = {
    GlassReason.EMERGENCY: Purpose.EMERGENCY,
    GlassReason.TREATMENT: Purpose.TREATMENT,
    GlassReason.ORAL_CONSENT: Purpose.TREATMENT,
}
"""What the access log says."""


def objection(actor: Actor, reason: GlassReason, words: str, *, is_shut: bool) -> Refusal | None:
    """Why the glass stays whole. ``words``: the reason as they give it; ``is_shut``: the patient objects to them."""
    if not may(actor.role, Operation.BREAK_GLASS) or not actor.person or not actor.party:
        text = "only clinicians who signed in as themselves break the glass"
        return no(Cause.GLASS_NOT_FOR_YOU, text, Reason.FORBIDDEN)
    if len("".join(words.split())) < FEWEST_LETTERS:
        return no(Cause.REASON_NEEDED, "say why in a few words", Reason.INVALID)
    if is_shut and reason is not GlassReason.EMERGENCY:
        text = "the patient objects: only help that cannot wait opens it"
        return no(Cause.SHUT_BY_PATIENT, text, Reason.FORBIDDEN)
    return None


def is_shut(
    consents: Consents, actor: Actor, directory: Directory, at: datetime, zone: tzinfo
) -> bool:
    """Whether the patient objects to them: to their organisation, to everybody, or to them by name."""
    known = directory.lineage(actor.party or "")
    said = ConsentKind.HEALTH_PERSONNEL
    if not all(consented(consents, said, key, at, zone) for key in known):
        return True
    name = folded(actor.name)
    return any(
        one.kind is said and not one.permit and is_in_force(one, at, zone)
        for one in consents.provisions
        if one.professional is not None and folded(one.professional) == name
    )


def shut_documents(consents: Consents, at: datetime, zone: tzinfo) -> frozenset[str]:
    """The message ids of the documents that the patient keeps from anybody."""
    return frozenset(
        one.document
        for one in consents.provisions
        if one.document is not None and not one.permit and is_in_force(one, at, zone)
    )


def objection_to_check(person: str, checked_by: str, verdict: Verdict | None) -> Cause | None:
    """Why it cannot be checked: it was, or by whoever broke it. ``person`` and ``checked_by``: names."""
    if verdict is not None:
        return Cause.CHECKED_ALREADY
    return Cause.OWN_CHECK if folded(person) == folded(checked_by) else None
