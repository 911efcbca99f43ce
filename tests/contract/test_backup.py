"""Backups on both stores and between them: what comes back, and what is refused."""

import hashlib
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import compress, product
from pathlib import Path
from threading import Event
from typing import Any

import orjson
import pytest
from sqlalchemy import inspect

from carepath.service import Submission
from carepath.service.rebuild import rebuild
from carepath.store.backup import Backup, Damaged, dump
from carepath.store.blind import Keys
from carepath.store.database import Database, migrate, newest_schema_version, schema_version
from carepath.store.encrypting import decrypt
from carepath.store.restore import Refused
from carepath.store.tables import outbox
from tests.contract.keeping import (
    BASE,
    CHANGED,
    Clock,
    Make,
    filled,
    restore_into,
    rows,
    tell,
    write,
)
from tests.contract.stored import KEYS, put
from tests.integration import stories


def rewrite(
    file: Path, change: Callable[[dict[str, Any], dict[str, list[list[Any]]]], None]
) -> Path:
    """The same backup with its manifest and rows changed, digests made right."""
    with zipfile.ZipFile(file) as archive:
        manifest = orjson.loads(archive.read("manifest.json"))
        lines = {
            name: [orjson.loads(line) for line in archive.read(f"tables/{name}.jsonl").splitlines()]
            for name in manifest["tables"]
        }
    change(manifest, lines)
    made = file.with_suffix(".changed")
    with zipfile.ZipFile(made, "w") as archive:
        for name, told in manifest["tables"].items():
            content = b"".join(orjson.dumps(line) + b"\n" for line in lines[name])
            told["digest"] = hashlib.sha256(content).hexdigest()
            archive.writestr(f"tables/{name}.jsonl", content)
        archive.writestr("manifest.json", orjson.dumps(manifest))
    return made


@pytest.mark.parametrize(("source", "target"), [*product(["sqlite", "postgresql"], repeat=2)])
def test_what_is_restored_is_what_there_was(
    make: Make, tmp_path: Path, source: str, target: str
) -> None:
    """Every row comes back, on the same store or the other; the state is as the events say."""
    clock = Clock()
    before = make(source)
    filled(before, clock)
    after = make(target)
    restore_into(after, write(before, tmp_path, clock()), clock())

    was, now = rows(before), rows(after)
    assert {name for name in was if was[name] != now[name]} == CHANGED
    assert set(was["outbox"]) < set(now["outbox"])
    assert len(was["events"]) == 36
    assert rebuild(after, BASE, clock()) == 0
    with after.read() as conn:
        assert schema_version(conn) == newest_schema_version()


@pytest.mark.parametrize(("source", "target"), [*product(["sqlite", "postgresql"], repeat=2)])
def test_every_kind_of_value_comes_back(
    make: Make, tmp_path: Path, source: str, target: str
) -> None:
    """Bytes that are text and bytes that are none, large ones, empty ones, nothing, numbers, truth."""
    clock = Clock()
    before, after = make(source), make(target)
    migrate(before.writer.url.render_as_string(hide_password=False))
    contents = (b"", b"\x00", b"\xff\xfe", "Bø \u2028\n\r".encode(), b"[]", b"x" * 3_000_000, None)
    told = {"kind": "k", "message_id": 'q"\\\n', "created": -(2**62), "number": 2**62}
    put(
        before,
        outbox,
        *(
            {**told, "id": f"{at}", "receiver": f"{at}é", "body": body, "withheld": at % 2 == 0}
            for at, body in enumerate(contents)
        ),
    )
    restore_into(after, write(before, tmp_path, clock()), clock())
    assert rows(after)["outbox"] == rows(before)["outbox"]
    assert len(rows(after)["outbox"]) == len(contents)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_backup_shows_one_moment_while_messages_come_in(
    make: Make, tmp_path: Path, kind: str
) -> None:
    """Whatever is committed meanwhile is wholly in it or not at all."""
    clock, stop = Clock(), Event()
    before = make(kind)
    service = filled(before, clock, people=1)

    def go_on() -> None:
        while not stop.is_set():
            service.handle([Submission(orjson.dumps(told)) for told in stories.hospital_stay()[:3]])

    with ThreadPoolExecutor(1) as writer:
        writing = writer.submit(go_on)
        try:
            files = [write(before, tmp_path, clock()) for _ in range(4)]
        finally:
            stop.set()
        writing.result()

    found = [Backup(file).manifest.tables for file in files]
    assert found[0]["events"].rows < found[-1]["events"].rows
    for tables in found:
        assert (tables["events"].rows - 18) % 3 == 0
        assert tables["events"].rows == tables["inbox"].rows
    after = make(kind)
    restore_into(after, files[2], clock())
    assert rebuild(after, BASE, clock()) == 0


def test_the_file_is_its_owners_alone(make: Make, tmp_path: Path) -> None:
    """Nobody else may read it, it never takes another file's place, and the key is not in it."""
    clock = Clock()
    database = make("sqlite")
    filled(database, clock, people=1)
    file = write(database, tmp_path, clock())
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        dump(database, file, release="0.1.0", moment=clock())
    with zipfile.ZipFile(file) as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())
    assert KEYS.secret not in content
    assert KEYS.secret.hex().encode() not in content


