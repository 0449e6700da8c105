"""The routers that this host realises itself, made equal to what control says, and watched."""

import logging
import os
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from functools import partial

from evener.agent.journal import Journal
from evener.host import netns
from evener.host.driver import InterfaceDriver
from evener.host.errors import HostError
from evener.host.nftables import Keeper
from evener.host.watch import Watcher
from evener.resources.wiring import RouterSpec
from evener_cloud.network.node import conntrack, nat
from evener_cloud.network.node import router_namespace as router

LOG = logging.getLogger(__name__)


class Router:
    """One router on this host. One thread at a time works on it; `doubt` may be called from any."""

    def __init__(
        self,
        router_id: str,
        journal: Journal,
        driver: InterfaceDriver,
        watcher: Watcher,
        changed: Callable[[], None],
    ) -> None:
        self.id = router_id
        self.namespace = router.namespace_of(router_id)
        self._journal, self._driver, self._watcher, self._changed = journal, driver, watcher, changed
        self._rules = Keeper(self.namespace)
        self._spec: RouterSpec | None = None  # what was applied last
        self.ports: frozenset[str] = frozenset()  # the ids that the journal has
        self._doubted = True
        self._watches = ExitStack()
        self._held: int | None = None  # the namespace, open: it may lose its name, but not its connections
        self._watched: tuple[int, int] | None = None

    def apply(self, spec: RouterSpec) -> None:
        """Make the host equal to `spec`, unless it is already and the kernel has told of no change since.

        Raises:
            HostError: when the kernel refuses; what could not be done is tried again at the next call.
        """
        if spec == self._spec and not self._doubted and self.intact():
            return
        self._doubted = False  # before the look: what changes meanwhile is looked at again
        same, self._spec = spec == self._spec, None
        repaired = self._make(spec)
        if repaired and same:
            LOG.warning("Router %s: was not as it was left; repaired", self.id)
        self._spec = spec
        self._journal.keep_router(spec)

    def _make(self, spec: RouterSpec) -> bool:
        ports = router.wired(spec)
        wanted = {port.id for port in ports}
        noted = self._journal.ports_of_router(self.id)
        for network_id in {port.network_id for port in ports}:
            self._journal.note_network(network_id)  # plugging makes it
        self._note(noted | wanted)
        repaired = self._ensure_namespace()
        self._rules.stands()
        # What may not pass is shut out before there is a way, and what passes has its way before.
        outer = self._driver.interface(spec.gateway) if spec.gateway else ""
        ruled = self._rules.ensure(nat.chains(spec, outer))
        plugged = [self._driver.plug(self.namespace, port) for port in ports]
        for port_id in noted - wanted:
            self._driver.unplug(self.namespace, port_id)
        interfaces = [self._driver.interface(port) for port in ports]
        forwarding = router.set_forwarding(self.namespace, interfaces, enabled=spec.enabled)
        if ruled:
            conntrack.forget(self.namespace, partial(nat.outdated, spec))
        self._note(wanted)
        self._watch()
        return any((repaired, ruled, *plugged, forwarding))

    def _note(self, ports: Collection[str]) -> None:
        self._journal.note_router(self.id, ports)
        self.ports = frozenset(ports)

    def _ensure_namespace(self) -> bool:
        if self._held is not None and netns.restore(self.namespace, self._held):
            LOG.warning("Router %s: gave namespace %s its name back", self.id, self.namespace)
            return True
        return netns.ensure(self.namespace)

    def _watch(self) -> None:
        found = netns.identity(self.namespace)
        if found == self._watched:
            return
        self.forget()
        with netns.inside(self.namespace):
            self._watches.callback(self._watcher.network(self._on_change))
            self._watches.callback(self._watcher.rules(self._on_change))
        with netns.opened(self.namespace) as namespace:
            self._held = os.dup(namespace)
        self._watched = found

    def _on_change(self) -> None:
        self.doubt()
        self._changed()

    def doubt(self) -> None:
        """Look at everything at the next `apply`, and take nothing for right."""
        self._doubted = True

    def intact(self) -> bool:
        """Return whether the namespace has its name, as far as we know which one it is."""
        return self._watched is not None and netns.identity(self.namespace) == self._watched

    def forget(self) -> None:
        """Stop watching; everything on the host goes on."""
        self._watches.close()
        if self._held is not None:
            os.close(self._held)
        self._held = self._watched = None

    def remove(self) -> None:
        """Remove everything of the router from the host.

        Raises:
            HostError: when the kernel refuses; the rest is removed at the next try.
        """
        self._journal.release_router(self.id)
        self.forget()
        for port_id in self._journal.ports_of_router(self.id):
            self._driver.unplug(self.namespace, port_id)
        netns.delete(self.namespace)
        self._journal.forget_router(self.id)


