"""Alembic's way in: runs the migrations on the connection it was given."""

from alembic import context

from evener.store import all_tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=all_tables.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
