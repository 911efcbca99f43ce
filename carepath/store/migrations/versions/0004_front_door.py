"""Subscriptions and their numbers, more to search by, and how far a mailbox has been confirmed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New tables, empty: ``carepath rebuild`` fills those that are searched. Nothing is confirmed yet."""
    _subscribe()
    _search()
    confirmed: sa.Column[int] = sa.Column(
        "confirmed", sa.BigInteger(), nullable=False, server_default="0"
    )
    op.add_column("feeds", confirmed)


def _subscribe() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("numbered", sa.BigInteger(), nullable=False),
        sa.Column("delivered", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try", sa.BigInteger(), nullable=True),
        sa.Column("told", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
    )
    op.create_index("ix_subscriptions_receiver", "subscriptions", ["receiver"])
    op.create_table(
        "subscription_events",
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subscription", "number", name=op.f("pk_subscription_events")),
    )


def _search() -> None:
    op.create_table(
        "resource_values",
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "type", "id", "name", "system", "value", name=op.f("pk_resource_values")
        ),
    )
    op.create_index("ix_resource_values_found", "resource_values", ["type", "name", "value"])
    op.create_table(
        "resource_dates",
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("starts", sa.BigInteger(), nullable=True),
        sa.Column("ends", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("type", "id", "name", name=op.f("pk_resource_dates")),
    )


def downgrade() -> None:
    """As before; Subscriptions are forgotten, and their resources with them."""
    op.execute("DELETE FROM resources WHERE type = 'Subscription'")
    op.execute("DELETE FROM resource_versions WHERE type = 'Subscription'")
    op.drop_column("feeds", "confirmed")
    op.drop_table("resource_dates")
    op.drop_table("resource_values")
    op.drop_table("subscription_events")
    op.drop_table("subscriptions")
