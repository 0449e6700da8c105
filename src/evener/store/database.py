"""The database and its transactions: one connection per transaction, one transaction per operation."""

import copy
import functools
import itertools
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from threading import Lock, local
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, Select, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, OperationalError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from evener.store.pulse import Pulse

LOG = logging.getLogger(__name__)
LOCK_WAIT_S = 30
STATEMENT_S = 30  # of a server that lives
BEAT_S, CONNECT_S = 5, 3
KEPT = 10  # connections of a pool
_IN_MEMORY = (None, "", ":memory:")
_NO_WAIT = text("SET LOCAL synchronous_commit = off")
P = ParamSpec("P")
T = TypeVar("T")
_this_thread = local()  # `commits`: how many transactions have been committed by it


class Transaction:
    """A connection inside a transaction, with what is to happen once that is committed."""

    def __init__(self, connection: Connection, limits: Mapping[str, int]) -> None:
        self.connection = connection
        self.limits = limits
        self.execute = connection.execute
        self.scalar = connection.scalar
        self._afterwards: list[Callable[[], None]] = []

    def scalar_ids(self, statement: Select[Any]) -> list[str]:
        """Return the first column of all rows."""
        return list(self.connection.scalars(statement))

    def after_commit(self, action: Callable[[], None]) -> None:
        """Call `action` after the commit, once however often it is left here, and never when that is rolled back.

        Nothing may depend on it: a crash comes between as well.
        """
        if action not in self._afterwards:
            self._afterwards.append(action)

    def run_afterwards(self) -> None:
        """Do what was left for after the commit; what fails there undoes nothing, so it is only logged."""
        for action in self._afterwards:
            try:
                action()
            except Exception:
                LOG.exception("What was to follow a commit has failed")


