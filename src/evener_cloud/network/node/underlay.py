"""What load balancers stand on: this host's networks and routers, and its own addresses, in the order that they need.

Made equal to what control says, or to what it said last where it says nothing.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from ipaddress import IPv4Interface

from evener.agent.journal import Journal
from evener.host.driver import InterfaceDriver
from evener.host.errors import explained
from evener.host.watch import Watcher
from evener.resources.wiring import NetworkSpec, RouterSpec
from evener_cloud.network.node import networks
from evener_cloud.network.node.routers import Routers


class Underlay:
    """All methods may be called from any thread. `changed` is called when a router is not as it was left."""

    def __init__(
        self,
        journal: Journal,
        driver: InterfaceDriver,
        watcher: Watcher,
        changed: Callable[[], None],
        host_addresses: Mapping[str, IPv4Interface] | None = None,
    ) -> None:
        self._journal, self._driver = journal, driver
        self._host_addresses = host_addresses or {}
        self.routers = Routers(journal, driver, watcher, changed)
        self._lock = threading.Lock()  # one thread at a time works on the host

    @explained("make the networks and routers")
    def reconcile(
        self,
        wanted_networks: tuple[NetworkSpec, ...] | None,
        wanted_routers: tuple[RouterSpec, ...] | None,
        stay: Collection[str] = (),
    ) -> None:
        """Make the host equal to what is wanted; None leaves all of a kind to another service.

        Of what nobody wants, that whose id is in `stay` is left as it is.

        What routers are to be has to be asked for before what networks are: one that a router was told to be on
        cannot go before it.

        Raises:
            HostError: when the kernel refuses some of it; all the rest is done.
        """
        with self._lock, ExitStack() as in_reverse:  # each is done whatever became of the others
            in_reverse.callback(networks.place_host, self._journal, self._host_addresses)
            in_reverse.callback(networks.clear, self._journal, self._driver, wanted_networks, stay)
            in_reverse.callback(self.routers.reconcile, wanted_routers, stay)
            networks.make(self._journal, self._driver, wanted_networks)

    @explained("make the networks and routers again")
    def mend(self) -> None:
        """Make again what control said last, in this life or before, and remove nothing.

        Raises:
            HostError: as `reconcile`.
        """
        with self._lock, ExitStack() as in_reverse:
            in_reverse.callback(networks.place_host, self._journal, self._host_addresses)
            in_reverse.callback(self.routers.mend)
            networks.make(self._journal, self._driver, self._journal.kept_networks())

    def forget(self) -> None:
        """Stop watching; everything on the host goes on."""
        self.routers.forget()
