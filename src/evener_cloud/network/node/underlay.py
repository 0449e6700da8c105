"""This host's networks and routers, and its own addresses, in the order that they need."""

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
    """Implements `evener.agent.underlay.Underlay`; the host gets `host_addresses`, by network."""

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
        self._routers = Routers(journal, driver, watcher, changed)
        self._lock = threading.Lock()  # one thread at a time works on the host

    @explained("make the networks and routers")
    def reconcile(
        self,
        wanted_networks: tuple[NetworkSpec, ...] | None,
        wanted_routers: tuple[RouterSpec, ...] | None,
        stay: Collection[str] = (),
    ) -> None:
        """Make the host equal to what is wanted."""
        with self._lock, ExitStack() as in_reverse:  # each is done whatever became of the others
            in_reverse.callback(networks.place_host, self._journal, self._host_addresses)
            in_reverse.callback(networks.clear, self._journal, self._driver, wanted_networks, stay)
            in_reverse.callback(self._routers.reconcile, wanted_routers, stay)
            networks.make(self._journal, self._driver, wanted_networks)

    @explained("make the networks and routers again")
    def repair(self) -> None:
        """Make again what control said last, in this life or before, and remove nothing."""
        with self._lock, ExitStack() as in_reverse:
            in_reverse.callback(networks.place_host, self._journal, self._host_addresses)
            in_reverse.callback(self._routers.repair)
            networks.make(self._journal, self._driver, self._journal.kept_networks())

    def forget(self) -> None:
        """Stop watching; everything on the host goes on."""
        self._routers.forget()

    def doubt_all(self) -> None:
        """Look at everything of every router at the next `reconcile`."""
        self._routers.doubt_all()

    def namespace_changed(self, name: str) -> None:
        """Hear that a namespace has another name, or that another has this one."""
        self._routers.namespace_changed(name)

    def port_changed(self, prefix: str) -> None:
        """Hear that the host's end of a port, whose id begins with `prefix`, is not as it was left."""
        self._routers.port_changed(prefix)
