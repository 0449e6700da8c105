"""All rows of one database in another, empty one: of the same tables, all or none."""

from collections.abc import Mapping

from alembic.util.exc import CommandError
from sqlalchemy import Connection, delete
from sqlalchemy.exc import SQLAlchemyError

from evener.store import manage, moving
from evener.store.database import Database, reason
from evener.store.schema import database_identity
from evener_cloud.all_tables import metadata
from evener_cloud.backup.errors import Refused
from evener_cloud.manage import TREES, upgrade

OURS = frozenset({*metadata.tables, *(tree.version_table for tree in TREES)})


def move(source: Database, target: Database) -> Mapping[str, int]:
    """Make the tables of `target`, then put all rows of `source` into them; return how many each table has.

    It becomes the same database, by its name, in another place.

    Raises:
        Refused: where one of them is not at this version's tables, or `target` has something in it or does not take
            all. It is left without rows then.
    """
    try:
        with moving.snapshot(source) as rows:
            _check(rows, target)
            upgrade(target)  # by itself: MariaDB makes no tables within a transaction
            with target.migrate() as tx:
                _check_empty(tx.connection)
                tx.execute(delete(database_identity))
                return moving.copy(rows, tx.connection, metadata.sorted_tables)
    except (moving.NotMoved, CommandError) as error:
        raise Refused(f"{_where(target)}: {error}") from None
    except SQLAlchemyError as error:
        raise Refused(f"{_where(target)}: {reason(error)}") from None


def _check(source: Connection, target: Database) -> None:
    wanted = manage.last(TREES)
    if manage.standing(source, TREES) != wanted:
        raise moving.NotMoved(
            "what is to come has not the tables of this version: evener-db-manage upgrade first"
        )
    with target.read() as tx:
        others, there = moving.strangers(tx.connection, OURS), manage.standing(tx.connection, TREES)
    if others:
        raise moving.NotMoved(f"it has tables of something else, such as {others[0]}: give an empty database")
    if there not in ({}, wanted):
        raise moving.NotMoved("it has tables of another version: give an empty database")


def _check_empty(target: Connection) -> None:
    for table in metadata.sorted_tables:
        if table is not database_identity and (rows := moving.count(target, table)):
            raise moving.NotMoved(f"it is not empty: {rows} rows in {table.name}")


def _where(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=True)
