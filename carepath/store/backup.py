"""A backup: every row of one moment in one file, from which either database can be made again.

The file is a zip with a JSON array per row in ``tables/NAME.jsonl``, and ``manifest.json``. Bytes are written as
text where they are text, else as a list of one base64 string. The key is never in it: the manifest has a
fingerprint, by which the right one is known. Rows are streamed, so memory does not grow with the database.
"""

import base64
import hashlib
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import orjson
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, LargeBinary, Table, select

from carepath.store.database import Database, newest_schema_version, schema_version
from carepath.store.sealing import Sealed, raw
from carepath.store.tables import metadata

_MANIFEST: Final = "manifest.json"
_PAGE: Final = 200
"""Rows that are held at a time."""

Rows = list[dict[str, Any]]


class Damaged(Exception):
    """The file is not a whole backup."""


class NewerSchema(Exception):
    """The database has what this release knows nothing of, and would leave out."""


@dataclass(frozen=True, slots=True)
class Contents:
    """One table in a backup; ``digest`` is the SHA-256 of its lines."""

    columns: tuple[str, ...]
    binary: tuple[str, ...]  # those of the columns that hold bytes
    rows: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup says of itself. ``moment`` is the one it shows (UTC)."""

    format: Literal[1] = 1
    release: str
    schema: str
    moment: datetime
    key: str
    tables: dict[str, Contents] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows there are in all."""
        return sum(table.rows for table in self.tables.values())


_ADAPTER = TypeAdapter(Manifest)


def dump(database: Database, path: Path, *, release: str, moment: datetime) -> Manifest:
    """Write all there is, in one snapshot, to a new file that only its owner may read. Raises ``NewerSchema``."""
    path.touch(mode=0o600, exist_ok=False)
    packed = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
    with database.read() as connection, packed as archive:
        stands = schema_version(connection)
        if stands is None or stands != newest_schema_version():
            raise NewerSchema
        tables = {
            table.name: _dump_table(connection, archive, table)
            for table in metadata.tables.values()
        }
        manifest = Manifest(
            release=release,
            schema=stands,
            moment=moment,
            key=database.keys.fingerprint,
            tables=tables,
        )
        archive.writestr(_MANIFEST, _ADAPTER.dump_json(manifest, indent=1))
    return manifest


def _dump_table(connection: Connection, archive: zipfile.ZipFile, table: Table) -> Contents:
    columns = tuple(table.columns.keys())
    binary = tuple(c.name for c in table.columns if isinstance(c.type, LargeBinary | Sealed))
    at = [columns.index(name) for name in binary]
    digest, rows = hashlib.sha256(), 0
    found = connection.execute(select(*raw(table)).execution_options(yield_per=_PAGE))
    with archive.open(_member(table.name), "w", force_zip64=True) as member:
        for page in found.partitions():
            lines = b"".join(_line(row, at) for row in page)
            digest.update(lines)
            member.write(lines)
            rows += len(page)
    return Contents(columns, binary, rows, digest.hexdigest())


def _member(table: str) -> str:
    return f"tables/{table}.jsonl"


def _line(row: Sequence[Any], binary: Iterable[int]) -> bytes:
    values = [*row]
    for at in binary:
        if values[at] is not None:
            values[at] = _text(bytes(values[at]))
    return orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE)


def _text(content: bytes) -> str | list[str]:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return [base64.b64encode(content).decode()]


class Backup:
    """A backup that is read. Every method raises ``Damaged`` when the file is not whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _whole(), zipfile.ZipFile(path) as archive:
            self.manifest: Manifest = _ADAPTER.validate_json(archive.read(_MANIFEST))

    def check(self) -> None:
        """Read everything once, and see that it is what was written."""
        for name, contents in self.manifest.tables.items():
            digest, rows = hashlib.sha256(), 0
            for line in self._lines(name):
                digest.update(line)
                rows += 1
            if (digest.hexdigest(), rows) != (contents.digest, contents.rows):
                raise Damaged(f"table {name} is not what was written")

    def pages(self, table: str) -> Iterator[Rows]:
        """A table's rows, some at a time."""
        contents, page = self.manifest.tables[table], Rows()
        for line in self._lines(table):
            page.append(_row(contents, line))
            if len(page) == _PAGE:
                yield page
                page = []
        if page:
            yield page

    def _lines(self, table: str) -> Iterator[bytes]:
        with (
            _whole(),
            zipfile.ZipFile(self._path) as archive,
            archive.open(_member(table)) as member,
        ):
            yield from member


def _row(contents: Contents, line: bytes) -> dict[str, Any]:
    row = dict(zip(contents.columns, orjson.loads(line), strict=True))
    for name in contents.binary:
        if row[name] is not None:
            row[name] = _bytes(row[name])
    return row


def _bytes(written: str | list[str]) -> bytes:
    return written.encode() if isinstance(written, str) else base64.b64decode(written[0])


@contextmanager
def _whole() -> Iterator[None]:
    """Whatever a broken zip raises becomes ``Damaged``."""
    try:
        yield
    except ValidationError:
        raise Damaged("its manifest is not one that this release knows") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError) as fault:
        raise Damaged("it is no whole backup") from fault
