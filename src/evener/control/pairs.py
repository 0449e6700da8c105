"""Load balancers of topology ACTIVE_STANDBY: which two agents serve one, with which ports; and how one becomes two.

Who of the two has its addresses is decided between them, never here (design/high-availability.md).
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, select

from evener.control import scheduling, zones
from evener.control.change import Change
from evener.control.graphs import Family
from evener.control.scheduling import Part
from evener.control.services import Services
from evener.resources.graph import Graph, Pair
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.types import Role, Topology
from evener.services.network import Footing, HostPort, Network
from evener.store.database import Transaction, now
from evener.store.schema import agents, bindings, host_ports

# The higher one keeps the VIP where both have it. High ones: the higher, the sooner a silent one is replaced.
PRIORITIES = {Role.MASTER: 254, Role.BACKUP: 250}
OTHER = {Role.MASTER: Role.BACKUP, Role.BACKUP: Role.MASTER}


def is_pair(balancer: Row[Any] | LoadBalancer) -> bool:
    """Return whether two agents are to serve a load balancer."""
    return bool(balancer.topology == Topology.ACTIVE_STANDBY)


def give(
    tx: Transaction,
    services: Services,
    balancer: Row[Any] | LoadBalancer,
    footing: Footing,
    applied: int = 0,
    number: int = 1,
) -> None:
    """Give a load balancer to two agents; `applied` is the generation that was applied elsewhere.

    Raises:
        Conflict: when there are no two, or no addresses for their ports.
        Unsupported: when the network service makes no such ports.
    """
    zone = zones.of_agents(tx, balancer.availability_zone)
    chosen = scheduling.choose_pair(tx, now(), footing, zone)
    _note_ports(tx, balancer.id, services.host_ports(balancer.id, str(balancer.vip_port_id)))
    for role, agent_id in zip(PRIORITIES, chosen, strict=True):
        scheduling.bind(tx, balancer.id, agent_id, role, applied, number)


def replace(
    tx: Transaction, services: Services, balancer: Row[Any], role: Role, applied: int, number: int = 1
) -> None:
    """Give the part of an agent that is gone to another one.

    Raises:
        Conflict: when there is none.
    """
    zone = zones.of_agents(tx, balancer.availability_zone)
    others = scheduling.agents_of(tx, balancer.id).values()
    footing = services.footing(str(balancer.vip_port_id))
    agent_id = scheduling.choose_agent(tx, now(), footing, zone, others, others)
    scheduling.bind(tx, balancer.id, agent_id, role, applied, number)


def change_topology(change: Change, wanted: Topology) -> None:
    """Have two agents serve a load balancer that one did, or one that two did.

    The one of two that goes on is the one that was MASTER. What is there was applied: it is not on its way again.

    Raises:
        Conflict: when there is no second agent, or no addresses for their ports.
        Unsupported: when the network service makes no such ports.
    """
    tx, balancer = change.tx, change.loadbalancer
    roles = scheduling.roles_of(tx, balancer.id)
    serving = scheduling.agents_of(tx, balancer.id)
    first = next(iter(sorted(serving, key=lambda host: roles[host] is Role.BACKUP)), None)
    if balancer.topology == wanted or first is None:
        return
    if wanted is Topology.ACTIVE_STANDBY:
        _note_ports(tx, balancer.id, change.services.host_ports(balancer.id, balancer.vip_port_id))
        scheduling.set_role(tx, balancer.id, serving[first], Role.MASTER)
        replace(tx, change.services, balancer, Role.BACKUP, change.generation - 1)
        return
    for host, agent_id in serving.items():
        if host != first:
            scheduling.unbind(tx, balancer.id, agent_id)
    scheduling.set_role(tx, balancer.id, serving[first], Role.STANDALONE)
    tx.execute(host_ports.delete().where(host_ports.c.loadbalancer_id == balancer.id))


def _note_ports(tx: Transaction, loadbalancer_id: str, ports: Mapping[Role, HostPort]) -> None:
    tx.execute(
        host_ports.insert(),
        [
            {
                "loadbalancer_id": loadbalancer_id,
                "role": role.value,
                "port_id": port.port_id,
                "address": port.address,
            }
            for role, port in ports.items()
        ],
    )


def ports_of(tx: Transaction, loadbalancer_id: str) -> dict[Role, HostPort]:
    """Return the ports of the hosts of a load balancer, by their roles; none where it is no pair."""
    statement = select(host_ports).where(host_ports.c.loadbalancer_id == loadbalancer_id)
    return {Role(row.role): HostPort(row.port_id, row.address) for row in tx.execute(statement)}


def waiting(tx: Transaction, loadbalancer_id: str, agent_id: str, applied: int) -> list[str]:
    """Return the host of the agent that serves a load balancer with another, has its VIP, and has yet to apply that.

    It does so after the other one, in case that the VIP goes over meanwhile.
    """
    others = (bindings.c.loadbalancer_id == loadbalancer_id, bindings.c.agent_id != agent_id)
    waits = (bindings.c.has_vip.is_(True), bindings.c.applied_generation < applied)
    found = select(agents.c.host).join(bindings, bindings.c.agent_id == agents.c.id).where(*others, *waits)
    return tx.scalar_ids(found)


def without_vip(tx: Transaction, loadbalancer_id: str, agent_id: str) -> list[str]:
    """Return the host of the other agent of two, where that is not known to have the VIP either.

    It may have had it all the time, and what it said of that was taken back when this one said so too.
    """
    others = (bindings.c.loadbalancer_id == loadbalancer_id, bindings.c.agent_id != agent_id)
    found = select(agents.c.host).join(bindings, bindings.c.agent_id == agents.c.id)
    return tx.scalar_ids(found.where(*others, bindings.c.has_vip.is_(False)))


def first_to_renew(tx: Transaction, loadbalancer_id: str) -> list[str]:
    """Return the hosts that get a new worker first: not the one with the VIP, where that is known."""
    its = bindings.c.loadbalancer_id == loadbalancer_id
    found = (
        select(agents.c.host, bindings.c.has_vip)
        .join(bindings, bindings.c.agent_id == agents.c.id)
        .where(its)
    )
    hosts = {row.host: bool(row.has_vip) for row in tx.execute(found)}
    return [host for host, has_vip in hosts.items() if not has_vip] or list(hosts)


def graph(
    network: Network, family: Family, part: Part, ports: Mapping[Role, HostPort], host: str
) -> Graph | None:
    """Return what `host` is told of a load balancer, in which it has `part`; None when a port is gone.

    Raises:
        PortUnbound, PortClosed: when the network service cannot have the port there, or let in what it is to.
    """
    own = ports.get(part.role)
    vip = network.vip_port(family.balancer.vip_port_id, None if own else host)
    if vip is None:
        return None
    network.let_in(family.balancer.id, vip.wiring.id, family.openings(vip.wiring))
    made = family.graph(vip, part.role, served=part.applied > 0, binding=part.number)
    if own is None:
        return made
    plugged = network.vip_port(own.port_id, host)
    if plugged is None:
        return None
    moving = tuple(each.address for each in vip.wiring.fixed_ips)
    pair = Pair(
        port=plugged.wiring.model_copy(update={"moving": moving}),
        peer=ports[OTHER[part.role]].address,
        priority=PRIORITIES[part.role],
        peer_ready=part.partner_applied == family.balancer.generation,
    )
    return made.model_copy(update={"pair": pair})
