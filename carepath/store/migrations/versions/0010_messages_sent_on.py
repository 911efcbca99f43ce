"""Messages that go out over their receivers' own networks, and how far they have come."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New tables, empty: parties have a network when the directory says so, from then on."""
    op.create_table(
        "transports",
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger()),
        sa.Column("replay_upto", sa.BigInteger(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try", sa.BigInteger()),
        sa.Column("fault", sa.Text()),
        sa.Column("holder", sa.Text()),
        sa.Column("leased_until", sa.BigInteger()),
        sa.PrimaryKeyConstraint("party", name=op.f("pk_transports")),
    )
    op.create_table(
        "sent_on",
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("tried", sa.BigInteger(), nullable=False),
        sa.Column("settled", sa.BigInteger()),
        sa.PrimaryKeyConstraint("item", name=op.f("pk_sent_on")),
    )
    op.create_index("ix_sent_on_party", "sent_on", ["party", "number"])
    op.create_index(op.f("ix_sent_on_reference"), "sent_on", ["reference"])
    op.create_table(
        "edi_offsets",
        sa.Column("her_id", sa.Text(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("polled", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("her_id", name=op.f("pk_edi_offsets")),
    )


def downgrade() -> None:
    """What was sent is with its receivers; that it was is forgotten."""
    op.drop_table("edi_offsets")
    op.drop_table("sent_on")
    op.drop_table("transports")