def test_a_damaged_file_is_refused_before_anything_is_changed(make: Make, tmp_path: Path) -> None:
    """Cut short or with one byte changed anywhere: the database stays as it was."""
    clock = Clock()
    database = make("sqlite")
    filled(database, clock, people=1)
    content = write(database, tmp_path, clock()).read_bytes()
    before = rows(database)
    broken = tmp_path / "broken"
    places = [*range(40, len(content), len(content) // 40), len(content) - 30]
    for place in places:
        for damage in (content[:place], _flipped(content, place)):
            broken.write_bytes(damage)
            try:
                restore_into(database, broken, clock(), replace=True)
            except (Damaged, Refused):
                assert rows(database) == before
            else:  # a byte that says nothing of the content: a zip has some
                was, before = before, rows(database)
                assert {name for name in was if was[name] != before[name]} <= CHANGED


def _flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]


def test_a_table_that_was_changed_is_found(make: Make, tmp_path: Path) -> None:
    """A row left out, its zip in order: the digest tells."""
    clock = Clock()
    database = make("sqlite")
    filled(database, clock, people=1)

    file = rewrite(write(database, tmp_path, clock()), lambda _manifest, _lines: None)
    restore_into(make("sqlite"), file, clock())
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["tables/events.jsonl"] = members["tables/events.jsonl"].split(b"\n", 1)[1]
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(Damaged, match="events"):
        restore_into(make("sqlite"), file, clock())


def _newer(manifest: dict[str, Any], _lines: object) -> None:
    manifest["schema"] = "9999"


def _other_key(manifest: dict[str, Any], _lines: object) -> None:
    manifest["key"] = Keys(b"o" * 32).fingerprint


def _tomorrow(manifest: dict[str, Any], _lines: object) -> None:
    manifest["moment"] = (datetime.now(UTC) + timedelta(days=1)).isoformat()


@pytest.mark.parametrize(
    ("change", "said"), [(_newer, "newer"), (_other_key, "another key"), (_tomorrow, "clock")]
)
def test_what_does_not_belong_here_is_refused(
    make: Make, tmp_path: Path, change: Callable[..., None], said: str
) -> None:
    """A newer release's, another installation's, one from tomorrow: even with ``--replace``."""
    clock = Clock()
    database = make("sqlite")
    filled(database, clock, people=1)
    file = rewrite(write(database, tmp_path, clock()), change)
    before = rows(database)
    with pytest.raises(Refused, match=said):
        restore_into(database, file, clock(), replace=True)
    assert rows(database) == before


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_database_in_use_is_replaced_only_when_asked(
    make: Make, tmp_path: Path, kind: str
) -> None:
    """What came since the backup is gone then, and other people's tables are let be."""
    clock = Clock()
    database = make(kind)
    service = filled(database, clock, people=1)
    with database.write() as conn:
        conn.exec_driver_sql("CREATE TABLE others (a integer)")
    file = write(database, tmp_path, clock())
    was = rows(database)["events"]
    tell(service, stories.hospital_stay())
    with pytest.raises(Refused, match="not empty"):
        restore_into(database, file, clock())
    assert len(rows(database)["events"]) == 36

    restore_into(database, file, clock(), replace=True)
    assert rows(database)["events"] == was
    with database.read() as conn:
        assert "others" in inspect(conn).get_table_names()


def columns_at(database: Database, version: str) -> dict[str, set[str]]:
    """The tables of a schema, and their columns."""
    migrate(database.writer.url.render_as_string(hide_password=False), version)
    with database.read() as conn:
        found = inspect(conn)
        names = [*{*found.get_table_names()} - {"alembic_version"}]
        return {name: {column["name"] for column in found.get_columns(name)} for name in names}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_backup_of_the_release_before_is_migrated(make: Make, tmp_path: Path, kind: str) -> None:
    """Made at schema 0002: it is filled as it was, then brought to ours."""
    clock = Clock()
    before = make("sqlite")
    filled(before, clock, people=1)
    decrypt(before)

    had = columns_at(make("sqlite"), "0002")

    def older(manifest: dict[str, Any], lines: dict[str, list[list[Any]]]) -> None:
        manifest["schema"] = "0002"
        for name in manifest["tables"].keys() - had.keys():
            del manifest["tables"][name]
        for name, table in manifest["tables"].items():
            kept = [column in had[name] for column in table["columns"]]
            table["columns"] = [*compress(table["columns"], kept)]
            lines[name] = [[*compress(row, kept)] for row in lines[name]]

    file = rewrite(write(before, tmp_path, clock()), older)
    after = make(kind)
    restore_into(after, file, clock())
    was, now = rows(before), rows(after)
    found_by = {"resource_values", "resource_dates"}
    had_none = {"positions", "promises", "data_keys", "master_keys"}
    assert {name for name in was if was[name] != now[name]} == CHANGED | had_none | found_by
    assert rebuild(after, BASE, clock()) == len(was["promises"]) > 0
    assert rebuild(after, BASE, clock()) == 0
    now = rows(after)
    assert {name for name in found_by if was[name] != now[name]} == set()
