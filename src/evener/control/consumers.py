"""Who is registered with the secret service for what it uses: noted first, so that nothing of a crash stays there.

A secret service need not be able to say who is registered for what. So a row (`consumer_notes`) says whose registration
is not certain. One comes before a registration, and goes in the transaction of who uses it from then on; another comes
in the transaction of who uses it no more, and goes once the service knows. What is left of either, of a crash or
because the service was away, a sweep sees to.

Who is registered, and by whom it is used, are in two places that no transaction spans. So what was done at the service
is compared with the rows afterwards, before its note goes; where they say another thing by then, the note stays for the
sweep, which does the same again.
"""

import logging
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from functools import partial
from math import inf
from typing import Any, NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from evener.certificates import references
from evener.resources.errors import Forbidden, InvalidInput, NotFound, Unavailable
from evener.services.secrets import Consumer, Secrets
from evener.store.database import Database, Transaction, ask, retried
from evener.store.failures import Failure, failure_of, in_a_line
from evener.store.schema import consumer_notes

LOG = logging.getLogger(__name__)


class Use(NamedTuple):
    """That something of a project uses what `ref` means to the secret service."""

    project_id: str
    ref: str
    consumer: Consumer

    @property
    def what(self) -> tuple[Any, Consumer]:
        """The same for however the reference is written."""
        return meant(self.ref), self.consumer


Held = Callable[[Transaction, Collection[str]], Iterable[Use]]


