"""Copies all rows of a database into another one, of whatever kind each is, by the tables' own descriptions.

It neither makes tables nor changes what it reads, and knows nothing of what rows are for.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Table, func, insert, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from evener.store.database import Database, reason

ROWS_AT_ONCE = 1000


class NotMoved(Exception):
    """A database does not take what another holds, with the reason."""


@contextmanager
def snapshot(database: Database) -> Iterator[Connection]:
    """Open one view of all rows, whatever others write meanwhile."""
    with database.engine.connect() as connection:
        if database.engine.dialect.name != "sqlite":  # which has no other kind of view
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


def copy(source: Connection, target: Connection, tables: Sequence[Table]) -> Mapping[str, int]:
    """Put all rows of `source` into the empty `tables` of `target`, which refer to earlier ones only.

    Returns how many rows each table has now.

    Raises:
        NotMoved: naming the table that takes not all; the transaction is to be rolled back.
    """
    if target.dialect.name in ("mysql", "mariadb"):  # whose settings may let it cut off what is too long
        target.exec_driver_sql("SET SESSION sql_mode = 'STRICT_ALL_TABLES'")
    copied = {}
    for table in tables:
        try:
            copied[table.name] = _copy(source, target, table)
        except SQLAlchemyError as error:
            raise NotMoved(f"it does not take the rows of {table.name}: {reason(error)}") from None
    return copied


def _copy(source: Connection, target: Connection, table: Table) -> int:
    read = 0
    rows = source.execute(select(table), execution_options={"yield_per": ROWS_AT_ONCE})
    for some in rows.mappings().partitions():
        target.execute(insert(table), [dict(each) for each in some])
        read += len(some)
    there = count(target, table)
    if there != read:
        raise NotMoved(f"{table.name} has {there} rows there, of {read}")
    return read


def count(connection: Connection, table: Table) -> int:
    """Return how many rows a table has."""
    return connection.scalar(select(func.count()).select_from(table)) or 0


def strangers(connection: Connection, ours: frozenset[str]) -> list[str]:
    """Return the names of the tables that are not `ours`."""
    return sorted(set(inspect(connection).get_table_names()) - ours)
