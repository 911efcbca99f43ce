"""The page on which a clinician breaks the glass, on both stores: what is wrong is told beside the field, and kept."""

import pytest

from pathways.access import Operation, Role, may
from pathways.access_log import Act
from pathways.events import EventCode
from pathways.facts import InquiryFacts
from tests.contract.door import Door, someone
from tests.contract.tending import Pages

PATH = "/break-glass"
HERE = "village-case-office"
(NUMBER,) = someone().identifiers
WHY = "Bevisstløs ved ankomst, ukjente medisiner"
ASKED = {"identifier": NUMBER.value, "reason": "emergency", "words": WHY}


@pytest.fixture
def pages(broker: Door) -> Pages:
    """Pages of a broker where the village was told nothing of the one patient."""
    told = broker.tell(EventCode.INQUIRY, "ward", "town-ke", facts=InquiryFacts(text="Når?"))
    assert told.patient is not None
    return Pages(broker.service)


def ask(pages: Pages, **changes: str) -> tuple[int, str, str]:
    """Status, where it leads, and the page."""
    answer = pages.ask(Role.CLINICIAN, HERE, "POST", PATH, data=ASKED | changes)
    return answer.status_code, answer.headers.get("location", ""), answer.text


def test_it_opens_what_was_shut(pages: Pages) -> None:
    """The patient's own page, which was none before; the number is in no address."""
    assert pages.ask(Role.CLINICIAN, HERE, "GET", PATH).status_code == 200
    status, there, _ = ask(pages)
    assert status == 303
    assert NUMBER.value not in there
    assert "Når?" not in pages.ask(Role.STAFF, HERE, "GET", there).text
    opened = pages.ask(Role.CLINICIAN, HERE, "GET", there)
    assert opened.status_code == 200
    assert "Når?" in opened.text
    read = [line for line in pages.lines(*Act) if line.act is not Act.SIGN_IN]
    assert [(line.who.role, line.emergency) for line in read] == [(Role.CLINICIAN, True)] * 2


@pytest.mark.parametrize(
    ("name", "text", "status"),
    [
        ("identifier", "", 422),
        ("identifier", "00000000000", 404),
        ("reason", "curiosity", 422),
        ("words", "fordi", 422),
    ],
)
def test_what_is_wrong_is_told_and_what_was_typed_is_kept(
    pages: Pages, name: str, text: str, status: int
) -> None:
    """Beside the field."""
    told, _, page = ask(pages, **{name: text, "words": text if name == "words" else f"{WHY} <b>"})
    assert told == status
    assert f'id="{name}-problem"' in page
    assert "<b>" not in page
    assert name == "words" or f"{WHY} &lt;b&gt;" in page


@pytest.mark.parametrize("role", [role for role in Role if not may(role, Operation.BREAK_GLASS)])
def test_it_is_for_nobody_else(pages: Pages, role: Role) -> None:
    """Neither the form nor what it does; search leads others nowhere."""
    if role in (Role.OPEN, Role.SYSTEM, Role.SUPPLIER):
        return  # nobody signs in to pages as these
    party = None if role is Role.OPERATOR else HERE
    assert pages.ask(role, party, "GET", PATH).status_code == 403
    assert pages.ask(role, party, "POST", PATH, data=ASKED).status_code == 403
    found = pages.ask(role, party, "POST", "/", data={"identifier": NUMBER.value})
    assert "/break-glass" not in found.text


def test_a_search_that_finds_nobody_leads_there(pages: Pages) -> None:
    """For clinicians."""
    found = pages.ask(Role.CLINICIAN, HERE, "POST", "/", data={"identifier": NUMBER.value})
    assert found.status_code == 404
    assert 'href="/break-glass"' in found.text
