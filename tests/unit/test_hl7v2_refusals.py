"""HL7 v2 that is not taken: with the reason, at the place, and without a word of what was sent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings.hl7v2.messages import read
from pathways.messages import Message
from pathways.refusals import Reason, Refusal
from tests.unit.hl7v2 import FNR, MERGE, OPTIONS, REFERRAL, REPORT, Letter, adt, pid, pv1


def _changed(letter: Letter, *pairs: tuple[str, str]) -> bytes:
    text = letter.text
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text.encode()


A01 = adt("A01")
REFUSED: dict[str, tuple[bytes, Reason, str]] = {
    "no MSH": (b"PID|1\r", Reason.MALFORMED, "MSH-2"),
    "separators that are one": (
        _changed(A01, ("|^~\\&|", "|^^\\&|")),
        Reason.MALFORMED,
        "MSH-2",
    ),
    "two messages": (A01.source * 2, Reason.MALFORMED, "line 5"),
    "a batch": (b"BHS|^~\\&|x\r" + A01.source, Reason.MALFORMED, "MSH-2"),
    "no segment": (_changed(A01, ("\rPV1|", "\r1PV|")), Reason.MALFORMED, "line 4"),
    "a control character": (_changed(A01, ("Storgata", "\0")), Reason.MALFORMED, "MSH-18"),
    "an unknown character set": (
        _changed(A01, ("UNICODE UTF-8", "KS X 1001")),
        Reason.MALFORMED,
        "MSH-18",
    ),
    "another character set": (
        A01.text.encode("iso-8859-1"),
        Reason.MALFORMED,
        "MSH-18",
    ),
    "UTF-8 called Latin-1": (
        _changed(A01, ("UNICODE UTF-8", "8859/1")),
        Reason.MALFORMED,
        "MSH-18",
    ),
    "too many parts": (A01.source + b"NTE" + b"|" * 20_000, Reason.TOO_LARGE, "MSH"),
    "10 MB": (A01.source + b"NTE|1||" + b"x" * 10 * 1024 * 1024, Reason.TOO_LARGE, "MSH"),
    "no id": (_changed(A01, ("|A01-20261120101500|", "||")), Reason.INVALID, "MSH-10"),
    "no sender": (
        _changed(A01, ("|EPJ|915933149|", "|||")),
        Reason.INVALID,
        "MSH-4",
    ),
    "a wrong organisation number": (
        _changed(A01, ("|915933149|", "|915933148^2.16.578.1.12.4.1.4.101^ISO|")),
        Reason.INVALID,
        "MSH-4",
    ),
    "unknown type": (_changed(A01, ("ADT^A01", "BAR^P01")), Reason.UNKNOWN_EVENT, "MSH-9.1"),
    "unknown trigger": (_changed(A01, ("ADT^A01", "ADT^A99")), Reason.UNKNOWN_EVENT, "MSH-9.2"),
    "no trigger": (_changed(A01, ("ADT^A01", "ADT")), Reason.UNKNOWN_EVENT, "MSH-9.2"),
    "another event in EVN": (_changed(A01, ("EVN||", "EVN|A03|")), Reason.INVALID, "EVN-1"),
    "processing id": (_changed(A01, ("|P|2.5|", "|X|2.5|")), Reason.UNKNOWN_EVENT, "MSH-11"),
    "version": (_changed(A01, ("|P|2.5|", "|P|3.0|")), Reason.UNKNOWN_EVENT, "MSH-12"),
    "nobody": (_changed(A01, ("\rPID|", "\rZPI|")), Reason.PATIENT, "PID"),
    "two patients": (A01.source + pid().encode(), Reason.PATIENT, "PID[2]"),
    "no number": (_changed(A01, (FNR, "")), Reason.PATIENT, "PID-3"),
    "a wrong number": (_changed(A01, (FNR, "15720255179")), Reason.PATIENT, "PID-3"),
    "no such day": (
        _changed(A01, ("|20261120100000", "|20261320100000")),
        Reason.INVALID,
        "PV1-44",
    ),
    "no such hour": (
        _changed(A01, ("|20261120100000", "|20261120250000")),
        Reason.INVALID,
        "PV1-44",
    ),
    "no day": (_changed(A01, ("|20261120100000", "|2026")), Reason.INVALID, "PV1-44"),
    "no day to reckon with": (
        _changed(A01, ("|20261120100000", "|99991231")),
        Reason.INVALID,
        "PV1-44",
    ),
    "no time of day": (
        _changed(A01, ("20261120101500+0100||ADT", "20261120+0100||ADT")),
        Reason.INVALID,
        "MSH-7",
    ),
    "no such MSH-7": (
        _changed(A01, ("20261120101500+0100||ADT", "20261120101500+2500||ADT")),
        Reason.INVALID,
        "MSH-7",
    ),
    "no stay": (
        adt("A03", pid(), pv1(visit="", begins="")).source,
        Reason.INVALID,
        "PV1-19",
    ),
    "an update of no admission": (
        adt("A08", pid(), pv1(begins="")).source,
        Reason.INVALID,
        "PV1-44",
    ),
    "a merge of nobody": (_changed(MERGE, ("MRG|77", "MRG|")), Reason.PATIENT, "MRG-1"),
    "a merge with oneself": (
        _changed(MERGE, ("MRG|77^^^HUS^MR", f"MRG|{FNR}^^^FNR")),
        Reason.PATIENT,
        "MRG-1",
    ),
    "a referral without number": (_changed(REFERRAL, ("|R77|", "||")), Reason.INVALID, "RF1-6"),
    "no report": (
        _changed(REPORT, ("|FT|", "|NM|"), ("|TX|", "|NM|"), ("|ED|", "|NM|")),
        Reason.INVALID,
        "OBX-2",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    """With the reason, at the place, and without a word of what was sent."""
    source, reason, where = REFUSED[name]
    found = read(source, OPTIONS)
    assert isinstance(found, Refusal), found
    assert (found.reason, found.issues[0].where) == (reason, where)
    said = " ".join(issue.text for issue in found.issues)
    assert not any(secret in said for secret in (FNR, "15720255179", "Ødegård", "20261320"))


def test_all_faults_at_once() -> None:
    """A sender learns all of them."""
    source = _changed(A01, (FNR, "15720255179"), ("|20261120100000", "|20261320100000"))
    found = read(source, OPTIONS)
    assert isinstance(found, Refusal)
    assert [issue.where for issue in found.issues] == ["PID-3", "PV1-44"]


@given(st.data())
def test_nothing_is_raised(data: Any) -> None:
    """Whatever is cut out of a message, doubled or put into it."""
    text = data.draw(st.sampled_from([A01, REFERRAL, REPORT, MERGE])).text
    for _ in range(data.draw(st.integers(1, 4))):
        begin, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
        put = data.draw(st.one_of(st.just(""), st.just(text[begin:end] * 2), st.text(max_size=5)))
        text = text[:begin] + put + text[end:]
    assert isinstance(read(text.encode(errors="replace"), OPTIONS), Message | Refusal)
