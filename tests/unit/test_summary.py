"""The handover summary, as a document and as a message."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from fhir.resources.R4B import get_fhir_model_class

from fhir_mappings import summary
from fhir_mappings.structure import check
from fhir_mappings.words import WORDS
from pathways.events import Activity, EventCode, Family
from pathways.facts import ReferralFacts, ReportFacts, StayFacts
from pathways.messages import Author, Record
from pathways.moments import Moment
from pathways.parties import Identifier
from pathways.pathway import Header, Told
from pathways.states import Team
from pathways.transitions import CLOSED, Status
from tests.unit.strategies import BASE_URL
from tests.unit.written import AT, DIRECTORY, HOSPITAL, KNOWN, ORDER, header, sound, thread


def handover(**changes: Any) -> summary.Handover:
    """A handover with something in every section."""
    report = ReportFacts(title="Epikrise")
    record = Record(
        id="e1",
        patient="p1",
        message_id="m1",
        code=EventCode.DISCHARGE_REPORT,
        activity=Activity.NEW,
        target=None,
        sender="slagen",
        sender_name="Slagen sykehus",
        sender_root=None,
        author=Author(),
        happened=Moment(AT),
        written=AT,
        received=AT,
        keys=(),
        facts=report,
    )
    whole = summary.Handover(
        patient="p1",
        identifiers=[Identifier("urn:x", "1")],
        header=header(),
        threads=[
            thread(Family.STAY, Status.READY, facts=StayFacts(ward="Ortopedisk")),
            thread(Family.STAY, Status.IN_PROGRESS, facts=StayFacts(provider=KNOWN), owner=None),
            thread(Family.STAY, Status.IN_PROGRESS, facts=StayFacts()),
            thread(Family.REFERRAL, Status.RECEIVED, facts=ReferralFacts(title="Hofte")),
            thread(Family.INQUIRY, Status.OPEN),
            thread(Family.COORDINATION, Status.ACTIVE, facts=Team()),
            thread(Family.DEADLINE, Status.OPEN),
        ],
        reports=[record, replace(record, facts=ReportFacts()), replace(record, facts=StayFacts())],
        directory=DIRECTORY,
    )
    return replace(whole, **changes)


@pytest.mark.parametrize("language", ["nb", "en"])
def test_a_handover_document_is_sound_and_complete(language: str) -> None:
    """Composition first, and every reference stands in the Bundle."""
    made = summary.document(handover(), at=AT, base_url=BASE_URL, language=language)
    get_fhir_model_class("Bundle").model_validate(made)
    for entry in made["entry"]:
        sound(entry["resource"])
    composition = made["entry"][0]["resource"]
    words = WORDS[language]
    assert [section["title"] for section in composition["section"]] == [
        words["contacts"],
        words["open"],
        "Om Kari",
        words["reports"],
    ]
    urls = {entry["fullUrl"] for entry in made["entry"]}
    for reference in (composition["subject"], *composition["author"]):
        assert f"{BASE_URL}/{reference['reference']}" in urls
    assert f"{BASE_URL}/Organization/lege" in urls


def test_a_handover_of_nothing_has_no_sections() -> None:
    """And no doctor whom the directory does not know."""
    bare = handover(header=Header(demographics={"gp": Told(ORDER, "gone")}), threads=[], reports=[])
    made = summary.document(bare, at=AT, base_url=BASE_URL, language="nb")
    composition, patient = (entry["resource"] for entry in made["entry"][:2])
    assert [section["title"] for section in sound(composition)["section"]] == ["Kontakter"]
    assert "generalPractitioner" not in sound(patient)
    nothing = summary.document(
        replace(bare, header=Header()), at=AT, base_url=BASE_URL, language="nb"
    )
    assert "section" not in sound(nothing["entry"][0]["resource"])


def test_a_handover_message_tells_titles_only() -> None:
    """In the receiver's feed it is a message like any other."""
    made = summary.message(handover(), id="s1", receiver=HOSPITAL, at=AT, base_url=BASE_URL)
    assert check(orjson.loads(orjson.dumps(made))) == ()
    text = orjson.dumps(made).decode()
    assert "Epikrise" in text
    assert "Siri, sykepleier, 2" in text
    assert "Koordinering" not in text
    assert "Frist" not in text
    assert made["entry"][0]["resource"]["id"] == "s1"
    bare = handover(header=Header(), threads=[], reports=[])
    empty = summary.message(bare, id="s1", receiver=HOSPITAL, at=AT, base_url=BASE_URL)
    assert check(orjson.loads(orjson.dumps(empty))) == ()


def test_a_misaddressed_message_tells_nothing_of_the_patient() -> None:
    """KE gets the envelope."""
    record = handover().reports[0]
    made = summary.misaddressed(
        id="s1", record=record, receiver=HOSPITAL, at=AT, base_url=BASE_URL, language="en"
    )
    assert check(orjson.loads(orjson.dumps(made))) == ()
    kinds = {entry["resource"]["resourceType"] for entry in made["entry"]}
    assert "Patient" not in kinds
    assert "Epikrise" not in orjson.dumps(made).decode()


@pytest.mark.parametrize("language", ["nb", "en"])
def test_every_open_matter_has_words(language: str) -> None:
    """The languages have the same words, and one for whatever can be open."""
    assert WORDS[language].keys() == WORDS["nb"].keys()
    open_ = {status for status in Status if status not in CLOSED} - {Status.NONE, Status.UNKNOWN}
    assert {f"status.{status}" for status in open_} <= WORDS[language].keys()
    families = {f"family.{family}" for family in Family if family is not Family.BROKER}
    assert families <= WORDS[language].keys()
