"""Which agents are under a network, and which one serves which router: read and noted; `placement` chooses."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import CompoundSelect, Select, select, union

from evener.services.network import Footing
from evener.store import rows
from evener.store.database import Transaction
from evener.store.schema import agents, bindings, loadbalancers
from evener_cloud.network.resources.network import NetworkType
from evener_cloud.network.resources.port import ROUTER_OWNERS
from evener_cloud.network.tables import networks, ports, router_bindings, routers


def footing_of_port(tx: Transaction, port_id: str) -> Footing:
    """Return what the agent needs that a load balancer with this port is on; one that it has does not count.

    Of the load balancers on a network of one host alone the first that is found tells where that is: there may be ten
    thousand, and all follow the first one.
    """
    found = select(networks).join(ports, ports.c.network_id == networks.c.id).where(ports.c.id == port_id)
    local, physical = _local_and_physical(tx, found)
    homes = {each: _agents(tx, _balancing(each).where(ports.c.id != port_id).limit(1)) for each in local}
    homes |= {each: _agents(tx, _routing(each)) for each in local if not homes[each]}
    return _footing(physical, homes)


def footing_of_router(tx: Transaction, router_id: str) -> Footing:
    """Return what the agent needs that a router is on; the one that it has does not count."""
    own = (ports.c.device_id == router_id, ports.c.device_owner.in_(sorted(ROUTER_OWNERS)))
    found = select(networks).where(networks.c.id.in_(select(ports.c.network_id).where(*own)))
    local, physical = _local_and_physical(tx, found)
    others = router_bindings.c.router_id != router_id
    homes = {each: _agents(tx, union(_balancing(each), _routing(each).where(others))) for each in local}
    return _footing(physical, homes)


def _local_and_physical(tx: Transaction, statement: Select[Any]) -> tuple[list[str], dict[str, str]]:
    found = tx.execute(statement).all()
    local = [row.id for row in found if row.network_type == NetworkType.LOCAL]
    return local, {row.id: row.physical_network for row in found if row.physical_network is not None}


def _footing(physical: Mapping[str, str], homes: Mapping[str, frozenset[str]]) -> Footing:
    taken = {network_id: there for network_id, there in homes.items() if there}
    return Footing(physical, taken, frozenset(homes.keys() - taken.keys()))


def _agents(tx: Transaction, statement: Select[Any] | CompoundSelect[Any]) -> frozenset[str]:
    return frozenset(row.agent_id for row in tx.execute(statement))


def _balancing(network_id: str) -> Select[Any]:
    """Return the statement for the agents with load balancers' ports on a network."""
    return (
        select(bindings.c.agent_id)
        .select_from(ports)
        .join(loadbalancers, loadbalancers.c.vip_port_id == ports.c.id)
        .join(bindings, bindings.c.loadbalancer_id == loadbalancers.c.id)
        .where(ports.c.network_id == network_id)
    )


def _routing(network_id: str) -> Select[Any]:
    """Return the statement for the agents with routers' ports on a network."""
    return (
        select(router_bindings.c.agent_id)
        .join(ports, ports.c.device_id == router_bindings.c.router_id)
        .where(ports.c.network_id == network_id)
    )


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


def known(tx: Transaction, ids: Sequence[str]) -> frozenset[str]:
    """Return those of `ids` that are networks or routers."""
    return frozenset(
        found
        for each in (networks, routers)
        for some in rows.portions(ids)
        for found in tx.scalar_ids(select(each.c.id).where(each.c.id.in_(some)))
    )
