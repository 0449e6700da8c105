"""The interface driver for Linux bridges: a bridge per network, a veth pair per port.

A network of this host alone has the bridge `brq` + its id, cut to 11 characters as Neutron's Linux bridge agent cuts
it, so that both work on the same bridges; the host gets no address on it. A network of a physical network that
`physical_interface_mappings` knows has the same, with that interface as a port of the bridge. One that
`bridge_mappings` knows is the operator's own bridge: it gets ports, and is otherwise left exactly as it is. Of a port
that is wired elsewhere there is the pair alone, for Neutron's Linux bridge agent to take: it looks for the tap's name.
"""

from pyroute2 import IPRoute

from evener.host import links, port_digest, sysctl, uplinks, veth
from evener.host.driver import DriverSettings
from evener.host.errors import BridgeUnsuitable, PhysicalNetworkUnknown
from evener.host.links import Link
from evener.host.veth import ID_LENGTH, inner_name, tap_name, wanted_addresses, wanted_routes
from evener.resources.wiring import NetworkSpec, WiredPort

__all__ = ["LinuxBridgeDriver", "bridge_name", "inner_name", "tap_name", "wanted_addresses", "wanted_routes"]

PREFIX = "brq"


def bridge_name(network_id: str) -> str:
    """Return the name of the network's bridge."""
    return PREFIX + network_id[:ID_LENGTH]


class LinuxBridgeDriver:
    """Implements `evener.host.driver.InterfaceDriver`. Has no state but its settings."""

    def __init__(self, announcements: int = 3, settings: DriverSettings | None = None) -> None:
        self._announcements = announcements
        self._settings = settings or DriverSettings()

    def interface(self, port: WiredPort) -> str:
        """Return the name of the port's interface inside its namespace."""
        return inner_name(port)

    def carries_networks(self, interface: str) -> bool:
        """Return whether it is a network's bridge, or what connects one with a physical network."""
        mapped = (*self._settings.bridges.values(), *self._settings.interfaces.values())
        return interface.startswith(PREFIX) or interface in mapped

    def watch(self, _changed: object) -> None:
        """Do nothing: the kernel tells all there is."""

    def ensure_network(self, spec: NetworkSpec) -> bool:
        """Make sure that the network's bridge exists and is up, with the network's MTU; the operator's is as it is."""
        with links.connected() as host:
            if self._operators(spec.physical_network):
                self._operators_bridge(host, spec.physical_network, spec.mtu)
                return False
            link, changed = self._own_bridge(host, spec.id, spec.physical_network, spec.mtu)
            if links.change(host, link, mtu=spec.mtu):
                _keep_off_ipv6(link.name)  # the kernel may have turned it on with the MTU
                return True
            return changed

    def remove_network(self, network_id: str) -> bool:
        """Delete the network's bridge, which gives a physical interface back; the operator's own stays."""
        with links.connected() as host:
            return links.delete(host, bridge_name(network_id))

    def plug(self, namespace: str, port: WiredPort) -> bool:
        """Make the port's pair of interfaces what `port` says; announce its addresses where it was not."""
        changed = self._plug_pair(namespace, port) if port.wired_elsewhere else self._plug(namespace, port)
        if changed:
            self.announce(namespace, port)
        return changed

    def announce(self, namespace: str, port: WiredPort) -> None:
        """Tell the neighbours where the port's addresses are."""
        veth.announce_addresses(namespace, port, self._announcements)

    def _plug_pair(self, namespace: str, port: WiredPort) -> bool:
        with veth.opened(namespace) as sides:
            return veth.ensure(sides, port, others_bridge=True).changed

    def _plug(self, namespace: str, port: WiredPort) -> bool:
        with veth.opened(namespace) as sides:
            bridge, bridge_changed, tap_mtu = self._bridge_of(sides.host, port)
            pair = veth.ensure(sides, port, master=bridge.index, tap_mtu=tap_mtu)
        if pair.changed and not self._operators(port.physical_network):
            _keep_off_ipv6(bridge.name)  # a bridge may take its ports' MTU, with which the kernel turns it on
        return bridge_changed or pair.changed

    def shown(self, namespace: str, port: WiredPort) -> str | None:
        """Return a digest of the pair of interfaces and of which bridge is the network's; None on the operator's."""
        names = tap_name(port.id), inner_name(port)
        if port.wired_elsewhere:
            return port_digest.pair(namespace, *names, others_bridge=True)
        if port.physical_network is not None:
            return None
        pair = port_digest.pair(namespace, *names)
        return None if pair is None else f"{links.index(bridge_name(port.network_id))} {pair}"

    def unplug(self, namespace: str, port_id: str) -> bool:
        """Delete the port's pair of interfaces."""
        return veth.remove(namespace, port_id)

    def _bridge_of(self, host: IPRoute, port: WiredPort) -> tuple[Link, bool, int]:
        """Return the bridge of a port's network, whether it differed, and the MTU of taps on it."""
        if self._operators(port.physical_network):
            bridge = self._operators_bridge(host, port.physical_network, port.mtu)
            # A bridge takes the least MTU of its ports: ours must not make it another.
            return bridge, False, bridge.mtu
        bridge, changed = self._own_bridge(host, port.network_id, port.physical_network, port.mtu)
        return bridge, changed, port.mtu

    def _operators(self, physical_network: str | None) -> bool:
        return physical_network in self._settings.bridges

    def _operators_bridge(self, host: IPRoute, physical_network: str | None, mtu: int) -> Link:
        name = self._settings.bridges[physical_network or ""]
        found = links.find(host, name)
        if found is None or found.kind != "bridge":
            what = "there is no such interface" if found is None else f"that is a {found.kind or 'device'}"
            raise BridgeUnsuitable(
                f"bridge_mappings says that physical network {physical_network} is Linux bridge {name}, but {what}; "
                "make the bridge, or correct the setting"
            )
        if mtu > found.mtu:
            raise BridgeUnsuitable(
                f"Bridge {name} passes packets of {found.mtu} bytes, the network's MTU is {mtu}; "
                f"set the network's MTU to {found.mtu} or less"
            )
        return found

    def _own_bridge(
        self, host: IPRoute, network_id: str, physical_network: str | None, mtu: int
    ) -> tuple[Link, bool]:
        uplink = self._uplink(physical_network)
        if uplink:  # before anything is made: it may be unfit
            uplinks.check(host, uplink, links.find(host, bridge_name(network_id)))
        link, changed = _ensure_bridge(host, network_id, mtu)
        if uplink and uplinks.join(host, uplink, link):
            link = links.required(host, link.name)  # the kernel may have given it the interface's MTU
            links.change(host, link, mtu=mtu)
            changed = True
        return link, changed

    def _uplink(self, physical_network: str | None) -> str | None:
        if physical_network is None:
            return None
        try:
            return self._settings.interfaces[physical_network]
        except KeyError:
            known = {**self._settings.bridges, **self._settings.interfaces}
            raise PhysicalNetworkUnknown(physical_network, known) from None


def _ensure_bridge(host: IPRoute, network_id: str, mtu: int) -> tuple[Link, bool]:
    name = bridge_name(network_id)
    link, created = links.ensure_bridge(host, name, mtu)
    changed = (
        links.configure_bridge(host, link),
        _keep_off_ipv6(name),  # before it is up: not even a link-local address
        links.change(host, link, up=True),
    )
    return link, created or any(changed)


def _keep_off_ipv6(bridge: str) -> bool:
    return sysctl.ensure("ipv6", bridge, "disable_ipv6", 1)
