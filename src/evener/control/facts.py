"""What agents report, put where statuses and counters are derived from."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, literal, select, union_all, update

from evener.control.certificates import release
from evener.control.graphs import BELOW
from evener.network.base import Network
from evener.resources.facts import Counters, Failure, Observation
from evener.resources.loadbalancer import LoadBalancer
from evener.secrets.base import Secrets
from evener.store import rows
from evener.store.database import Transaction, now
from evener.store.rows import table
from evener.store.schema import bindings, counters, listeners, member_health, members

LONGEST_REASON = 2000
CUMULATIVE = Counters.model_fields.keys() - {"active_connections"}


def store_progress(
    tx: Transaction, loadbalancer_id: str, agent_id: str, applied: int | None, failure: Failure | None
) -> None:
    """Note how far an agent is; a report about an older generation than the last one changes nothing."""
    mine = (bindings.c.loadbalancer_id == loadbalancer_id, bindings.c.agent_id == agent_id)
    known = tx.execute(select(bindings).where(*mine).with_for_update()).first()
    if known is None:
        return
    reached = max(known.applied_generation, applied or 0)
    failed = known.failed_generation or 0
    values: dict[str, Any] = {"reported_at": now(), "applied_generation": reached}
    if failure is not None and failure.generation >= max(reached, failed):
        values |= {"failed_generation": failure.generation, "failure": failure.reason[:LONGEST_REASON]}
        values |= {"failed_objects": list(failure.objects) or None}
        if not failure.serving:  # nothing is as it was once applied
            values |= {"applied_generation": 0}
    elif applied is not None and failed <= applied:
        values |= {"failed_generation": None, "failure": None, "failed_objects": None}
    tx.execute(update(bindings).where(*mine).values(**values))


def remove_what_went(tx: Transaction, secrets: Secrets | None, loadbalancer_id: str) -> None:
    """Remove the rows of deleted objects that no agent serves any longer; what they counted stays."""
    reached = tx.scalar(
        select(bindings.c.applied_generation)
        .where(bindings.c.loadbalancer_id == loadbalancer_id)
        .order_by(bindings.c.applied_generation)
    )
    if reached is None or not _something_went(tx, loadbalancer_id, reached):
        return
    gone = (listeners.c.loadbalancer_id == loadbalancer_id, listeners.c.deleted_generation <= reached)
    _retire_counters(tx, loadbalancer_id, list(tx.scalar_ids(select(listeners.c.id).where(*gone))))
    release(tx, secrets, *gone)
    for cls in BELOW:
        below = table(cls)
        tx.execute(
            below.delete().where(
                below.c.loadbalancer_id == loadbalancer_id, below.c.deleted_generation <= reached
            )
        )


def _something_went(tx: Transaction, loadbalancer_id: str, reached: int) -> bool:
    """Tell in one statement: reports are many, and most come after nothing was deleted."""
    went = (
        select(literal(1)).where(
            below.c.loadbalancer_id == loadbalancer_id, below.c.deleted_generation <= reached
        )
        for below in map(table, BELOW)
    )
    return bool(tx.scalar(union_all(*went).limit(1)))


def _retire_counters(tx: Transaction, loadbalancer_id: str, listener_ids: list[str]) -> None:
    """Add what vanishing listeners counted to the load balancer's own row, so that its sum never falls."""
    if not listener_ids:
        return
    known = _known(tx, counters.c.owner_id, loadbalancer_id)
    total = Counters()
    for owner in (loadbalancer_id, *listener_ids):
        if owner in known:
            total = _sum(total, known[owner])
    tx.execute(counters.delete().where(counters.c.owner_id.in_([loadbalancer_id, *listener_ids])))
    retired = {**total.model_dump(), "active_connections": 0}
    tx.execute(counters.insert().values(owner_id=loadbalancer_id, loadbalancer_id=loadbalancer_id, **retired))


def _sum(total: Counters, row: Mapping[str, Any]) -> Counters:
    return Counters(**{name: getattr(total, name) + row[name] for name in Counters.model_fields})


