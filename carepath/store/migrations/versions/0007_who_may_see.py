"""Who may see what: bars on grants, broken glass, agreements to share; row-level security on PostgreSQL."""

import sqlalchemy as sa
from alembic import op

from carepath.store import walls

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New tables, empty. The policies of PostgreSQL are no part of a version: ``store.walls`` makes them."""
    _rights()
    _exceptions()
    _lost_rights()


def downgrade() -> None:
    """The release before has no wall, and would be kept out by it where it does not own the tables."""
    walls.pull_down(op.get_bind())
    op.drop_index("ix_grants_until", table_name="grants")
    op.drop_table("lost_rights")
    for name in ("glass", "sharing", "relatives_known", "voices", "markings", "bars"):
        op.drop_table(name)
    op.drop_column("grants", "pair")


def _lost_rights() -> None:
    op.create_table(
        "lost_rights",
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("reader", name=op.f("pk_lost_rights")),
    )
    op.create_index(
        "ix_grants_until",
        "grants",
        ["until"],
        sqlite_where=sa.text("until IS NOT NULL"),
        postgresql_where=sa.text("until IS NOT NULL"),
    )


def _rights() -> None:
    """What bars grants, and what citizens' rights follow from; ``carepath rebuild`` fills in what older events say."""
    op.add_column("grants", sa.Column("pair", sa.Text(), nullable=True))
    op.create_table(
        "bars",
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("begins", sa.BigInteger(), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("patient", "reader", "event", "begins", name=op.f("pk_bars")),
    )
    op.create_index(op.f("ix_bars_begins"), "bars", ["begins"])
    op.create_table(
        "markings",
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("marking", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("patient", "event", "marking", name=op.f("pk_markings")),
    )
    op.create_table(
        "voices",
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event", name=op.f("pk_voices")),
    )
    op.create_index(op.f("ix_voices_patient"), "voices", ["patient"])
    op.create_index(op.f("ix_voices_person"), "voices", ["person"])
    op.create_table(
        "relatives_known",
        sa.Column("blind", sa.LargeBinary(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("blind", "patient", name=op.f("pk_relatives_known")),
    )
    op.create_index(op.f("ix_relatives_known_patient"), "relatives_known", ["patient"])


def _exceptions() -> None:
    op.create_table(
        "sharing",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("pair", sa.Text(), nullable=False),
        sa.Column("one", sa.Text(), nullable=False),
        sa.Column("other", sa.Text(), nullable=False),
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("legal_basis", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sharing")),
    )
    op.create_index(op.f("ix_sharing_pair"), "sharing", ["pair"])
    op.create_table(
        "glass",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("checked", sa.BigInteger(), nullable=True),
        sa.Column("checked_by", sa.Text(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_glass")),
    )
    op.create_index(op.f("ix_glass_patient"), "glass", ["patient"])
    op.create_index(op.f("ix_glass_party"), "glass", ["party"])
