"""How many of each kind a project has, counted in the transaction that makes or removes one.

One statement each: it moves the count only where the limit has room, and whoever else counts the same waits for
the end of the transaction. So no two requests take the last place, and a creation costs the same with ten objects as
with ten thousand. Must not decide who may change a limit.
"""

from functools import cache
from typing import Any

from sqlalchemy import Select, Table, Update, bindparam, func, or_, select, update

from evener.resources.describe import Resource
from evener.resources.errors import OverQuota
from evener.store.database import Transaction
from evener.store.schema import metadata, quotas


def take(
    tx: Transaction, cls: type[Resource], project_id: str, more: int = 1, *, limited: bool = True
) -> None:
    """Count so many more of a kind, before their rows are inserted; a kind without a limit is not counted.

    Raises:
        OverQuota: when the project's limit has no room, where what comes is `limited` by it.
    """
    kind = cls.counted_as()
    if cls.LIMIT is None or not more:
        return
    which = {"of_project": project_id, "of_kind": kind}
    if not limited:
        if not tx.execute(_give_back(), {**which, "gone": -more}).rowcount:
            insert(tx, kind, project_id, used=count(tx, cls, project_id) + more)
        return
    default = tx.limits.get(kind, cls.LIMIT)
    for _ in range(2):  # after the first, another client may have counted for the first time
        if tx.execute(_take(), {**which, "default_limit": default, "more": more}).rowcount:
            return
        if tx.execute(_row(), which).first() is None:
            break
    else:
        raise OverQuota(kind, cls.label())
    used = count(tx, cls, project_id) + more
    if 0 <= default < used:
        raise OverQuota(kind, cls.label())
    insert(tx, kind, project_id, used=used)


def check(tx: Transaction, cls: type[Resource], project_id: str) -> None:
    """See, before anything else is done for it, that a project has room for one more; `take` has the last word.

    Raises:
        OverQuota: when there is none.
    """
    if cls.LIMIT is None:
        return
    found = tx.execute(_row(), {"of_project": project_id, "of_kind": cls.counted_as()}).first()
    used, limit = (0, None) if found is None else (found.used, found.hard_limit)
    if 0 <= (tx.limits.get(cls.counted_as(), cls.LIMIT) if limit is None else limit) <= used:
        raise OverQuota(cls.counted_as(), cls.label())


def give_back(tx: Transaction, cls: type[Resource], project_id: str, gone: int = 1) -> None:
    """Count fewer of a kind, after they were removed or told to go."""
    kind = cls.counted_as()
    if cls.LIMIT is None or not gone:
        return
    which = {"of_project": project_id, "of_kind": kind}
    if not tx.execute(_give_back(), {**which, "gone": gone}).rowcount:
        # Two who count for the first time at once cannot both insert the row: one of them is run again.
        insert(tx, kind, project_id, used=count(tx, cls, project_id))


def note(tx: Transaction, cls: type[Resource], project_id: str, came: int) -> None:
    """Count what the service itself has made for a project, after it was inserted; no limit keeps it from coming."""
    give_back(tx, cls, project_id, -came)


def count(tx: Transaction, cls: type[Resource], project_id: str) -> int:
    """Return how many of a kind a project has; what is on its way out does not count."""
    return tx.scalar(_count(cls), {"of_project": project_id}) or 0


def insert(tx: Transaction, kind: str, project_id: str, *, used: int, hard_limit: int | None = None) -> None:
    """Insert the row of the first count, or of the first limit."""
    values = {"project_id": project_id, "resource": kind, "used": used, "hard_limit": hard_limit}
    tx.execute(quotas.insert(), values)


_OF_ONE = (quotas.c.project_id == bindparam("of_project"), quotas.c.resource == bindparam("of_kind"))


# Built once: to build a statement takes longer than to run it.
@cache
def _take() -> Update:
    limit = func.coalesce(quotas.c.hard_limit, bindparam("default_limit", type_=quotas.c.used.type))
    after = quotas.c.used + bindparam("more", type_=quotas.c.used.type)
    return update(quotas).where(*_OF_ONE, or_(limit < 0, after <= limit)).values(used=after)


@cache
def _give_back() -> Update:
    return update(quotas).where(*_OF_ONE).values(used=quotas.c.used - bindparam("gone"))


@cache
def _row() -> Select[Any]:
    return select(quotas.c.used, quotas.c.hard_limit).where(*_OF_ONE)


@cache
def _count(cls: type[Resource]) -> Select[Any]:
    rows: Table = metadata.tables[cls.table()]
    statement = select(func.count()).select_from(rows).where(rows.c.project_id == bindparam("of_project"))
    if "deleted_generation" in rows.c:
        statement = statement.where(rows.c.deleted_generation.is_(None))
    return statement
