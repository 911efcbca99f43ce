"""When a person last saw the worklist of where they work."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A new table, empty: nobody has said yet that they saw anything."""
    op.create_table(
        "looks",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("person", "party", name=op.f("pk_looks")),
    )


def downgrade() -> None:
    """What was new since then is new to nobody any more."""
    op.drop_table("looks")
