"""Who uses which secret and container: registered, listed and taken back, inside a transaction."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, func, select

from evener.store.database import Transaction, now
from evener_cloud.secrets.tables import secret_consumers, secret_container_consumers

OF_CONTAINERS = secret_container_consumers
OF_SECRETS = secret_consumers
TABLES = {"containers": OF_CONTAINERS, "secrets": OF_SECRETS}
_KEYS = {OF_CONTAINERS.name: ("name", "url"), OF_SECRETS.name: ("service", "resource_type", "resource_id")}
LONGEST_LIST = 3  # named in a message
Consumer = Mapping[str, str]


def _is(table: Table, consumer: Consumer) -> ColumnElement[bool]:
    return and_(*(table.c[name] == consumer[name] for name in _KEYS[table.name]))


def _same(table: Table, owner_id: str, consumer: Consumer) -> ColumnElement[bool]:
    return and_(table.c.owner_id == owner_id, _is(table, consumer))


def add(tx: Transaction, table: Table, owner_id: str, consumer: Consumer) -> None:
    """Register `consumer`; one that is registered stays so."""
    if tx.scalar(select(table.c.id).where(_same(table, owner_id, consumer))) is None:
        values = {name: consumer[name] for name in _KEYS[table.name]}
        tx.execute(table.insert().values(id=str(uuid.uuid4()), owner_id=owner_id, created_at=now(), **values))


def remove(tx: Transaction, table: Table, owner_id: str, consumer: Consumer) -> bool:
    """Take `consumer` back; returns whether it was registered."""
    return tx.execute(table.delete().where(_same(table, owner_id, consumer))).rowcount > 0


def of(tx: Transaction, table: Table, owner_ids: Iterable[str]) -> dict[str, list[Consumer]]:
    """Return the consumers of each owner that has any, oldest first: one statement."""
    found: dict[str, list[Consumer]] = {}
    statement = select(table).where(table.c.owner_id.in_(list(owner_ids)))
    for row in tx.execute(statement.order_by(table.c.created_at, table.c.id)):
        found.setdefault(row.owner_id, []).append(_shown(table, row))
    return found


def page(tx: Transaction, table: Table, owner_id: str, limit: int, offset: int) -> tuple[list[Consumer], int]:
    """Return some of an owner's consumers, oldest first, and the number of all."""
    mine = table.c.owner_id == owner_id
    total = tx.scalar(select(func.count()).select_from(table).where(mine)) or 0
    rows = tx.execute(
        select(table).where(mine).order_by(table.c.created_at, table.c.id).limit(limit).offset(offset)
    )
    return [_shown(table, row) for row in rows], total


def _shown(table: Table, row: Any) -> Consumer:
    return {name: getattr(row, name) for name in _KEYS[table.name]}


def named(found: Iterable[Consumer]) -> str:
    """Return `found` in words, for a message."""
    words = [" ".join(consumer.values()) for consumer in found]
    more = len(words) - LONGEST_LIST
    return ", ".join(words[:LONGEST_LIST]) + (f" and {more} more" if more > 0 else "")