class Consumers:
    """The consumers of a secret service that are ours: `held` says what objects of these ids use, by their rows.

    Only `leave` and `settle` are for inside a transaction.
    """

    def __init__(self, database: Database, secrets: Secrets, held: Held) -> None:
        self._database, self.secrets, self._held = database, secrets, held
        self._seen: dict[str, float] = {}  # notes, and since when they are known, on the monotonic clock

    @retried
    def note(self, uses: Iterable[Use]) -> Mapping[str, Use]:
        """Note that these are about to be registered; return them by the ids of their notes."""
        with self._database.write() as tx:
            return _note(tx, uses)

    def leave(self, tx: Transaction, uses: Iterable[Use]) -> None:
        """Have these let go of once `tx` is committed, or later, where that comes to nothing."""
        noted = _note(tx, uses)
        if noted:
            tx.after_commit(partial(self._try, partial(self._take_back, noted)))

    def give_up(self, noted: Mapping[str, Use], unsure: Collection[str] = ()) -> None:
        """Let go of what was noted for a transaction that has failed, at once or later; raises nothing.

        Notes that are `unsure` stay, for what the service may still do.
        """
        if noted:
            self._try(partial(self._give_up, noted, unsure))

    def _give_up(self, noted: Mapping[str, Use], unsure: Collection[str]) -> None:
        noted = {**noted, **self.note(noted.values())}  # what was noted before may have been swept
        doubtful = {noted[each].what for each in unsure}
        used = {use.what for use in ask(self._database, lambda tx: self._held(tx, _ids(noted.values())))}
        self.forget([each for each, use in noted.items() if use.what in used])
        left = {each: use for each, use in noted.items() if use.what not in used}
        self._take_back(left, doubtful)

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Unavailable as error:
            _later(error)
        except SQLAlchemyError as error:
            if failure_of(error) is Failure.FAULT:
                LOG.exception("What is used no more is let go of later")
            else:
                _later(in_a_line(error))
        except Exception:
            LOG.exception("What is used no more is let go of later")

    def _take_back(self, noted: Mapping[str, Use], unsure: Collection[object] = ()) -> None:
        """Let go of these, and forget their notes.

        Raises:
            Unavailable: then the notes stay.
        """
        for use in dict.fromkeys(noted.values()):
            self.secrets.unregister(*use)
        for use in self._agree(
            {each: use for each, use in noted.items() if use.what not in unsure}, used=False
        ):
            self._register_again(use)

    def _register_again(self, use: Use) -> None:
        with suppress(NotFound, Forbidden, InvalidInput):  # what is used and not to be had is told otherwise
            self.secrets.register(*use)

    @retried
    def forget(self, notes: Collection[str]) -> None:
        """Forget notes: what they say is certain."""
        if notes:
            with self._database.write() as tx:
                settle(tx, notes)

    @retried
    def _agree(self, noted: Mapping[str, Use], *, used: bool) -> list[Use]:
        """Forget the notes of what is `used`, or not, as the service knows; return what is otherwise by now."""
        if not noted:
            return []
        with self._database.write() as tx:
            for each in sorted(noted):  # whose transaction may be on its way to its end yet
                tx.execute(select(consumer_notes.c.id).where(consumer_notes.c.id == each).with_for_update())
            others = {use.what for each, use in _noted(tx).items() if each not in noted}  # before the rows
            rows = {use.what for use in self._held(tx, _ids(noted.values()))}
            agreed = [
                each
                for each, use in noted.items()
                if (use.what in rows) == used and (used or use.what not in others)
            ]
            settle(tx, agreed)
            return list(dict.fromkeys(use for each, use in noted.items() if each not in agreed))

    def sweep(self, after_s: float) -> None:
        """See to what was noted more than `after_s` seconds ago: the service is to know what the rows say.

        Where that cannot be asked, it is said in the log, and the notes stay.
        """
        noted = ask(self._database, _noted)
        moment = time.monotonic()
        self._seen = {each: self._seen.get(each, moment) for each in noted}
        old = {each: use for each, use in noted.items() if moment - self._seen[each] >= after_s}
        failed: Unavailable | None = None
        for use in {use.what: use for use in old.values()}.values():
            try:
                self._see_to({each: other for each, other in old.items() if other.what == use.what}, use)
            except Unavailable as error:  # which may be for this one alone
                failed = error
        if failed is not None:
            _later(failed)

    def _see_to(self, noted: Mapping[str, Use], use: Use) -> None:
        found = self._take_over(noted, use)
        if found is None:
            return
        note_id, used = found
        self._seen[note_id] = -inf  # the next sweep's, where this comes to nothing
        if used:
            self._register_again(use)
        else:
            self.secrets.unregister(*use)
            what = (use.consumer.resource_type, use.consumer.resource_id)
            LOG.warning("%s %s does not use %s, and is not said to any longer", *what, use.ref)
        for again in self._agree({note_id: use}, used=used):
            if not used:
                self._register_again(again)

    @retried
    def _take_over(self, noted: Mapping[str, Use], use: Use) -> tuple[str, bool] | None:
        """Put one note in place of these, which no other transaction can settle then; return it, and what rows say.

        None where nothing of them is there, or another note says that somebody is about it.
        """
        with self._database.write() as tx:
            there = _noted(tx)
            if any(other.what == use.what and each not in noted for each, other in there.items()):
                return None
            gone = [settle(tx, [each]) for each in noted]
            if not any(gone):
                return None
            (note_id,) = _note(tx, [use])
            return note_id, use.what in {other.what for other in self._held(tx, _ids([use]))}


def _later(why: object) -> None:
    LOG.warning("What is used no more is let go of later: %s", why)


def meant(ref: str) -> object:
    """Return what a reference means, however it is written."""
    return references.parse(ref) or ref


def settle(tx: Transaction, notes: Collection[str]) -> bool:
    """Forget these within a transaction; return whether all were there, and none was swept.

    One by one: MariaDB locks a whole small table for a few ids of it.
    """
    gone = [
        tx.execute(delete(consumer_notes).where(consumer_notes.c.id == each)).rowcount
        for each in sorted(notes)
    ]
    return sum(gone) == len(notes)


def _ids(uses: Iterable[Use]) -> list[str]:
    return sorted({use.consumer.resource_id for use in uses})


def _noted(tx: Transaction) -> dict[str, Use]:
    found = tx.execute(select(consumer_notes).order_by(consumer_notes.c.id)).all()
    return {
        row.id: Use(row.project_id, row.ref, Consumer(row.resource_type, row.resource_id)) for row in found
    }


def _note(tx: Transaction, uses: Iterable[Use]) -> dict[str, Use]:
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
