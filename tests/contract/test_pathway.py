"""People's own pages on both stores: what is offered is what the door takes, and what is seen is theirs."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest

from carepath.service.drafts import Draft, withdrawal
from carepath.store.times import micros
from carepath.ui.forms import Form
from carepath.ui.pathway.acts import ACTS, offered
from carepath.ui.pathway.data import identifiers
from carepath.ui.pathway.draft import draft_of
from carepath.ui.pathway.knowing import Knowing
from carepath.ui.pathway.view import OwnView
from carepath.ui.values import ME, SOMEONE, Fate
from fhir_mappings.identifiers import birth_date
from pathways.access import Purpose, Role
from pathways.access_log import Who
from pathways.events import RULES, EventCode, Family
from pathways.parties import Identifier
from pathways.refusals import Reason
from tests.contract.door import NOW
from tests.contract.logged import line, written
from tests.contract.own_town import GROWN_UP, PEOPLE, OwnTown, anything, filled, number, own_town

C = EventCode
WITHDRAWS: Final = (C.CONSENT_WITHDRAWN, C.OBJECTION_WITHDRAWN)
ROLES: Final = {
    "grown-up": Role.PATIENT,
    "attorney": Role.GUARDIAN,
    "mother": Role.GUARDIAN,
    "daughter": Role.RELATIVE,
    "neighbour": Role.RELATIVE,
    "stranger": Role.RELATIVE,
    "newcomer": Role.PATIENT,
    "boy": Role.CHILD,
    "girl": Role.CHILD,
    "child newcomer": Role.CHILD,
}
"""What each is to the one whose page they see."""


@pytest.fixture
def town(database_url: str) -> Iterator[OwnTown]:
    """The town on each store."""
    with own_town(database_url) as town:
        yield town


@pytest.mark.parametrize("name", ROLES)
def test_what_is_offered_is_what_the_door_takes(town: OwnTown, name: str) -> None:
    """Every form that is offered is taken as it was filled in; whatever is not offered is refused."""
    key = town.key(name)
    assert OwnView(town.ground(name)).role is ROLES[name]
    whole = key not in (ME, SOMEONE)
    for code in sorted(EventCode, key=lambda code: (code in WITHDRAWS, code)):
        ground = town.ground(name, key)
        act = next((one for one in offered(ground) if one.code is code), None)
        if act is not None:
            form = Form(filled(act, ground))
            done = town.send(name, draft_of(town.visit(name).actor, ground, act, form))
            assert form.problems == {}
            assert done.fate is Fate.DONE, (code, done.why("en"))
        elif whole and not RULES[code].ours and code is not C.ACKNOWLEDGEMENT:
            patient = ground.page.key
            refused = town.send(name, Draft(code=code, facts=anything(code), patient=patient))
            assert refused.fate is Fate.REFUSED, code
            assert refused.refusal is not None
            assert refused.refusal.reason is Reason.FORBIDDEN, (code, refused.refusal)


def test_nothing_is_offered_to_who_may_send_nothing_of_it(town: OwnTown) -> None:
    """Each sees their own part."""
    assert town.codes("grown-up") == {*ACTS}
    assert town.codes("attorney") == {*ACTS}
    assert town.codes("stranger") == town.codes("boy") == town.codes("girl") == {C.INQUIRY}
    assert town.codes("neighbour") == {C.INQUIRY, C.PERSON_SHEET}
    assert C.CONSENT_GIVEN in town.codes("newcomer")
    assert C.COMPLAINT not in town.codes("newcomer")


# --- before any case


def test_a_citizen_nobody_has_heard_of_asks_and_consents(town: OwnTown) -> None:
    """For themselves; then they are known, and see what they did and what they are promised."""
    assert town.key("newcomer") == ME
    asked = town.do("newcomer", C.INQUIRY, text="Hvem hjelper meg?", municipality="town")
    assert asked.fate is Fate.DONE
    assert town.do("newcomer", C.CONSENT_GIVEN, whom="school").fate is Fate.DONE
    assert town.key("newcomer") == asked.patient
    view = OwnView(town.ground("newcomer"))
    (question,) = view.questions()
    assert (question.text, question.to) == ("Hvem hjelper meg?", "town-ke")
    assert question.due is not None
    (promised,) = view.promised
    assert (promised.who, promised.late) == ("town-ke", False)
    (known,) = Knowing(view.ground).people()
    assert known.name == "Skolen og PPT"
    assert [given.by for given in known.given] == ["newcomer"]


def test_a_child_nobody_has_heard_of_is_a_child(town: OwnTown) -> None:
    """Its own number says so, before and after it is known."""
    assert town.codes("child newcomer") == {C.INQUIRY}
    actor = town.visit("child newcomer").actor

    def consents() -> Fate:
        said, own = anything(C.CONSENT_GIVEN), identifiers(actor)
        return town.send(
            "child newcomer", Draft(code=C.CONSENT_GIVEN, facts=said, patient=own)
        ).fate

    assert consents() is Fate.REFUSED
    assert town.do("child newcomer", C.INQUIRY).fate is Fate.DONE
    assert OwnView(town.ground("child newcomer")).is_child
    assert consents() is Fate.REFUSED


def test_nobody_speaks_for_another_as_if_it_were_themselves(town: OwnTown) -> None:
    """Not even of somebody of whom nobody has heard."""
    stranger = number(20, 1990)
    draft = Draft(code=C.CONSENT_GIVEN, facts=anything(C.CONSENT_GIVEN), patient=(stranger,))
    assert town.send("newcomer", draft).fate is Fate.REFUSED


# --- of others


def test_a_question_about_somebody_is_taken_in_and_tells_nothing_of_them(town: OwnTown) -> None:
    """The same for somebody who is known, and who is not."""
    seen = set()
    for one in (GROWN_UP.identifiers[0], number(21, 1990)):
        done = town.do("stranger", C.INQUIRY, number=one.value, text="Går det bra?")
        assert done.fate is Fate.DONE
        view = OwnView(town.ground("stranger", done.patient))
        assert not view.knows_person
        assert view.shown.header.demographics == {}
        assert [question.text for question in view.questions()] == ["Går det bra?"]
        assert {act.code for act in view.acts} == {C.INQUIRY}
        seen.add((len(view.shown.entries), len(view.shown.threads), view.heading()))
    assert len(seen) == 1


def test_what_was_sent_is_told_to_who_sent_it(town: OwnTown) -> None:
    """To whom it went, and by when there is an answer; to nobody else."""
    ground, act = town.ground("daughter"), ACTS[C.INQUIRY]
    form = Form(filled(act, ground) | {"to": [""], "municipality": [""]})
    draft = draft_of(town.visit("daughter").actor, ground, act, form)
    assert town.send("daughter", draft).fate is Fate.DONE
    sent = town.own.sent(town.visit("daughter"), draft.id)
    assert sent is not None
    assert [*sent.to] == ["town-ke"]
    assert sent.due is not None
    assert town.own.sent(town.visit("grown-up"), draft.id) is None
    assert town.own.sent(town.visit("daughter"), "0" * 32) is None


def test_a_form_is_one_message_however_often_it_is_sent(town: OwnTown) -> None:
    """What was changed since is another: nothing is done twice, and nothing is lost."""
    ground, act = town.ground("grown-up"), ACTS[C.INQUIRY]
    typed, actor = filled(act, ground), town.visit("grown-up").actor
    first = draft_of(actor, ground, act, Form(typed))
    again = draft_of(actor, ground, act, Form(typed))
    changed = draft_of(actor, ground, act, Form(typed | {"text": ["Noe annet"]}))
    assert [town.send("grown-up", one).fate for one in (first, again, changed)] == [
        Fate.DONE,
        Fate.AGAIN,
        Fate.DONE,
    ]
    assert len(OwnView(town.ground("grown-up")).questions()) == 2


def test_what_one_sent_is_taken_back_by_oneself_alone(town: OwnTown) -> None:
    """Once, by who sent it; then it is a question no more, and nobody owes an answer."""
    ground, act = town.ground("grown-up"), ACTS[C.INQUIRY]
    draft = draft_of(town.visit("grown-up").actor, ground, act, Form(filled(act, ground)))
    assert town.send("grown-up", draft).fate is Fate.DONE
    sent = town.own.sent(town.visit("grown-up"), draft.id)
    assert sent is not None
    assert sent.can_be_taken_back
    back = withdrawal(sent.record, sent.matter)
    assert [town.send("grown-up", back).fate for _ in range(2)] == [Fate.DONE, Fate.AGAIN]
    after = town.own.sent(town.visit("grown-up"), draft.id)
    assert after is not None
    assert not after.can_be_taken_back
    view = OwnView(town.ground("grown-up"))
    assert not view.questions()
    assert not [one for one in view.promised if one.one.thread == sent.matter.id]


# --- who may know


def test_a_consent_that_is_withdrawn_ends_at_once(town: OwnTown) -> None:
    """The page of the relative is gone, and its stream ends."""
    key = town.key("daughter")
    visit = town.visit("daughter")
    assert town.own.version(visit, key) is not None
    given = Knowing(town.ground("grown-up")).people()
    record = next(one.given[0].record for one in given if one.name == "daughter")
    assert town.do("grown-up", C.CONSENT_WITHDRAWN, which=record).fate is Fate.DONE
    assert town.own.page(visit, key) is None
    assert town.own.version(visit, key) is None
    told = {one.name: one.why for one in Knowing(town.ground("grown-up")).people()}
    assert told["daughter"] == "Får ikke vite noe"
    assert told["attorney"] == "har fullmakt"


def test_a_narrower_consent_is_another_version_of_the_page(town: OwnTown) -> None:
    """Though nothing came that they see."""
    visit, key = town.visit("daughter"), town.key("daughter")
    before = town.own.version(visit, key)
    told = {"whom": "relative:daughter", "covers": "person"}
    assert town.do("grown-up", C.CONSENT_GIVEN, **told).fate is Fate.DONE
    after = town.own.version(visit, key)
    assert after is not None
    assert after != before


def test_a_relative_is_added_to_those_who_are_registered(town: OwnTown) -> None:
    """The newest list counts, so it has all of them."""
    names = [one.name for one in town.ground("grown-up").relatives]
    assert town.do("grown-up", C.RELATIVE_REGISTERED, name="Nye Nabo").fate is Fate.DONE
    assert [one.name for one in town.ground("grown-up").relatives] == [*names, "Nye Nabo"]
    assert town.own.people(town.visit("daughter"))  # recognised by her number still


def test_who_has_looked_is_told_to_whom_it_concerns(town: OwnTown) -> None:
    """As the sight says; nobody else is told that there is a list."""
    names = ("grown-up", "mother", "attorney", "daughter", "boy")
    reads = {n: town.own.log(town.visit(n), town.key(n), "nb", None) is not None for n in names}
    assert [name for name, may in reads.items() if may] == ["grown-up", "mother"]


def test_whatever_is_read_is_told_of(town: OwnTown) -> None:
    """The list, the page and the log itself: of the patient, and as what it was read."""
    database, visit = town.door.service.database, town.visit("grown-up")
    key = town.key("grown-up")
    who = Who(role=Role.STAFF, party="ward", person="p-ola", name="Ola", purpose=Purpose.TREATMENT)
    first = line(micros(NOW), key, who=who)
    mine = line(micros(NOW) + 1, key, who=replace(who, person=visit.actor.person))
    written(database, first, mine)
    shown = []
    for read in (
        lambda: town.own.people(visit),
        lambda: town.own.page(visit, key),
        lambda: town.own.log(visit, key, "nb", None),
    ):
        read()
        told = visit.disclosed.taken()
        assert told.keys() == {key}
        shown.append({*told[key]})
    assert shown == [{"Patient"}, {"Patient", "Provenance"}, {"AuditEvent"}]
    assert visit.disclosed.because[key].role is Role.PATIENT
    told_of = town.own.log(visit, key, "nb", None)
    assert told_of is not None
    assert [one.id for one in told_of] == [first.id]  # what they read themselves is left out


def test_a_consent_reaches_no_further_than_it_says(town: OwnTown) -> None:
    """Neither what was consented and objected to, nor other matters than those that are named."""
    daughter, neighbour = town.ground("daughter"), town.ground("neighbour")
    assert daughter.header.consents.provisions == ()
    assert {one.family for one in neighbour.page.shown.threads} == {Family.PERSON}
    assert neighbour.header.team.batons == ()
    assert Family.CONSENT in {one.family for one in town.ground("grown-up").page.shown.threads}


# --- what is wrong is told


WRONG: Final = (
    (C.INQUIRY, {"text": ""}, ("text", "needed")),
    (C.INQUIRY, {"text": "x" * 8_001}, ("text", "long")),
    (C.INQUIRY, {"to": "village"}, ("to", "choose")),
    (C.CONSENT_GIVEN, {"until": "i morgen"}, ("until", "day")),
    (C.CONSENT_GIVEN, {"until": "2020-01-01"}, ("until", "past")),
    (C.CONSENT_GIVEN, {"whom": "relative:nobody"}, ("whom", "choose")),
    (C.CONSENT_WITHDRAWN, {"which": "nothing"}, ("which", "choose")),
    (C.CARER_UNAVAILABLE, {"until": "9999-99-99"}, ("until", "day")),
    (C.OBJECTION_REGISTERED, {"organisation": "", "professional": ""}, ("professional", "whom")),
    (C.OBJECTION_REGISTERED, {"professional": "Ola Lege"}, ("professional", "one")),
    (C.RELATIVE_REGISTERED, {"number": "123"}, ("number", "number")),
    (C.RELATIVE_REGISTERED, {"number": "12824212448"}, ("number", "number")),
    (C.FOLLOW_UP, {"interval": "9" * 5_000}, ("interval", "choose")),
)


def test_what_is_wrong_is_told_beside_its_field(town: OwnTown) -> None:
    """And nothing is sent before."""
    ground, actor = town.ground("grown-up"), town.visit("grown-up").actor
    for code, typed, (name, what) in WRONG:
        form = Form(filled(ACTS[code], ground) | {field: [text] for field, text in typed.items()})
        draft_of(actor, ground, ACTS[code], form)
        assert form.problems == {name: f"own.problem.{what}"}


def test_a_number_says_when_somebody_was_born() -> None:
    """Of either kind, also a synthetic one; what is no number says nothing."""
    assert [birth_date(PEOPLE[name]).year for name in ("mother", "child newcomer")] == [1985, 2015]  # type: ignore[union-attr]
    assert birth_date(Identifier("urn:x", "01815000036")) is None
    assert birth_date(Identifier(PEOPLE["mother"].system, "01995000036")) is None
