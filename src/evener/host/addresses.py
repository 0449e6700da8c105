"""Addresses and routes of one interface, made equal to a wanted set. Never touches another interface's.

The order is one that the kernel takes: addresses go before they come (IPv6 has an address once only, whatever
its prefix), and routes after the addresses they need.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from socket import AF_INET, AF_INET6, AF_UNSPEC
from typing import Any

from pyroute2 import IPRoute

from evener.host import sysctl
from evener.host.errors import explained
from evener.host.links import Link, dumped

Address = IPv4Address | IPv6Address
Interface = IPv4Interface | IPv6Interface
Network = IPv4Network | IPv6Network

TABLE_MAIN = 254  # rtnetlink(7)
PROTOCOL_STATIC = 4  # our routes' mark; what the kernel or a person added has another
TYPE_UNICAST = 1
FLAG_NODAD = 0x02  # an address that works at once: nobody else has it, our own allocation says so
FLAG_ONLINK = 4  # of a route: the gateway is a neighbour although on none of our subnets

# Addresses come from us alone, and at once; removing the first of a subnet leaves the others.
_SETTINGS = (
    ("ipv4", "promote_secondaries", 1),
    ("ipv6", "disable_ipv6", 0),
    ("ipv6", "accept_ra", 0),
    ("ipv6", "accept_dad", 0),
)


@dataclass(frozen=True, slots=True)
class Route:
    """A way to `destination` over the neighbour `gateway`."""

    destination: Network
    gateway: Address


def default_route(gateway: Address) -> Route:
    """Return the route to everywhere in the gateway's family."""
    return Route(ip_network("0.0.0.0/0" if gateway.version == 4 else "::/0"), gateway)


def prepare(interface: str) -> bool:
    """Set what an interface needs before it is up; return whether anything differed.

    Acts in the calling thread's namespace (`netns.inside`).

    Raises:
        HostError: when the interface is missing or /proc/sys cannot be written.
    """
    changed = [sysctl.ensure(family, interface, key, value) for family, key, value in _SETTINGS]
    return any(changed)


def ensure_addresses(
    netlink: IPRoute,
    link: Link,
    wanted: Iterable[Interface],
    *,
    moving: Collection[Address] = (),
    bare: bool = False,
) -> bool:
    """Make the addresses of `link` those `wanted`, save link-local ones; return whether any differed.

    Those `moving` stay as they are, there or not. One that is `bare` has just been made, and has none yet.

    Raises:
        HostError: when the kernel refuses.
    """
    goal = frozenset(wanted)
    with explained(f"set the addresses of interface {link.name}"):
        present = frozenset[Interface]() if bare else addresses_of(netlink, link.index)
        extra = frozenset(each for each in present - goal if each.ip not in moving)
        for address in sorted(extra, key=str):
            netlink.addr("del", index=link.index, address=str(address.ip), prefixlen=_prefix(address))
        if extra:  # the kernel may have taken more with them
            present = addresses_of(netlink, link.index)
        for address in sorted(goal - present, key=str):
            netlink.addr("add", **_addition(link.index, address))
        return bool(extra or goal - present)


def ensure_address(netlink: IPRoute, link: Link, address: Interface) -> bool:
    """Make sure that `link` has `address`, whatever else it has; return whether it had not.

    Raises:
        HostError: when the kernel refuses.
    """
    with explained(f"add address {address} to interface {link.name}"):
        missing = address not in addresses_of(netlink, link.index)
        if missing:
            netlink.addr("add", **_addition(link.index, address))
        return missing


def remove_address(netlink: IPRoute, link: Link, address: Interface) -> bool:
    """Remove `address` from `link` of the calling thread's namespace, and nothing else; return whether it was there.

    Raises:
        HostError: when the kernel refuses.
    """
    with explained(f"remove address {address} from interface {link.name}"):
        there = address in addresses_of(netlink, link.index)
        if there:
            sysctl.ensure(
                "ipv4", link.name, "promote_secondaries", 1
            )  # or the kernel takes its neighbours with it
            netlink.addr("del", index=link.index, address=str(address.ip), prefixlen=_prefix(address))
        return there


def ensure_routes(
    netlink: IPRoute, link: Link, wanted: Iterable[Route], subnets: Iterable[Network], *, bare: bool = False
) -> bool:
    """Make our routes over `link` in the main table those `wanted`; return whether any differed.

    `subnets` are the networks on the link: a gateway on none of them is taken for a neighbour all the same.
    Routes that the kernel or a person added stay, unless they lead to a wanted destination. A link that is `bare` has
    just been made, and has none of ours yet.

    Raises:
        HostError: when the kernel refuses.
    """
    goal = frozenset(wanted)
    on_link = tuple(subnets)
    with explained(f"set the routes over interface {link.name}"):
        present = frozenset[Route]() if bare else _routes(netlink, link.index)
        kept = {route.destination for route in goal}
        for route in sorted(present - goal, key=str):
            if route.destination not in kept:  # else it is replaced below, without a moment of no route
                netlink.route("del", **_request(link.index, route))
        for route in sorted(goal - present, key=str):
            near = route.gateway.is_link_local or any(route.gateway in subnet for subnet in on_link)
            netlink.route("replace", **_request(link.index, route), flags=0 if near else FLAG_ONLINK)
        return present != goal


def _prefix(address: Interface) -> int:
    return address.network.prefixlen


def _addition(index: int, address: Interface) -> dict[str, Any]:
    request: dict[str, Any] = {"index": index, "address": str(address.ip), "prefixlen": _prefix(address)}
    if address.version == 6:
        return request | {"family": AF_INET6, "flags": FLAG_NODAD}
    request |= {"family": AF_INET}
    if address.network.prefixlen < 31:  # RFC 3021; of a /32 it would be the address, which then takes no TCP
        request |= {"broadcast": str(address.network.broadcast_address)}
    return request


def addresses_of(netlink: IPRoute, index: int) -> frozenset[Interface]:
    """Return the addresses of the link with that index, save IPv6's link-local ones.

    Raises:
        NetlinkError: when the kernel refuses.
    """
    found = set()
    for message in dumped(lambda: netlink.addr("dump", family=AF_UNSPEC, index=index)):
        # IFA_LOCAL is ours where the link is point-to-point; IPv6 knows IFA_ADDRESS only.
        text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
        address = ip_interface(f"{text}/{message['prefixlen']}")
        if address.version == 4 or not address.is_link_local:
            found.add(address)
    return frozenset(found)


def _request(index: int, route: Route) -> dict[str, Any]:
    return {
        "dst": str(route.destination),
        "gateway": str(route.gateway),
        "oif": index,
        "table": TABLE_MAIN,
        "proto": PROTOCOL_STATIC,
        "family": AF_INET if route.destination.version == 4 else AF_INET6,
    }


def _routes(netlink: IPRoute, index: int) -> frozenset[Route]:
    mark = {"table": TABLE_MAIN, "oif": index, "proto": PROTOCOL_STATIC}
    found = set()
    for message in dumped(lambda: netlink.route("dump", family=AF_UNSPEC, **mark)):
        gateway = message.get_attr("RTA_GATEWAY")
        if message["type"] == TYPE_UNICAST and gateway:
            any_address = "0.0.0.0" if message["family"] == AF_INET else "::"  # noqa: S104
            target = message.get_attr("RTA_DST") or any_address
            found.add(Route(ip_network(f"{target}/{message['dst_len']}"), ip_address(gateway)))
    return frozenset(found)
