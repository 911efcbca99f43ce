"""How far each receiver's feed has been looked through for messages without a receipt."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A new table, empty: what was sent before is not awaited."""
    op.create_table(
        "receipt_cursors",
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("receiver", "stage", name=op.f("pk_receipt_cursors")),
    )


def downgrade() -> None:
    """The release before awaits none, and knows no promise of one."""
    owed = "SELECT id FROM promises WHERE kind = 'receipt'"
    for table in ("resource_tokens", "resource_values", "resource_dates"):
        op.execute(f"DELETE FROM {table} WHERE type = 'Task' AND id IN ({owed})")  # noqa: S608
    for table in ("resource_versions", "resources"):
        op.execute(f"DELETE FROM {table} WHERE type = 'Task' AND id IN ({owed})")  # noqa: S608
    op.execute("DELETE FROM promises WHERE kind = 'receipt'")
    op.drop_table("receipt_cursors")
