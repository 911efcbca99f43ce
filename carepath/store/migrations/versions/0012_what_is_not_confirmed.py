"""What receivers have not confirmed is found without reading what they have; what was parked, by its message's id."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An index of the few messages over networks that are under way, unanswered or refused; and one of ids."""
    unconfirmed = sa.text("state != 'confirmed'")
    op.create_index(
        "ix_sent_on_unconfirmed",
        "sent_on",
        ["state", "party", "number"],
        sqlite_where=unconfirmed,
        postgresql_where=unconfirmed,
    )
    op.create_index(op.f("ix_parked_message_id"), "parked", ["message_id"])


def downgrade() -> None:
    """They are found by reading all."""
    op.drop_index(op.f("ix_parked_message_id"), "parked")
    op.drop_index("ix_sent_on_unconfirmed", "sent_on")
