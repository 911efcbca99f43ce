"""Alembic runs on the connection that ``store.database.migrate`` hands it."""

from alembic import context

from carepath.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
