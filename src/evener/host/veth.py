"""A port as a pair of veth interfaces: one end in its namespace, the other one here for a bridge or switch to take.

What interface drivers share. `tap` + port is the end here, `ns-` + port the namespace's (a router's `qr-` or `qg-`);
ids are cut to 11 characters, as Neutron's agents cut them. Knows nothing of bridges and switches.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network
from typing import get_args

from pyroute2 import IPRoute

from evener.host import addresses, announce, links, netns, sysctl
from evener.host.errors import NameTaken
from evener.host.links import Link
from evener.resources.wiring import WiredPort

PREFIXES = get_args(WiredPort.model_fields["prefix"].annotation)
ID_LENGTH = 11  # of an id in a name; an interface's name has 15 characters at most
TAP = "tap"


def tap_name(port_id: str) -> str:
    """Return the name of the port's interface on the host."""
    return TAP + port_id[:ID_LENGTH]


def tap_mac(port: WiredPort) -> str:
    """Return the MAC address of the port's interface on the host.

    A bridge without an address of its own takes the lowest of its ports': ours is higher than any that is real.
    """
    return "fe" + port.mac_address.lower()[2:]


def inner_name(port: WiredPort) -> str:
    """Return the name of the port's interface in its namespace."""
    return port.prefix + port.id[:ID_LENGTH]


def wanted_addresses(port: WiredPort) -> tuple[addresses.Interface, ...]:
    """Return the addresses of the port, with their prefixes."""
    return tuple(ip_interface(f"{fixed.address}/{fixed.prefix_length}") for fixed in port.fixed_ips)


def wanted_routes(port: WiredPort) -> frozenset[addresses.Route]:
    """Return the routes of the port: a subnet's own, and its gateway's where none of them leads everywhere.

    Of two ways to one destination the first fixed IP's wins.
    """
    routes: dict[addresses.Network, addresses.Route] = {}
    for fixed in port.fixed_ips:
        for route in fixed.routes:
            destination = ip_network(route.destination)
            routes.setdefault(destination, addresses.Route(destination, ip_address(route.nexthop)))
    for fixed in port.fixed_ips:
        if fixed.gateway:
            default = addresses.default_route(ip_address(fixed.gateway))
            routes.setdefault(default.destination, default)
    return frozenset(routes.values())


@dataclass(frozen=True, slots=True)
class Sides:
    """The netlink conversations of the host and of a namespace, and the latter's name and file descriptor."""

    host: IPRoute
    guest: IPRoute
    namespace: str
    target: int


@contextmanager
def opened(namespace: str) -> Iterator[Sides]:
    """Talk with both sides until the block ends.

    Raises:
        NamespaceMissing: when there is no such namespace.
    """
    with (
        netns.opened(namespace) as target,
        links.connected() as host,
        links.connected(namespace) as guest,
    ):
        yield Sides(host, guest, namespace, target)


@dataclass(frozen=True, slots=True)
class Pair:
    """Both ends as they were found or made, whether they are new, and whether anything differed."""

    tap: Link
    inner: Link
    created: bool
    changed: bool


def ensure(
    sides: Sides,
    port: WiredPort,
    *,
    master: int | None = None,
    tap_mtu: int | None = None,
    others_bridge: bool = False,
) -> Pair:
    """Make the pair, with addresses and routes, what `port` says.

    `master` is the index of the bridge that the tap is a port of; with None, that is somebody else's business. So is,
    with `others_bridge`, whether a tap is up that is in one: Neutron's agent sets down what a user has disabled.
    `tap_mtu` is in bytes, and the port's own where None.

    Raises:
        NameTaken: when something else has the name of one of the ends.
        HostError: when the kernel refuses.
    """
    mtu = tap_mtu or port.mtu
    tap, inner, created = _ensure_both(sides, port, mtu, master)
    up = None if others_bridge and tap.master else True
    differing = (
        created,
        _ensure_inner(sides, inner, port),
        links.change(sides.host, tap, mtu=mtu),  # first: the kernel's settings for IPv6 come and go with it
        sysctl.ensure("ipv6", tap.name, "disable_ipv6", 1),
        links.change(sides.host, tap, mac=tap_mac(port), up=up, master=master),
        addresses.ensure_addresses(
            sides.guest,
            inner,
            wanted_addresses(port),
            moving=frozenset(map(ip_address, port.moving)),
            bare=created,
        ),
        addresses.ensure_routes(sides.guest, inner, wanted_routes(port), _subnets(port), bare=created),
    )
    return Pair(tap, inner, created, any(differing))


def remove(namespace: str, port_id: str) -> bool:
    """Delete the pair, by whichever end is there; return whether one was."""
    with links.connected() as host:
        changed = links.delete(host, tap_name(port_id))
    # The namespace's end may live on without the other's name.
    if not changed and netns.exists(namespace):
        with links.connected(namespace) as guest:
            changed = any(links.delete(guest, prefix + port_id[:ID_LENGTH]) for prefix in PREFIXES)
    return changed


def announce_addresses(namespace: str, port: WiredPort, times: int) -> None:
    """Tell the neighbours, `times` times, which MAC address the port's addresses are at."""
    own = [interface.ip for interface in wanted_addresses(port)]
    announce.announce(namespace, inner_name(port), port.mac_address, own, times)


def _subnets(port: WiredPort) -> tuple[addresses.Network, ...]:
    return tuple(interface.network for interface in wanted_addresses(port))


def _ensure_both(sides: Sides, port: WiredPort, mtu: int, master: int | None) -> tuple[Link, Link, bool]:
    tap, inner = _found(sides, port)
    if tap and inner and _joined(sides, tap, inner):
        return tap, inner, False
    # Half of another pair, or of one that was moved or renamed.
    for netlink, half in ((sides.host, tap), (sides.guest, inner)):
        if half and half.kind != "veth":
            raise NameTaken(
                f"Interface {half.name} is no veth but {half.kind or 'a device'}; rename or delete it"
            )
        if half:
            links.delete(netlink, half.name)
    tap = links.create_veth(
        sides.host,
        tap_name(port.id),
        mac=tap_mac(port),
        mtu=mtu,
        master=master,
        peer=links.Peer(inner_name(port), sides.target, port.mac_address, port.mtu),
    )
    with netns.inside(sides.namespace):
        inner = links.made(inner_name(port), mac=port.mac_address, mtu=port.mtu)
    return tap, inner, True


def _found(sides: Sides, port: WiredPort) -> tuple[Link | None, Link | None]:
    """Return both ends, as far as they exist; that one does not costs a system call, and no conversation."""
    tap, inner = tap_name(port.id), inner_name(port)
    outside = links.index(tap)
    with netns.inside(sides.namespace):
        inside = links.index(inner)
    return (
        links.find(sides.host, tap) if outside else None,
        links.find(sides.guest, inner) if inside else None,
    )


def _joined(sides: Sides, tap: Link, inner: Link) -> bool:
    # Indexes are numbers of one namespace each; that they fit counts only where the namespace does.
    fits = tap.peer_index == inner.index and inner.peer_index == tap.index
    return fits and tap.peer_nsid is not None and tap.peer_nsid == links.nsid(sides.host, sides.target)


def _ensure_inner(sides: Sides, inner: Link, port: WiredPort) -> bool:
    resized = links.change(sides.guest, inner, mtu=port.mtu)  # first, as outside
    with netns.inside(sides.namespace):
        prepared = addresses.prepare(inner.name)
    return links.change(sides.guest, inner, mac=port.mac_address, up=True) or prepared or resized
