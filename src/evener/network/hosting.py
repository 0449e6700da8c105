"""Which agents are under a network, and which one serves which router: read, and noted. Must not choose any."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, select, union

from evener.network.base import Footing
from evener.resources.network import NetworkType
from evener.resources.port import ROUTER_OWNERS
from evener.store.database import Transaction
from evener.store.network_tables import networks, ports, router_bindings, routers
from evener.store.schema import agents, bindings, loadbalancers


def footing_of_port(tx: Transaction, port_id: str) -> Footing:
    """Return what the agent needs that a load balancer with this port is on; one that it has does not count."""
    found = select(networks).join(ports, ports.c.network_id == networks.c.id).where(ports.c.id == port_id)
    return _footing(tx, found, not_port=port_id)


def footing_of_router(tx: Transaction, router_id: str) -> Footing:
    """Return what the agent needs that a router is on; the one that it has does not count."""
    own = (ports.c.device_id == router_id, ports.c.device_owner.in_(sorted(ROUTER_OWNERS)))
    found = select(networks).where(networks.c.id.in_(select(ports.c.network_id).where(*own)))
    return _footing(tx, found, not_router=router_id)


def _footing(tx: Transaction, statement: Select[Any], not_port: str = "", not_router: str = "") -> Footing:
    found = tx.execute(statement).all()
    local = [row.id for row in found if row.network_type == NetworkType.LOCAL]
    physical = {row.id: row.physical_network for row in found if row.physical_network is not None}
    return Footing(physical, _homes(tx, local, not_port, not_router) if local else {})


def _homes(
    tx: Transaction, network_ids: Collection[str], not_port: str, not_router: str
) -> dict[str, frozenset[str]]:
    """Return the agents that are on networks of one host alone: with a load balancer's port, or with a router's."""
    balancing = (
        select(ports.c.network_id, bindings.c.agent_id)
        .join(loadbalancers, loadbalancers.c.vip_port_id == ports.c.id)
        .join(bindings, bindings.c.loadbalancer_id == loadbalancers.c.id)
        .where(ports.c.network_id.in_(network_ids), ports.c.id != not_port)
    )
    routing = (
        select(ports.c.network_id, router_bindings.c.agent_id)
        .join(router_bindings, router_bindings.c.router_id == ports.c.device_id)
        .where(ports.c.network_id.in_(network_ids), router_bindings.c.router_id != not_router)
    )
    homes: dict[str, set[str]] = {}
    for network_id, agent_id in tx.execute(union(balancing, routing)):
        homes.setdefault(network_id, set()).add(agent_id)
    return {network_id: frozenset(there) for network_id, there in homes.items()}


def agent_of(tx: Transaction, router_id: str) -> str | None:
    """Return the agent that a router is on."""
    columns = router_bindings.c
    return tx.scalar(select(columns.agent_id).where(columns.router_id == router_id))


def bind(tx: Transaction, router_id: str, agent_id: str | None) -> None:
    """Note which agent a router is on from now on."""
    before = agent_of(tx, router_id)
    if agent_id is None or agent_id == before:
        return
    if before is None:
        tx.execute(router_bindings.insert().values(router_id=router_id, agent_id=agent_id))
    else:
        mine = router_bindings.c.router_id == router_id
        tx.execute(router_bindings.update().where(mine).values(agent_id=agent_id))


def waiting(tx: Transaction) -> list[str]:
    """Return the routers that are on no agent."""
    bound = router_bindings.c.router_id == routers.c.id
    return tx.scalar_ids(
        select(routers.c.id).outerjoin(router_bindings, bound).where(router_bindings.c.router_id.is_(None))
    )


def reached(tx: Transaction) -> frozenset[str]:
    """Return the physical networks that agents say they reach."""
    said = [
        row.configurations.get("physical_networks") for row in tx.execute(select(agents.c.configurations))
    ]
    return frozenset(name for names in said if isinstance(names, list) for name in names)
