"""The directory as CSV: what a row says becomes a party, and what is wrong is named by line and column."""

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carepath.cli import directory
from carepath.cli.demo import people
from fhir_mappings.codes import HER_ID, ORGANISATION_NUMBER
from pathways.parties import Function, Identifier, Kind, OpeningHours, Party

NUMBER = "915933149"


def problems(source: str) -> list[str]:
    """Everything that is wrong with a file, as it is shown."""
    found = directory.read(source.encode())
    return [problem.shown for problem in found if isinstance(problem, directory.Problem)]


def test_a_full_row() -> None:
    """Every column ends up in its field."""
    source = (
        "key,name,kind,identifiers,parent,municipality,function,acts_for,dialect,receipt_mode,phone,"
        "endpoint,opening_hours,valid_from,valid_to,neutral_name\n"
        f"nord-tildeling,Tildelingskontoret,municipality,{NUMBER};{HER_ID}|8094,nord,9901,case-office,"
        "nord;sor,medcom,transport,80 00 00 00,https://nord.example/fhir/,mon-tue 08:00-15:30; sat 10:00-14:00,2026-01-01,"
        "2026-07-01T00:00:00+02:00,kommunen\n"
    )
    assert directory.read(source.encode()) == [
        Party(
            key="nord-tildeling",
            name="Tildelingskontoret",
            kind=Kind.MUNICIPALITY,
            identifiers=(Identifier(ORGANISATION_NUMBER, NUMBER), Identifier(HER_ID, "8094")),
            parent="nord",
            municipality="9901",
            function=Function.CASE_OFFICE,
            acts_for=("nord", "sor"),
            dialect="medcom",
            receipt_mode="transport",
            phone="80 00 00 00",
            endpoint="https://nord.example/fhir",
            opening_hours=(
                OpeningHours(0, "08:00", "15:30"),
                OpeningHours(1, "08:00", "15:30"),
                OpeningHours(5, "10:00", "14:00"),
            ),
            valid_from=datetime(2025, 12, 31, 23, tzinfo=UTC),
            valid_to=datetime(2026, 6, 30, 22, tzinfo=UTC),
            neutral_name="kommunen",
        )
    ]


def test_the_organisation_number_stands_in_for_a_key() -> None:
    """It is what names a party that has no slug."""
    assert directory.read(f"name,identifiers\nNord,{NUMBER}".encode()) == [
        Party(NUMBER, "Nord", identifiers=(Identifier(ORGANISATION_NUMBER, NUMBER),))
    ]


def test_a_spreadsheet_with_semicolons_and_a_byte_order_mark() -> None:
    """Norwegian spreadsheets write those."""
    source = '\ufeffkey;name;acts_for\r\nvakt;Blåfjell legevakt;"nord;sor"\r\n'
    assert directory.read(source.encode()) == [
        Party("vakt", "Blåfjell legevakt", acts_for=("nord", "sor"))
    ]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("", ["line 1, column name: the column is missing"]),
        ("key,name,colour\n", ["line 1, column colour: no such column"]),
        ("key,name\nnord,\n", ["line 2, column name: is empty"]),
        ("key,name\nNord!,Nord\n", ["line 2, column key: must be lower-case"]),
        ("key,name\nparked,Nord\n", ["line 2, column key: must be lower-case"]),
        (
            "key,name\n,Nord\n",
            ["line 2, column key: is empty, and there is no organisation number"],
        ),
        ("key,name\na,A\na,B\n", ["line 3, column key: a stands twice"]),
        ("key,name\na,A,B\n", ["line 2, column -: more values than columns"]),
        ("key,name,kind\na,A,castle\n", ["line 2, column kind: must be one of hospital,"]),
        ("key,name,identifiers\na,A,x\n", ["line 2, column identifiers: must be system|value"]),
        (
            "key,name,identifiers\na,A,915933148\n",
            ["line 2, column identifiers: not an organisation number"],
        ),
        ("key,name,endpoint\na,A,file:///a\n", ["line 2, column endpoint: must be an http"]),
        ("key,name,endpoint\na,A,http://u:p@h\n", ["line 2, column endpoint: must be an http"]),
        (
            "key,name,dialect,transport\na,A,kith,mllp://h:1\nb,B,hl7v2,mllp://u@h:1\n",
            ["line 2, column transport: goes with", "line 3, column transport: must be edi, mllp"],
        ),
        (
            "key,name,dialect,transport\na,A,kith,edi\nb,B,hl7v2,mllp://h\nc,C,hl7v2,mllp://h:1/x\n",
            [
                "line 2, column transport: edi needs a HER-id",
                *(f"line {n}, column transport: must be edi, mllp" for n in (3, 4)),
            ],
        ),
        ("key,name,transport\na,A,edi\n", ["line 2, column transport: goes with", "line 2"]),
        ("key,name,endpoint\na,A,http://h/?a=b\n", ["line 2, column endpoint: must be an http"]),
        ("key,name,endpoint\na,A,http://h:x/\n", ["line 2, column endpoint: must be an http"]),
        (
            "key,name,municipality\na,A,99\n",
            ["line 2, column municipality: must be a kommunenummer"],
        ),
        (
            "key,name,opening_hours\na,A,always\n",
            ["line 2, column opening_hours: must be like 'mon-fri 08:00-15:30'"],
        ),
        (
            "key,name,opening_hours\na,A,fri-mon 08:00-15:30\n",
            ["line 2, column opening_hours: the days run backwards"],
        ),
        (
            "key,name,valid_from\na,A,2026-01-01T00:00:00\n",
            ["line 2, column valid_from: an instant needs a zone"],
        ),
        (
            'key,name,kind\na,"A\nB",castle\nb,,\n',
            ["line 3, column kind: must be one of", "line 4, column name: is empty"],
        ),
        ('key,name\na,"A\n', ["line 2, column -: unexpected end of data"]),
    ],
)
def test_what_is_wrong_is_named(source: str, found: list[str]) -> None:
    """Line and column of the file, and how to mend it."""
    said = problems(source)
    assert len(said) == len(found)
    assert all(line.startswith(start) for line, start in zip(said, found, strict=True))


def test_another_encoding_is_named_by_its_line() -> None:
    """Latin-1 is not read as something it is not."""
    assert directory.read("key,name\na,Blåfjell\n".encode("latin-1")) == [
        directory.Problem(2, "-", "the file is not UTF-8")
    ]


NAMES = st.text(min_size=1).map(str.strip).filter(lambda name: name and "\0" not in name)


@given(st.dictionaries(st.from_regex(r"[a-z0-9][a-z0-9.-]{0,20}", fullmatch=True), NAMES))
def test_what_a_spreadsheet_writes_is_read_back(parties: dict[str, str]) -> None:
    """Quotes, separators and line breaks in a name survive."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerows([("key", "name"), *parties.items()])
    source = file.getvalue().encode("utf-8", "surrogatepass")
    assert directory.read(source) == [Party(key, name) for key, name in parties.items()]


@given(st.binary())
def test_no_bytes_make_it_fall(source: bytes) -> None:
    """Anything at all is either parties or problems."""
    assert isinstance(directory.read(source), list)


def test_the_demos_directory_is_sound() -> None:
    """Every key it refers to exists, and no number stands twice."""
    parties = people.parties()
    keys = {party.key for party in parties}
    assert len(parties) == 16
    assert {party.parent for party in parties if party.parent} <= keys
    assert set(people.AUTHORS) <= keys
    assert len({party.identifiers for party in parties}) == len(parties)
