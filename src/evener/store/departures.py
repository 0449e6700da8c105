"""What agents served and is deleted: only its deletion, and no absence, says that it is to go from a host."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from sqlalchemy import delete, select

from evener.store.database import Transaction, now
from evener.store.rows import portions
from evener.store.schema import database_identity, departures

KEPT = timedelta(days=90)  # longer than an agent is away


def note(tx: Transaction, ids: Collection[str]) -> None:
    """Remember that these are deleted; what was deleted very long ago is forgotten."""
    moment = now()
    tx.execute(delete(departures).where(departures.c.departed_at < moment - KEPT))
    if ids:
        tx.execute(departures.insert(), [{"id": each, "departed_at": moment} for each in ids])


def among(tx: Transaction, ids: Sequence[str]) -> set[str]:
    """Return those of `ids` that are deleted."""
    found: set[str] = set()
    for some in portions(ids):
        found.update(tx.scalar_ids(select(departures.c.id).where(departures.c.id.in_(some))))
    return found


def database_id(tx: Transaction) -> str:
    """Return which database this is."""
    return str(tx.scalar(select(database_identity.c.id)))
