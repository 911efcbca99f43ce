"""What stands in the database is encrypted under the key of the patient it is about, and read by whoever may."""

import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import orjson
import pytest
from sqlalchemy import LargeBinary as Raw
from sqlalchemy import delete, event, func, select, type_coerce, update

from carepath.service import Service, Submission, Verdict
from carepath.store import encrypting, sealing
from carepath.store.database import Database, KeptBack, migrate, open_database, schema_version
from carepath.store.keyring import ID_BYTES, MARK, Unreadable
from carepath.store.rotation import rotate
from carepath.store.tables import data_keys, events, master_keys, meta, patients, threads
from scripts.record import timelines
from tests.contract.keeping import Clock, Make, Told, filled
from tests.contract.sealed import address, blobs, everything, logged, logged_from, spellings
from tests.contract.stored import KEYS
from tests.integration import stories

PERSONS = {"Patient", "RelatedPerson", "Practitioner"}
TEXTS = {"div", "text", "description", "valueString", "valueMarkdown", "content", "note"}


@pytest.fixture(params=["sqlite", "postgresql"])
def database(make: Make, request: pytest.FixtureRequest) -> Database:
    """One of each kind, without tables."""
    return make(request.param)


def strings(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Every string in a resource, with the name it stands under."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from strings(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner, where)
    elif isinstance(value, str):
        yield where, value


def told_of_persons(message: Told) -> Iterator[str]:
    """What a message says of persons: identifiers, names, phones, addresses, and all words in free text."""
    for entry in message["entry"]:
        one = entry["resource"]
        if one["resourceType"] in PERSONS:
            parts = {
                name: one[name]
                for name in ("identifier", "name", "telecom", "address")
                if name in one
            }
            yield from (
                text
                for where, text in strings(parts)
                if where in {"value", "family", "given", "line"}
            )
        for where, text in strings(one):
            if where in TEXTS:
                yield from re.findall(r"\w+(?:[ ,]+\w+){2,4}", re.sub(r"<[^>]*>", "\n", text))


def told_of_organisations(message: Told) -> Iterator[str]:
    """What the directory says to everybody: names, and switchboards."""
    for entry in message["entry"]:
        if entry["resource"]["resourceType"] in {"Organization", "HealthcareService"}:
            yield from (text for _, text in strings(entry["resource"]))


def test_nothing_of_persons_stands_in_the_clear(database: Database) -> None:
    """Every byte of the file and its log, or of all tables; and of PostgreSQL's log the persons' numbers."""
    service = filled(database, Clock(), people=0)
    lite = database.writer.dialect.name == "sqlite"
    since = "" if lite else logged_from(database)
    messages = stories.everything()
    for message in messages:
        (answer,) = service.handle([Submission(orjson.dumps(message))])
        assert answer.verdict in {Verdict.ACCEPTED, Verdict.PARKED}, answer.body
    (refused,) = service.handle([Submission(orjson.dumps(messages[0] | {"type": "document"}))])
    assert refused.verdict is Verdict.REFUSED
    directory = " ".join(text for message in messages for text in told_of_organisations(message))
    said = {text for message in messages for text in told_of_persons(message) if len(text) >= 6}
    wanted = {text for text in said if text not in directory}
    numbers = {text for text in wanted if re.fullmatch(r"\d{11}", text)}
    assert len(wanted) >= 30
    assert numbers
    needles = {spelling: text for text in wanted for spelling in spellings(text)}
    found = [
        (where, text)
        for where, bytes_ in everything(database)
        for needle, text in needles.items()
        if needle in bytes_
    ]
    assert found == []
    if not lite:
        log = [*logged(database, since)]
        assert sum(len(bytes_) for _, bytes_ in log) > 1_000_000
        for needle in {spelling for text in numbers for spelling in spellings(text)}:
            assert not [where for where, bytes_ in log if needle in bytes_]


def test_each_patients_payloads_are_under_their_own_key(database: Database) -> None:
    """And what is about nobody we know under the installation's."""
    service = filled(database, Clock())
    service.handle([Submission(b"no message at all")])
    with database.read() as conn:
        keys = dict(conn.execute(select(data_keys.c.id, data_keys.c.patient)).all())
        people = {*conn.execute(select(patients.c.key)).scalars()}
    stored = blobs(database)
    assert {keys[blob[len(MARK) :][:ID_BYTES]] for _, _, blob in stored} >= people
    assert all(keys[blob[len(MARK) :][:ID_BYTES]] == (whose or "") for _, whose, blob in stored)
    assert all(blob.startswith(MARK) for _, _, blob in stored)
    assert len({blob[20:32] for _, _, blob in stored}) == len(stored)  # nonces


def bodies(database: Database) -> dict[str, bytes]:
    """What events say, as it stands."""
    wanted = select(events.c.id, type_coerce(events.c.body, Raw)).order_by(events.c.id)
    with database.read() as conn:
        return dict(conn.execute(wanted).all())


def put_raw(database: Database, id_: str, body: bytes) -> None:
    """Write over an event's payload, as somebody who has the database but not the keys can."""
    with database.write() as conn:
        conn.exec_driver_sql(*_raw(conn.dialect.name, id_, body))


def _raw(dialect: str, id_: str, body: bytes) -> tuple[str, tuple[Any, ...]]:
    mark = "?" if dialect == "sqlite" else "%s"
    return f"UPDATE events SET body = {mark} WHERE id = {mark}", (body, id_)  # noqa: S608


def test_a_payload_in_another_row_is_not_read(database: Database) -> None:
    """Nor one that was changed, nor one whose key was changed for another's."""
    filled(database, Clock(), people=1)
    first, second = [*bodies(database).items()][:2]
    flipped = bytearray(first[1])
    flipped[-1] ^= 1
    for forged in (second[1], bytes(flipped)):
        put_raw(database, first[0], forged)
        with pytest.raises(Unreadable, match=f"events.body/{first[0]}: it is not"):
            timelines(database)
    put_raw(database, first[0], first[1])
    assert timelines(database)
    with database.write() as conn:
        other = select(data_keys.c.wrapped).where(data_keys.c.patient == "").scalar_subquery()
        conn.execute(update(data_keys).where(data_keys.c.patient != "").values(wrapped=other))
    with pytest.raises(Unreadable, match="data key"):
        timelines(database)


def test_plain_bytes_do_not_get_in(database: Database) -> None:
    """However they are written; and what a query gets it gets decrypted, or not at all."""
    filled(database, Clock(), people=1)
    with database.write() as conn:
        with pytest.raises(Exception, match=r"takes what store\.sealing\.rows has prepared"):
            conn.execute(update(events).values(body=b"plain"))
        conn.execute(update(events).values(body=b""))  # nothing at all does
    with database.read() as conn:
        assert {*conn.execute(select(events.c.body)).scalars()} == {b""}
        part = func.coalesce(threads.c.body, type_=threads.c.body.type)
        with pytest.raises(TypeError, match=r"name store\.sealing\.handed there"):
            conn.execute(select(part)).all()


def test_a_key_of_a_transaction_that_came_to_nothing_is_never_used(database: Database) -> None:
    """What is written for the same patient afterwards can be read by others."""
    migrate(address(database))
    row = {"key": "p", "created": 0, "received": 0, "body": b"{}", "pseudonym_version": 1}
    for _ in range(2):
        with suppress(ZeroDivisionError), database.write() as conn:
            conn.execute(patients.insert(), sealing.rows(conn, patients, [row]))
            assert conn.execute(select(patients.c.body)).scalar() == b"{}"  # in here it is read
            raise ZeroDivisionError
    with database.write() as conn:
        conn.execute(patients.insert(), sealing.rows(conn, patients, [row]))
    with closing(open_database(address(database), KEYS)) as other, other.read() as conn:
        assert conn.execute(select(patients.c.body)).scalar() == b"{}"


def test_many_processes_make_one_key_for_a_patient(database: Database) -> None:
    """Each with keys of its own in memory; all of them read what each of them wrote."""
    migrate(address(database))
    people = [secrets.token_hex(4) for _ in range(20)]
    faults: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with closing(open_database(address(database), KEYS)) as own:
                for person in people:
                    row = {"id": f"{number}-{person}", "patient": person, "family": "stay"}
                    full = {**row, "status": "none", "body": row["id"].encode()}
                    with own.write() as conn:
                        conn.execute(threads.insert(), sealing.rows(conn, threads, [full]))
        except BaseException as fault:  # noqa: BLE001 -- shown below
            faults.append(fault)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert faults == []
    with database.read() as conn:
        assert conn.execute(select(func.count()).select_from(data_keys)).scalar() == len(people)
        found = dict(conn.execute(select(threads.c.id, threads.c.body)).all())
    assert found == {f"{n}-{p}": f"{n}-{p}".encode() for n in range(4) for p in people}


def test_a_batch_costs_no_query_per_row(database: Database) -> None:
    """However many new patients are in it."""
    service = filled(database, Clock(), people=1)
    asked: list[str] = []

    @event.listens_for(database.writer, "before_cursor_execute")
    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if re.match(r"(INSERT INTO|SELECT) (data|master)_keys", statement):
            asked.append(statement)

    messages = [stories.admission(stories.Matter(stories.person())) for _ in range(30)]
    for size in (3, 30):
        asked.clear()
        answers = service.handle([Submission(orjson.dumps(one)) for one in messages[:size]])
        assert {answer.verdict for answer in answers} <= {Verdict.ACCEPTED, Verdict.DUPLICATE}
        assert 1 <= len(asked) <= 9, asked


def test_what_was_in_the_clear_is_read_and_encrypted_step_by_step(database: Database) -> None:
    """After an upgrade the release before may write beside this one: nothing is encrypted until it is asked for."""
    service = filled(database, Clock(), people=1)
    told = timelines(database)
    encrypting.decrypt(database)  # as the release before left it
    assert not [blob for _, _, blob in blobs(database) if blob.startswith(MARK)]
    assert timelines(database) == told
    service.handle([Submission(orjson.dumps(one)) for one in stories.hospital_stay()])
    assert not [blob for _, _, blob in blobs(database) if blob.startswith(MARK)]

    with database.write() as conn:  # it was asked for, and stopped at once
        conn.execute(delete(meta).where(meta.c.name == sealing.IN_CLEAR))
    service.handle([Submission(orjson.dumps(one)) for one in stories.hospital_stay()])
    told = timelines(database)
    assert len({blob.startswith(MARK) for _, _, blob in blobs(database)}) == 2
    with database.read() as conn:
        left = encrypting.in_clear(conn)
    assert encrypting.encrypt(database) == left > 100
    assert encrypting.encrypt(database) == 0
    assert all(blob.startswith(MARK) for _, _, blob in blobs(database))
    assert timelines(database) == told
    if database.writer.dialect.name == "sqlite":
        assert not [where for where, bytes_ in everything(database) if b'"facts"' in bytes_]


def test_encrypting_goes_on_beside_the_intake(database: Database) -> None:
    """Nothing is lost, nothing waits for the other for good."""
    service = filled(database, Clock(), people=2)
    encrypting.decrypt(database)
    done: list[int] = []
    worker = threading.Thread(target=lambda: done.append(encrypting.encrypt(database)))
    worker.start()
    for _ in range(3):
        for one in stories.hospital_stay():
            (answer,) = service.handle([Submission(orjson.dumps(one))])
            assert answer.verdict is Verdict.ACCEPTED
    worker.join()
    encrypting.encrypt(database)
    assert done[0] > 0
    assert all(blob.startswith(MARK) for _, _, blob in blobs(database))
    assert sum(map(len, timelines(database).values())) == 5 * len(stories.hospital_stay())


def test_going_back_a_release_is_refused_while_anything_is_encrypted(database: Database) -> None:
    """Then nothing is changed; decrypted, it goes back, and everything is there when it comes again."""
    filled(database, Clock(), people=1)
    told = timelines(database)
    with pytest.raises(KeptBack, match="payloads are encrypted"):
        migrate(address(database), "0008")
    with database.read() as conn:
        assert (schema_version(conn) or "") >= "0009"
    assert timelines(database) == told
    encrypting.decrypt(database)
    migrate(address(database), "0008")
    migrate(address(database))
    database.keyring.forget()
    assert timelines(database) == told
    assert encrypting.encrypt(database) > 0
    assert timelines(database) == told


def test_keys_are_rotated_while_messages_come_in(database: Database) -> None:
    """All data keys are under the new master key, the old one is gone, and every process reads on."""
    service = filled(database, Clock(), people=1)
    with closing(open_database(address(database), KEYS)) as other:
        told = timelines(other)
        stored = {blob for _, _, blob in blobs(database)}
        with telling(service):
            counts = [rotate(database) for _ in range(3)]
        assert all(count > 0 for count in counts)
        with database.read() as conn:
            masters = {*conn.execute(select(master_keys.c.id)).scalars()}
            used = {*conn.execute(select(data_keys.c.master)).scalars()}
        assert used == masters
        assert len(masters) == 1
        assert timelines(database).items() >= told.items()
        assert timelines(other).items() >= told.items()
        assert {blob for name, _, blob in blobs(database) if name == "inbox.source"} & stored
    with closing(open_database(address(database), KEYS)) as fresh:
        assert timelines(fresh).items() >= told.items()


@contextmanager
def telling(service: Service) -> Iterator[None]:
    """Meanwhile new patients are told of, and every message is accepted."""
    stop, verdicts = threading.Event(), set[Verdict]()

    def tell() -> None:
        while not stop.is_set():
            one = stories.admission(stories.Matter(stories.person()))
            verdicts.update(a.verdict for a in service.handle([Submission(orjson.dumps(one))]))

    worker = threading.Thread(target=tell)
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()
    assert verdicts == {Verdict.ACCEPTED}
