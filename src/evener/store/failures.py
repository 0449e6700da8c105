"""What an error of a database means: that it does not answer, that another change was first, or a fault of ours."""

import logging
from collections.abc import Callable
from enum import Enum
from typing import Any

from sqlalchemy.exc import (
    DatabaseError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as NoConnection

LOG = logging.getLogger(__name__)
SQLITE_ERROR = (
    1  # "SQL error or missing database": a statement that is wrong (https://www.sqlite.org/rescode.html)
)
# The classes of PostgreSQL's SQLSTATE 23 that another change can bring about: a reference, a value that is unique.
POSTGRESQL_CONFLICTS = frozenset({"23503", "23505", "23P01"})
# MariaDB's numbers (https://mariadb.com/kb/en/mariadb-error-code-reference/): doubled values and references,
MARIADB_CONFLICTS = frozenset({1062, 1169, 1216, 1217, 1451, 1452, 1557, 1761, 1762})
# and what the server cannot do now: too many connections, no access, no such database, shutting down, no room, only
# reading, locks that are not given; from 2000 on the client's own, that no server answers.
MARIADB_OUTAGES = frozenset(
    {1020, 1021, 1030, 1040, 1041, 1042, 1043, 1044, 1045, 1047, 1049, 1053, 1114, 1129, 1130, 1152, 1153}
    | {1158, 1159, 1160, 1161, 1184, 1203, 1205, 1213, 1226, 1290, 1792, 1836, 1927}
)
MARIADB_CLIENT = range(2000, 3000)


class Failure(Enum):
    """The kinds of errors that a database answers with."""

    OUTAGE = "the database does not answer"
    CONFLICT = "another change was first"
    FAULT = "a statement is wrong"


def failure_of(error: SQLAlchemyError) -> Failure:
    """Return what an error means, on SQLite, PostgreSQL and MariaDB."""
    if isinstance(error, NoConnection):
        return Failure.OUTAGE
    if not isinstance(error, DBAPIError):
        return Failure.FAULT
    if error.connection_invalidated:
        return Failure.OUTAGE
    if isinstance(error, IntegrityError):
        return Failure.CONFLICT if _is_conflict(error.orig) else Failure.FAULT
    of_state = isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError
    return Failure.OUTAGE if of_state and _is_outage(error.orig) else Failure.FAULT


def in_a_line(error: SQLAlchemyError) -> str:
    """Return what the database has said, without the statement; it may quote a value that was doubled."""
    said = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return " ".join(str(said).split())


def patient(name: str, work: Callable[[], None]) -> Callable[[], None]:
    """Return `work` that says in a line that the database does not answer, once, and ends then: it is done again."""
    waits = False

    def run() -> None:
        nonlocal waits
        try:
            work()
        except SQLAlchemyError as error:
            if failure_of(error) is not Failure.OUTAGE:
                raise
            if not waits:
                LOG.warning("The thread %s waits for the database: %s", name, in_a_line(error))
            waits = True
        else:
            waits = False

    return run


def _is_conflict(said: Any) -> bool:
    if hasattr(said, "sqlite_errorname"):
        return any(word in said.sqlite_errorname for word in ("UNIQUE", "PRIMARYKEY", "FOREIGNKEY", "ROWID"))
    number = _mariadb_number(said)
    return number in MARIADB_CONFLICTS if number is not None else said.sqlstate in POSTGRESQL_CONFLICTS


def _is_outage(said: Any) -> bool:
    if hasattr(said, "sqlite_errorcode"):
        return bool(said.sqlite_errorcode & 0xFF != SQLITE_ERROR)
    number = _mariadb_number(said)
    if number is None:  # psycopg's operational errors are all of the server's or the connection's state
        return True
    return number in MARIADB_OUTAGES or number in MARIADB_CLIENT or number == 0  # 0: the connection is closed


def _mariadb_number(said: Any) -> int | None:
    """Return the number of an error of MariaDB, None for another database's."""
    first = said.args[0] if getattr(said, "args", ()) else None
    return first if isinstance(first, int) else None
