"""What happened to load balancers: noted in the transaction in which it happens, listed, and forgotten in time.

One statement for a change, whatever it changes; nothing is noted by who only reads (design/events.md). Must not decide
anything by what is noted.
"""

import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from threading import Event as Ended
from typing import Any, NoReturn

from sqlalchemy import ColumnElement, Row, Select, bindparam, delete, func, select

from evener.control.leader import ALONE, Leader, only
from evener.resources.caller import Caller
from evener.resources.describe import Resource
from evener.resources.errors import Forbidden, ObjectNotFound
from evener.resources.event import LONGEST_REASON, Event, EventType
from evener.resources.loadbalancer import LoadBalancer
from evener.store import rows
from evener.store.database import Database, Transaction, ask, now, retried
from evener.store.failures import patient
from evener.store.rows import ListQuery
from evener.store.schema import events, loadbalancers
from evener.threads import Thread, repeated

LOG = logging.getLogger(__name__)
SWEEP_EVERY_S = 600
_MICROSECOND = timedelta(microseconds=1)
_NOTHING: Mapping[str, Any] = dict.fromkeys(
    ("reason", "generation", "host", "user_id", "user_project_id", "request_id")
)
_NOTE = events.insert()
# Who reports knows no project; the load balancer is there, as it is bound to who reports.
_owner = select(loadbalancers.c.project_id).where(loadbalancers.c.id == bindparam("of_loadbalancer"))
_REPORTED = events.insert().values(project_id=_owner.scalar_subquery())


# What an agent says: what happened, the object's kind, id and name, and what else is known, as a reason.
Said = tuple[EventType, str, str, str, Mapping[str, Any]]


def note(
    tx: Transaction,
    caller: Caller,
    balancer: Row[Any] | LoadBalancer,
    kind: EventType,
    about: tuple[type[Resource], Any],
    attributes: Iterable[str] = (),
    **more: Any,
) -> None:
    """Note what `caller` did to an object `about` which it is, of a load balancer: its kind, and its row or itself.

    `attributes` are those that changed; `more` are others of the event's own, as `reason`.
    """
    cls, it = about
    values = {
        **_event(kind, balancer.id, cls.KIND, it.id, label(it)),
        "attributes": sorted(attributes),
        "project_id": balancer.project_id,
        "user_id": caller.user_id,
        "user_project_id": caller.project_id,
        "request_id": caller.request_id or None,
        **more,
    }
    tx.execute(_NOTE, values)


def _event(
    kind: EventType, loadbalancer_id: str, resource_type: str, resource_id: str, name: str
) -> dict[str, Any]:
    return {
        **_NOTHING,
        "id": str(uuid.uuid4()),
        "created_at": now(),
        "type": kind.value,
        "resource_type": resource_type,
        "resource_id": resource_id,
        "resource_name": name,
        "attributes": [],
        "loadbalancer_id": loadbalancer_id,
    }


def label(it: Any) -> str:
    """Return what people know an object by: its name; of a member without one, its place."""
    name: str = getattr(it, "name", None) or ""
    address = getattr(it, "address", None)
    if name or address is None:
        return name
    return f"[{address}]:{it.protocol_port}" if ":" in address else f"{address}:{it.protocol_port}"


def report(tx: Transaction, loadbalancer_id: str, host: str, found: Sequence[Said]) -> None:
    """Note what the agent on `host` says."""
    many = []
    for place, (kind, resource_type, resource_id, name, more) in enumerate(found):
        event = _event(kind, loadbalancer_id, resource_type, resource_id, name)
        event |= {"host": host, "of_loadbalancer": loadbalancer_id, **more}
        event["created_at"] += place * _MICROSECOND
        event["reason"] = event["reason"] and event["reason"][:LONGEST_REASON]
        many.append(event)
    if many:
        tx.execute(_REPORTED, many)


class Events:
    """Implements the API's operations on events: they are read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(
        self, caller: Caller, cls: type[Event], query: ListQuery, parent_id: str | None = None
    ) -> Sequence[Event]:
        """Return the events of a load balancer, which may be gone.

        Raises:
            NotFound: when the caller sees no such load balancer, and no event of one.
        """
        balancer_id = parent_id or ""

        def listed(tx: Transaction) -> Sequence[Event]:
            found = rows.listing(tx, cls, query.below("loadbalancer_id", balancer_id), caller.scope)
            if not found and not _any(tx, caller, balancer_id):
                rows.get_row(tx, LoadBalancer, balancer_id, caller.scope)
            return found

        return ask(self._database, listed)

    def show(self, caller: Caller, cls: type[Event], object_id: str, parent_id: str | None = None) -> Event:
        """Return one event.

        Raises:
            NotFound: when the caller can see none with that id, or it is another load balancer's.
        """
        found = ask(self._database, lambda tx: rows.get(tx, cls, object_id, caller.scope))
        if parent_id is not None and found.loadbalancer_id != parent_id:
            raise ObjectNotFound(cls.label(), object_id)
        return found

    def create(self, *_: Any) -> NoReturn:
        """Refuse.

        Raises:
            Forbidden: always.
        """
        raise Forbidden("Events are what happens; nobody makes or changes one")

    update = delete = create


def _any(tx: Transaction, caller: Caller, loadbalancer_id: str) -> bool:
    mine = [events.c.loadbalancer_id == loadbalancer_id]
    if caller.scope is not None:
        mine.append(events.c.project_id == caller.scope)
    return tx.execute(select(events.c.id).where(*mine).limit(1)).first() is not None


def keep_sweeping(database: Database, days: int, most: int, ended: Ended, leader: Leader = ALONE) -> Thread:
    """Return a thread, not yet started, that forgets from time to time what is older, and what is too much.

    It does so as long as this process leads.
    """
    work = patient("events", only(leader, lambda: sweep(database, days, most)))
    return repeated("events", work, SWEEP_EVERY_S, ended)


def sweep(database: Database, days: int, most: int) -> None:
    """Forget what is older than `days`, and of each load balancer all but the `most` newest events."""
    _forget(database, events.c.created_at < now() - timedelta(days=days))
    of = events.c.loadbalancer_id
    crowded = select(of).group_by(of).having(func.count() > most)
    for each in ask(database, lambda tx: tx.scalar_ids(crowded)):
        newest = select(events.c.created_at).where(of == each).order_by(events.c.created_at.desc())
        last = ask(database, partial(_value, newest.offset(most - 1).limit(1)))
        if last is not None:
            _forget(database, (of == each) & (events.c.created_at < last))


def _value(statement: Select[Any], tx: Transaction) -> Any:
    return tx.scalar(statement)


def _forget(database: Database, which: ColumnElement[bool]) -> None:
    """Remove events, some at a time."""

    @retried
    def some() -> int:
        with database.read() as tx:
            ids = tx.scalar_ids(select(events.c.id).where(which).limit(rows.IDS_AT_ONCE))
        if ids:
            with database.write() as tx:
                tx.execute(delete(events).where(events.c.id.in_(ids)))
        return len(ids)

    while some() == rows.IDS_AT_ONCE:
        pass
