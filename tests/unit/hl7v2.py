"""Messages of HL7 v2 as tests write them; all people and numbers are made up."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from fhir_mappings.options import Options

NOW: Final = datetime(2026, 11, 22, 8, tzinfo=UTC)
OPTIONS: Final = Options(received=NOW, base_url="https://broker.example/fhir")
FNR: Final = "15720255178"
HOSPITAL: Final = "915933149"
VERSIONS: Final = ("2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.2")
ENCODING: Final = "|^~\\&"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message in the making. ``segments`` are its lines after MSH, with the usual separators."""

    event: str = "ADT^A01"
    segments: tuple[str, ...] = ()
    id: str = "MSG1"
    sender: str = HOSPITAL
    receiver: str = ""
    at: str = "20261120101500+0100"
    processing: str = "P"
    version: str = "2.5"
    wants: tuple[str, str] = ("", "")
    charset: str = "UNICODE UTF-8"
    separators: str = ENCODING
    ending: str = "\r"

    @property
    def text(self) -> str:
        """The message, a line for each segment."""
        msh = ["MSH", self.separators[1:], "EPJ", self.sender, "CAREPATH", self.receiver, self.at]
        msh += ["", self.event, self.id, self.processing, self.version, "", "", *self.wants, ""]
        own = str.maketrans(ENCODING, self.separators)
        head = ENCODING[0].join((*msh[:1], "MSH-2", *msh[2:], self.charset)).translate(own)
        head = head.replace("MSH-2", self.separators[1:])
        lines = (head, *(line.translate(own) for line in self.segments))
        return "".join(f"{line}{self.ending}" for line in lines)

    @property
    def source(self) -> bytes:
        """Its bytes."""
        codecs = {"UNICODE UTF-8": "utf-8", "": "utf-8", "ASCII": "ascii"}
        codec = codecs.get(self.charset) or f"iso-{self.charset.replace('/', '-')}"
        return self.text.encode(codec)


def pid(*more: str, number: str = FNR) -> str:
    """PID with a national number, name, birth date, sex and home; ``more``: fields from PID-12 on."""
    authority = "&2.16.578.1.12.4.1.4.1&ISO"
    home = "Storgata 1^^Bergen^^5003^NOR^H^^4601"
    fields = ("PID", "1", "", f"{number}^^^{authority}^NNNOR", "", "Ødegård^Åse^Kari Lise")
    return "|".join((*fields, "", "19691113", "F", "", "", home, *more))


def pv1(
    *, kind: str = "I", visit: str = "V1", begins: str = "20261120100000", ends: str = ""
) -> str:
    """PV1 of a stay at a ward."""
    fields = [""] * 46
    fields[0], fields[2], fields[3] = "PV1", kind, "MED1"
    fields[19], fields[44], fields[45] = visit, begins, ends
    return "|".join(fields).rstrip("|")


def adt(trigger: str, *segments: str, at: str = "20261120101500+0100") -> Letter:
    """An ADT about the one stay, ``at`` when it happened; ``segments`` stand instead of PID and PV1."""
    evn = f"EVN||{at}|||77^Ås^Kari|{at}"
    told = segments or (pid(), pv1())
    return Letter(event=f"ADT^{trigger}", segments=(evn, *told), at=at, id=f"{trigger}-{at[:14]}")


REFERRAL: Final = Letter(
    event="REF^I12",
    id="REF1",
    segments=(
        "RF1|P|A|VURD^Vurdering||O|R77|||20261119120000|^Fall i hjemmet",
        "PRD|RT^mottaker||||||940198763^ENH",
        "PRD|RP^henviser|Lege^Ola|||22334455",
        pid(),
        "NTE|1||Trenger \\X26\\ ønsker rask vurdering",
    ),
)
REPORT: Final = Letter(
    event="ORU^R01",
    id="ORU1",
    segments=(
        pid(),
        pv1(),
        "OBR|1||E55^LAB|18842-5^Epikrise^LN|||20261119|||||||||||||||20261120090000",
        "OBX|1|FT|18842-5^Epikrise||Første linje\\.br\\andre linje||||||F",
        "OBX|2|TX|18842-5^Epikrise||Tredje linje||||||F",
        "OBX|3|NM|718-7^Hb||12.5|g/dl|||||F",
        "OBX|4|ED|11502-2^Svar||LAB^application^pdf^Base64^JVBERg==||||||F",
    ),
)
MERGE: Final = Letter(
    event="ADT^A40^ADT_A39", id="MRG1", segments=("EVN||20261120101500", pid(), "MRG|77^^^HUS^MR")
)


def without(letter: Letter, name: str) -> Letter:
    """The message without the segments of that name."""
    return replace(letter, segments=tuple(s for s in letter.segments if not s.startswith(name)))
