"""What was filled in on one's own page, as the message that is sent."""

from uuid import UUID, uuid5

from carepath.service.drafts import Draft, Matter
from carepath.ui.forms import Form
from carepath.ui.pathway.acts import Act, matter, to
from carepath.ui.pathway.data import identifiers
from carepath.ui.pathway.fields import Filled
from carepath.ui.pathway.ground import Ground
from carepath.ui.values import ME, SOMEONE
from pathways.access import Actor
from pathways.events import RULES
from pathways.parties import Identifier


def draft_of(actor: Actor, ground: Ground, act: Act, form: Form) -> Draft:
    """What it says; the form has the problems where it cannot be sent."""
    filled = Filled(form, ground.page.shown.at)
    filled.check(act.fields(ground))
    facts = act.facts(filled, ground)
    about = matter(form.one("matter"), ground, act.code)
    belongs = about is not None and about.family is RULES[act.code].family
    return Draft(
        id=_message_id(form),
        code=act.code,
        facts=facts,
        patient=_patient(actor, ground.page.key, filled),
        matter=Matter(about.id, about.family) if about and belongs else None,
        to=to(act, filled, ground),
    )


def _message_id(form: Form) -> str:
    """Of the form and what it says: sent twice it is one message, and what was changed is not lost."""
    said = sorted((name, *told) for name, told in form.fields.items())
    return str(uuid5(UUID(form.id), repr(said)))


def _patient(actor: Actor, key: str, filled: Filled) -> str | tuple[Identifier, ...]:
    if key == SOMEONE:
        number = filled.national("number")
        return (number,) if number else ()
    return identifiers(actor) if key == ME else key
