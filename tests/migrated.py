"""A database that is migrated once and copied: to migrate one from nothing is half of what a first start takes.

Must not be used where the migration is what a test is about.
"""

import contextlib
import functools
import sqlite3
import tempfile
import uuid
from pathlib import Path

from evener.store.database import Database
from evener_cloud.backup.contents import DATABASE
from evener_cloud.manage import upgrade


@functools.cache
def _tables() -> bytes:
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / DATABASE
        database = Database(f"sqlite:///{path}")
        upgrade(database)
        database.close()
        return path.read_bytes()


def furnish(state: Path) -> None:
    """Make the directory of a standalone's state, and its database with all tables and no rows."""
    state.mkdir(mode=0o750)
    path = state / DATABASE
    path.touch(mode=0o600)
    path.write_bytes(_tables())
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE database_identity SET id = ?", (str(uuid.uuid4()),))
