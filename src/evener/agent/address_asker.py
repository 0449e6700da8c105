"""Asks a network whether another host has addresses that a port here is to have, before it has them.

That one has the port's MAC address too, and what is sent from here with it would draw its packets away: a port of no
other purpose asks. It is there as long as somebody asks on its network, and all who do share it: to make one and to
remove it costs more than the rest of taking a load balancer over.
"""

import secrets
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from ipaddress import ip_address

from evener.host import netns, probe, sysctl
from evener.host.announce import Address
from evener.host.driver import InterfaceDriver
from evener.host.errors import HostError
from evener.resources.wiring import WiredPort

FOR_NONE = 8  # of arp_ignore: answers for no address


class _Asking:
    """A port that asks, in the namespace of who was the first to; how many use it, and whether it has been plugged."""

    def __init__(self, namespace: str, port: WiredPort) -> None:
        self.namespace = namespace
        self.port = port.model_copy(
            update={"id": str(uuid.uuid4()), "mac_address": _some_mac(), "fixed_ips": (), "moving": ()}
        )
        self.users = 0
        self.plugging, self.plugged = threading.Lock(), False


class AddressAsker:
    """All methods may be called from any thread."""

    def __init__(self, driver: InterfaceDriver) -> None:
        self._driver = driver
        self._guard = threading.Lock()  # of what follows, and of the numbers of users
        self._askings: dict[str, _Asking] = {}  # by network; new ones join these

    def in_use(self, namespace: str, port: WiredPort) -> Mapping[Address, str]:
        """Return an address of `port`, which is to be in `namespace`, that another host has, with the MAC address.

        Raises:
            HostError: when the kernel refuses.
        """
        try:
            return self._asked(namespace, port)
        except (
            HostError
        ):  # the port's namespace may have gone, with the load balancer that was the first to ask
            return self._asked(namespace, port)

    def _asked(self, namespace: str, port: WiredPort) -> Mapping[Address, str]:
        own = [ip_address(each.address) for each in port.fixed_ips]
        with self._shared(namespace, port) as asking:
            interface = self._driver.interface(asking.port)
            return probe.in_use(asking.namespace, interface, asking.port.mac_address, own)

    @contextmanager
    def _shared(self, namespace: str, port: WiredPort) -> Iterator[_Asking]:
        with self._guard:
            asking = self._askings.setdefault(port.network_id, _Asking(namespace, port))
            asking.users += 1
        try:
            with asking.plugging:
                if not asking.plugged:
                    self._plug(asking)
            yield asking
        except HostError:  # it may have gone, with its namespace: who comes next makes another one
            self._close(port.network_id, asking)
            raise
        finally:
            self._leave(port.network_id, asking)

    def _plug(self, asking: _Asking) -> None:
        self._driver.plug(asking.namespace, asking.port)
        # By itself the kernel answers here for all addresses of the namespace: for a VIP that comes beside it, too.
        with netns.inside(asking.namespace):
            sysctl.ensure("ipv4", self._driver.interface(asking.port), "arp_ignore", FOR_NONE)
        asking.plugged = True

    def _close(self, network_id: str, asking: _Asking) -> None:
        with self._guard:
            if self._askings.get(network_id) is asking:
                del self._askings[network_id]

    def _leave(self, network_id: str, asking: _Asking) -> None:
        with self._guard:
            asking.users -= 1
            last = not asking.users
            if last and self._askings.get(network_id) is asking:
                del self._askings[network_id]
        if last:
            with suppress(HostError):
                self._driver.unplug(asking.namespace, asking.port.id)


def _some_mac() -> str:
    """Return a MAC address of no network card: locally administered (IEEE 802-2014, 8.4.2)."""
    return (b"\x02" + secrets.token_bytes(5)).hex(":")
