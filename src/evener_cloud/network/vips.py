"""The ports of load balancers: made and removed for control, and described for interface drivers."""

import ipaddress
from collections.abc import Mapping, Sequence

from sqlalchemy import select

from evener.resources.wiring import FixedIP, Route, WiredPort
from evener.services.network import SubnetInfo, VipAllocation
from evener.store import quota_counts, rows
from evener.store.database import Transaction
from evener_cloud.network import adopted, associations, errors, host_ports, hosting, ports, tables
from evener_cloud.network.addresses import Right
from evener_cloud.network.allocations import addresses_of, allocate, allocate_any, take
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import (
    LOADBALANCER_OWNER,
    Port,
    PortAddress,
    service_port_ids,
    vip_port_id,
)
from evener_cloud.network.resources.subnet import Subnet
from evener_cloud.network.visibility import find, lock, may_use, right_on


def create(
    tx: Transaction,
    scope: str | None,
    loadbalancer_id: str,
    project_id: str,
    subnet_ids: Sequence[str],
    address: str | None,
) -> VipAllocation:
    """Make the port of a load balancer; see `evener.services.network.Network.reserve_vip_port`."""
    quota_counts.take(tx, Port, project_id)
    network_id = find(tx, Subnet, subnet_ids[0], scope).network_id
    if not may_use(scope, lock(tx, Network, network_id, shared=True)):
        raise errors.disallowed("create_port")
    values = {
        "id": vip_port_id(loadbalancer_id),
        "project_id": project_id,
        "name": f"loadbalancer-{loadbalancer_id}",
        "network_id": network_id,
        "device_id": loadbalancer_id,
        "device_owner": LOADBALANCER_OWNER,
        "admin_state_up": True,
    }
    right = right_on(tx, scope, network_id) if address is not None else Right.POOLS
    for subnet_id in subnet_ids:
        wish = PortAddress(subnet_id=subnet_id, ip_address=address)
        try:
            port_id = ports.insert(tx, {**values, "fixed_ips": (wish,)}, right)
        except errors.IpAddressGenerationFailure:
            if subnet_id == subnet_ids[-1]:
                raise
        else:
            break
    taken = addresses_of(tx, [port_id])[port_id][0]
    footing = hosting.footing_of_port(tx, port_id)
    return VipAllocation(port_id, str(taken.ip_address), str(taken.subnet_id), network_id, footing)


def of_version(tx: Transaction, port_id: str, ip_version: int) -> tuple[str, ...]:
    """Return the addresses that a port has of an IP version."""
    present = [str(each.ip_address) for each in addresses_of(tx, [port_id]).get(port_id, ())]
    return tuple(each for each in present if ipaddress.ip_address(each).version == ip_version)


def reach(tx: Transaction, port_id: str, subnet: SubnetInfo | None, avoid: str) -> None:
    """Give a port an address of the IP version of `avoid`; see `Network.reach_from_vip_port` of the services."""
    network_id = str(tx.scalar(select(tables.ports.c.network_id).where(tables.ports.c.id == port_id)))
    if subnet is not None and subnet.network_id == network_id:
        found = allocate(tx, network_id, (PortAddress(subnet_id=subnet.id),), avoid=avoid)
    else:
        found = allocate_any(tx, network_id, ipaddress.ip_address(avoid).version, avoid)
    take(tx, port_id, found, position=1)  # behind the VIP
    host_ports.extend(tx, port_id)


def delete(tx: Transaction, port_id: str) -> None:
    """Remove the port of a load balancer; one that is gone is fine."""
    mine = tables.ports.c.id == port_id
    project_id = tx.scalar(select(tables.ports.c.project_id).where(mine))
    if project_id is not None:
        associations.end(tx, None, port_id)
        gone = tx.execute(tables.ports.delete().where(mine)).rowcount  # none, where somebody else was quicker
        quota_counts.give_back(tx, Port, project_id, gone)


def is_reserved(tx: Transaction, loadbalancer_id: str) -> bool:
    """Return whether there is any port that was made for a load balancer, or given to it."""
    own = tables.ports.c.id.in_(sorted(service_port_ids(loadbalancer_id)))
    made = tx.scalar(select(tables.ports.c.id).where(own).limit(1)) is not None
    return made or adopted.port_of(tx, loadbalancer_id) is not None


def reserved(tx: Transaction) -> frozenset[str]:
    """Return the load balancers that have a port of their own, by their ids."""
    columns = tables.ports.c
    found = tx.execute(
        select(columns.id, columns.device_id).where(columns.device_owner == LOADBALANCER_OWNER)
    )
    made = frozenset(row.device_id for row in found if row.id == vip_port_id(row.device_id))
    return made | adopted.reserved(tx)


def describe(tx: Transaction, port_id: str) -> WiredPort | None:
    """Return what interface drivers need to know of a port, in three statements; None where there is none."""
    networks = tables.networks.c
    statement = select(tables.ports, networks.mtu, networks.physical_network).join(
        tables.networks, networks.id == tables.ports.c.network_id
    )
    row = tx.execute(statement.where(tables.ports.c.id == port_id)).first()
    if row is None:
        return None
    addresses = addresses_of(tx, [port_id]).get(port_id, ())
    on = tables.subnets.c.id.in_(sorted({str(address.subnet_id) for address in addresses}))
    subnets = {each.id: rows.bare(Subnet, each) for each in tx.execute(select(tables.subnets).where(on))}
    return WiredPort(
        id=row.id,
        network_id=row.network_id,
        physical_network=row.physical_network,
        mac_address=row.mac_address,
        mtu=row.mtu,
        fixed_ips=tuple(_fixed_ip(address, subnets) for address in addresses),
    )


def _fixed_ip(address: PortAddress, subnets: Mapping[str, Subnet]) -> FixedIP:
    subnet = subnets[str(address.subnet_id)]
    return FixedIP(
        address=str(address.ip_address),
        prefix_length=ipaddress.ip_network(subnet.cidr).prefixlen,
        gateway=subnet.gateway_ip,
        routes=tuple(
            Route(destination=route.destination, nexthop=route.nexthop) for route in subnet.host_routes
        ),
    )
