"""What leaves a host: load balancers that an agent lets go of, and what is known of things that agents hold.

Absence says nothing: an agent removes what was deleted here, or is elsewhere, and is careful with what nobody knows.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, select

from evener.control import pairs, reached, scheduling, zones
from evener.control.change import Change
from evener.control.errors import LoadBalancerInUse, NoEligibleAgent
from evener.control.graphs import BELOW
from evener.control.scheduling import Part
from evener.control.services import Services
from evener.resources.agent import Agent
from evener.resources.errors import Conflict
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.pool import Pool
from evener.services.network import Footing
from evener.store import departures, rows
from evener.store.database import Transaction, now
from evener.store.rows import table
from evener.store.schema import agents, bindings


def let_go(tx: Transaction, loadbalancer_id: str, agent_id: str) -> bool:
    """Take an agent's word that nothing of a load balancer is left with it; return whether no agent has any.

    A load balancer that is not on its way out keeps its agent, which will be told to serve it again.
    """
    own = table(LoadBalancer)
    row = tx.execute(select(own).where(own.c.id == loadbalancer_id).with_for_update()).first()
    if row is None or row.deleted_generation is None:
        return False
    scheduling.unbind(tx, loadbalancer_id, agent_id)
    return is_left(tx, loadbalancer_id)


def clear(change: Change) -> None:
    """Tell everything below a load balancer to go."""
    for cls in BELOW:
        change.remove_all(cls, table(cls).c.loadbalancer_id == change.loadbalancer.id)


def _left() -> Select[tuple[str]]:
    """Return the statement for the load balancers that are to go and that no agent has."""
    own = table(LoadBalancer)
    has = select(bindings.c.agent_id).where(bindings.c.loadbalancer_id == own.c.id).exists()
    return select(own.c.id).where(own.c.deleted_generation.is_not(None), ~has)


def is_left(tx: Transaction, loadbalancer_id: str) -> bool:
    """Return whether a load balancer is to go, and no agent has it: all that is left is to forget it."""
    return tx.scalar(_left().where(table(LoadBalancer).c.id == loadbalancer_id)) is not None


def all_left(tx: Transaction) -> list[str]:
    """Return all of them."""
    return tx.scalar_ids(_left())


def forget(tx: Transaction, loadbalancer_id: str) -> bool:
    """Remove the rows of a load balancer that is to go, once no agent has it; return whether they were there."""
    if not is_left(tx, loadbalancer_id):
        return False
    for cls in BELOW:
        below = table(cls)
        tx.execute(below.delete().where(below.c.loadbalancer_id == loadbalancer_id))
    own = table(LoadBalancer)
    gone = tx.execute(own.delete().where(own.c.id == loadbalancer_id)).rowcount
    if gone:  # else somebody else was quicker
        departures.note(tx, [loadbalancer_id])
    return bool(gone)


@dataclass(frozen=True, slots=True)
class Lost:
    """What becomes of the load balancers of an agent that is removed: others serve them, or none has them any more."""

    moved: Sequence[str]
    left: Sequence[str]


def lose_agent(tx: Transaction, services: Services, agent_id: str, *, leave: bool) -> Lost:
    """Remove an agent that will not be heard of again, and give its load balancers to others.

    What was on its way out is gone with it. With `leave`, the others are served by nobody until they are changed;
    else each is at another generation, on its way to who serves it now, and what it was it stays.

    Raises:
        Conflict: when no agent can take one of them.
    """
    own, moved, left = table(LoadBalancer), [], []
    for balancer_id in tx.scalar_ids(served_by(agent_id)):
        row = tx.execute(select(own).where(own.c.id == balancer_id).with_for_update()).one()
        part = scheduling.part_of_agent(tx, balancer_id, agent_id)
        scheduling.unbind(tx, balancer_id, agent_id)
        if row.deleted_generation is not None:
            left.append(balancer_id)
        elif not leave and scheduling.hosts_of(tx, balancer_id):
            if pairs.is_pair(row) and _replaced(tx, services, row, part):
                moved.append(balancer_id)
        elif not leave:
            rows.update(tx, LoadBalancer, balancer_id, generation=row.generation + 1)
            _bind(tx, services, row, part.applied, part.number + 1)
            moved.append(balancer_id)
    rows.delete(tx, Agent, [agent_id])
    return Lost(moved, left)


def served_by(agent_id: str) -> Select[tuple[str]]:
    """Return the statement for the load balancers that an agent serves, by their ids."""
    served = select(bindings.c.loadbalancer_id).where(bindings.c.agent_id == agent_id)
    return served.order_by(bindings.c.loadbalancer_id)


def ports_served_by(tx: Transaction, agent_id: str) -> list[str]:
    """Return the ports of the load balancers that an agent serves, by their ids."""
    own = table(LoadBalancer)
    return tx.scalar_ids(select(own.c.vip_port_id).where(own.c.id.in_(served_by(agent_id))))


def rehouse(tx: Transaction, services: Services, loadbalancer_id: str) -> None:
    """Give a load balancer that nobody serves to an agent, where one can take it; one that is to go needs none."""
    own = table(LoadBalancer)
    row = tx.execute(select(own).where(own.c.id == loadbalancer_id).with_for_update()).one()
    if row.deleted_generation is None:
        with suppress(Conflict):
            _bind(tx, services, row, number=2)  # whoever had it may be back


def _replaced(tx: Transaction, services: Services, row: Row[Any], part: Part) -> bool:
    """Have another agent serve a load balancer together with the one that still does; return whether one can."""
    try:
        pairs.replace(tx, services, row, part.role, part.applied, part.number + 1)
    except NoEligibleAgent:
        return False
    rows.update(tx, LoadBalancer, row.id, generation=row.generation + 1)
    reached.keep(tx, row.id)
    return True


def _bind(tx: Transaction, services: Services, row: Row[Any], applied: int = 0, number: int = 1) -> None:
    give(tx, services, row, services.footing(row.vip_port_id), applied, number)


def give(
    tx: Transaction,
    services: Services,
    balancer: Row[Any] | LoadBalancer,
    footing: Footing,
    applied: int = 0,
    number: int = 1,
) -> None:
    """Give a load balancer to the agents that it is for, where networks and its availability zone leave a choice.

    `applied` is the generation that was applied elsewhere; they are the `number`-th that have it.

    Raises:
        Conflict: when there is none.
    """
    if pairs.is_pair(balancer):
        pairs.give(tx, services, balancer, footing, applied, number)
        return
    zone = zones.of_agents(tx, balancer.availability_zone)
    agent = scheduling.choose_agent(tx, now(), footing, zone)
    scheduling.bind(tx, balancer.id, agent, applied=applied, number=number)


def departed(tx: Transaction, host: str, ids: Collection[str]) -> frozenset[str]:
    """Return those of `ids`, which `host` holds and was not told to have, that were deleted or are elsewhere."""
    asked = sorted(set(ids))
    own = table(LoadBalancer)
    found = departures.among(tx, asked)
    serves = select(bindings.c.loadbalancer_id).join(agents, agents.c.id == bindings.c.agent_id)
    for some in rows.portions(asked):
        here = (own.c.deleted_generation.is_(None), own.c.id.in_(serves.where(agents.c.host == host)))
        known = tx.scalar_ids(select(own.c.id).where(own.c.id.in_(some)))
        found |= set(known) - set(tx.scalar_ids(select(own.c.id).where(own.c.id.in_(some), *here)))
    return frozenset(found)


def refuse_if_used(tx: Transaction, loadbalancer_id: str) -> None:
    """Refuse to delete a load balancer with anything below it.

    Raises:
        LoadBalancerInUse: naming one.
    """
    for cls in (Listener, Pool):
        below = table(cls)
        user = tx.scalar(
            select(below.c.id).where(
                below.c.loadbalancer_id == loadbalancer_id, below.c.deleted_generation.is_(None)
            )
        )
        if user is not None:
            raise LoadBalancerInUse(loadbalancer_id, cls, user)
