"""Subscriptions and their numbers, more to search by, and how far a mailbox has been confirmed."""

import json
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New tables: what was searched for before is found by them, ``carepath rebuild`` fills in the rest."""
    _subscribe()
    _search()
    _find()
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
        sa.Column("target", sa.Text(), nullable=True),
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
        sqlite_with_rowid=False,
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
        sqlite_with_rowid=False,
    )


_HL7 = "http://hl7.org/fhir"
_CODES = {
    ("Encounter", "status", "status"): f"{_HL7}/encounter-status",
    ("Encounter", "class", "code"): "http://terminology.hl7.org/CodeSystem/v3-ActCode",
    ("ServiceRequest", "status", "status"): f"{_HL7}/request-status",
    ("ServiceRequest", "priority", "code"): f"{_HL7}/request-priority",
    ("Task", "status", "status"): f"{_HL7}/task-status",
    ("Task", "code", "code"): "https://carepath.example/fhir/CodeSystem/pathway-event",
}


def _find() -> None:
    """What the columns of ``resources`` and the directory tell."""
    connection = op.get_bind()
    for (type_, name, column), system in _CODES.items():
        told = sa.text(
            "INSERT INTO resource_values (type, id, name, system, value)"  # noqa: S608 -- our own words
            f" SELECT type, id, :name, :system, {column} FROM resources"
            f" WHERE type = :type AND {column} IS NOT NULL"
        )
        connection.execute(told, {"name": name, "system": system, "type": type_})
    connection.execute(
        sa.text(
            "INSERT INTO resource_dates (type, id, name, starts, ends)"
            " SELECT type, id, 'date', starts, ends FROM resources"
            " WHERE type = 'Encounter' AND (starts IS NOT NULL OR ends IS NOT NULL)"
        )
    )
    named = [
        {"id": key, "system": name[:256], "value": _folded(name)}
        for key, body in connection.execute(sa.text("SELECT key, body FROM parties"))
        if (name := json.loads(bytes(body))["name"])
    ]
    if named:
        telling = sa.text(
            "INSERT INTO resource_values (type, id, name, system, value)"
            " VALUES ('Organization', :id, 'name', :system, :value)"
        )
        connection.execute(telling, named)


def _folded(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold()[:256])
    return "".join(letter for letter in apart if not unicodedata.combining(letter))[:256]


def downgrade() -> None:
    """As before; Subscriptions are forgotten, and their resources with them."""
    op.execute("DELETE FROM resources WHERE type = 'Subscription'")
    op.execute("DELETE FROM resource_versions WHERE type = 'Subscription'")
    op.drop_column("feeds", "confirmed")
    op.drop_table("resource_dates")
    op.drop_table("resource_values")
    op.drop_table("subscription_events")
    op.drop_table("subscriptions")