class Routers:
    """All routers of this host. `changed` is called, from the watcher's thread, when one is not as it was left.

    One thread at a time may call `reconcile`, `repair` and `forget`, any thread the others.
    """

    def __init__(
        self, journal: Journal, driver: InterfaceDriver, watcher: Watcher, changed: Callable[[], None]
    ) -> None:
        self._journal = journal
        self._make = partial(Router, journal=journal, driver=driver, watcher=watcher, changed=changed)
        self._changed = changed
        self._routers: dict[str, Router] = {}

    def reconcile(self, wanted: tuple[RouterSpec, ...] | None, stay: Collection[str] = ()) -> None:
        """Make what is missing, and remove what this agent made and nobody wants; None leaves all to another service.

        Of what nobody wants, that whose id is in `stay` is left as it is.

        Raises:
            HostError: when some router is not as it should be; all others are.
        """
        if wanted is None:
            return
        specs = {spec.id: spec for spec in wanted}
        self._look_at_each(
            {each: specs.get(each) for each in sorted({*specs, *(self._journal.routers() - set(stay))})}
        )

    def repair(self) -> None:
        """Make those that are not as they were left so again: as control said last, in this life or before.

        Raises:
            HostError: as `reconcile`.
        """
        self._look_at_each({spec.id: spec for spec in self._journal.kept_routers()})

    def _look_at_each(self, wanted: Mapping[str, RouterSpec | None]) -> None:
        failed = []
        for router_id, spec in wanted.items():
            try:
                self._look_at(router_id, spec)
            except Exception as error:  # the other routers have done nothing wrong
                expected = isinstance(error, HostError)
                LOG.error(
                    "Router %s: cannot be made as it should be: %s",
                    router_id,
                    error,
                    exc_info=None if expected else error,
                )
                failed.append(router_id)
        if failed:
            raise HostError(f"Routers that are not as they should be: {', '.join(failed)}")

    def _look_at(self, router_id: str, spec: RouterSpec | None) -> None:
        made_before = router_id in self._journal.routers()
        found = self._routers.setdefault(router_id, self._make(router_id))
        if spec is not None:
            found.apply(spec)
            if not made_before:
                LOG.info("Router %s: made", router_id)
        else:
            found.remove()
            del self._routers[router_id]
            LOG.info("Router %s: removed", router_id)

    def doubt_all(self) -> None:
        """Look at everything of every router at the next `reconcile`."""
        for each in list(self._routers.values()):
            each.doubt()

    def namespace_changed(self, name: str) -> None:
        """Hear that a namespace has another name, or that another has this one."""
        found = self._routers.get(name.removeprefix(router.NAMESPACE_PREFIX))
        if found is not None and not found.intact():
            self._changed()

    def port_changed(self, prefix: str) -> None:
        """Hear that the host's end of a port, whose id begins with `prefix`, is not as it was left."""
        for each in list(self._routers.values()):
            if any(port_id.startswith(prefix) for port_id in each.ports):
                each.doubt()
                self._changed()

    def forget(self) -> None:
        """Stop watching; everything on the host goes on."""
        for each in self._routers.values():
            each.forget()
