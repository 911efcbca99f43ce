"""What senders of HL7 v2 are told: in their mode, their version, their character set."""

from dataclasses import replace

import hl7
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings.hl7v2.acknowledgement import acknowledgements
from fhir_mappings.hl7v2.messages import read
from fhir_mappings.reply import Reply
from pathways.refusals import Issue, Refusal
from tests.unit.hl7v2 import NOW, OPTIONS, VERSIONS, Letter, adt
from tests.unit.test_hl7v2_refusals import REFUSED

OK = Reply(id="5dc58d79-0cba-8cfb-abf6-e155a9f56f89", code="ok", issues=(), at=NOW)
WARNED = replace(OK, issues=(Issue("business-rule", "look at it", None, "warning"),))
TRANSIENT = replace(OK, code="transient-error", issues=(Issue("exception", "again", "Bundle"),))
LETTER = adt("A01")


def no(*issues: Issue) -> Reply:
    """A refusal."""
    return replace(OK, code="fatal-error", issues=issues)


WRONG = no(Issue("value", "the fødselsnummer | is wrong", "PID[2]-3.4"))


def verdicts(letter: Letter, reply: Reply) -> list[str]:
    """MSA-1 of each answer."""
    return [str(hl7.parse(one).segment("MSA")[1]) for one in acknowledgements(letter.source, reply)]


# --- what is said


def test_an_acknowledgement() -> None:
    """Sender and receiver change places; it names the message, and is one of HL7 itself."""
    [ack] = acknowledgements(LETTER.source, OK)
    assert ack == (
        b"MSH|^~\\&|CAREPATH||EPJ|915933149|20261122080000+0000||ACK^A01^ACK|"
        + ack.split(b"|")[9]
        + b"|P|2.5||||||UNICODE UTF-8\rMSA|AA|A01-20261120101500\r"
    )
    assert len(ack.split(b"|")[9]) == 20
    [old] = acknowledgements(replace(LETTER, version="2.4").source, OK)
    assert old == ack.replace(b"|2.5|", b"|2.4|")


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_wrong_as_each_version_says_it(version: str) -> None:
    """Before 2.5 in MSA and ERR-1, since then in an ERR for each; what separates is escaped."""
    [ack] = acknowledgements(replace(LETTER, version=version).source, WRONG)
    msa, err = ack.decode().split("\r")[1:3]
    if version < "2.5":
        said = "the fødselsnummer \\F\\ is wrong"
        assert msa == f"MSA|AE|A01-20261120101500|{said}|||102^Data type error^HL70357"
        assert err == "ERR|PID^2^3^102&Data type error&HL70357"
    else:
        assert msa == "MSA|AE|A01-20261120101500"
        place, code = "PID^2^3^1^4", "102^Data type error^HL70357"
        assert err == f"ERR||{place}|{code}|E||||the fødselsnummer \\F\\ is wrong"


@pytest.mark.parametrize("name", REFUSED)
def test_each_refusal(name: str) -> None:
    """AR rejects what is not taken at all, AE what is wrong with it; each with a code and a place."""
    source, _, where = REFUSED[name]
    refusal = read(source, OPTIONS)
    assert isinstance(refusal, Refusal)
    [ack] = acknowledgements(source, no(*refusal.issues))
    parsed = hl7.parse(ack)
    rejected = where in ("MSH-9.1", "MSH-9.2", "MSH-11", "MSH-12")
    assert str(parsed.segment("MSA")[1]) == ("AR" if rejected else "AE")
    error = parsed.segment("ERR")
    assert str(error[3]).endswith("^HL70357")
    place, elsewhere = str(error[2]), str(error[7])
    assert elsewhere == where if where.startswith("line") else place.startswith(where[:3])


@pytest.mark.parametrize(
    ("charset", "codec"), [("8859/1", "iso-8859-1"), ("ASCII", "ascii"), ("", "utf-8")]
)
def test_in_the_senders_character_set(charset: str, codec: str) -> None:
    """What it cannot show is a question mark; who names none is told which it is."""
    source = replace(LETTER, charset=charset, segments=()).source
    [ack] = acknowledgements(source, WRONG)
    assert ("f?dselsnummer" if codec == "ascii" else "fødselsnummer") in ack.decode(codec)
    assert (charset or "UNICODE UTF-8").encode() in ack


