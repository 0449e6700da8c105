"""What rows lose on the way back to earlier tables, told before it happens. Changes nothing.

The way is gone on an empty database in memory first; what is missing there afterwards is looked for in the real one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Integer,
    MetaData,
    String,
    Table,
    cast,
    func,
    select,
    true,
)

from evener.store import manage
from evener.store.database import Database

# What rows keep of others, of which nothing is lost.
KEPT = frozenset(f"loadbalancers.{name}" for name in ("reached_generation", "failing_generation", "standing"))


@dataclass(frozen=True, slots=True)
class Loss:
    """How many rows lose something: their table, an attribute, or that they had none."""

    what: str
    rows: int

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.what}: {self.rows} row{'s' if self.rows > 1 else ''}"


def losses(connection: Connection, trees: Sequence[manage.Tree], revision: str) -> list[Loss]:
    """Return what the rows there are would lose on the way back to `revision`."""
    standing = manage.standing(connection, trees)
    there = tuple(tree for tree in trees if tree.version_table in standing)
    before, after = _there_and_back(tuple(standing.items()), there, revision)
    found = []
    present = _tables(connection, standing)  # of MariaDB, less where a way back was cut off
    for what, table, concerned in _smaller(before, after, present):
        rows = connection.scalar(select(func.count()).select_from(table).where(concerned)) or 0
        found += [Loss(what, rows)] if rows else []
    return found


def _there_and_back(
    standing: tuple[tuple[str, str], ...], trees: Sequence[manage.Tree], revision: str
) -> tuple[MetaData, MetaData]:
    """Return the tables as they are now, and as they are after the way back."""
    database, at = Database("sqlite://"), dict(standing)
    try:
        with database.migrate() as tx:
            manage.reach(tx.connection, trees, at)
            before = _tables(tx.connection, at)
            manage.downgrade(tx.connection, trees, revision)
            return before, _tables(tx.connection, at)
    finally:
        database.close()


def _tables(connection: Connection, standing: dict[str, str]) -> MetaData:
    found = MetaData()
    found.reflect(connection, only=lambda name, _: name not in standing)
    return found


def _smaller(
    before: MetaData, after: MetaData, present: MetaData
) -> Iterator[tuple[str, Table, ColumnElement[bool]]]:
    """Yield what becomes less of what is present, with its table, and which rows that concerns."""
    for name, table in sorted(before.tables.items()):
        if name not in present.tables:
            continue
        if name not in after.tables:
            yield name, table, true()
            continue
        left = after.tables[name].columns
        for column in table.columns:
            if f"{name}.{column.name}" in KEPT or column.name not in present.tables[name].columns:
                continue
            if column.name not in left:
                yield f"{name}.{column.name}", table, _says_something(column)
            elif column.nullable and not left[column.name].nullable:
                yield f"{name}.{column.name}, which get one", table, column.is_(None)


def _says_something(column: Column[Any]) -> ColumnElement[bool]:
    """Return whether a row says other than what those had that are older than the column."""
    default: Any = column.server_default
    if default is None:
        return column.is_not(None)
    text = str(default.arg).strip("'")
    if isinstance(column.type, JSON):  # which PostgreSQL does not compare
        return cast(column, String) != text
    if isinstance(column.type, Boolean):
        return column.is_not(text.lower() in ("1", "true"))
    if isinstance(column.type, DateTime):
        return column != datetime.fromisoformat(text)
    return column != (int(text) if isinstance(column.type, Integer) else text)
