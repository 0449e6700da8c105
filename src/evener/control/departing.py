"""What leaves a host: load balancers that an agent lets go of, and what is known of things that agents hold.

Absence says nothing: an agent removes what was deleted here, or is elsewhere, and is careful with what nobody knows.
"""

from collections.abc import Collection
from contextlib import suppress
from typing import Any

from sqlalchemy import Row, select

from evener.control import facts, scheduling
from evener.control.certificates import release
from evener.control.graphs import BELOW
from evener.resources.agent import Agent
from evener.resources.errors import Conflict
from evener.resources.loadbalancer import LoadBalancer
from evener.services.network import Network
from evener.services.secrets import Secrets
from evener.store import departures, rows
from evener.store.database import Transaction, now
from evener.store.rows import table
from evener.store.schema import agents, bindings, listeners


def let_go(
    tx: Transaction, network: Network, secrets: Secrets | None, loadbalancer_id: str, agent_id: str
) -> bool:
    """Take an agent's word that nothing of a load balancer is left with it; forget it when no agent has any.

    A load balancer that is not on its way out keeps its rows: the agent will be told to serve it again.
    """
    own = table(LoadBalancer)
    row = tx.execute(select(own).where(own.c.id == loadbalancer_id).with_for_update()).first()
    if row is None or row.deleted_generation is None:
        return False
    unbind(tx, loadbalancer_id, agent_id)
    return forget(tx, network, secrets, row)


def unbind(tx: Transaction, loadbalancer_id: str, agent_id: str) -> None:
    """Take a load balancer from an agent; what the agent counted stays."""
    facts.retire_agent(tx, loadbalancer_id, agent_id)
    mine = (bindings.c.loadbalancer_id == loadbalancer_id, bindings.c.agent_id == agent_id)
    tx.execute(bindings.delete().where(*mine))


def forget(tx: Transaction, network: Network, secrets: Secrets | None, row: Row[Any]) -> bool:
    """Remove the rows of a load balancer that is on its way out, and its port, once no agent has it."""
    if tx.scalar(select(bindings.c.agent_id).where(bindings.c.loadbalancer_id == row.id)):
        return False
    release(tx, secrets, listeners.c.loadbalancer_id == row.id)
    for cls in BELOW:
        below = table(cls)
        tx.execute(below.delete().where(below.c.loadbalancer_id == row.id))
    rows.delete(tx, LoadBalancer, [row.id])
    departures.note(tx, [row.id])
    network.delete_vip_port(tx, row.vip_port_id)
    return True


def lose_agent(
    tx: Transaction, network: Network, secrets: Secrets | None, agent_id: str, *, leave: bool
) -> list[str]:
    """Forget an agent that will not be heard of again, and return the load balancers that go to others.

    What was on its way out is gone with it. With `leave`, the others are served by nobody until they are changed.

    Raises:
        Conflict: when no agent can take one of them.
    """
    own, moved = table(LoadBalancer), []
    served = select(bindings.c.loadbalancer_id).where(bindings.c.agent_id == agent_id)
    for balancer_id in tx.scalar_ids(served.order_by(bindings.c.loadbalancer_id)):
        row = tx.execute(select(own).where(own.c.id == balancer_id).with_for_update()).one()
        unbind(tx, balancer_id, agent_id)
        if row.deleted_generation is not None:
            forget(tx, network, secrets, row)
        elif not leave and not scheduling.hosts_of(tx, balancer_id):
            _bind(tx, network, row)
            moved.append(balancer_id)
    rows.delete(tx, Agent, [agent_id])
    return moved


def rehouse(tx: Transaction, network: Network, secrets: Secrets | None, loadbalancer_id: str) -> None:
    """Give a load balancer that nobody serves to an agent, where one can take it; or forget it, if it is to go."""
    own = table(LoadBalancer)
    row = tx.execute(select(own).where(own.c.id == loadbalancer_id).with_for_update()).one()
    if row.deleted_generation is not None:
        forget(tx, network, secrets, row)
        return
    with suppress(Conflict):
        _bind(tx, network, row)


def _bind(tx: Transaction, network: Network, row: Row[Any]) -> None:
    footing = network.footing_of_vip_port(tx, row.vip_port_id)
    scheduling.bind(tx, row.id, scheduling.choose_agent(tx, now(), footing))


def departed(tx: Transaction, network: Network, host: str, ids: Collection[str]) -> frozenset[str]:
    """Return those of `ids`, which `host` holds and was not told to have, that were deleted or are elsewhere."""
    asked = sorted(set(ids))
    own = table(LoadBalancer)
    found = departures.among(tx, asked) | set(network.known(tx, asked))
    serves = select(bindings.c.loadbalancer_id).join(agents, agents.c.id == bindings.c.agent_id)
    for start in range(0, len(asked), rows.IDS_AT_ONCE):
        some = asked[start : start + rows.IDS_AT_ONCE]
        here = (own.c.deleted_generation.is_(None), own.c.id.in_(serves.where(agents.c.host == host)))
        known = tx.scalar_ids(select(own.c.id).where(own.c.id.in_(some)))
        found |= set(known) - set(tx.scalar_ids(select(own.c.id).where(own.c.id.in_(some), *here)))
    return frozenset(found)
