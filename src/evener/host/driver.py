"""What an interface driver does, with whichever bridges or switches, and how one is found by its name."""

from typing import Protocol, cast

from stevedore.driver import DriverManager
from stevedore.exception import NoMatches
from stevedore.extension import ExtensionManager

from evener.host.errors import DriverUnknown
from evener.resources.wiring import NetworkSpec, WiredPort

ENTRY_POINTS = "evener.interface_driver"


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

        The namespace has to exist. The network is made where it is missing.
        """

    def unplug(self, namespace: str, port_id: str) -> bool:
        """Remove the port's interface, whether or not the namespace still exists."""

    def interface(self, port: WiredPort) -> str:
        """Return the name of the port's interface inside its namespace."""


def load_driver(name: str, announcements: int = 3) -> InterfaceDriver:
    """Return the interface driver `name`, which announces each address `announcements` times after plugging.

    Raises:
        DriverUnknown: naming those that are installed.
    """
    try:
        manager: DriverManager[InterfaceDriver] = DriverManager(
            ENTRY_POINTS,
            name,
            invoke_on_load=True,
            invoke_kwds={"announcements": announcements},
        )
    except NoMatches:
        known = ", ".join(sorted(ExtensionManager(ENTRY_POINTS, on_load_failure_callback=_ignore).names()))
        raise DriverUnknown(
            f"There is no interface driver '{name}'; interface_driver may be: {known}"
        ) from None
    return cast(InterfaceDriver, manager.driver)


def _ignore(*_args: object) -> None:
    """Leave a driver that cannot be loaded out of the list."""