def store_observation(tx: Transaction, loadbalancer_id: str, seen: Observation) -> None:
    """Store members' health and listeners' counters; only what differs is written."""
    store_health(tx, loadbalancer_id, seen)
    store_counters(tx, loadbalancer_id, seen)


def store_health(tx: Transaction, loadbalancer_id: str, seen: Observation) -> None:
    """Store members' health; an agent's reports of one load balancer come in order."""
    _store(
        tx,
        member_health.c.member_id,
        _living(tx, members, loadbalancer_id),
        loadbalancer_id,
        _known(tx, member_health.c.member_id, loadbalancer_id),
        {key: {"status": str(status), "changed_at": now()} for key, status in seen.members.items()},
        compare=("status",),
    )


def store_counters(tx: Transaction, loadbalancer_id: str, seen: Observation) -> None:
    """Store listeners' counters, of which none falls: two readings may come in another order than they were taken."""
    known = _known(tx, counters.c.owner_id, loadbalancer_id)
    _store(
        tx,
        counters.c.owner_id,
        _living(tx, listeners, loadbalancer_id),
        loadbalancer_id,
        known,
        {key: _risen(counted, known.get(key)).model_dump() for key, counted in seen.listeners.items()},
        compare=tuple(Counters.model_fields),
    )


def _risen(counted: Counters, known: Mapping[str, Any] | None) -> Counters:
    """Return what was counted, or was known already where that is more."""
    if known is None:
        return counted
    return counted.model_copy(update={name: max(getattr(counted, name), known[name]) for name in CUMULATIVE})


def _known(tx: Transaction, key: Any, loadbalancer_id: str) -> dict[str, Mapping[str, Any]]:
    """Return the rows that there are, by `key`; nobody else changes them until the transaction ends."""
    of_it = select(key.table).where(key.table.c.loadbalancer_id == loadbalancer_id).with_for_update()
    return {row[key.name]: dict(row) for row in tx.execute(of_it).mappings()}


def _living(tx: Transaction, owners: Table, loadbalancer_id: str) -> set[str]:
    return set(tx.scalar_ids(select(owners.c.id).where(owners.c.loadbalancer_id == loadbalancer_id)))


def _store(
    tx: Transaction,
    key: Any,
    owners: set[str],
    loadbalancer_id: str,
    known: dict[str, Mapping[str, Any]],
    wanted: dict[str, dict[str, Any]],
    compare: tuple[str, ...],
) -> None:
    """Make the rows of `owners` equal to `wanted`; what is observed of objects that are gone is left out."""
    fresh = []
    for owner, values in wanted.items():
        if owner not in owners:
            continue
        if owner not in known:
            fresh.append({key.name: owner, "loadbalancer_id": loadbalancer_id, **values})
        elif any(known[owner][name] != values[name] for name in compare):
            tx.execute(update(key.table).where(key == owner).values(**values))
    if fresh:
        tx.execute(key.table.insert(), fresh)


def remove_loadbalancer(
    tx: Transaction, network: Network, secrets: Secrets | None, loadbalancer_id: str, agent_id: str
) -> bool:
    """Take an agent's word that nothing of a load balancer is left with it; forget it when no agent has any.

    A load balancer that is not on its way out keeps its rows: the agent will be told to serve it again.
    """
    own = table(LoadBalancer)
    row = tx.execute(select(own).where(own.c.id == loadbalancer_id).with_for_update()).first()
    if row is None or row.deleted_generation is None:
        return False
    tx.execute(
        bindings.delete().where(
            bindings.c.loadbalancer_id == loadbalancer_id, bindings.c.agent_id == agent_id
        )
    )
    if tx.scalar(select(bindings.c.agent_id).where(bindings.c.loadbalancer_id == loadbalancer_id)):
        return False
    release(tx, secrets, listeners.c.loadbalancer_id == loadbalancer_id)
    for cls in BELOW:
        below = table(cls)
        tx.execute(below.delete().where(below.c.loadbalancer_id == loadbalancer_id))
    rows.delete(tx, LoadBalancer, [loadbalancer_id])
    network.delete_vip_port(tx, row.vip_port_id)
    return True
