"""What the run looks at in the database while it goes on: how far the intake is, and what is known already."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any, LiteralString, TypeAlias

import psycopg

Partition: TypeAlias = tuple[str, int]
"""Topic and number."""
Offset: TypeAlias = tuple[str, int]
"""The topic's UUID, and the offset of what comes next: a topic made anew begins at 0."""

_POSITIONS: LiteralString = "SELECT topic, partition, topic_id, next FROM positions"
_KNOWN: LiteralString = "SELECT message_id FROM events WHERE message_id = ANY(%s)"
_UNPUBLISHED: LiteralString = """
SELECT (SELECT count(*) FROM outbox WHERE number IS NULL)
     + (SELECT coalesce(sum(last - published), 0) FROM feeds JOIN streams ON party = receiver)
"""


def behind(
    read: Mapping[Partition, Offset], ends: Mapping[Partition, Offset]
) -> dict[Partition, int]:
    """How many records before these ends are not taken in."""
    nothing = ("", 0)
    taken = {p: at for p, (id_, at) in read.items() if ends.get(p, nothing)[0] == id_}
    return {p: max(end - taken.get(p, 0), 0) for p, (_, end) in ends.items()}


class View:
    """For one thread. A database that is away is asked again the next time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def positions(self) -> dict[Partition, Offset] | None:
        """How far each partition is taken in; ``None`` when the database is away."""
        rows = self._ask(_POSITIONS)
        return None if rows is None else {(topic, n): (id_, at) for topic, n, id_, at in rows}

    def known(self, messages: Collection[str]) -> set[str]:
        """Those that are on a timeline; none when the database is away."""
        return {row[0] for row in self._ask(_KNOWN, [*messages]) or ()} if messages else set()

    def unpublished(self) -> int | None:
        """How many updates Kafka does not have; ``None`` when the database is away."""
        rows = self._ask(_UNPUBLISHED)
        return None if rows is None else int(rows[0][0])

    def close(self) -> None:
        """Let the connection go."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()

    def _ask(self, query: LiteralString, *parameters: object) -> list[tuple[Any, ...]] | None:
        try:
            if self._connection is None:
                self._connection = psycopg.connect(self._url, autocommit=True, connect_timeout=2)
            return self._connection.execute(query, parameters).fetchall()
        except psycopg.Error:
            self.close()
            return None
