"""What load balancers stand on: networks and routers that this host is to realise itself, as the agent sees it.

Who makes them is found by entry point. Where that is another service's work, as next to Neutron, control names none,
and nothing of it is loaded. Must not know what a network or a router is made of.
"""

from collections.abc import Callable, Collection
from functools import cached_property
from typing import Any, Protocol, cast

from stevedore.driver import DriverManager

from evener.agent.journal import Journal
from evener.host.driver import InterfaceDriver
from evener.host.watch import Watcher
from evener.resources.wiring import NetworkSpec, RouterSpec


class Underlay(Protocol):
    """Any thread may call. Found by the entry points of `evener.underlay`."""

    def reconcile(
        self,
        wanted_networks: tuple[NetworkSpec, ...] | None,
        wanted_routers: tuple[RouterSpec, ...] | None,
        stay: Collection[str] = (),
    ) -> None:
        """Make the host equal to what is wanted; None leaves all of a kind to another service.

        Of what nobody wants, that whose id is in `stay` is left as it is. What routers are to be has to be asked for
        before what networks are: one that a router was told to be on cannot go before it.

        Raises:
            HostError: when the kernel refuses some of it; all the rest is done.
        """

    def repair(self) -> None:
        """Make again what control said last, in this life or before, and remove nothing.

        Raises:
            HostError: as `reconcile`.
        """

    def doubt_all(self) -> None:
        """Look at everything at the next `reconcile`."""

    def namespace_changed(self, name: str) -> None:
        """Hear that a namespace has another name, or that another has this one."""

    def port_changed(self, prefix: str) -> None:
        """Hear that the host's end of a port, whose id begins with `prefix`, is not as it was left."""

    def forget(self) -> None:
        """Stop watching; everything on the host goes on."""


# With what is called, from any thread, when something is not as it was left.
MakeUnderlay = Callable[[Journal, InterfaceDriver, Watcher, Callable[[], None]], Underlay]


class WhenNamed:
    """Implements `Underlay` with the builtin one, which is loaded when there is something for it to do."""

    def __init__(
        self, journal: Journal, driver: InterfaceDriver, watcher: Watcher, changed: Callable[[], None]
    ) -> None:
        self._journal = journal
        self._arguments = (journal, driver, watcher, changed)

    @cached_property
    def _builtin(self) -> Underlay:
        arguments = self._arguments
        found: Any = DriverManager("evener.underlay", "builtin", invoke_on_load=True, invoke_args=arguments)
        return cast("Underlay", found.driver)

    @property
    def _loaded(self) -> tuple[Underlay, ...]:
        return (self._builtin,) if "_builtin" in self.__dict__ else ()

    def reconcile(
        self,
        wanted_networks: tuple[NetworkSpec, ...] | None,
        wanted_routers: tuple[RouterSpec, ...] | None,
        stay: Collection[str] = (),
    ) -> None:
        """Make the host equal to what is wanted, if any of it is ours to make."""
        if wanted_networks is not None or wanted_routers is not None:
            self._builtin.reconcile(wanted_networks, wanted_routers, stay)

    def repair(self) -> None:
        """Make again what control said last."""
        if self._journal.networks() or self._journal.routers():
            self._builtin.repair()

    def doubt_all(self) -> None:
        """Look at everything at the next `reconcile`."""
        for each in self._loaded:
            each.doubt_all()

    def namespace_changed(self, name: str) -> None:
        """Hear that a namespace has another name."""
        for each in self._loaded:
            each.namespace_changed(name)

    def port_changed(self, prefix: str) -> None:
        """Hear that the host's end of a port is not as it was left."""
        for each in self._loaded:
            each.port_changed(prefix)

    def forget(self) -> None:
        """Stop watching."""
        for each in self._loaded:
            each.forget()
