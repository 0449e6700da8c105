"""Who is registered with the secret service for what it uses: noted first, so that nothing of a crash stays there.

A secret service need not be able to say who is registered for what. So a row (`consumer_notes`) says whose registration
is not certain. One comes before a registration, and goes in the transaction of who uses it from then on; another comes
in the transaction of who uses it no more, and goes once the service knows. What is left of either, of a crash or
because the service was away, is the sweep's: see `control.reservations`.
"""

import logging
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import NamedTuple

from sqlalchemy import delete, select

from evener.resources.errors import Unavailable
from evener.services.secrets import Consumer, Secrets
from evener.store.database import Database, Transaction, retried
from evener.store.rows import portions
from evener.store.schema import consumer_notes

LOG = logging.getLogger(__name__)


class Use(NamedTuple):
    """That something of a project uses what `ref` means to the secret service."""

    project_id: str
    ref: str
    consumer: Consumer


class Consumers:
    """The consumers of a secret service that are ours. Only `leave` and `settle` are for inside a transaction."""

    def __init__(self, database: Database, secrets: Secrets) -> None:
        self._database, self.secrets = database, secrets

    @retried
    def note(self, uses: Iterable[Use]) -> Mapping[str, Use]:
        """Note that these are about to be registered; return them by the ids of their notes."""
        with self._database.write() as tx:
            return _note(tx, uses)

    def leave(self, tx: Transaction, uses: Iterable[Use]) -> None:
        """Have these let go of once `tx` is committed, or later, where that comes to nothing."""
        noted = _note(tx, uses)
        if noted:
            tx.after_commit(partial(self._try_to_take_back, noted))

    def _try_to_take_back(self, noted: Mapping[str, Use]) -> None:
        try:
            self.take_back(noted)
        except Unavailable as error:
            LOG.warning("What is used no more is let go of later: %s", error)

    @retried
    def take_over(
        self, note_id: str, use: Use, is_used: Callable[[Transaction, Use], bool]
    ) -> Mapping[str, Use]:
        """Put another note in place of one that was left, whose transaction can settle it no more; return that.

        Where it is used, or settled by now, there is nothing to let go of.
        """
        with self._database.write() as tx:
            if not settle(tx, [note_id]) or is_used(tx, use):
                return {}
            return _note(tx, [use])

    def take_back(self, noted: Mapping[str, Use]) -> None:
        """Let go of these, and forget their notes.

        Raises:
            Unavailable: then the notes stay.
        """
        self.let_go(noted.values())
        self.forget(noted)

    def let_go(self, uses: Iterable[Use]) -> None:
        """Let go of these.

        Raises:
            Unavailable: when the service cannot be told.
        """
        for use in uses:
            self.secrets.unregister(*use)

    @retried
    def forget(self, notes: Collection[str]) -> None:
        """Forget notes: what they say is certain."""
        with self._database.write() as tx:
            settle(tx, notes)

    def uncertain(self) -> Mapping[str, Use]:
        """Return all that is noted, by the ids of the notes."""
        columns = consumer_notes.c
        with self._database.read() as tx:
            found = tx.execute(select(consumer_notes).order_by(columns.id)).all()
        return {
            row.id: Use(row.project_id, row.ref, Consumer(row.resource_type, row.resource_id))
            for row in found
        }


def settle(tx: Transaction, notes: Collection[str]) -> bool:
    """Forget these within a transaction; return whether all were there, and none was swept."""
    gone = 0
    for some in portions(sorted(notes)):
        gone += tx.execute(delete(consumer_notes).where(consumer_notes.c.id.in_(some))).rowcount
    return gone == len(notes)


def _note(tx: Transaction, uses: Iterable[Use]) -> Mapping[str, Use]:
    noted = {str(uuid.uuid4()): use for use in uses}
    rows = [
        {
            "id": each,
            "project_id": use.project_id,
            "ref": use.ref,
            "resource_type": use.consumer.resource_type,
            "resource_id": use.consumer.resource_id,
        }
        for each, use in noted.items()
    ]
    if rows:
        tx.execute(consumer_notes.insert(), rows)
    return noted
