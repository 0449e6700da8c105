"""The interface driver for Linux bridges: a bridge per network, a veth pair per port.

`brq` + network is the bridge, `tap` + port its end of the pair, `ns-` + port the namespace's end (a router's `qr-` or
`qg-`); ids are cut to 11 characters, as Neutron's Linux bridge agent cuts them, so that both work on the same bridges.
The host itself gets no address on any of them.
"""

from ipaddress import ip_address, ip_interface, ip_network
from typing import get_args

from pyroute2 import IPRoute

from evener.host import addresses, announce, links, netns, sysctl
from evener.host.errors import NameTaken
from evener.host.links import Link
from evener.resources.wiring import NetworkSpec, WiredPort

PREFIXES = get_args(WiredPort.model_fields["prefix"].annotation)
ID_LENGTH = 11  # of an id in a name; an interface's name has 15 characters at most


def bridge_name(network_id: str) -> str:
    """Return the name of the network's bridge."""
    return "brq" + network_id[:ID_LENGTH]


def tap_name(port_id: str) -> str:
    """Return the name of the port's interface on the host, a port of the bridge."""
    return "tap" + port_id[:ID_LENGTH]


def inner_name(port: WiredPort) -> str:
    """Return the name of the port's interface in its namespace."""
    return port.prefix + port.id[:ID_LENGTH]


class LinuxBridgeDriver:
    """Implements `evener.host.driver.InterfaceDriver`. Has no state but the number of announcements."""

    def __init__(self, announcements: int = 3) -> None:
        self._announcements = announcements

    def interface(self, port: WiredPort) -> str:
        """Return the name of the port's interface inside its namespace."""
        return inner_name(port)

    def ensure_network(self, spec: NetworkSpec) -> bool:
        """Make sure that the network's bridge exists and is up, with the network's MTU."""
        with links.connected() as host:
            link, changed = _ensure_bridge(host, spec.id, spec.mtu)
            return links.change(host, link, mtu=spec.mtu) or changed

    def remove_network(self, network_id: str) -> bool:
        """Delete the network's bridge."""
        with links.connected() as host:
            return links.delete(host, bridge_name(network_id))

    def plug(self, namespace: str, port: WiredPort) -> bool:
        """Make the port's pair of interfaces what `port` says; announce its addresses where it was not."""
        with (
            netns.opened(namespace) as target,
            links.connected() as host,
            links.connected(namespace) as guest,
        ):
            bridge, bridge_changed = _ensure_bridge(host, port.network_id, port.mtu)
            tap, inner, created = _ensure_pair(host, guest, target, bridge, port)
            changed = any(
                (
                    bridge_changed,
                    created,
                    _ensure_inner(guest, inner, namespace, port),
                    _ensure_tap(host, tap, bridge, port.mtu),
                    addresses.ensure_addresses(guest, inner, wanted_addresses(port)),
                    addresses.ensure_routes(guest, inner, wanted_routes(port), _subnets(port)),
                )
            )
        if changed:
            own = [interface.ip for interface in wanted_addresses(port)]
            announce.announce(namespace, inner.name, port.mac_address, own, self._announcements)
        return changed

    def unplug(self, namespace: str, port_id: str) -> bool:
        """Delete the port's pair of interfaces."""
        with links.connected() as host:
            changed = links.delete(host, tap_name(port_id))
        # The namespace's end may live on without the other's name.
        if not changed and netns.exists(namespace):
            with links.connected(namespace) as guest:
                changed = any(links.delete(guest, prefix + port_id[:ID_LENGTH]) for prefix in PREFIXES)
        return changed


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


def _subnets(port: WiredPort) -> tuple[addresses.Network, ...]:
    return tuple(interface.network for interface in wanted_addresses(port))


def _ensure_bridge(host: IPRoute, network_id: str, mtu: int) -> tuple[Link, bool]:
    name = bridge_name(network_id)
    link, created = links.ensure_bridge(host, name, mtu)
    changed = (
        links.configure_bridge(host, link),
        sysctl.ensure("ipv6", name, "disable_ipv6", 1),  # before it is up: not even a link-local address
        links.change(host, link, up=True),
    )
    return link, created or any(changed)


def _ensure_pair(
    host: IPRoute, guest: IPRoute, target: int, bridge: Link, port: WiredPort
) -> tuple[Link, Link, bool]:
    tap = links.find(host, tap_name(port.id))
    inner = links.find(guest, inner_name(port))
    if tap and inner and _joined(host, target, tap, inner):
        return tap, inner, False
    for netlink, half in (
        (host, tap),
        (guest, inner),
    ):  # of another pair, or of one that was moved or renamed
        if half and half.kind != "veth":
            raise NameTaken(
                f"Interface {half.name} is no veth but {half.kind or 'a device'}; rename or delete it"
            )
        if half:
            links.delete(netlink, half.name)
    tap = links.create_veth(
        host,
        tap_name(port.id),
        peer=inner_name(port),
        peer_namespace=target,
        peer_mac=port.mac_address,
        mtu=port.mtu,
        master=bridge.index,
    )
    return tap, links.required(guest, inner_name(port)), True


def _joined(host: IPRoute, target: int, tap: Link, inner: Link) -> bool:
    # Indexes are numbers of one namespace each; that they fit counts only where the namespace does.
    fits = tap.peer_index == inner.index and inner.peer_index == tap.index
    return fits and tap.peer_nsid is not None and tap.peer_nsid == links.nsid(host, target)


def _ensure_inner(guest: IPRoute, inner: Link, namespace: str, port: WiredPort) -> bool:
    with netns.inside(namespace):
        prepared = addresses.prepare(inner.name)
    return links.change(guest, inner, mac=port.mac_address, mtu=port.mtu, up=True) or prepared


def _ensure_tap(host: IPRoute, tap: Link, bridge: Link, mtu: int) -> bool:
    quiet = sysctl.ensure("ipv6", tap.name, "disable_ipv6", 1)
    return links.change(host, tap, mtu=mtu, up=True, master=bridge.index) or quiet
