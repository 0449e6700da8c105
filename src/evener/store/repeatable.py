"""Has a migration of MariaDB that was cut off go on when it is run again: what is there already is left as it is.

MariaDB commits before and after each change of a table, so half of a revision may be there without its number; other
databases take back all of it. Must not run anything itself.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event

HALVES = frozenset({"mysql", "mariadb"})  # those whose transactions a change of tables ends
_REPEATABLE = (
    (re.compile(r"^\s*(CREATE TABLE|CREATE(?: UNIQUE)? INDEX) (?:IF NOT EXISTS )?"), r"\1 IF NOT EXISTS "),
    (re.compile(r"^\s*(DROP TABLE|DROP INDEX) (?:IF EXISTS )?"), r"\1 IF EXISTS "),
    (re.compile(r"^(\s*ALTER TABLE \S+ ADD COLUMN) (?:IF NOT EXISTS )?"), r"\1 IF NOT EXISTS "),
    (
        re.compile(r"^\s*ALTER TABLE (\S+) ADD CONSTRAINT (\S+) UNIQUE (\(.*\))$"),
        r"CREATE UNIQUE INDEX IF NOT EXISTS \2 ON \1 \3",
    ),
    (
        re.compile(r"^(\s*ALTER TABLE \S+ DROP(?: COLUMN| CONSTRAINT| INDEX)) (?:IF EXISTS )?"),
        r"\1 IF EXISTS ",
    ),
    (re.compile(r"^\s*ALTER TABLE \S+ (?:MODIFY|ALTER) "), r"\g<0>"),
)
_CHANGE = re.compile(r"^\s*(CREATE|DROP|ALTER)\b")


class NotRepeatable(Exception):
    """A migration changes tables in a way that is not known to be the same when it is done again."""


def repeatable(statement: str) -> str:
    """Return a statement of SQL as one that may have been done before, where it changes tables.

    Raises:
        NotRepeatable: where nobody has thought of how: see to it in this module.
    """
    for pattern, instead in _REPEATABLE:
        again, is_such = pattern.subn(instead, statement)
        if is_such:
            return again
    if _CHANGE.match(statement):
        raise NotRepeatable(statement)
    return statement


@contextmanager
def repeating(connection: Connection) -> Iterator[None]:
    """Have what changes tables on a connection done where it is not done yet, if half of a migration can be there."""
    if connection.dialect.name not in HALVES:
        yield
        return

    def rewritten(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> tuple[str, Any]:
        return repeatable(statement), parameters

    event.listen(connection, "before_cursor_execute", rewritten, retval=True)
    try:
        yield
    finally:
        event.remove(connection, "before_cursor_execute", rewritten)
