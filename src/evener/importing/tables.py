"""Reads whole tables of another service's database, as they were at one moment. Changes nothing there."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import MetaData, create_engine, inspect, select
from sqlalchemy.engine import URL, make_url

Row = Mapping[str, Any]
Rows = Mapping[str, tuple[Row, ...]]
# The drivers that we have, for URLs that name those of older OpenStacks, or none.
_DRIVERS = {"mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql", "postgresql": "postgresql+psycopg"}


def read(url: str, names: Collection[str]) -> Rows:
    """Return all rows of those tables that there are.

    Raises:
        SQLAlchemyError: when the database does not answer.
    """
    engine = create_engine(_with_our_driver(make_url(url)), hide_parameters=True)
    level = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    try:
        with engine.connect().execution_options(**level) as connection, connection.begin():
            present = sorted({*names} & {*inspect(connection).get_table_names()})
            described = MetaData()
            described.reflect(connection, only=present, resolve_fks=False)
            return {
                name: tuple(dict(row) for row in connection.execute(select(table)).mappings())
                for name, table in described.tables.items()
            }
    finally:
        engine.dispose()


def _with_our_driver(url: URL) -> URL:
    return url.set(drivername=_DRIVERS.get(url.get_backend_name(), url.drivername))


def by(rows: Collection[Row], column: str) -> dict[Any, list[Row]]:
    """Return rows by what stands in a column."""
    found: dict[Any, list[Row]] = {}
    for row in rows:
        found.setdefault(row[column], []).append(row)
    return found
