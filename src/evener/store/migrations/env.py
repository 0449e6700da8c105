"""Alembic's way in: runs a tree's migrations on the connection it was given, and writes those that older rows survive.

Of all tables it sees those of the tree alone.
"""

from alembic import context
from alembic.autogenerate import rewriter
from alembic.operations import ops
from sqlalchemy import Boolean, DateTime, DefaultClause, Integer, String, false, text

from evener.store.manage import Tree
from evener.store.repeatable import repeating
from evener.store.schema import metadata

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


tree: Tree = context.config.attributes["tree"]


def is_ours(_object: object, name: str | None, kind: str, *_more: object) -> bool:
    """Return whether a table is the tree's; what belongs to a table goes with it."""
    return kind != "table" or name in tree.tables


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    include_object=is_ours,
    version_table=tree.version_table,
    process_revision_directives=writer,
)
with repeating(connection), context.begin_transaction():
    context.run_migrations()