@pytest.mark.parametrize(
    ("issue", "told"),
    [
        (Issue("duplicate", "no", "Bundle.entry[0].resource.id"), b"MSH^1^10|205^Duplicate key"),
        (Issue("forbidden", "no", "Bundle.entry[0].resource.sender"), b"MSH^1^4|207^Application"),
        (Issue("not-found", "no", "Bundle.entry[0].resource.destination"), b"MSH^1^6|204^Unknown"),
        (Issue("required", "no", "Bundle"), b"|101^Required field"),
    ],
)
def test_places_of_the_rules(issue: Issue, told: bytes) -> None:
    """Where the rules object to a message, its FHIRPath is one of HL7's places."""
    [ack] = acknowledgements(LETTER.source, no(issue))
    assert b"\rERR||" + told in ack
    [old] = acknowledgements(replace(LETTER, version="2.3").source, no(issue))
    assert b"\rERR|" in old


# --- when it is said


@pytest.mark.parametrize(
    ("wants", "answers"),
    [
        (("", ""), {"ok": ["AA"], "no": ["AE"], "later": ["AR"]}),
        (("AL", "NE"), {"ok": ["CA"], "no": ["CE"], "later": ["CE"]}),
        (("NE", "AL"), {"ok": ["AA"], "no": ["AE"], "later": ["AR"]}),
        (("AL", "AL"), {"ok": ["CA", "AA"], "no": ["CE"], "later": ["CE"]}),
        (("ER", "NE"), {"ok": [], "no": ["CE"], "later": ["CE"]}),
        (("SU", "ER"), {"ok": ["CA"], "no": ["AE"], "later": ["AR"]}),
        (("NE", "NE"), {"ok": [], "no": [], "later": []}),
        (("AL", ""), {"ok": ["CA"], "no": ["CE"], "later": ["CE"]}),
    ],
)
def test_modes(wants: tuple[str, str], answers: dict[str, list[str]]) -> None:
    """Original mode, and every wish of enhanced mode; what was not taken in gets one answer at most."""
    letter = replace(LETTER, wants=wants)
    given_ = {"ok": WARNED, "no": WRONG, "later": TRANSIENT}
    assert {name: verdicts(letter, reply) for name, reply in given_.items()} == answers


def test_what_is_rejected_in_enhanced_mode() -> None:
    """CR: the version is not taken."""
    letter = replace(LETTER, wants=("AL", "AL"), version="9")
    assert verdicts(letter, no(Issue("not-supported", "no", "MSH-12"))) == ["CR"]


@pytest.mark.parametrize("kind", ["ACK^A01", "MCF", "RRI^I12"])
def test_an_answer_is_never_answered(kind: str) -> None:
    """It would go on for ever."""
    assert acknowledgements(replace(LETTER, event=kind).source, WRONG) == ()


def test_warnings_go_along() -> None:
    """It was taken in, but somebody should look."""
    [ack] = acknowledgements(LETTER.source, WARNED)
    assert b"\rERR|||207^Application internal error^HL70357|W||||look at it\r" in ack
    [old] = acknowledgements(replace(LETTER, version="2.4").source, WARNED)
    assert b"\rERR" not in old
    assert b"|look at it|" in old


_HEADS = st.lists(st.binary(max_size=6), min_size=8, max_size=20).map(b"|".join)


@given(st.one_of(st.binary(max_size=200), _HEADS.map(lambda fields: b"MSH|^~\\&|" + fields)))
def test_whatever_was_sent_can_be_answered(source: bytes) -> None:
    """The same answer, the same bytes; nothing in it that could break the frame or begin another segment."""
    for ack in acknowledgements(source, WRONG):
        assert ack == acknowledgements(source, WRONG)[0]
        assert not {*ack} & {0x0B, 0x1C, 0x00, 0x0A}
        assert [line[:3] for line in ack.split(b"\r")] == [b"MSH", b"MSA", b"ERR", b""]
