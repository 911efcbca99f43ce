"""Streams: how far each is taken in and handed out, each patient's pseudonym; and what parked may now be placed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New tables, empty; patients who are there get the first pseudonym version."""
    op.create_table(
        "positions",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("topic_id", sa.Text(), nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", name=op.f("pk_positions")),
    )
    op.create_table(
        "streams",
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("active_from", sa.BigInteger(), nullable=True),
        sa.Column("published", sa.BigInteger(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.Column("replay_upto", sa.BigInteger(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("party", name=op.f("pk_streams")),
    )
    version = sa.Column("pseudonym_version", sa.Integer(), nullable=False, server_default="1")
    op.add_column("patients", version)
    due: sa.Column[bool] = sa.Column("due", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("parked", due)
    where = sa.text("due")
    op.create_index(
        "ix_parked_due", "parked", ["received"], sqlite_where=where, postgresql_where=where
    )


def downgrade() -> None:
    """As before; positions and deliveries by Kafka begin again, which receivers see as repeats."""
    op.drop_index("ix_parked_due", "parked")
    op.drop_column("parked", "due")
    op.drop_column("patients", "pseudonym_version")
    op.drop_table("streams")
    op.drop_table("positions")
