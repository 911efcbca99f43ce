"""Promises and what the watch did about them, agreements, and alerts to people."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New tables, empty: ``carepath rebuild`` fills in what is promised in older matters, without alarms.

    Until it has, the watch tells nobody anything: the release before may still write matters beside this one.
    """
    _promises()
    op.create_table(
        "agreements",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("one", sa.Text(), nullable=False),
        sa.Column("other", sa.Text(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreements")),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("acute", sa.Boolean(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("next_try", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    _partial("ix_alerts_due", "alerts", "next_try", "done IS NULL")
    op.execute(
        "INSERT INTO meta (name, value) SELECT 'promises_unknown', 1"
        " WHERE EXISTS (SELECT 1 FROM events)"
    )


def _promises() -> None:
    op.create_table(
        "promises",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("thread", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("responsible", sa.Text(), nullable=False),
        sa.Column("other", sa.Text(), nullable=True),
        sa.Column("opened", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("proof", sa.BigInteger(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promises")),
    )
    op.create_index("ix_promises_patient", "promises", ["patient"])
    op.create_index("ix_promises_thread", "promises", ["thread"])
    op.create_index("ix_promises_responsible", "promises", ["responsible", "state"])
    op.create_index("ix_promises_other", "promises", ["other", "state"])
    _partial("ix_promises_next_at", "promises", "next_at", "next_at IS NOT NULL")


def _partial(name: str, table: str, column: str, where: str) -> None:
    there = sa.text(where)
    op.create_index(name, table, [column], sqlite_where=there, postgresql_where=there)


def downgrade() -> None:
    """As before: what was promised follows from the events, what the watch said of it stays among them."""
    op.execute("DELETE FROM meta WHERE name = 'promises_unknown'")
    op.drop_table("alerts")
    op.drop_table("agreements")
    op.drop_table("promises")
