"""Who may open the pages of deliveries and operations, what they show of whom, and what they never show."""

from collections.abc import Iterator
from typing import Final

import pytest
from sqlalchemy import update

from carepath import texts
from carepath.store.parked import State
from carepath.store.streams import Cursor
from carepath.store.tables import parked as shelf
from carepath.ui.operations.data import MOST
from carepath.ui.operations.pages import DONE
from carepath.ui.operations.words import reason_of
from fhir_mappings import masking
from pathways.access import Operation, Role, may
from pathways.access_log import Act
from pathways.refusals import Reason
from tests.contract.stored import put
from tests.contract.tending import HOOKS, HOSTILE, PARKED, SECRET, Pages, pages_on

AT: Final = "/operations"
WARD: Final = f"{AT}/deliveries/ward"
MESSAGE: Final = f"{AT}/parked/{PARKED['ward']}"
PAGES: Final = (AT, WARD, f"{AT}/parked", MESSAGE, f"{AT}/connect")
FORMS: Final = (WARD, MESSAGE)
PEOPLE: Final = [
    role
    for role in Role
    if role not in {Role.OPEN, Role.SYSTEM, Role.SUPPLIER}
    and role not in {Role.GUARDIAN, Role.RELATIVE, Role.CHILD}
]
"""Who can have a session; a citizen's is always the patient's, whatever they are to whom they look at."""


@pytest.fixture
def pages(sqlite_url: str) -> Iterator[Pages]:
    """Two organisations' deliveries."""
    with pages_on(sqlite_url) as made:
        yield made


def test_the_matrix_says_who_may(pages: Pages) -> None:
    """Every role at every page and every form: those of the matrix's column, and no others."""
    let_in = set()
    for role in PEOPLE:
        party = None if role in {Role.OPERATOR, Role.PATIENT} else "ward"
        asked = [pages.ask(role, party, "GET", path) for path in PAGES]
        sent = [pages.ask(role, party, "POST", path, data={}) for path in FORMS]
        statuses = [one.status_code for one in (*asked, *sent)]
        allowed = [200] * len(PAGES) + [400] * len(FORMS)
        assert statuses == (allowed if may(role, Operation.REPLAY) else [403] * 7), role
        let_in |= {role} if statuses == allowed else set()
    assert let_in == {Role.ADMINISTRATOR, Role.OPERATOR}
    assert pages.lines() == []


def test_who_has_no_patients_begins_here(pages: Pages) -> None:
    """An administrator who opens the first page; nobody else is sent away from it."""
    answer = pages.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, AT)
    assert pages.get("/patients/x").status_code == 403


def test_nobody_who_is_not_signed_in(pages: Pages) -> None:
    """They are sent to sign in, and nothing is done."""
    for path in PAGES:
        answer = pages.ask(Role.OPEN, None, "GET", path, headers={"Cookie": "carepath=x"})
        assert answer.status_code in {303, 200}
    assert pages.lines() == []


def test_an_administrator_sees_their_own(pages: Pages) -> None:
    """The operator sees all, and the whole broker's figures."""
    own, whole = pages.get(AT).text, pages.get(AT, None).text
    assert "deliveries/ward" in own
    assert "town" not in own
    assert "Hele megleren" not in own
    assert "deliveries/ward" in whole
    assert "deliveries/town" in whole
    assert "Hele megleren" in whole
    assert PARKED["town"] not in pages.get(f"{AT}/parked").text
    assert PARKED["town"] in pages.get(f"{AT}/parked", None).text
    for path in ("deliveries/town", f"parked/{PARKED['town']}", "connect?organisation=town"):
        assert pages.get(f"{AT}/{path}").status_code == 404


def test_all_ways_of_delivery_are_told(pages: Pages) -> None:
    """How far each is, and nothing that is secret of whom we call."""
    told = pages.get(WARD).text
    for shown in ("4 av 6", "0 av 6", "6 av 6", "https://journal.example:443", HOOKS["ward"]):
        assert shown in told, shown
    assert "secret" not in told
    assert "/hook" not in told


