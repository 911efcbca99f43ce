"""The core: directory, patients, inbox, events, threads, grants, outbox, feeds, resources."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """All tables, empty."""
    for create in TABLES.values():
        create()


def downgrade() -> None:
    """Nothing is left."""
    for table in TABLES:
        op.drop_table(table)


def _meta() -> None:
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meta")),
    )


def _parties() -> None:
    op.create_table(
        "parties",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("seen", sa.Boolean(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_parties")),
    )


def _patients() -> None:
    op.create_table(
        "patients",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_patients")),
    )


def _patient_identifiers() -> None:
    op.create_table(
        "patient_identifiers",
        sa.Column("blind", sa.LargeBinary(), nullable=False),
        sa.Column("blind_value", sa.LargeBinary(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("cipher", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("blind", name=op.f("pk_patient_identifiers")),
    )
    op.create_index(
        "ix_patient_identifiers_blind_value", "patient_identifiers", ["blind_value"], unique=False
    )
    op.create_index(
        op.f("ix_patient_identifiers_patient"), "patient_identifiers", ["patient"], unique=False
    )


def _patient_links() -> None:
    op.create_table(
        "patient_links",
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("other", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("patient", "other", name=op.f("pk_patient_links")),
    )
    op.create_index("ix_patient_links_other", "patient_links", ["other"], unique=False)


def _inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=True),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("source", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("receipt", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.UniqueConstraint(
            "message_id", "sender", "format", name=op.f("uq_inbox_message_id_sender_format")
        ),
    )
    op.create_index("ix_inbox_envelope", "inbox", ["envelope"], unique=False)


def _parked() -> None:
    op.create_table(
        "parked",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("patient", sa.Text(), nullable=True),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("source", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parked")),
    )
    op.create_index(op.f("ix_parked_patient"), "parked", ["patient"], unique=False)


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("thread", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("activity", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("happened", sa.BigInteger(), nullable=False),
        sa.Column("happened_day", sa.Boolean(), nullable=False),
        sa.Column("written", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index("ix_events_patient_received", "events", ["patient", "received"], unique=False)
    op.create_index(op.f("ix_events_thread"), "events", ["thread"], unique=False)


def _threads() -> None:
    op.create_table(
        "threads",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_threads")),
    )
    op.create_index(op.f("ix_threads_patient"), "threads", ["patient"], unique=False)


def _thread_keys() -> None:
    op.create_table(
        "thread_keys",
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("blind", sa.LargeBinary(), nullable=False),
        sa.Column("thread", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("blind", "patient", name=op.f("pk_thread_keys")),
    )
    op.create_index(op.f("ix_thread_keys_thread"), "thread_keys", ["thread"], unique=False)


def _thread_aliases() -> None:
    op.create_table(
        "thread_aliases",
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("thread", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("alias", name=op.f("pk_thread_aliases")),
    )
    op.create_index(op.f("ix_thread_aliases_thread"), "thread_aliases", ["thread"], unique=False)


def _grants() -> None:
    op.create_table(
        "grants",
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("thread", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("patient", "reader", "event", name=op.f("pk_grants")),
    )
    op.create_index("ix_grants_reader_event", "grants", ["reader", "event"], unique=False)


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=True),
        sa.Column("event", sa.Text(), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("withheld", sa.Boolean(), nullable=False),
        sa.Column("confirmed", sa.BigInteger(), nullable=True),
        sa.Column("confirmed_code", sa.Text(), nullable=True),
        sa.Column("read", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("receiver", "number", name=op.f("uq_outbox_receiver_number")),
    )
    op.create_index("ix_outbox_event", "outbox", ["event"], unique=False)
    op.create_index("ix_outbox_message_id", "outbox", ["message_id"], unique=False)
    op.create_index(
        "ix_outbox_pending",
        "outbox",
        ["receiver", "created"],
        unique=False,
        sqlite_where=sa.text("number IS NULL"),
        postgresql_where=sa.text("number IS NULL"),
    )


def _feeds() -> None:
    op.create_table(
        "feeds",
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("delivered", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("receiver", name=op.f("pk_feeds")),
    )


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("receiver", "number", name=op.f("pk_deliveries")),
    )


def _resources() -> None:
    op.create_table(
        "resources",
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=True),
        sa.Column("thread", sa.Text(), nullable=True),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("starts", sa.BigInteger(), nullable=True),
        sa.Column("ends", sa.BigInteger(), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("type", "id", name=op.f("pk_resources")),
    )
    op.create_index("ix_resources_patient", "resources", ["patient", "type"], unique=False)
    op.create_index("ix_resources_updated", "resources", ["type", "updated", "id"], unique=False)


def _resource_versions() -> None:
    op.create_table(
        "resource_versions",
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=True),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("type", "id", "version", name=op.f("pk_resource_versions")),
    )


def _resource_tokens() -> None:
    op.create_table(
        "resource_tokens",
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("blind", sa.LargeBinary(), nullable=False),
        sa.Column("blind_value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("type", "id", "name", "blind", name=op.f("pk_resource_tokens")),
    )
    op.create_index("ix_resource_tokens_blind", "resource_tokens", ["blind"], unique=False)
    op.create_index(
        "ix_resource_tokens_blind_value", "resource_tokens", ["blind_value"], unique=False
    )


TABLES = {
    "meta": _meta,
    "parties": _parties,
    "patients": _patients,
    "patient_identifiers": _patient_identifiers,
    "patient_links": _patient_links,
    "inbox": _inbox,
    "parked": _parked,
    "events": _events,
    "threads": _threads,
    "thread_keys": _thread_keys,
    "thread_aliases": _thread_aliases,
    "grants": _grants,
    "outbox": _outbox,
    "feeds": _feeds,
    "deliveries": _deliveries,
    "resources": _resources,
    "resource_versions": _resource_versions,
    "resource_tokens": _resource_tokens,
}
