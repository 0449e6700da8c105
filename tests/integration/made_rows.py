"""Rows for every table there is, made from the tables' own descriptions, and all rows of a database to compare."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, LargeBinary, Table, create_engine, insert, select

from evener.store.schema import database_identity
from evener_cloud.all_tables import metadata

ROWS = 3
TEXT = "é 字 🐎 '\"\\%"


def fill(url: str) -> None:
    """Put rows into all tables of an empty database, each with its own of whatever it refers to."""
    engine = create_engine(url)
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            if table is not database_identity:
                connection.execute(insert(table), [_row(table, number) for number in range(ROWS)])
    engine.dispose()


def _row(table: Table, number: int) -> dict[str, Any]:
    # The last has nothing where nothing may be.
    return {
        column.name: None if column.nullable and number == ROWS - 1 else _value(column, number)
        for column in table.columns
    }


def _value(column: Column[Any], number: int) -> Any:
    for key in column.foreign_keys:
        return _value(key.column, number)
    if isinstance(column.type, LargeBinary):
        return bytes(range(256)) * (number + 1)
    kind = column.type.python_type
    if kind is str:
        length = getattr(column.type, "length", 0)
        return f"{column.table.name[:12]}-{number}" if column.primary_key else f"{number} {TEXT}"[:length]
    values: dict[type, Any] = {
        bool: number % 2 == 0,
        int: 2_000_000_000 + number,
        datetime: datetime(2026, 2, 3, 4, 5, 6, number + 1),  # noqa: DTZ001 - as tables have it
    }
    return values.get(kind, {"of": [TEXT, None, number, 1.5, True]})


def rows(url: str) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of all tables that there are descriptions of."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {table.name: rows_of(connection, table) for table in metadata.sorted_tables}
    engine.dispose()
    return found


def rows_of(connection: Connection, table: Table) -> list[dict[str, Any]]:
    """Return all rows of a table, in an order that is the same on every database."""
    return sorted((dict(row) for row in connection.execute(select(table)).mappings()), key=repr)
