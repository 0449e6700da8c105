"""Subnets: made, changed and deleted inside a transaction. The rules of one subnet are in its description."""

import ipaddress
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from evener.services.network import SubnetInfo
from evener.store import rows
from evener.store.database import Transaction
from evener_cloud.network import errors
from evener_cloud.network.resources.network import MIN_MTU_IPV6, Network
from evener_cloud.network.resources.port import ROUTER_INTERFACE_OWNER
from evener_cloud.network.resources.subnet import Subnet, invalid, pools_around, with_defaults
from evener_cloud.network.tables import ip_allocations, ports, subnets
from evener_cloud.network.visibility import find, lock, owns, subnets_of


def create(tx: Transaction, scope: str | None, values: Mapping[str, Any]) -> str:
    """Insert a subnet and return its id.

    Raises:
        NotFound: when `scope` does not see the network.
        Forbidden: when it is another project's.
        InvalidInput, Conflict: when the subnet contradicts itself or the network.
    """
    network = find(tx, Network, values["network_id"], scope)
    if not owns(tx, scope, network):
        raise errors.disallowed("create_subnet")
    network = lock(tx, Network, network.id)
    full = with_defaults(values)
    Subnet.check(full)
    subnet = Subnet.model_validate({**full, "id": str(uuid.uuid4())})
    _check_neighbours(tx, subnet)
    if subnet.ip_version == 6 and network.mtu < MIN_MTU_IPV6:
        raise errors.mtu_too_small(network.id, MIN_MTU_IPV6)
    rows.insert(tx, subnet)
    return subnet.id


def update(tx: Transaction, _scope: str | None, subnet_id: str, values: Mapping[str, Any]) -> None:
    """Change a subnet. Addresses in use stay valid, also where they are in no pool any more.

    Raises:
        InvalidInput, Conflict: when the subnet would contradict itself, or a router has the address of its gateway.
    """
    subnet = lock(tx, Subnet, subnet_id)
    if "allocation_pools" in values and values["allocation_pools"] is None:
        gateway = values.get("gateway_ip", subnet.gateway_ip)
        values = {**values, "allocation_pools": pools_around(ipaddress.ip_network(subnet.cidr), gateway)}
    Subnet.check({**dict(subnet), **values})
    if values.get("gateway_ip", subnet.gateway_ip) != subnet.gateway_ip:
        _check_no_router(tx, subnet)
    rows.update(tx, Subnet, subnet_id, **values)


def delete(tx: Transaction, _scope: str | None, subnet_id: str) -> None:
    """Delete a subnet.

    Raises:
        InUse: when a port has an address of it.
    """
    lock(tx, Subnet, subnet_id)
    used = select(ip_allocations.c.port_id).where(ip_allocations.c.subnet_id == subnet_id)
    if tx.scalar(used.limit(1)) is not None:
        raise errors.subnet_in_use(subnet_id)
    rows.delete(tx, Subnet, [subnet_id])


def _check_no_router(tx: Transaction, subnet: Subnet) -> None:
    """Refuse to take the address of the gateway from the router that has it."""
    statement = (
        select(ports.c.id)
        .join(ip_allocations, ip_allocations.c.port_id == ports.c.id)
        .where(
            ports.c.device_owner == ROUTER_INTERFACE_OWNER,
            ip_allocations.c.subnet_id == subnet.id,
            ip_allocations.c.ip_address == subnet.gateway_ip,
        )
    )
    port_id = tx.scalar(statement)
    if port_id is not None:
        raise errors.gateway_address_in_use(str(subnet.gateway_ip), port_id)


def _check_neighbours(tx: Transaction, subnet: Subnet) -> None:
    block = ipaddress.ip_network(subnet.cidr)
    for other in subnets_of(tx, subnet.network_id):
        if other.ip_version == subnet.ip_version and block.overlaps(ipaddress.ip_network(other.cidr)):
            raise invalid(
                f"Requested subnet with cidr: {subnet.cidr} for network: {subnet.network_id} overlaps with "
                "another subnet"
            )


def of_network(tx: Transaction, network_id: str) -> tuple[SubnetInfo, ...]:
    """Return the subnets of a network, those of IPv4 first, oldest first."""
    columns = subnets.c
    statement = select(columns.id, columns.network_id, columns.cidr, columns.ip_version)
    statement = statement.where(columns.network_id == network_id)
    found = tx.execute(statement.order_by(columns.ip_version, columns.created_at, columns.id))
    return tuple(SubnetInfo(*row) for row in found)
