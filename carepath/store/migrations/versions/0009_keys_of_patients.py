"""One data key for each patient, under master keys; and which patients were erased."""

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_IN_CLEAR = "payloads_in_clear"
_MARK = b"\xc1CP\x01"
_SEALED = {
    "patients": ("body",),
    "inbox": ("source", "receipt"),
    "parked": ("source",),
    "events": ("body",),
    "threads": ("body",),
    "outbox": ("body",),
    "answers": ("body",),
    "resources": ("digest",),
    "resource_versions": ("body",),
    "subscriptions": ("body",),
    "promises": ("body",),
}


def upgrade() -> None:
    """New tables, empty. What is stored stays in the clear until ``carepath encrypt``.

    Until it is run, new payloads are written in the clear, too: the release before, which cannot decrypt, may still
    be running beside this one, or come back. An empty database encrypts from the beginning.
    """
    op.create_table(
        "master_keys",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("port", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_master_keys")),
    )
    op.create_table(
        "data_keys",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("master", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_keys")),
        sa.UniqueConstraint("patient", name=op.f("uq_data_keys_patient")),
    )
    op.create_index(op.f("ix_data_keys_master"), "data_keys", ["master"])
    op.create_table(
        "erasures",
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("patient", name=op.f("pk_erasures")),
    )
    filled = sa.or_(*(sa.exists().select_from(sa.table(name)) for name in _SEALED))
    meta = sa.table("meta", sa.column("name"), sa.column("value"))
    known = sa.exists().where(meta.c.name == _IN_CLEAR)
    told = sa.select(sa.literal(_IN_CLEAR), sa.literal(1)).where(filled, ~known)
    op.execute(meta.insert().from_select(["name", "value"], told))


def downgrade() -> None:
    """Refused while anything is encrypted: the release before could not read it, and the keys would be lost."""
    for table, columns in _SEALED.items():
        for column in columns:
            blob = sa.column(column, sa.LargeBinary)
            begins = sa.func.substr(blob, 1, 4, type_=sa.LargeBinary)
            found = sa.select(sa.literal(1)).select_from(sa.table(table)).where(begins == _MARK)
            if op.get_bind().execute(found.limit(1)).first():
                raise CommandError(
                    "payloads are encrypted, which the release before cannot read:"
                    " stop servers and workers, and run 'carepath encrypt --undo' first"
                )
    op.execute("DELETE FROM meta WHERE name = 'payloads_in_clear'")
    op.drop_table("erasures")
    op.drop_table("data_keys")
    op.drop_table("master_keys")