@pytest.mark.parametrize("party", ["ward", None], ids=["administrator", "operator"])
def test_what_a_message_says_is_masked(pages: Pages, party: str | None) -> None:
    """Its elements are there, and not one of their values; whatever is asked for."""
    for path in (MESSAGE, f"{MESSAGE}?message=whole", f"{AT}/parked"):
        told = pages.get(path, party).text
        assert not [one for one in SECRET if one in told]
    told = pages.get(MESSAGE, party).text
    assert "MessageHeader" in told
    assert f"family: {masking.MASK}" in told
    assert "message=whole" not in told
    assert pages.lines(Act.READ) == []


def test_in_open_mode_a_message_is_read_and_that_is_noted(sqlite_url: str) -> None:
    """As text, whatever is in it: nothing of it is markup. Only when it is asked for."""
    with pages_on(sqlite_url, open_mode=True) as pages:
        _about_somebody(pages)
        masked = pages.ask(Role.OPEN, None, "GET", MESSAGE).text
        assert "Nordmann" not in masked
        assert pages.lines(Act.READ) == []
        whole = pages.ask(Role.OPEN, None, "GET", f"{MESSAGE}?message=whole").text
        assert "Nordmann" in whole
        assert HOSTILE not in whole
        assert "&lt;script&gt;alert(1)" in whole
        (line,) = pages.lines(Act.READ)
        assert (line.patient, line.shown) == ("somebody", {"Binary": (PARKED["ward"],)})


def _about_somebody(pages: Pages) -> None:
    with pages.database.write() as conn:
        conn.execute(update(shelf).values(patient="somebody"))


def test_what_cannot_be_read_is_not_shown(pages: Pages) -> None:
    """Not even the names in it."""
    hostile = b'{"12824212447": "Solveig", "resourceType": "<script>"}'
    assert masking.structure(hostile, pages.parked().received, "") is None
    row = {"id": "unreadable", "received": 0, "reason": "malformed", "state": "open"}
    sent = {"sender": "ward", "media_type": "application/fhir+json", "source": hostile}
    put(pages.database, shelf, {**row, **sent})
    for party in ("ward", None):
        told = pages.get(f"{AT}/parked/unreadable", party).text
        assert "12824212447" not in told
        assert "Solveig" not in told
        assert "kan ikke leses" in told


def test_a_flood_is_shown_in_part(pages: Pages) -> None:
    """The oldest; all are counted, and what is another's is not."""
    row = {"reason": "malformed", "state": "open", "sender": "ward", "source": b"x"}
    flood = [{**row, "id": f"f-{n}", "received": n, "media_type": ""} for n in range(MOST)]
    put(pages.database, shelf, *flood)
    assert f"venter: {MOST + 1}<" in pages.get(AT).text
    told = pages.get(f"{AT}/parked").text
    assert told.count("/parked/f-") == MOST
    assert PARKED["ward"] not in told
    assert f"De {MOST} eldste" in told
    assert "eldste vises" not in pages.get(f"{AT}/parked", "town").text


WRONG: Final = [
    ({}, "from", "enten et nummer eller"),
    ({"from_": "1", "since": "2026-11-20T09:00"}, "from", "enten et nummer eller"),
    ({"from_": "0"}, "from", "fra 1 og oppover"),
    ({"from_": "-1"}, "from", "fra 1 og oppover"),
    ({"from_": "1e9"}, "from", "fra 1 og oppover"),
    ({"from_": "²"}, "from", "fra 1 og oppover"),
    ({"from_": "9" * 400}, "from", "fra 1 og oppover"),
    ({"from_": HOSTILE}, "from", "fra 1 og oppover"),
    ({"from_": "7"}, "from", "Det siste nummeret er 6"),
    ({"from_": "9" * 18}, "from", "Det siste nummeret er 6"),
    ({"since": "i går"}, "since", "en dato og et klokkeslett"),
    ({"since": "0001-01-01T00:00"}, "since", "en dato og et klokkeslett"),
    ({"since": HOSTILE}, "since", "en dato og et klokkeslett"),
    ({"since": "2027-01-01T00:00"}, "since", "fått alt til og med"),
]


