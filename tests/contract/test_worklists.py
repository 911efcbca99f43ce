"""The worklist's pages on both stores: what is new since a look, who has what, corrections, undoing, and the quiet."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from carepath.service.drafts import Draft
from carepath.store import naming
from carepath.store.disclosures import Disclosures
from carepath.ui.forms import Form
from carepath.ui.values import Fate, Visit
from carepath.ui.worklist.changes import draft_of
from carepath.ui.worklist.data import Asked, Row, Who
from carepath.ui.worklist.words import differences, form_fields
from pathways.access import Actor, Role
from pathways.events import Activity, EventCode
from pathways.facts import InquiryFacts, ReceiptFacts
from pathways.messages import Patient
from pathways.parties import Identifier
from pathways.promises import PromiseKind
from pathways.watched import Snooze, put_off, take
from pathways.worklist import Group
from tests.contract.door import closed_door, ref
from tests.contract.owing import NUMBER, OFFICE, Desk, at

K = PromiseKind


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    """A directory, and nobody who owes anything yet."""
    with closed_door(database_url) as broker:
        yield Desk(broker)


def rows(desk: Desk, visit: Visit, **asked: object) -> list[Row]:
    """What is on the list."""
    return [*desk.lists.shown(visit, Asked(**asked)).rows]  # type: ignore[arg-type]


def test_only_who_says_so_has_seen_the_list(desk: Desk) -> None:
    """Each person for each unit; what came while the page was open is still new."""
    desk.open(K.INQUIRY_ANSWER)
    kari, ola = at(OFFICE), at(OFFICE, "Ola Sand")
    (row,) = rows(desk, kari)
    assert Group.NEW not in row.groups
    page = desk.lists.shown(kari, Asked())
    came = desk.open(K.CAPACITY_ANSWER)
    desk.lists.saw(kari, page.at)
    assert [one.id for one in rows(desk, kari, group=Group.NEW)] == [came.id]
    assert rows(desk, ola, group=Group.NEW) == []
    desk.lists.saw(kari, datetime.now(UTC) + timedelta(days=9))
    desk.lists.saw(kari, page.at)
    assert rows(desk, kari, group=Group.NEW) == []
    later = desk.open(K.CAPACITY_ANSWER)
    assert [one.id for one in rows(desk, kari, group=Group.NEW)] == [later.id]


def test_the_shift_sees_who_has_taken_what(desk: Desk) -> None:
    """Taken, handed over, let go; another unit's is nobody else's to take; the list is another each time."""
    row = desk.open(K.INQUIRY_ANSWER)
    kari, ola = at(OFFICE), at(OFFICE, "Ola Sand")
    before = desk.lists.version(ola)
    assert desk.lists.change(kari, [row.id], lambda one, _: take(one, "Kari Moe")) == 1
    assert desk.lists.version(ola) != before
    assert [one.promise.holder for one in rows(desk, ola)] == ["Kari Moe"]
    assert len(rows(desk, kari, who=Who.MINE)) == len(rows(desk, ola, who=Who.OTHERS)) == 1
    assert rows(desk, ola, who=Who.NOBODY) == []
    assert desk.lists.change(at("ward"), [row.id], lambda one, _: take(one, "x")) == 0
    desk.lists.change(kari, [row.id], lambda one, _: take(one, None))
    assert len(rows(desk, ola, who=Who.NOBODY)) == 1
    snooze = Snooze(datetime.now(UTC) + timedelta(days=3), "venter på lege", "Kari Moe")
    desk.lists.change(kari, [row.id], lambda one, by: put_off(one, snooze, by))
    assert rows(desk, ola)[0].promise.course.snooze == snooze


def test_it_is_searched_by_name_and_number(desk: Desk) -> None:
    """All words of a name, or the whole number; nobody's name and no part of a number find anything."""
    row = desk.open(K.INQUIRY_ANSWER)
    desk.open(K.CAPACITY_ANSWER)
    number = numbers(desk, row)[0]
    visit = at(OFFICE)
    assert len(rows(desk, visit, text="nordmann KARI")) == 2
    assert [one.id for one in rows(desk, visit, text=number.value)] == [row.id]
    assert rows(desk, visit, text="Kari Hansen") == []
    assert rows(desk, visit, text=number.value[:6]) == []
    assert [one.id for one in rows(desk, visit, matter=row.promise.thread)] == [row.id]


def numbers(desk: Desk, row: Row) -> tuple[Identifier, ...]:
    """What the patient is known by."""
    database = desk.broker.service.database
    with database.read() as conn:
        return naming.identifiers(conn, database.keys, row.promise.patient)


def test_what_was_read_is_told_of(desk: Desk) -> None:
    """A correction of what nobody had read replaces it in silence; of what was read, it shows the difference."""
    for is_read in (False, True):
        row = desk.open(K.INQUIRY_ANSWER)
        visit = at(OFFICE)
        if is_read:
            confirm(desk, visit, row)
        assert row.opening is not None
        revise(desk, row, "Hvem hjelper om natten?")
        found = [(d.was, d.now) for d in differences(the(desk, visit, row), "nb")]
        assert found == ([("Hvem hjelper?", "Hvem hjelper om natten?")] if is_read else [])


def the(desk: Desk, visit: Visit, row: Row) -> Row:
    """What is owed in the same matter now."""
    (found,) = (one for one in rows(desk, visit, matter=row.promise.thread) if one.promise.is_open)
    return found