class Database:
    """An engine for `url`, with transactions that behave alike on SQLite, PostgreSQL and MariaDB.

    `limits` says how many of a kind a project may have where the database says nothing else, in place of what the kind
    says itself; -1 is any number.

    With `watched`, a server that hangs is found to be away within seconds: what waits for it ends, and what comes is
    refused at once. No statement takes longer than `STATEMENT_S` then.
    """

    def __init__(
        self, url: str, limits: Mapping[str, int] = MappingProxyType({}), *, watched: bool = False
    ) -> None:
        self.engine = _engine(url, STATEMENT_S if watched else None)
        self.limits = limits
        self._pulse: Pulse | None = None
        if watched and self.engine.dialect.name != "sqlite":
            self._pulse = Pulse(_engine(url, BEAT_S, pool_size=1), self.engine)
        self._numbers = itertools.count(1)
        # Another number after every transaction of this process that may have changed something.
        self.changes = 0
        self._watching = Lock()
        self._watcher: Any = None  # a connection that only asks for the version
        # SQLite has one writer; threads of this process queue here instead of polling its lock.
        self._turn = Lock() if self.engine.dialect.name == "sqlite" else nullcontext()

    @contextmanager
    def write(self, *, lasting: bool = True) -> Iterator[Transaction]:
        """Open a transaction that may change rows: committed at the end, rolled back by an exception.

        One that is not `lasting` waits for no disk, where the database can do without: of what comes again by itself
        the last second may go with the power, or a crash of PostgreSQL, and no other transaction's does.
        """
        self.be_there()
        with self._turn, self.engine.connect() as connection:
            connection.info["writes"] = True
            try:
                with _waiting_for_disk(connection, wait=lasting), connection.begin():
                    tx = Transaction(connection, self.limits)
                    if not lasting and self.engine.dialect.name == "postgresql":
                        tx.execute(_NO_WAIT)
                    yield tx
                _this_thread.commits = _commits() + 1
            finally:
                connection.info["writes"] = False
                self.changes = next(self._numbers)
        tx.run_afterwards()

    @contextmanager
    def migrate(self) -> Iterator[Transaction]:
        """Open a transaction that may change tables.

        SQLite makes a table anew and drops the old one; that would delete all rows which refer to it, so nothing is
        done about references until the end (https://www.sqlite.org/lang_altertable.html#otheralter).
        """
        if self.engine.dialect.name != "sqlite":
            with self.write() as tx:
                yield tx
            return
        with self._turn, self.engine.connect() as connection:
            connection.info["writes"] = True
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA foreign_keys=OFF")  # does nothing within a transaction
            try:
                with connection.begin():
                    yield Transaction(connection, self.limits)
                    broken = connection.execute(text("PRAGMA foreign_key_check")).all()
                    if broken:
                        raise RuntimeError(
                            f"{len(broken)} rows would refer to nothing, the first is {broken[0]}"
                        )
            finally:
                driver.execute("PRAGMA foreign_keys=ON")
                connection.info["writes"] = False
                self.changes = next(self._numbers)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Open a transaction that only reads: one consistent view."""
        self.be_there()
        with self.engine.connect() as connection:
            yield Transaction(connection, self.limits)

    def be_there(self) -> None:
        """Raise sqlalchemy.exc.TimeoutError where the server is known to be away."""
        if self._pulse is not None:
            self._pulse.be_there()

    def apart(self) -> "Database":
        """Return the same database with `changes` of its own: those that are made through what this returns."""
        return copy.copy(self)

    def version(self) -> int | None:
        """Return a number that is another one after every commit, whoever made it; None where nobody can tell.

        SQLite can (https://www.sqlite.org/pragma.html#pragma_data_version), to a connection that never writes.
        """
        if self.engine.dialect.name != "sqlite" or self.engine.url.database in _IN_MEMORY:
            return None
        with self._watching:
            if self._watcher is None:
                mine = self.engine.raw_connection()
                self._watcher = mine.driver_connection
                mine.detach()
            return int(self._watcher.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close all connections."""
        if self._pulse is not None:
            self._pulse.end()
        with self._watching:
            if self._watcher is not None:
                self._watcher.close()
                self._watcher = None
        self.engine.dispose()


def now() -> datetime:
    """Return this moment in UTC, without a zone, as the tables hold it."""
    return datetime.now(UTC).replace(tzinfo=None)


def is_transient(error: BaseException) -> bool:
    """Return whether the same transaction may succeed when tried again: a deadlock, a lost race."""
    if isinstance(error, IntegrityError):
        return True
    said = str(getattr(error, "orig", "")).lower()
    hints = ("deadlock", "locked", "serializ", "try restarting", "record has changed")
    return isinstance(error, OperationalError) and any(hint in said for hint in hints)


def reason(error: BaseException) -> str:
    """Return what a database's driver says, without the statement."""
    return str(getattr(error, "orig", None) or error).strip()


def _commits() -> int:
    return getattr(_this_thread, "commits", 0)


_RETRYING = Retrying(
    stop=stop_after_attempt(12), wait=wait_random_exponential(multiplier=0.01, max=1), reraise=True
)


def retried(operation: Callable[P, T]) -> Callable[P, T]:
    """Decorate a whole operation, with its transaction inside: a lost race is run again.

    Nothing is that has committed: what fails afterwards would be done twice.
    """

    @functools.wraps(operation)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        before = _commits()

        def is_lost(error: BaseException) -> bool:
            return is_transient(error) and _commits() == before

        try:
            return operation(
                *args, **kwargs
            )  # most need no more, and what retries takes as long as a statement
        except Exception as error:
            if not is_lost(error):
                raise
        return _RETRYING.copy(retry=retry_if_exception(is_lost))(operation, *args, **kwargs)

    return run


@retried
def ask(database: Database, question: Callable[[Transaction], T]) -> T:
    """Return what `question` finds in a transaction of its own, in which it changes nothing."""
    with database.read() as tx:
        return question(tx)


def _engine(url: str, statement_s: int | None = None, pool_size: int = 30) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(
            parsed,
            pool_pre_ping=True,
            pool_size=min(pool_size, KEPT),
            max_overflow=max(0, pool_size - KEPT),
            isolation_level="READ COMMITTED",
            hide_parameters=True,
            connect_args=_patience(parsed.get_driver_name(), statement_s),
        )
    if parsed.database not in _IN_MEMORY:
        # It holds hashes of passwords; SQLite gives its journals the same mode.
        os.close(os.open(str(parsed.database), os.O_CREAT | os.O_RDWR, 0o600))
    engine = create_engine(
        parsed, hide_parameters=True, connect_args={"timeout": LOCK_WAIT_S, "check_same_thread": False}
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _patience(driver: str, statement_s: int | None) -> dict[str, int]:
    """Return how long a driver waits for a connection and for an answer, in its own words."""
    if statement_s is None:
        return {}
    words = {"connect_timeout": CONNECT_S}
    if driver == "pymysql":  # psycopg has no limit of its own; `Pulse` cuts its connections all the same
        words |= {"read_timeout": statement_s, "write_timeout": statement_s}
    return words


@contextmanager
def _waiting_for_disk(connection: Connection, *, wait: bool) -> Iterator[None]:
    """Have SQLite's next transaction wait for the disk, or not (https://www.sqlite.org/pragma.html#pragma_synchronous)."""
    if wait or connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA synchronous=NORMAL")
    try:
        yield
    finally:
        driver.execute("PRAGMA synchronous=FULL")


def _prepare_sqlite(dbapi_connection: Any, _record: Any) -> None:
    dbapi_connection.isolation_level = None  # we send BEGIN ourselves
    cursor = dbapi_connection.cursor()
    # What was answered is on disk: with less than FULL, the last commits go when the power does.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A reader that becomes a writer half-way fails at once with "database is locked"; one that says so at the
    # start waits its turn.
    # Sent by the driver itself: every transaction begins, and through SQLAlchemy that takes as long as a statement.
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 - the connection is open
    driver.execute("BEGIN IMMEDIATE" if connection.info.get("writes") else "BEGIN")
