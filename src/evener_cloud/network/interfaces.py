"""Interfaces of routers: their ports on subnets, added and removed inside a transaction. The rules are Neutron's."""

import ipaddress
from collections.abc import Sequence
from typing import NamedTuple

from evener.store import quota_counts, rows
from evener.store.database import Transaction
from evener_cloud.network import associations, attachments, errors, ports
from evener_cloud.network.addresses import Right
from evener_cloud.network.allocations import addresses_of, allocate, free, take
from evener_cloud.network.attachments import Attachment
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import ROUTER_INTERFACE_OWNER, Port, PortAddress
from evener_cloud.network.resources.router import Router
from evener_cloud.network.resources.subnet import Subnet
from evener_cloud.network.visibility import find, lock, subnets_of


class Interface(NamedTuple):
    """A router's port, and the subnets on which it was put or from which it was taken."""

    router_id: str
    project_id: str
    port_id: str
    network_id: str
    subnet_ids: tuple[str, ...]


def add_by_subnet(tx: Transaction, scope: str | None, router_id: str, subnet_id: str) -> Interface:
    """Put a router on a subnet, as its gateway.

    Raises:
        NotFound: when `scope` does not see the subnet.
        InvalidInput: when the subnet has no gateway, is another project's, or overlaps with what the router is on.
        Conflict: when the gateway's address is taken (an InUse), or the project has no room for a port.
    """
    router = lock(tx, Router, router_id)
    network_id = find(tx, Subnet, subnet_id, scope).network_id
    lock(tx, Network, network_id, shared=True)
    subnet = next((each for each in subnets_of(tx, network_id, hold=True) if each.id == subnet_id), None)
    if subnet is None:
        raise errors.not_found("Subnet", subnet_id)
    if subnet.gateway_ip is None:
        raise errors.bad_request("router", "Subnet for router interface must have a gateway IP")
    if scope not in (None, subnet.project_id):
        raise errors.bad_request(
            "router",
            f"Cannot add interface to router because subnet {subnet_id} is not owned by project making the request",
        )
    _check_announced(subnet)
    attached = attachments.of_router(tx, router_id)
    attachments.check_overlap(tx, attached, [subnet])
    wish = PortAddress(subnet_id=subnet_id, ip_address=subnet.gateway_ip)
    port_id = _ipv6_port(attached, network_id) if subnet.ip_version == 6 else None
    if port_id is not None:
        lock(tx, Port, port_id)
        has = addresses_of(tx, [port_id])[port_id]
        take(tx, port_id, allocate(tx, network_id, (wish,), Right.GATEWAY), len(has))
    else:
        quota_counts.take(tx, Port, router.project_id)
        values = {
            "project_id": router.project_id,
            "network_id": network_id,
            "device_id": router_id,
            "device_owner": ROUTER_INTERFACE_OWNER,
            "admin_state_up": True,
            "fixed_ips": (wish,),
        }
        port_id = ports.insert(tx, values, Right.GATEWAY)
    return Interface(router_id, router.project_id, port_id, network_id, (subnet_id,))


def add_by_port(tx: Transaction, scope: str | None, router_id: str, port_id: str) -> Interface:
    """Make a port that belongs to nothing an interface of a router.

    Raises:
        NotFound: when `scope` does not see the port.
        InvalidInput: when the port is not fit to be one, or overlaps with what the router is on.
        InUse: when it belongs to something.
    """
    lock(tx, Router, router_id)
    find(tx, Port, port_id, scope)
    port = lock(tx, Port, port_id)
    if port.device_id:
        raise errors.port_attached(port_id, port.network_id, port.device_id)
    addresses = addresses_of(tx, [port_id]).get(port_id, ())
    if not addresses:
        raise errors.bad_request("router", "Router port must have at least one fixed IP")
    all_here = {subnet.id: subnet for subnet in subnets_of(tx, port.network_id, hold=True)}
    here = [all_here[str(address.subnet_id)] for address in addresses]
    for subnet in here:
        _check_announced(subnet)
    attached = attachments.of_router(tx, router_id)
    other = _ipv6_port(attached, port.network_id)
    if other is not None and any(subnet.ip_version == 6 for subnet in here):
        raise errors.bad_request(
            "router",
            f"Router already contains IPv6 port {other} belonging to network id {port.network_id}. Only one IPv6 "
            "port from the same network subnet can be connected to a router",
        )
    attachments.check_overlap(tx, attached, here)
    if sum(subnet.ip_version == 4 for subnet in here) > 1:
        raise errors.bad_request("router", "Cannot have multiple IPv4 subnets on router port")
    _check_in_pools(scope, port_id, addresses, all_here)
    rows.update(tx, Port, port_id, device_id=router_id, device_owner=ROUTER_INTERFACE_OWNER)
    return Interface(
        router_id, port.project_id, port_id, port.network_id, tuple(subnet.id for subnet in here)
    )


