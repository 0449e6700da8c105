"""What an interface driver does, with whichever bridges or switches, and how one is found by its name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from stevedore.driver import DriverManager
from stevedore.exception import NoMatches
from stevedore.extension import ExtensionManager

from evener.host.errors import DriverUnknown
from evener.resources.wiring import NetworkSpec, WiredPort

ENTRY_POINTS = "evener.interface_driver"


@dataclass(frozen=True, slots=True)
class DriverSettings:
    """What drivers need to know of this host.

    `bridges` and `interfaces` say, by the names of physical networks, which of the operator's own bridges they are,
    or which interface leads there. The rest is Open vSwitch's: the bridge that ports are plugged into, the datapath
    ("system", "netdev") of one that has to be made, where the database listens, and how many seconds it may take.
    """

    bridges: Mapping[str, str] = field(default_factory=dict)
    interfaces: Mapping[str, str] = field(default_factory=dict)
    integration_bridge: str = "br-int"
    datapath_type: str = "system"
    ovsdb_connection: str = "unix:/run/openvswitch/db.sock"
    ovsdb_timeout_s: int = 10


def settings_from(conf: Any) -> DriverSettings:
    """Return what the settings of a program (`evener.config`) say."""
    ovs = conf.interface_driver == "openvswitch"
    return DriverSettings(
        bridges=dict((conf.ovs if ovs else conf.linux_bridge).bridge_mappings),
        interfaces={} if ovs else dict(conf.linux_bridge.physical_interface_mappings),
        integration_bridge=conf.ovs.integration_bridge,
        datapath_type=conf.ovs.datapath_type,
        ovsdb_connection=conf.ovs.ovsdb_connection,
        ovsdb_timeout_s=conf.ovs.ovsdb_timeout,
    )


class InterfaceDriver(Protocol):
    """Connects namespaces to networks.

    Every call compares with the kernel, does the least that closes the difference, and returns whether there
    was one; so each may be repeated at any time, by several threads for different ports. Each may raise
    `HostError`. No driver touches an interface whose name does not derive from an id it was given.
    """

    def ensure_network(self, spec: NetworkSpec) -> bool:
        """Make sure that ports of the network can be plugged on this host."""

    def remove_network(self, network_id: str) -> bool:
        """Remove what `ensure_network` made; whatever is still plugged into it is cut off."""

    def plug(self, namespace: str, port: WiredPort) -> bool:
        """Make the port's interface in `namespace` what `port` says; where it was not, announce it.

        The namespace has to exist. The network is made where it is missing; of a port that is wired elsewhere, that
        is not looked at.
        """

    def announce(self, namespace: str, port: WiredPort) -> None:
        """Tell the neighbours of a port that was plugged where its addresses are."""

    def shown(self, namespace: str, port: WiredPort) -> str | None:
        """Return what tells the port's present state from every other, or None where that cannot be told at a glance.

        Costs a small part of `plug`, and changes nothing.
        """

    def unplug(self, namespace: str, port_id: str) -> bool:
        """Remove the port's interface, whether or not the namespace still exists."""

    def interface(self, port: WiredPort) -> str:
        """Return the name of the port's interface inside its namespace."""

    def carries_networks(self, interface: str) -> bool:
        """Return whether `interface` on the host is what networks consist of, so that its loss cuts off many ports."""

    def watch(self, changed: Callable[[str, str], None]) -> None:
        """Call `changed(interface, what)` from now on for what `host.watch` does not hear of, in its words.

        The name is empty when events were lost.
        """


def load_driver(name: str, announcements: int = 3, settings: DriverSettings | None = None) -> InterfaceDriver:
    """Return the interface driver `name`, which announces each address `announcements` times after plugging.

    Raises:
        DriverUnknown: naming those that are installed.
    """
    try:
        manager: DriverManager[InterfaceDriver] = DriverManager(
            ENTRY_POINTS,
            name,
            invoke_on_load=True,
            invoke_kwds={"announcements": announcements, "settings": settings},
        )
    except NoMatches:
        known = ", ".join(sorted(ExtensionManager(ENTRY_POINTS, on_load_failure_callback=_ignore).names()))
        raise DriverUnknown(
            f"There is no interface driver '{name}'; interface_driver may be: {known}"
        ) from None
    return cast(InterfaceDriver, manager.driver)


def _ignore(*_args: object) -> None:
    """Leave a driver that cannot be loaded out of the list."""
