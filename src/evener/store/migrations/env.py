"""Alembic's way in: runs the migrations on the connection it was given, and writes new ones that older rows survive."""

from alembic import context
from alembic.autogenerate import rewriter
from alembic.operations import ops
from sqlalchemy import Boolean, DateTime, DefaultClause, Integer, String, false, text

from evener.store import all_tables

# What a row has that is older than its column, which may not be null; whoever writes the migration knows better.
OLDER_ROWS = (
    (Boolean, false()),
    (Integer, text("0")),
    (String, text("''")),
    (DateTime, text("'1970-01-01'")),
)

writer = rewriter.Rewriter()


@writer.rewrites(ops.AddColumnOp)
def for_older_rows(_context: object, _revision: object, add: ops.AddColumnOp) -> ops.AddColumnOp:
    """Give a column that may not be null a default in the database: else none with rows takes it."""
    if not add.column.nullable and add.column.server_default is None:
        found = [default for kind, default in OLDER_ROWS if isinstance(add.column.type, kind)]
        add.column.server_default = DefaultClause(found[0] if found else text("'null'"))
    return add


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=all_tables.metadata,
    render_as_batch=True,
    process_revision_directives=writer,
)
with context.begin_transaction():
    context.run_migrations()
