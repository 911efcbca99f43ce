"""The unit of work: what one batch needs is read in a handful of queries, and written in a handful more.

Between ``load`` and ``flush`` everything happens in memory, so a batch of a hundred messages costs hardly more
round trips than one. Locks are taken in one order (identifiers, then patients, each sorted), so any number of
processes can work side by side without a deadlock.
"""

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, CursorResult, RowMapping, Select, delete, select, update

from carepath.store import codec, indexing, receipts, statements, tables
from carepath.store.arrivals import Arrival, MessageKey, PatientState, Seen
from carepath.store.blind import Keys
from carepath.store.times import instant, micros
from carepath.store.upserts import insert_new, replace_rows
from pathways.access import Grant
from pathways.events import Family
from pathways.messages import Key, Record
from pathways.parties import Identifier
from pathways.pathway import Thread

Row = dict[str, Any]


@dataclass(slots=True)
class Unit:
    """One transaction's working set. ``now`` is when the batch came (UTC)."""

    connection: Connection
    keys: Keys
    now: datetime
    seen: dict[MessageKey, Seen] = field(default_factory=dict)
    envelopes: dict[MessageKey, Seen] = field(default_factory=dict)
    patients: dict[str, PatientState] = field(default_factory=dict)
    new_matters: set[str] = field(default_factory=set)  # patients with a thread nobody knew
    _by_identifier: dict[bytes, str] = field(default_factory=dict)
    _threads: dict[str, Thread] = field(default_factory=dict)
    _rows: dict[str, list[Row]] = field(default_factory=dict)
    _found: dict[bool, dict[tuple[str, str], indexing.Found]] = field(
        default_factory=lambda: {True: {}, False: {}}
    )  # by whether it is new

    # what the batch reads

    def load(self, arrivals: Sequence[Arrival]) -> None:
        """Lock and read all that the arrivals can touch."""
        blinds = {blind for arrival in arrivals for blind in self._blinds(arrival)}
        self._lock(blinds | {self.keys.blind("|".join(arrival.key)) for arrival in arrivals})
        self._load_inbox(arrivals)
        self._load_patients(blinds, {a.patient for a in arrivals if a.patient})
        self._load_threads(arrivals)

    def _blinds(self, arrival: Arrival) -> list[bytes]:
        return [self.blind_identifier(identifier, arrival) for identifier in arrival.identifiers]

    def blind_identifier(self, identifier: Identifier, arrival: Arrival) -> bytes:
        """The blind index of a patient identifier; without a system it counts for its sender alone.

        Test messages live apart: they never meet the real person with the same number.
        """
        scope = identifier.system or f"sender:{arrival.sender}"
        return self.keys.blind(
            f"{'test|' if arrival.message.test else ''}{scope}|{identifier.value}"
        )

    def _blind_value(self, identifier: Identifier, arrival: Arrival) -> bytes:
        """The blind index of a number alone; a test's is found by no number alone."""
        return self.keys.blind(f"{'test' if arrival.message.test else ''}|{identifier.value}")

    def blind_key(self, family: Family, key: Key) -> bytes:
        """The blind index of a thread's key."""
        return self.keys.blind(f"{family}|{key.rank.name}|{key.value}")

    def _lock(self, blinds: Iterable[bytes]) -> None:
        """Whoever brings the same message, or one about the same person, waits until we are done."""
        if self.connection.dialect.name == "sqlite":
            return  # BEGIN IMMEDIATE: there is one writer
        numbers = sorted({int.from_bytes(blind[:8], signed=True) for blind in blinds})
        self.connection.execute(statements.LOCK, {"numbers": numbers})

    def _load_inbox(self, arrivals: Sequence[Arrival]) -> None:
        ids = {arrival.message.id for arrival in arrivals}
        envelopes = {arrival.message.envelope for arrival in arrivals} - {None}
        asked = {"ids": [*ids], "envelopes": [*envelopes]}
        for id_, sender, format_, message_id, *rest in self._ask(statements.SEEN, **asked):
            self.remember(Seen(id_, (sender, format_, message_id), *rest))

    def _ask(
        self, statement: Select[*tuple[Any, ...]], **asked: Any
    ) -> CursorResult[*tuple[Any, ...]]:
        return self.connection.execute(statement, asked)

    def remember(self, seen: Seen) -> None:
        """Know a message for the rest of the batch."""
        self.seen[seen.key] = seen
        if seen.envelope:
            self.envelopes[(*seen.key[:2], seen.envelope)] = seen

    def receipt(self, seen: Seen) -> bytes:
        """The answer that was given then, byte for byte."""
        for row in self._rows.get("inbox", ()):
            if row["id"] == seen.id:
                return bytes(row["receipt"])
        query = select(tables.inbox.c.receipt).where(tables.inbox.c.id == seen.id)
        return bytes(self.connection.execute(query).scalar_one())

    def _load_patients(self, blinds: Collection[bytes], named: Collection[str]) -> None:
        found = self._ask(statements.BEARERS, blinds=[*blinds])
        self._by_identifier.update((bytes(blind), patient) for blind, patient in found)
        if keys := sorted({*self._by_identifier.values(), *named} - self.patients.keys()):
            self.know_patients(self._ask(statements.PATIENTS, keys=keys))

    def know_patients(self, rows: CursorResult[*tuple[Any, ...]]) -> None:
        """Patients by their whole rows."""
        for row in rows.mappings():
            header = codec.header(row["body"])
            times = instant(row["received"]), instant(row["created"])
            version = row["pseudonym_version"]
            self.patients[row["key"]] = PatientState(
                row["key"], header, *times, pseudonym_version=version, loaded=header
            )

    def _load_threads(self, arrivals: Sequence[Arrival]) -> None:
        if not self.patients:
            return
        blinds = {self.blind_key(a.message.family, key) for a in arrivals for key in a.keys}
        found: set[str] = set()
        for patient, blind, thread in self._ask(statements.PLACES, blinds=[*blinds]):
            if patient in self.patients:  # another patient may have the same number of a sender
                self.patients[patient].keys[bytes(blind)] = thread
                found.add(thread)
        for thread in self.stored_threads(found):
            self.patients[thread.patient].threads[thread.id] = thread

    def stored_threads(self, ids: Collection[str]) -> list[Thread]:
        """Matters as they were before the batch."""
        found = self._ask(statements.THREADS, ids=[*ids]) if ids else ()
        return [codec.thread(body) for (body,) in found]

    def open_threads(self, patient: PatientState) -> list[Thread]:
        """The patient's open matters, this batch's changes included."""
        known = patient.threads | {
            id_: t for id_, t in self._threads.items() if t.patient == patient.key
        }
        stored = self.stored_threads(set(patient.header.open) - set(known))
        return sorted((t for t in (*known.values(), *stored) if t.is_open), key=lambda t: t.id)

    def changed_patients(self) -> list[PatientState]:
        """The patients of whom the batch told something new."""
        return [state for state in self.patients.values() if state.changed]

    def history(self, threads: Collection[str]) -> list[Record]:
        """All records of the threads, those of this batch too."""
        return [record for records in self.histories(threads).values() for record in records]

    def histories(self, threads: Collection[str]) -> dict[str, list[Record]]:
        """The same by thread."""
        if not threads:
            return {}
        self._write("events", tables.events)
        found: dict[str, list[Record]] = {}
        for row in self._ask(statements.HISTORIES, ids=[*threads]).mappings():
            found.setdefault(row["thread"], []).append(codec.record(row))
        return found

    def reports(self, patient: PatientState, codes: Collection[str]) -> list[Record]:
        """The patient's newest twenty documents, newest first; those of this batch too."""
        at = tables.events.c
        stored = self._records((at.patient == patient.key) & at.code.in_(codes), limit=20)
        told = [record for record in patient.records if record.code in codes]
        known = {record.id: record for record in (*stored, *told)}  # some may be written already
        return sorted(known.values(), key=lambda r: r.order, reverse=True)[:20]

    def _records(self, condition: Any, limit: int | None = None) -> list[Record]:
        newest_first = tables.events.c.happened.desc()
        query = select(tables.events).where(condition).order_by(newest_first).limit(limit)
        return [codec.record(row) for row in self.connection.execute(query).mappings()]

    # who the patient is

    def find_patients(self, arrival: Arrival) -> list[PatientState]:
        """The patients that the message's identifiers name, in the message's order."""
        if arrival.patient:
            return [self.patients[arrival.patient]]
        told = arrival.message.patient.identifiers if arrival.message.patient else ()
        keys = (self._by_identifier.get(self.blind_identifier(i, arrival)) for i in told)
        return [self.patients[key] for key in dict.fromkeys(filter(None, keys))]

    def bearer(self, identifier: Identifier, arrival: Arrival) -> PatientState:
        """The patient who bears an identifier, made when nobody does."""
        key = self._by_identifier.get(self.blind_identifier(identifier, arrival))
        patient = self.patients[key] if key else self.create_patient()
        self.add_identifiers(patient, arrival, (identifier,))
        return patient

    def linked(self, patients: Collection[PatientState]) -> bool:
        """Whether the patients are known to be one person."""
        link = tables.patient_links.c
        keys = {patient.key for patient in patients}
        query = select(link.patient, link.other).where(link.patient.in_(keys), link.other.in_(keys))
        return {key for pair in self.connection.execute(query) for key in pair} >= keys

    def create_patient(self) -> PatientState:
        """A patient nobody has told of before: a random key, and what is told about it follows."""
        version = self.keys.pseudonym_version
        state = PatientState(secrets.token_hex(16), pseudonym_version=version, changed=True)
        self.patients[state.key] = state
        return state

    def add_identifiers(
        self, patient: PatientState, arrival: Arrival, identifiers: Iterable[Identifier]
    ) -> None:
        """Let identifiers that nobody bears yet lead to the patient."""
        for identifier in identifiers:
            blind = self.blind_identifier(identifier, arrival)
            if blind not in self._by_identifier:
                self._by_identifier[blind] = patient.key
                patient.new_identifiers = True
                told = f"{identifier.system}|{identifier.value}"
                self._add(
                    "patient_identifiers",
                    blind=blind,
                    blind_value=self._blind_value(identifier, arrival),
                    patient=patient.key,
                    cipher=self.keys.seal(told, blind),
                )

    def identifiers(self, patients: Collection[str]) -> dict[str, list[Identifier]]:
        """All identifiers that lead to each of the patients."""
        self._write("patient_identifiers", tables.patient_identifiers)
        found: dict[str, list[Identifier]] = {patient: [] for patient in patients}
        rows = self._ask(statements.IDENTIFIERS, patients=[*patients]) if patients else ()
        for patient, blind, cipher in rows:
            system, value = self.keys.unseal(cipher, bytes(blind)).split("|", 1)
            found[patient].append(Identifier(system, value))
        return found

    def link(self, patient: PatientState, others: Collection[str]) -> None:
        """Make ``others`` exactly the patients that this one is said to be, too. Keys stay as they are."""
        table = tables.patient_links
        self._write("patients", tables.patients)
        self.connection.execute(delete(table).where(table.c.patient == patient.key))
        insert_new(self.connection, table, [{"patient": patient.key, "other": o} for o in others])

    # what the batch writes

    def keep_record(self, record: Record, thread: str) -> None:
        """One more event."""
        self.patients[record.patient].records.append(record)
        self._rows.setdefault("events", []).append(codec.record_row(record, thread))

    def keep_thread(
        self, thread: Thread, keys: Iterable[Key], replaced: Collection[Thread]
    ) -> None:
        """A thread's new state, its keys, and the threads it takes the place of."""
        patient = self.patients[thread.patient]
        if thread.id not in patient.threads:
            self.new_matters.add(patient.key)
        for gone in replaced:
            self._rename(patient, gone.id, thread.id)
        patient.threads[thread.id] = self._threads[thread.id] = thread
        for key in keys:
            blind = self.blind_key(thread.family, key)
            if patient.keys.get(blind) != thread.id:
                patient.keys[blind] = thread.id
                self._add("thread_keys", patient=patient.key, blind=blind, thread=thread.id)

    def _rename(self, patient: PatientState, old: str, new: str) -> None:
        """Two threads turned out to be one, or a stronger key gave a better id: the old id is an alias."""
        for name in ("events", "thread_keys", "grants", "thread_aliases", "promises"):
            table = tables.metadata.tables[name]
            self._write(name, table)
            moved = update(table).where(table.c.thread == old).values(thread=new)
            self.connection.execute(moved)
        own, shown = tables.resources.c.id == old, update(tables.resources)
        shown = shown.where(tables.resources.c.thread == old)
        self.connection.execute(shown.where(own).values(deleted=True))
        self.connection.execute(shown.where(~own).values(thread=new))  # what stands for its entries
        self.connection.execute(delete(tables.threads).where(tables.threads.c.id == old))
        insert_new(self.connection, tables.thread_aliases, [{"alias": old, "thread": new}])
        patient.threads.pop(old, None)
        self._threads.pop(old, None)
        patient.keys.update({blind: new for blind, id_ in patient.keys.items() if id_ == old})

    def keep_grant(self, grant: Grant, pair: str | None = None) -> None:
        """One more reader of an entry; ``pair``: the houses between which it needs an agreement."""
        self._add(
            "grants",
            patient=grant.patient,
            reader=grant.reader,
            event=grant.event,
            thread=grant.thread,
            basis=grant.basis.value,
            since=micros(grant.since),
            until=micros(grant.until) if grant.until else None,
            pair=pair,
        )

    def keep_inbox(self, arrival: Arrival, seen: Seen, receipt: bytes, patient: str | None) -> None:
        """The message itself with its verdict and answer; a later verdict replaces the one before."""
        self.remember(seen)
        self._add(
            "inbox",
            id=seen.id,
            sender=arrival.sender,
            format=arrival.message.format,
            message_id=arrival.message.id,
            envelope=seen.envelope,
            content=seen.content,
            verdict=seen.verdict,
            patient=patient,
            received=micros(self.now),
            media_type=arrival.media_type,
            source=arrival.message.source,
            status=seen.status,
            receipt=receipt,
        )

    def send(self, **row: Any) -> None:
        """One more delivery; its id makes sure that it happens once."""
        empty = {
            "number": None,
            "withheld": False,
            "confirmed": None,
            "confirmed_code": None,
            "read": None,
        }
        self._add("outbox", **empty, created=micros(self.now), **row)

    def park(self, **row: Any) -> None:
        """Keep what cannot be placed, with the reason."""
        self._add("parked", received=micros(self.now), state="open", note=None, **row)

    def confirm(self, arrival: Arrival, about: str, code: str, *, read: bool) -> bool:
        """A receiver's own receipt for what it was sent; ``False`` when it was sent no such message."""
        self._write("outbox", tables.outbox)
        sent, now = tables.outbox, micros(self.now)
        mine = (sent.c.receiver == arrival.sender) & (sent.c.message_id == about)
        values: Row = {"confirmed": now, "confirmed_code": code} | ({"read": now} if read else {})
        found = self.connection.execute(update(sent).where(mine).values(values)).rowcount > 0
        receipts.heard(self.connection, {arrival.sender: mine} if found else {}, now)
        return found

    def versions(self, ids: Collection[tuple[str, str]]) -> dict[tuple[str, str], RowMapping]:
        """The newest version of each resource ``(type, id)``."""
        types, keys = {type_ for type_, _ in ids}, {id_ for _, id_ in ids}
        found = (
            self._ask(statements.VERSIONS, types=[*types], ids=[*keys]).mappings() if ids else ()
        )
        return {(row["type"], row["id"]): row for row in found}

    def keep_version(self, index: Row, body: bytes, found: indexing.Found) -> None:
        """A resource's next version, with what it is found by."""
        self._add("resources", **index)
        self._add(
            "resource_versions",
            **{name: index[name] for name in ("type", "id", "version", "patient", "updated")},
            body=body,
        )
        self.find(index["type"], index["id"], found, new=index["version"] == 1)

    def find(self, type_: str, id_: str, found: indexing.Found, *, new: bool = False) -> None:
        """Let a resource be found by this; ``new`` when nothing is known of it yet."""
        self._found[new][type_, id_] = found

    def _add(self, table: str, **row: Any) -> None:
        self._rows.setdefault(table, []).append(row)

    def _write(self, name: str, table: Any) -> None:
        insert_new(self.connection, table, self._rows.pop(name, ()))

    def flush(self) -> None:
        """Write everything that is still in memory."""
        for state in self.patients.values():
            if state.changed:
                self._add(
                    "patients",
                    key=state.key,
                    created=micros(state.created or self.now),
                    received=micros(state.received),
                    body=codec.header_body(state.header),
                    pseudonym_version=state.pseudonym_version,
                )
        self._rows["threads"] = [codec.thread_row(thread) for thread in self._threads.values()]
        for table in (
            tables.patients,
            tables.threads,
            tables.thread_keys,
            tables.inbox,
            tables.resources,
        ):
            replace_rows(self.connection, table, self._rows.pop(table.name, ()))
        for name in list(self._rows):
            self._write(name, tables.metadata.tables[name])
        indexing.write(self.connection, self.keys, self._found[True], self._found[False])
