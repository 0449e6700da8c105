"""Ports: made, changed and deleted inside a transaction."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from evener.store import rows
from evener.store.database import Transaction
from evener_cloud.network import adopted, associations, errors, port_groups
from evener_cloud.network.addresses import Right, new_mac
from evener_cloud.network.addresses import change_addresses as address_change
from evener_cloud.network.allocations import addresses_of, allocate, free, take
from evener_cloud.network.resources.network import LinkStatus, Network
from evener_cloud.network.resources.port import (
    FLOATINGIP_OWNER,
    LOADBALANCER_OWNER,
    ROUTER_OWNERS,
    SERVICE_OWNERS,
    Port,
    PortAddress,
    service_port_ids,
)
from evener_cloud.network.tables import floatingips, ip_allocations, ports, routers
from evener_cloud.network.visibility import find, lock, may_use, right_on

# What a load balancer or router relies on: the address, who the port belongs to, and that it is up.
_RELIED_ON = ("device_id", "device_owner", "admin_state_up")


def create(tx: Transaction, scope: str | None, values: Mapping[str, Any]) -> str:
    """Insert a port with its addresses and return its id.

    Raises:
        NotFound: when `scope` does not see the network, or for a security group.
        Forbidden: when it sees the network, but may not use it.
        Forbidden: when it names a MAC address, and the network is another project's.
        InvalidInput: when it is to be a port that the service makes for itself.
        Forbidden, InvalidInput, Conflict: from `allocations.allocate`; an InUse when the MAC address is another
            port's.
    """
    if values.get("device_owner") in SERVICE_OWNERS:
        raise errors.own_port(values["device_owner"])
    network = find(tx, Network, values["network_id"], scope)
    if not may_use(scope, network):
        raise errors.disallowed("create_port")
    port_groups.check_seen(tx, scope, values.get("security_groups", ()))
    right = right_on(tx, scope, network.id, gateway=True)  # a router may come to it, or it may be one
    if values.get("mac_address") is not None and right is Right.POOLS:
        raise errors.disallowed("create_port:mac_address")  # else it could be the gateway's
    lock(tx, Network, network.id, shared=True)  # it cannot go before the port is there
    return insert(tx, values, right)


def insert(tx: Transaction, values: Mapping[str, Any], right: Right = Right.POOLS) -> str:
    """Insert a port on a network that the caller may use, with that right to addresses, and return its id."""
    network_id = values["network_id"]
    mac_address = values.get("mac_address")
    if mac_address is None:
        mac_address = new_mac()
    elif _mac_is_taken(tx, network_id, mac_address):
        raise errors.mac_in_use(network_id, mac_address)
    addresses = allocate(tx, network_id, values.get("fixed_ips"), right)
    groups = port_groups.first_groups(
        tx, values["project_id"], values.get("device_owner", ""), values.get("security_groups")
    )
    found = {"mac_address": mac_address, "fixed_ips": addresses, "security_groups": groups}
    full = {"id": str(uuid.uuid4()), **values, **found}
    port = Port.model_validate({**full, "status": _status(admin_state_up=values["admin_state_up"])})
    rows.insert(tx, port)
    take(tx, port.id, addresses)
    port_groups.join(tx, port.id, groups)
    return port.id


def update(tx: Transaction, scope: str | None, port_id: str, values: Mapping[str, Any]) -> None:
    """Change a port.

    Raises:
        InUse: when a load balancer or router relies on what would change.
        NotFound: for a security group that `scope` does not see.
        InvalidInput: when it is to be a port that the service makes for itself, or a floating IP stands for an
            address that would go.
        InvalidInput, Conflict: from `allocations.allocate`.
    """
    port = lock(tx, Port, port_id)
    changes = {name: value for name, value in values.items() if name in ports.c}
    if _serves(tx, port):
        for name in _RELIED_ON:
            if name in changes and changes[name] != getattr(port, name):
                raise errors.service_port_fixed(port_id, port.device_owner, name)
    elif changes.get("device_owner") in SERVICE_OWNERS:
        raise errors.own_port(changes["device_owner"])
    if "fixed_ips" in values:
        _check_addresses(tx, port, values["fixed_ips"])
        right = right_on(tx, scope, port.network_id, gateway=True)
        change_addresses(tx, port, values["fixed_ips"], right)
    if "security_groups" in values:
        port_groups.change(tx, scope, port_id, values["security_groups"])
    if "admin_state_up" in changes:
        changes["status"] = _status(admin_state_up=changes["admin_state_up"])
    rows.update(tx, Port, port_id, **changes)


def delete(tx: Transaction, scope: str | None, port_id: str) -> None:
    """Delete a port and free its addresses; floating IPs stand for it no more.

    Raises:
        InUse: when it belongs to a load balancer or router, or another project's floating IP stands for it.
    """
    port = lock(tx, Port, port_id)
    if _serves(tx, port):
        raise errors.service_port(port_id, port.device_owner)
    associations.end(tx, scope, port_id)
    rows.delete(tx, Port, [port_id])


def whole(tx: Transaction, found: list[Port]) -> list[Port]:
    """Return `found` with the ports' addresses and security groups, in two statements."""
    ids = [port.id for port in found]
    addresses, groups = addresses_of(tx, ids), port_groups.groups_of(tx, ids)
    return [
        port.model_copy(
            update={"fixed_ips": addresses.get(port.id, ()), "security_groups": groups.get(port.id, ())}
        )
        for port in found
    ]


def _check_addresses(tx: Transaction, port: Port, wanted: tuple[PortAddress, ...]) -> None:
    change = address_change(addresses_of(tx, [port.id]).get(port.id, ()), wanted)
    if (change.add or change.remove) and _serves(tx, port):
        raise errors.service_port_fixed(port.id, port.device_owner, "fixed_ips")
    if change.remove and associations.exist_for_address(tx, port.id, change.remove):
        raise errors.associated_address(port.id)


def change_addresses(
    tx: Transaction, port: Port, wanted: tuple[PortAddress, ...], right: Right = Right.POOLS
) -> None:
    """Let a port have the addresses that are wanted, of which parts may be missing.

    Raises:
        InvalidInput, Conflict: from `allocations.allocate`.
    """
    change = address_change(addresses_of(tx, [port.id]).get(port.id, ()), wanted)
    free(tx, port.id, change.remove)
    if change.add:
        last = select(ip_allocations.c.position).where(ip_allocations.c.port_id == port.id)
        behind = tx.scalar(last.order_by(ip_allocations.c.position.desc()).limit(1))
        take(tx, port.id, allocate(tx, port.network_id, change.add, right), (behind or 0) + 1)


def _status(*, admin_state_up: bool) -> LinkStatus:
    return LinkStatus.ACTIVE if admin_state_up else LinkStatus.DOWN


def _mac_is_taken(tx: Transaction, network_id: str, mac_address: str) -> bool:
    taken = select(ports.c.id).where(ports.c.network_id == network_id, ports.c.mac_address == mac_address)
    return tx.scalar(taken) is not None


def _serves(tx: Transaction, port: Port) -> bool:
    """Return whether the port belongs to what its `device_owner` says; who made it may have said anything."""
    if port.device_owner == LOADBALANCER_OWNER:
        return port.id in service_port_ids(port.device_id) or adopted.is_adopted(tx, port.id)
    if port.device_owner in ROUTER_OWNERS:
        users = select(routers.c.id).where(routers.c.id == port.device_id)
    elif port.device_owner == FLOATINGIP_OWNER:
        users = select(floatingips.c.id).where(floatingips.c.floating_port_id == port.id)
    else:
        return False
    return tx.scalar(users.limit(1)) is not None
