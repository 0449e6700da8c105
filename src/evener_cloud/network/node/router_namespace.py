"""A router in a network namespace: its ports with their routes, and what its kernel forwards.

The ports are plugged by an interface driver, the packet rules are `nat`'s; here is the rest. Nothing is forwarded in
any other namespace. Sends no router advertisements: who wants IPv6 sets addresses and routes as the API says.
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface, ip_network

from evener.host import netns, sysctl
from evener.host.addresses import Network
from evener.resources.wiring import FixedIP, Route, RouterSpec, WiredPort

NAMESPACE_PREFIX = "qrouter-"
LONE_ADDRESS = 32  # a floating address is on no subnet of ours


def namespace_of(router_id: str) -> str:
    """Return the name of the router's namespace."""
    return NAMESPACE_PREFIX + router_id


def wired(spec: RouterSpec) -> tuple[WiredPort, ...]:
    """Return the ports of router `spec` as they are plugged: with its routes, and its floating addresses.

    A route belongs to the port on whose subnet its next hop is. One with a next hop on no subnet has no effect, and
    one to a subnet that the router is on neither; of two ways to one destination the first wins. A route to everywhere
    wins over the gateway.
    """
    ports = (*spec.ports, *((spec.gateway,) if spec.gateway else ()))
    connected = frozenset(_network(fixed) for port in ports for fixed in port.fixed_ips)
    routes: dict[Network, Route] = {}
    for route in spec.routes:
        destination = ip_network(route.destination)
        if destination not in connected and any(ip_address(route.nexthop) in each for each in connected):
            routes.setdefault(destination, route)
    left = dict(routes)
    inner = tuple(_routed(port, left) for port in spec.ports)
    if spec.gateway is None:
        return inner
    gateway = _routed(_without_gateways(spec.gateway, routes), left)
    floating = tuple(FixedIP(address=each.floating, prefix_length=LONE_ADDRESS) for each in spec.floating_ips)
    return (*inner, gateway.model_copy(update={"fixed_ips": (*gateway.fixed_ips, *floating)}))


def set_forwarding(namespace: str, interfaces: Iterable[str], *, enabled: bool) -> bool:
    """Let the namespace forward between all its interfaces or none; return whether anything differed.

    Raises:
        NamespaceMissing: when there is no such namespace.
        HostError: when an interface is missing or /proc/sys cannot be written.
    """
    with netns.inside(namespace):
        settings = (("all", True), *((name, False) for name in interfaces))
        changed = [
            sysctl.ensure(family, name, key, value)
            for name, is_all in settings
            for family, key, value in _settings(enabled=enabled, is_all=is_all)
        ]
    return any(changed)


def _settings(*, enabled: bool, is_all: bool) -> Iterator[tuple[str, str, int]]:
    for family in ("ipv4", "ipv6"):
        yield family, "forwarding", int(enabled)
        yield family, "accept_redirects", 0
    yield "ipv4", "send_redirects", 0
    # RFC 3704: a source has to be where an answer would go. The larger of "all" and the interface's own holds.
    yield "ipv4", "rp_filter", 0 if is_all else 1


def _network(fixed: FixedIP) -> Network:
    return ip_interface(f"{fixed.address}/{fixed.prefix_length}").network


def _routed(port: WiredPort, left: dict[Network, Route]) -> WiredPort:
    """Return the port with those of the routes `left` that lead over it, which are taken out there."""
    fixed_ips = []
    for fixed in port.fixed_ips:
        own = _network(fixed)
        ours = [destination for destination, route in left.items() if _address(route) in own]
        routes = (*(left.pop(destination) for destination in ours), *fixed.routes)
        fixed_ips.append(fixed.model_copy(update={"routes": routes}))
    return port.model_copy(update={"fixed_ips": tuple(fixed_ips)})


def _address(route: Route) -> IPv4Address | IPv6Address:
    return ip_address(route.nexthop)


def _without_gateways(port: WiredPort, routes: Mapping[Network, Route]) -> WiredPort:
    """Return the port without the gateways of those families in which `routes` lead everywhere."""
    replaced = {network.version for network in routes if network.prefixlen == 0}
    fixed_ips = tuple(
        fixed.model_copy(update={"gateway": None}) if _network(fixed).version in replaced else fixed
        for fixed in port.fixed_ips
    )
    return port.model_copy(update={"fixed_ips": fixed_ips})