def confirm(desk: Desk, visit: Visit, row: Row) -> None:
    """A person has read what asked for it."""
    ((patient, message),) = desk.lists.unread(visit, [row.id]).values()
    receipt = ReceiptFacts(about=message, response="ok", read_by_person=True)
    draft = Draft(code=EventCode.ACKNOWLEDGEMENT, facts=receipt, patient=patient)
    before = desk.lists.version(visit)
    assert desk.send(visit, draft).fate is Fate.DONE
    assert desk.lists.version(visit) != before
    assert desk.lists.unread(visit, [row.id]) == {}
    after = desk.lists.one(visit, row.id)
    assert after is not None
    assert Group.UNREAD not in after.row.groups


def revise(desk: Desk, row: Row, text: str) -> None:
    """The ward asks something else instead."""
    opening = row.opening
    assert opening is not None
    answer = desk.broker.tell(
        EventCode.INQUIRY,
        "ward",
        OFFICE,
        facts=InquiryFacts(text=text, identifiers=NUMBER),
        patient=Patient(numbers(desk, row)),
        keys=(),
        activity=Activity.REVISE,
        target=opening.message_id,
        happened=opening.happened,
        written=datetime.now(UTC),
    )
    assert answer.status == 200, answer.body


def test_what_was_sent_is_taken_back(desk: Desk) -> None:
    """Its matter has it until then. It is owed again, and told; twice is once; nobody takes back what others sent."""
    row = desk.open(K.INQUIRY_ANSWER)
    visit = at(OFFICE)
    one = desk.lists.one(visit, row.id)
    assert one is not None
    deed = one.row.deed("reply")
    assert deed is not None
    draft = draft_of(deed, one, Form({"text": ["Vi gjør det."]}), "nb")
    assert draft is not None
    assert desk.send(visit, draft).fate is Fate.DONE
    assert desk.send(visit, draft).fate is Fate.AGAIN
    assert sent(desk, visit, row) == [draft.id]
    found = desk.lists.said(visit, draft.id)
    assert found is not None
    said, matter = found
    assert desk.lists.said(at("ward"), draft.id) is None
    undone = Draft(
        code=said.code,
        facts=said.facts,
        patient=said.patient,
        matter=matter,
        activity=Activity.CANCEL,
        target=said.message_id,
    )
    assert desk.send(visit, undone).fate is Fate.DONE
    after = desk.lists.one(visit, row.id)
    assert after is not None
    assert after.row.promise.is_open
    assert sent(desk, visit, row) == []
    assert desk.broker.kinds("ward").count("reply") == 2


def sent(desk: Desk, visit: Visit, row: Row) -> list[str]:
    """What they sent in the matter, as far as it stands; each is told to the access log."""
    one = desk.lists.one(visit, row.id)
    assert one is not None
    told = visit.disclosed.taken()[row.promise.patient]["Provenance"]
    assert {record.id for record in one.sent} <= {*told}
    return [record.message_id for record in one.sent]


def test_the_quiet_are_listed(desk: Desk) -> None:
    """Whom nobody told anything of for so long, though a plan or a decision runs; each is told to the access log."""
    row = desk.open(K.REVIEW)
    desk.open(K.INQUIRY_ANSWER)
    visit = at(OFFICE)
    assert desk.lists.quiet(visit, 1) == []
    ((found, header),) = desk.lists.quiet(visit, 0)
    assert (found.patient, header.told("family")) == (row.promise.patient, "Nordmann")
    assert [*visit.disclosed.taken()] == [found.patient]


def test_another_unit_sees_nothing_of_it(desk: Desk) -> None:
    """Not on its list, not by its id, nor by what was sent; and nothing is noted of anybody."""
    row = desk.open(K.CAPACITY_ANSWER)
    stranger = at("village-case-office")
    assert rows(desk, stranger) == []
    assert desk.lists.one(stranger, row.id) is None
    assert not stranger.disclosed
    nobody = Visit(Actor(role=Role.ADMINISTRATOR, party=OFFICE), Disclosures())
    assert rows(desk, nobody) == []


def test_what_is_shown_is_told_to_the_access_log(desk: Desk) -> None:
    """The patient, the Task and the message, for each row."""
    row = desk.open(K.CAPACITY_ANSWER)
    visit = at(OFFICE)
    rows(desk, visit)
    shown = visit.disclosed.taken()[row.promise.patient]
    assert shown["Task"] == (row.id,)
    assert {"Patient", "Provenance"} <= shown.keys()


def test_the_names_that_were_typed_are_only_text(desk: Desk) -> None:
    """A matter that is passed on goes to nobody who had it; who is not in the directory is not chosen."""
    row = desk.open(K.INQUIRY_ANSWER)
    visit = at(OFFICE)
    one = desk.lists.one(visit, row.id)
    assert one is not None
    deed = one.row.deed("forward")
    assert deed is not None
    for key in (OFFICE, "nobody", "<script>", ""):
        form = Form({"owner": [key], "reason": ["<b>hit</b>"]})
        assert draft_of(deed, one, form, "nb") is None
        assert {*form.problems} == {"owner"}
    sent = draft_of(deed, one, Form({"owner": ["town-nursing"]}), "nb")
    assert sent is not None
    assert sent.facts == InquiryFacts(owner=ref("town-nursing"))
    assert desk.send(visit, sent).fate is Fate.DONE
    there = desk.lists.one(at("town-nursing"), row.id)
    assert there is not None
    onward = there.row.deed("forward")
    assert onward is not None
    (field, *_) = form_fields(onward, there.row, desk.lists.directory(), "nb")
    assert OFFICE not in dict([*field.near, *field.options])
    assert draft_of(onward, there, Form({"owner": [OFFICE]}), "nb") is None