def remove_by_port(tx: Transaction, router_id: str, port_id: str, subnet_id: str | None) -> Interface:
    """Take a router off the subnets of an interface.

    Raises:
        NotFound: when the router has no such interface.
        InvalidInput: when the interface is not on `subnet_id`.
        InUse: when floating IPs or routes need it.
    """
    router = lock(tx, Router, router_id)
    inside = attachments.interfaces(attachments.of_router(tx, router_id))
    here = [each for each in inside if each.port_id == port_id]
    if not here:
        raise errors.no_interface(router_id, port_id)
    if subnet_id is not None and subnet_id not in {each.subnet.id for each in here}:
        raise errors.subnet_mismatch(port_id, subnet_id)
    for each in here:
        _check_free(tx, router, each)
    return _remove(tx, router_id, here)


def remove_by_subnet(tx: Transaction, router_id: str, subnet_id: str) -> Interface:
    """Take a router off a subnet.

    Raises:
        NotFound: when it is not on it.
        InUse: when floating IPs or routes need it there.
    """
    router = lock(tx, Router, router_id)
    inside = attachments.interfaces(attachments.of_router(tx, router_id))
    here = next((each for each in inside if each.subnet.id == subnet_id), None)
    if here is None:
        raise errors.no_interface_on(router_id, subnet_id)
    _check_free(tx, router, here)
    if sum(each.port_id == here.port_id for each in inside) == 1:
        return _remove(tx, router_id, [here])
    port = lock(tx, Port, here.port_id)
    free(tx, port.id, [PortAddress(subnet_id=subnet_id, ip_address=here.address)])
    return Interface(router_id, port.project_id, port.id, port.network_id, (subnet_id,))


def _remove(tx: Transaction, router_id: str, here: Sequence[Attachment]) -> Interface:
    port = lock(tx, Port, here[0].port_id)
    rows.delete(tx, Port, [port.id])
    quota_counts.give_back(tx, Port, port.project_id)
    subnet_ids = tuple(each.subnet.id for each in here)
    return Interface(router_id, port.project_id, port.id, port.network_id, subnet_ids)


def _check_free(tx: Transaction, router: Router, here: Attachment) -> None:
    if associations.exist_from_subnet(tx, router.id, here.subnet.id):
        raise errors.interface_needed(router.id, here.subnet.id, by_route=False)
    if any(ipaddress.ip_address(route.nexthop) in here.block for route in router.routes):
        raise errors.interface_needed(router.id, here.subnet.id, by_route=True)


def _ipv6_port(attached: Sequence[Attachment], network_id: str) -> str | None:
    """Return the router's port with IPv6 addresses on a network: of these, there is one at most."""
    inside = attachments.interfaces(attached)
    on_it = [each for each in inside if each.subnet.network_id == network_id and each.subnet.ip_version == 6]
    return on_it[0].port_id if on_it else None


def _check_announced(subnet: Subnet) -> None:
    """Refuse a subnet that says that another router announces it."""
    if subnet.ip_version == 6 and subnet.ipv6_ra_mode is None and subnet.ipv6_address_mode is not None:
        raise errors.bad_request(
            "router",
            f"IPv6 subnet {subnet.id} configured to receive RAs from an external router cannot be added to "
            "Neutron Router",
        )


def _check_in_pools(
    scope: str | None, port_id: str, addresses: Sequence[PortAddress], here: dict[str, Subnet]
) -> None:
    """Keep who is a guest on a subnet from being its gateway."""
    if scope is None:
        return
    for address in addresses:
        subnet = here[str(address.subnet_id)]
        number = int(ipaddress.ip_address(str(address.ip_address)))
        within = any(low <= number <= high for low, high in (pool.bounds for pool in subnet.allocation_pools))
        if not within and subnet.project_id != scope:
            raise errors.bad_request(
                "router",
                f"Cannot add interface to router because specified port {port_id} has an IP address out of the "
                f"allocation pool of subnet {subnet.id}, which is not owned by the project making the request",
            )
