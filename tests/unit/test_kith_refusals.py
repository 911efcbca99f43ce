"""What is wrong with a Norwegian message: refused with its place, in the AppRec with its code (8221), never raised."""

import random
import re
from datetime import UTC, datetime
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from fhir_mappings.inbound import Options, read
from fhir_mappings.kith import apprec, names
from fhir_mappings.kith.envelope import MAX_ATTACHMENT
from fhir_mappings.kith.messages import read as kith
from fhir_mappings.reply import Reply
from pathways.events import EventCode
from pathways.messages import Message
from pathways.refusals import Issue, Refusal
from tests import norwegian as no
from tests.fuzz.mutate import mutated

OPTIONS = Options(received=datetime(2026, 11, 22, tzinfo=UTC))
AT = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
AR = {"a": names.APPREC_11}
GOOD = no.stay()["admission"]
TEXT = GOOD.decode()


def without(pattern: str, source: str = TEXT) -> bytes:
    """The message without what the pattern finds first."""
    found = re.sub(pattern, "", source, count=1, flags=re.DOTALL)
    assert found != source
    return found.encode()


def with_(old: str, new: str, source: str = TEXT) -> bytes:
    """The message with something else in a place."""
    assert old in source
    return source.replace(old, new).encode()


LAUGHS = '<!DOCTYPE MsgHead [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><MsgHead'
FILE = '<!DOCTYPE MsgHead [<!ENTITY a SYSTEM "file:///etc/passwd">]><MsgHead'
BAD: Final[dict[str, tuple[bytes, str, str]]] = {
    "entity expansion": (with_("<MsgHead", LAUGHS), "MsgHead", "T01"),
    "an external entity": (with_("<MsgHead", FILE), "MsgHead", "T01"),
    "cut off": (GOOD[:900], "MsgHead", "T01"),
    "not the encoding that it says": (TEXT.encode("iso-8859-1"), "MsgHead", "T01"),
    "an encoding nobody reads": (with_('"UTF-8"', '"EBCDIC"'), "MsgHead", "T01"),
    "no XML": (b"PLO", "MsgHead", "T01"),
    "another namespace": (with_(names.MSGHEAD, "urn:other"), "/", "T10"),
    "another type": (with_("LOG_INNLAGT", "NAV_SYKMELDING"), "MsgHead/MsgInfo/Type", "T10"),
    "another version of the parts": (
        with_("poKomponent/2012-04-01", "poKomponent/2009-06-30"),
        "MsgHead/Document/RefDoc/Content/Pasientlogistikk",
        "T02",
    ),
    "the content of another type": (
        with_('"LOG_INNLAGT"', '"HELSEOPPL_SOKNAD"'),
        "MsgHead/Document/RefDoc/Content",
        "T02",
    ),
    "another event than its type": (
        with_('V="LOG_INNLAGT"', 'V="LOG_UTSKREVET"'),
        "MsgHead/Document/RefDoc/Content/Pasientlogistikk/MeldingOmUtskrevetPasient",
        "T02",
    ),
    "no id": (without("<MsgId>.*</MsgId>"), "MsgHead/MsgInfo/MsgId", "E10"),
    "no number of the patient": (
        without("<Ident><Id>[0-9]{11}.*?</Ident>"),
        "MsgHead/MsgInfo/Patient/Ident/Id",
        "E30",
    ),
    "no number of the sender": (
        without("<Ident><Id>100</Id>.*?</Ident>"),
        "MsgHead/MsgInfo/Sender/Organisation/Ident/Id",
        "T02",
    ),
    "a wrong check digit": (
        with_(no.PERSON, no.PERSON[:-1] + "7"),
        "MsgHead/MsgInfo/Patient/Ident/Id",
        "E31",
    ),
    "no name": (
        without("<FamilyName>.*?</FamilyName>"),
        "MsgHead/MsgInfo/Patient/FamilyName",
        "E32",
    ),
    "no patient": (without("<Patient>.*</Patient>"), "MsgHead/MsgInfo/Patient", "E36"),
    "two patients": (
        with_("</Patient>", f"</Patient>{no.person(no.OTHER)}"),
        "MsgHead/MsgInfo/Patient[2]",
        "E36",
    ),
    "two persons in one": (
        with_(
            "</Ident><Address>",
            f'</Ident><Ident><Id>{no.OTHER}</Id><TypeId V="FNR"/></Ident><Address>',
        ),
        "MsgHead/MsgInfo/Patient/Ident[2]/Id",
        "E36",
    ),
    "a day that does not exist": (
        with_('V="2026-03-02T10:00:00"', 'V="2026-02-30"'),
        "MsgHead/Document/RefDoc/Content/Pasientlogistikk/MeldingInnlagtPasient/TidsfestetHendelse/TidspunktForHendelse",
        "T02",
    ),
    "an hour that never was": (
        with_("2026-03-02T10:30:00</GenDate>", "2026-03-29T02:30:00</GenDate>"),
        "MsgHead/MsgInfo/GenDate",
        "T02",
    ),
    "an unknown status": (
        with_('<Forsendelsesstatus V="N"/>', '<Forsendelsesstatus V="Q"/>'),
        "MsgHead/Document/RefDoc/Content/Pasientlogistikk/InformasjonOmForsendelsen/Forsendelsesstatus",
        "T02",
    ),
    "an id that is none": (with_("<MsgId>", "<MsgId>\u202e"), "MsgHead/MsgInfo/MsgId", "E10"),
    "a time that cannot be reckoned with": (
        with_("2026-03-02T10:30:00</GenDate>", "0001-01-01T00:00:00</GenDate>"),
        "MsgHead/MsgInfo/GenDate",
        "T02",
    ),
    "no content": (
        without("(?<=<Content>).*(?=</Content>)"),
        "MsgHead/Document/RefDoc/Content",
        "T02",
    ),
    "a wrong organisation number": (
        with_('<Id>100</Id><TypeId V="HER"', '<Id>123456789</Id><TypeId V="ENH"'),
        "MsgHead/MsgInfo/Sender",
        "T02",
    ),
    "nobody who could be found": (
        re.sub(r"(<Id>10[01]</Id><TypeId V=)\"HER\"", r'\1"LAV"', TEXT).encode(),
        "MsgHead/MsgInfo/Sender",
        "T02",
    ),
    "no event in an epicrisis": (
        without("<Event>.*</Event>", no.epicrisis(1).decode()),
        "Message/ServRprt/Event",
        "T02",
    ),
    "nothing at all": (f'<MsgHead xmlns="{names.MSGHEAD}"/>'.encode(), "MsgHead/MsgInfo", "T02"),
    "an attachment that is none": (
        with_(
            "</MsgHead>",
            _none := '<Document><RefDoc><MsgType V="A"/><Content>'
            f'<Base64Container xmlns="{names.BASE64}">*</Base64Container></Content></RefDoc></Document></MsgHead>',
        ),
        "MsgHead/Document[2]/RefDoc/Content/Base64Container",
        "T02",
    ),
    "an attachment that is too long": (
        with_("</MsgHead>", _none.replace("*", "A" * (MAX_ATTACHMENT * 4 // 3 + 8))),
        "MsgHead/Document[2]/RefDoc/Content/Base64Container",
        "T02",
    ),
    "10 MB": (GOOD + b" " * 10_000_000, "MsgHead", "X99"),
}


@pytest.mark.parametrize("what", BAD)
def test_refused_with_its_place_and_code(what: str) -> None:
    """To the sender and about the message, as far as either is known; nothing of the person in it."""
    source, where, code = BAD[what]
    refusal = kith(source, OPTIONS)
    assert isinstance(refusal, Refusal)
    assert refusal.issues[0].where == where
    told = apprec.write(source, Reply(id="r", code="fatal-error", issues=refusal.issues, at=AT))
    root = etree.fromstring(told)
    assert root.xpath("string(a:Status/@V)", namespaces=AR) == "2"
    assert root.xpath("a:Error/@V", namespaces=AR)[0] == code
    assert root.xpath("string(a:Error/@DN)", namespaces=AR) == names.ERROR_TEXTS[code]
    assert not {no.PERSON, "Lind", "Åse"} & set(re.findall(r"\w+", told.decode()))
    complete(root)


REQUIRED: Final = {
    ".": "MsgType MIGversion GenDate Id Sender Receiver Status OriginalMsgId",
    "a:Sender": "HCP",
    "a:Receiver": "HCP",
    "a:OriginalMsgId": "MsgType IssueDate Id",
}
"""AppRec-v1.1.xsd: what has to be there, in this order."""


def complete(root: etree._Element) -> None:
    """An AppRec has every element that its schema requires, in its order, each with something in it."""
    for path, wanted in REQUIRED.items():
        [element] = root.xpath(path, namespaces=AR)
        found = [etree.QName(child).localname for child in element]
        assert [name for name in found if name in wanted.split()] == wanted.split()
    order = [*REQUIRED["."].split()[:-1], "Error", "OriginalMsgId"]
    children = [order.index(etree.QName(child).localname) for child in root]
    assert children == sorted(children)
    for leaf in root.iter():
        assert len(leaf) or (leaf.text or "").strip() or leaf.get("V"), leaf.tag


_HEAD = "MsgInfo"
_PLO = "Document/RefDoc/Content/Pasientlogistikk"
NEEDED: Final[dict[str, tuple[bytes, tuple[str, ...]]]] = {
    "MsgHead": (
        GOOD,
        (
            "MsgInfo",
            *(f"{_HEAD}/{one}" for one in ("Type", "MIGversion", "GenDate", "MsgId", "Patient")),
            *(
                f"{_HEAD}/Sender{one}"
                for one in ("", "/Organisation", "/Organisation/OrganisationName")
            ),
            *(f"{_HEAD}/Receiver{one}" for one in ("", "/Organisation/Ident/Id")),
            *("Document", "Document/RefDoc/MsgType", "Document/RefDoc/Content"),
            f"{_PLO}/InformasjonOmForsendelsen/Forsendelsesstatus",
            f"{_PLO}/MeldingInnlagtPasient",
            f"{_PLO}/MeldingInnlagtPasient/TidsfestetHendelse/Hendelsekode",
            f"{_PLO}/MeldingInnlagtPasient/TidsfestetHendelse/TidspunktForHendelse",
        ),
    ),
    "Message": (
        no.referral(1),
        (
            *("MIGversion", "GenDate", "MsgId", "ServReq"),
            *(f"ServReq/{one}" for one in ("Id", "ServType", "IssueDate", "MsgDescr", "Patient")),
            *(f"ServReq/{one}" for one in ("ReqServ/Priority", "ServProvider", "Requester/HCP")),
        ),
    ),
    "AppRec": (
        no.apprec("x"),
        (
            *("MsgType", "MIGversion", "GenDate", "Id"),
            *("Sender", "Sender/HCP", "Receiver/HCP", "Status"),
            *("OriginalMsgId/MsgType", "OriginalMsgId/IssueDate", "OriginalMsgId/Id"),
        ),
    ),
}
"""What has to be there, by the root that it stands in."""


@pytest.mark.parametrize(
    ("root", "path"), [(root, path) for root, (_, paths) in NEEDED.items() for path in paths]
)
def test_every_required_element_is_missed(root: str, path: str) -> None:
    """By its place."""
    document = etree.fromstring(NEEDED[root][0])
    [element, *_] = document.xpath(
        "/*" + "".join(f"/*[local-name()='{one}']" for one in path.split("/"))
    )
    element.getparent().remove(element)
    refusal = read(etree.tostring(document), OPTIONS)
    assert isinstance(refusal, Refusal)
    places = [(issue.where or "").removeprefix(f"{root}/") for issue in refusal.issues]
    assert path in places or places == [path.rpartition("/")[0]]


def test_the_same_reply_is_the_same_bytes() -> None:
    """And what was taken in is OK, or OK with an error in part; the doubled hour says which one it is."""
    at = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    fine = Reply(id="r", code="ok", issues=(), at=at)
    told = apprec.write(GOOD, fine)
    assert told == apprec.write(GOOD, fine)
    root = etree.fromstring(told)
    complete(root)
    assert root.xpath("string(a:Status/@V)", namespaces=AR) == "1"
    assert root.xpath("string(a:GenDate)", namespaces=AR) == "2026-10-25T02:30:00+01:00"
    assert root.xpath("string(a:OriginalMsgId/a:Id)", namespaces=AR) == no.message_id(1)
    assert root.xpath("string(a:Receiver//a:Dept/a:Id)", namespaces=AR) == "101"
    warned = Reply(
        id="r", code="ok", issues=(Issue("business-rule", "no effect", "Bundle"),), at=at
    )
    partly = etree.fromstring(apprec.write(GOOD, warned))
    complete(partly)
    assert partly.xpath("string(a:Status/@V)", namespaces=AR) == "3"
    answered = read(told, OPTIONS)
    assert isinstance(answered, Message)
    assert answered.sender.identifiers[0].value == "201"


SEEDS = [*no.stay().values(), no.referral(1), no.epicrisis(1), no.apprec("x")]


@settings(max_examples=300)
@given(number=st.integers(0, len(SEEDS) - 1), chance=st.integers(0, 2**32))
def test_nothing_is_raised_and_nobody_is_nobody(number: int, chance: int) -> None:
    """Of changed messages: refused, or a message about somebody; and both can be answered."""
    source = mutated(SEEDS[number], random.Random(chance), SEEDS)
    found = read(source, OPTIONS)
    if isinstance(found, Message):
        assert found.patient is not None or found.code is EventCode.ACKNOWLEDGEMENT
        assert found.patient is None or found.patient.identifiers
    issues = found.issues if isinstance(found, Refusal) else ()
    apprec.write(source, Reply(id="r", code="ok", issues=issues, at=AT))