@pytest.mark.parametrize(("fields", "field", "told"), WRONG, ids=lambda one: str(one)[:30])
@pytest.mark.parametrize("hook", ["", HOOKS["ward"]], ids=["kafka", "hook"])
def test_what_is_wrong_is_said_beside_the_field(
    pages: Pages, hook: str, fields: dict[str, str], field: str, told: str
) -> None:
    """With what was typed, in the form that was sent and no other; nothing is done."""
    way = {"hook": hook} if hook else {"over": "kafka"}
    answer = pages.post(WARD, do="replay", **way, **fields)
    assert answer.status_code == 422
    place = f"hook-{hook}" if hook else "kafka"
    marked = f'aria-invalid="true" aria-describedby="{place}-{field}-problem"'
    assert answer.text.count("aria-invalid") == 1
    assert marked in answer.text
    _, _, beside = answer.text.partition(f'<p class="problem" id="{place}-{field}-problem">')
    assert told in beside.partition("</p>")[0]
    assert HOSTILE not in answer.text
    for typed in fields.values():
        shown = typed.replace("<", "&lt;").replace(">", "&gt;")
        assert f'value="{shown}"' in answer.text
    assert (pages.cursor(), pages.hook().delivered, pages.lines()) == (Cursor(4, 0, 6), 6, [])


def test_what_is_not_published_yet_is_not_published_again(pages: Pages) -> None:
    """Kafka has four of six."""
    answer = pages.post(WARD, do="replay", from_="5")
    assert "fått alt til og med 4" in answer.text


@pytest.mark.parametrize(
    ("reason", "told"),
    [("", "Skriv hvorfor"), ("   ", "Skriv hvorfor"), ("x" * 501, "mer enn 500 tegn")],
    ids=["none", "blank", "too long"],
)
def test_a_message_is_not_given_up_without_a_reason(pages: Pages, reason: str, told: str) -> None:
    """What was typed stays."""
    answer = pages.post(MESSAGE, do="drop", reason=reason)
    assert answer.status_code == 422
    _, _, beside = answer.text.partition('id="reason-problem">')
    assert told in beside.partition("</p>")[0]
    assert f">{reason.strip()}</textarea>" in answer.text
    assert (pages.parked().state, pages.lines()) == (State.OPEN, [])


def test_a_reason_is_text_whatever_is_in_it(pages: Pages) -> None:
    """Where it is read again."""
    pages.post(MESSAGE, do="drop", reason=HOSTILE)
    told = pages.get(MESSAGE).text
    assert HOSTILE not in told
    assert "&lt;script&gt;alert(1)" in told
    assert PARKED["ward"] in pages.get(f"{AT}/parked?all=1").text
    assert PARKED["ward"] not in pages.get(f"{AT}/parked").text


@pytest.mark.parametrize(
    "path", [f"{AT}/deliveries/x%22%3E", f"{AT}/parked/x%22%3E", f"{AT}/connect?organisation=%3Cx"]
)
def test_what_does_not_exist(pages: Pages, path: str) -> None:
    """404, without an echo."""
    answer = pages.get(path, None)
    assert answer.status_code == 404
    assert "x&#34;" not in answer.text
    assert "<x" not in answer.text


def test_what_cannot_be_done_is_not_done(pages: Pages) -> None:
    """An act that there is not, a form that is far too large."""
    assert pages.post(WARD, do="erase").status_code == 404
    assert pages.post(WARD, do="ask-anew").status_code == 404
    assert pages.post(MESSAGE, do="erase").status_code == 400
    assert pages.post(MESSAGE, do="drop", reason="x" * 100_000).status_code == 400
    assert pages.post(WARD, "town", do="pause").status_code == 404
    assert pages.lines() == []


def test_only_what_was_done_is_said_to_be(pages: Pages) -> None:
    """Nobody puts words on the page by an address."""
    assert "Satt på pause." in pages.get(f"{WARD}?done=pause").text
    assert 'role="status"' not in pages.get(f"{WARD}?done=erased").text
    assert {f"operations.done.{done}" for done in DONE} <= set(texts.catalogue("nb"))


def test_every_reason_for_parking_has_its_words() -> None:
    """What it is called, and what to do."""
    reasons = {*Reason, "fault", "conflict", "identity-conflict", "unknown-matter"}
    for reason in reasons:
        assert {reason_of(reason), f"{reason_of(reason)}.do"} <= set(texts.catalogue("nb"))
