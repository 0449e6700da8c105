"""What routers are attached to: the ports they have on subnets and outside, with addresses. Changes nothing."""

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import select

from evener.store import rows
from evener.store.database import Transaction
from evener_cloud.network import errors
from evener_cloud.network.resources.port import ROUTER_GATEWAY_OWNER, ROUTER_INTERFACE_OWNER, ROUTER_OWNERS
from evener_cloud.network.resources.subnet import HostRoute, Subnet
from evener_cloud.network.tables import ip_allocations, ports, subnets
from evener_cloud.network.visibility import subnets_of


class Attachment(NamedTuple):
    """An address of a router's port. `subnet` is what it is on."""

    port_id: str
    device_owner: str
    address: str
    subnet: Subnet

    @property
    def block(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        """The subnet's addresses."""
        return ipaddress.ip_network(self.subnet.cidr)


def of_router(tx: Transaction, router_id: str) -> list[Attachment]:
    """Return all addresses of a router, by port; a port without an address is not among them."""
    statement = (
        select(subnets, ports.c.id.label("port_id"), ports.c.device_owner, ip_allocations.c.ip_address)
        .join(ip_allocations, ip_allocations.c.subnet_id == subnets.c.id)
        .join(ports, ports.c.id == ip_allocations.c.port_id)
        .where(ports.c.device_id == router_id, ports.c.device_owner.in_(sorted(ROUTER_OWNERS)))
        .order_by(ports.c.id, ip_allocations.c.position)
    )
    return [
        Attachment(row.port_id, row.device_owner, row.ip_address, rows.bare(Subnet, row))
        for row in tx.execute(statement)
    ]


def interfaces(attached: Iterable[Attachment]) -> list[Attachment]:
    """Return those inside."""
    return [each for each in attached if each.device_owner == ROUTER_INTERFACE_OWNER]


def check_overlap(tx: Transaction, attached: Iterable[Attachment], new: Iterable[Subnet]) -> None:
    """Let a router be on `new` subnets besides what it is `attached` to.

    Raises:
        InvalidInput: when it is on one of them, or two have addresses in common. Of the network outside, all
            subnets count, as in Neutron.
    """
    joined: dict[str, Subnet] = {}
    new = list(new)
    for each in attached:
        if each.subnet.id in {subnet.id for subnet in new}:
            raise errors.bad_request("router", f"Router already has a port on subnet {each.subnet.id}")
        outside = each.device_owner == ROUTER_GATEWAY_OWNER
        found = subnets_of(tx, each.subnet.network_id) if outside else [each.subnet]
        joined |= {subnet.id: subnet for subnet in found}
    for old in joined.values():
        for subnet in new:
            if _overlap(old, subnet):
                raise errors.bad_request(
                    "router",
                    f"Cidr {subnet.cidr} of subnet {subnet.id} overlaps with cidr {old.cidr} of subnet {old.id}",
                )


def _overlap(one: Subnet, two: Subnet) -> bool:
    return one.ip_version == two.ip_version and ipaddress.ip_network(one.cidr).overlaps(
        ipaddress.ip_network(two.cidr)
    )


def check_routes(attached: Iterable[Attachment], routes: Iterable[HostRoute]) -> None:
    """Let a router that is `attached` so have these routes.

    Raises:
        InvalidInput: for a next hop that is the router itself, or on no subnet of it.
    """
    attached, routes = list(attached), list(routes)
    given = ", ".join(f"{route.destination} via {route.nexthop}" for route in routes)
    for route in routes:
        hop = ipaddress.ip_address(route.nexthop)
        if ipaddress.ip_network(route.destination).version != hop.version:
            raise errors.invalid_routes(given, "the nexthop and the destination differ in their IP version")
        if not any(hop in each.block for each in attached):
            raise errors.invalid_routes(given, "the nexthop is not connected with router")
        if any(route.nexthop == each.address for each in attached):
            raise errors.invalid_routes(given, "the nexthop is used by router")
