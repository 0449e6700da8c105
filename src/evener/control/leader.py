"""Who of several controllers does the housekeeping: exactly one at a time, by a row of the database.

Nobody's clock is compared with another's: the leader counts a number up, and who sees it stand still for a time takes
its place. Knows nothing of what the leader does (design/leader.md).
"""

import logging
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Lock
from typing import Any, Protocol

from sqlalchemy import insert, select, true, update
from sqlalchemy.exc import SQLAlchemyError

from evener.store.database import Database, Transaction, ask, retried
from evener.store.failures import patient
from evener.store.schema import leases
from evener.threads import Thread, repeated

LOG = logging.getLogger(__name__)
HOUSEKEEPING = "housekeeping"
EVERY_S = 1.0  # between two looks, of the leader and of the others
# The leader stops to lead before another one may begin: each by its own monotonic clock, of which only the rates are
# the same.
HELD_S, TAKEN_AFTER_S = 5.0, 6.0


class NotLeading(Exception):
    """Another one leads by now: nothing of the transaction is to be."""


class Leader(Protocol):
    """What work that only one may do asks."""

    def leads(self) -> bool:
        """Return whether this process leads, as far as it knows."""

    def fence(self, tx: Transaction) -> None:
        """See to it that nothing of a transaction becomes true unless this process leads when it is committed.

        Raises:
            NotLeading: when another one does.
        """


class Sole:
    """The leader where there is one process only: standalone, with a database of its own."""

    def leads(self) -> bool:
        """Return True."""
        return True

    def fence(self, tx: Transaction) -> None:
        """Do nothing."""


ALONE = Sole()


@dataclass(frozen=True, slots=True)
class Seen:
    """The lease as it was seen: `since` when, on the monotonic clock, it has been like that."""

    holder: str
    beat: int
    since: float


class Lease:
    """One process's part in who leads. Any thread may call; one at a time renews."""

    def __init__(self, database: Database, name: str = HOUSEKEEPING) -> None:
        self._database, self._name = database, name
        self._me = str(uuid.uuid4())
        self._mine = (leases.c.name == name, leases.c.holder == self._me)
        self._held_until = 0.0
        self._seen: Seen | None = None
        self._renewing = Lock()
        self._led = False

    def leads(self) -> bool:
        """Return whether this process leads, as far as it knows."""
        return time.monotonic() < self._held_until

    def fence(self, tx: Transaction) -> None:
        """Renew the lease within `tx`, so that who took it meanwhile, or takes it, is in the way of the commit.

        Written, not read: a Galera cluster compares what is written by two transactions, and nothing else.

        Raises:
            NotLeading: when another one leads.
        """
        if not tx.execute(update(leases).where(*self._mine).values(beat=leases.c.beat + 1)).rowcount:
            self._held_until = 0.0
            raise NotLeading

    def renew(self) -> None:
        """Look at the lease, and renew or take it where that is ours to do."""
        with self._renewing:
            begun = time.monotonic()
            found = ask(self._database, self._read)
            if self._seen is None or found is None or (found.holder, found.beat) != _of(self._seen):
                self._seen = None if found is None else Seen(found.holder, found.beat, begun)
            held = self._is_ours_to_take(begun) and self._take(found)
            self._held_until = begun + HELD_S if held else 0.0
            if held != self._led:
                LOG.info("This controller %s the housekeeping", "leads" if held else "does not lead")
            self._led = held

    def _is_ours_to_take(self, moment: float) -> bool:
        seen = self._seen
        return seen is None or seen.holder in ("", self._me) or moment - seen.since >= TAKEN_AFTER_S

    def _read(self, tx: Transaction) -> Any:
        return tx.execute(select(leases.c.holder, leases.c.beat).where(leases.c.name == self._name)).first()

    @retried
    def _take(self, found: Any) -> bool:
        """Take the lease, or renew it, unless it is another one by now than was found."""
        with self._database.write() as tx:
            if found is None and self._read(tx) is None:
                tx.execute(insert(leases).values(name=self._name, holder=self._me, beat=1))
                return True
            if found is None:
                return False
            # Our own may be further by now: what is fenced counts it up too.
            unchanged = true() if found.holder == self._me else leases.c.beat == found.beat
            same = (leases.c.name == self._name, leases.c.holder == found.holder, unchanged)
            taken = update(leases).where(*same).values(holder=self._me, beat=leases.c.beat + 1)
            return bool(tx.execute(taken).rowcount)

    def keep(self, ended: Event) -> Thread:
        """Return a thread, not yet started, that renews the lease, or waits for it, until `ended`."""
        return repeated("leader", patient("leader", self.renew), EVERY_S, ended)

    def resign(self) -> None:
        """Leave the place to another one, who need not wait then."""
        with self._renewing, suppress(SQLAlchemyError):
            self._held_until = 0.0
            with self._database.write() as tx:
                tx.execute(update(leases).where(*self._mine).values(holder=""))


def only(leader: Leader, work: Callable[[], None]) -> Callable[[], None]:
    """Return `work` that does nothing while another process leads."""

    def led() -> None:
        if leader.leads():
            with suppress(NotLeading):
                work()

    return led


def _of(seen: Seen) -> tuple[str, int]:
    return seen.holder, seen.beat
