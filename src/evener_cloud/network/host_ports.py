"""The ports of the two hosts of a load balancer, beside that of its VIP: inside a transaction.

They are of no project, so no quota counts them and no user sees them.
"""

from collections.abc import Mapping

from sqlalchemy import select

from evener.resources.types import Role
from evener.services.network import HostPort
from evener.store import rows
from evener.store.database import Transaction
from evener_cloud.network import ports, tables
from evener_cloud.network.allocations import addresses_of
from evener_cloud.network.resources.port import (
    HOST_ROLES,
    LOADBALANCER_OWNER,
    AddressPair,
    Port,
    PortAddress,
    host_port_id,
)
from evener_cloud.network.visibility import find, lock


def ensure(tx: Transaction, loadbalancer_id: str, vip_port_id: str) -> Mapping[Role, HostPort]:
    """Make them, or give those that are there what they lack; see `Network.reserve_host_ports` of the services."""
    vip = find(tx, Port, vip_port_id, None)
    addresses = addresses_of(tx, [vip_port_id]).get(vip_port_id, ())
    found = {}
    for role in HOST_ROLES:
        port_id = host_port_id(loadbalancer_id, role)
        have = addresses_of(tx, [port_id]).get(port_id, ())
        if not have:
            _make(tx, role, vip, loadbalancer_id, addresses)
        elif len(have) < len(addresses):
            there = {each.subnet_id for each in have}
            missing = [each.subnet_id for each in addresses if each.subnet_id not in there]
            wanted = (*have, *(PortAddress(subnet_id=each) for each in missing))
            ports.change_addresses(tx, lock(tx, Port, port_id), wanted)
        first = addresses_of(tx, [port_id])[port_id][0]
        found[role] = HostPort(port_id, str(first.ip_address))
    return found


def _make(
    tx: Transaction, role: Role, vip: Port, loadbalancer_id: str, addresses: tuple[PortAddress, ...]
) -> None:
    values = {
        "id": host_port_id(loadbalancer_id, role),
        "project_id": "",
        "name": f"loadbalancer-{loadbalancer_id}-{role.lower()}",
        "network_id": vip.network_id,
        "device_id": loadbalancer_id,
        "device_owner": LOADBALANCER_OWNER,
        "admin_state_up": True,
        "fixed_ips": tuple(PortAddress(subnet_id=each.subnet_id) for each in addresses),
        "allowed_address_pairs": tuple(AddressPair(ip_address=str(each.ip_address)) for each in addresses),
    }
    ports.insert(tx, values)


def extend(tx: Transaction, vip_port_id: str) -> None:
    """Give those that are there what they lack, once the VIP's port has another address."""
    loadbalancer_id = str(find(tx, Port, vip_port_id, None).device_id)
    if of(tx, [loadbalancer_id]):
        ensure(tx, loadbalancer_id, vip_port_id)


def of(tx: Transaction, loadbalancer_ids: list[str]) -> list[str]:
    """Return those of the load balancers for whose hosts there are ports."""
    ids = {host_port_id(each, role): each for each in loadbalancer_ids for role in HOST_ROLES}
    there = tx.scalar_ids(select(tables.ports.c.id).where(tables.ports.c.id.in_(sorted(ids))))
    return sorted({ids[each] for each in there})


def every(tx: Transaction) -> frozenset[str]:
    """Return the load balancers, by their ids, for whose hosts there are ports."""
    columns = tables.ports.c
    found = tx.execute(
        select(columns.id, columns.device_id).where(columns.device_owner == LOADBALANCER_OWNER)
    )
    return frozenset(
        row.device_id for row in found if row.id in {host_port_id(row.device_id, role) for role in HOST_ROLES}
    )


def remove(tx: Transaction, loadbalancer_id: str) -> None:
    """Remove them, if they are there."""
    rows.delete(tx, Port, [host_port_id(loadbalancer_id, role) for role in HOST_ROLES])
