"""One load balancer on this host: made equal to its graph, watched, observed, removed."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import Protocol

from evener.agent.address_asker import AddressAsker
from evener.agent.data_plane_parts import carried_by_none, parts, together, with_vip
from evener.agent.data_plane_watches import Watches
from evener.agent.journal import Journal
from evener.agent.plug import Plug
from evener.dataplane.base import (
    Applied,
    Busy,
    DataPlane,
    DataPlaneError,
    DeviceDriver,
    Place,
    WatchedProcess,
)
from evener.dataplane.vrrp.render import side_of
from evener.dataplane.vrrp.router import VirtualRouter
from evener.host import descriptors, firewall, netns, tuning
from evener.host.driver import InterfaceDriver
from evener.host.errors import HostError, explained
from evener.host.firewall import Opening, Peer
from evener.host.nftables import Keeper
from evener.host.watch import Watcher
from evener.resources.facts import Observation
from evener.resources.graph import Graph
from evener.resources.wiring import WiredPort

LOG = logging.getLogger(__name__)
NAMESPACE_PREFIX = "qlbaas-"
# For what was asked until the VIP goes to the other host: all that is short is answered in it.
ANSWERED_S = 0.02
OTHER_FIRST_S = 5.0  # who has the VIP waits until the other one was served anew, no longer: that may be dead
# In its directory: the port as it was plugged, and what the kernel showed of it; the packet rules, in the same way.
PORT_NOTE, RULES_NOTE = "port.json", "rules.json"


class Events(Protocol):
    """What a load balancer tells its agent, from the watcher's thread."""

    def drifted(self, loadbalancer_id: str, what: str) -> None:
        """Something on the host is not as it was left."""

    def network_changed(self, loadbalancer_id: str) -> None:
        """A link, address or route in its namespace is another one: of one of two, the VIP may have come or gone."""

    def health_changed(self, loadbalancer_id: str) -> None:
        """A data plane has taken a member out, or back in."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What every load balancer of an agent works with; `sysctls` are what the kernel is told for its namespace."""

    journal: Journal
    driver: InterfaceDriver
    asker: AddressAsker
    device_drivers: Sequence[DeviceDriver]
    watcher: Watcher
    events: Events
    sysctls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of making the host equal to a graph: whether there was a difference; the rest as data planes say it."""

    changed: bool
    costly: bool = False
    lacking: Mapping[str, str] = field(default_factory=dict)


class Balancer:
    """All methods may be called from any thread; one at a time works on the host."""

    def __init__(self, loadbalancer_id: str, tools: Tools) -> None:
        self.id = loadbalancer_id
        self.namespace = NAMESPACE_PREFIX + loadbalancer_id
        self._tools = tools
        directory = tools.journal.directory(loadbalancer_id)
        place = Place(loadbalancer_id, self.namespace, directory)
        self._planes: tuple[DataPlane, ...] = tuple(each.data_plane(place) for each in tools.device_drivers)
        self._protocols = [each.protocols for each in tools.device_drivers]
        self.leaving = False  # what vanishes now is what we remove
        self._lock = threading.RLock()
        self.reporting = threading.Lock()  # held until what was observed is reported: reports come in order
        self._router = VirtualRouter(directory, self.namespace)
        self._watches = Watches(
            tools.watcher,
            self._drifted,
            health_changed=lambda: tools.events.health_changed(loadbalancer_id),
            lost=self._lost,
        )
        self.port_id = ""  # what the journal has
        self._plug = Plug(tools.driver, self.namespace, directory / PORT_NOTE)
        self._doubted = self._doubted_closely = True
        self._doubts = threading.Lock()  # guards the two
        self.generation: int | None = None  # that was applied last
        self._failovers: int | None = None  # of what was applied last: how often it was to be served anew
        self._early_since: float | None = None  # it is to be served anew, and not yet
        self._cut_off = False  # the last look at its port could not make it right
        self._rules = Keeper(self.namespace, directory / RULES_NOTE)
        self._openings: frozenset[Opening] = frozenset()  # nobody listens on another port
        self._watched_netns: tuple[int, int] | None = None
        self._watches_netns = ExitStack()

    @explained("serve the load balancer")
    def apply(self, graph: Graph) -> Outcome:
        """Make the host equal to `graph`, doing the least that closes the difference.

        Raises:
            HostError: when the kernel refuses.
            DataPlaneError: when a data plane does; what served before still serves.
        """
        with self._lock:
            outcome = self._apply(parts(graph, self._protocols))
            lacking = {**outcome.lacking, **carried_by_none(graph, self._protocols)}
            return replace(outcome, lacking=lacking)

    def _apply(self, graphs: Sequence[Graph], *, unheard: bool = False) -> Outcome:
        """Make the host equal to the graphs of the data planes, one for each.

        What another host has of the port's addresses is not taken: it may have some where control is `unheard`, or had
        given the load balancer to another one before.
        """
        descriptors.ensure_room()
        graph = max(graphs, key=lambda each: each.generation)
        if self._is_too_early(graph):
            raise Busy("The other host is served anew first")
        port = graph.port
        self._leave_other_port(port)
        self._tools.journal.note_loadbalancer(self.id, port.id)
        self.port_id = port.id
        changed = self._ensure_namespace()
        in_place = self._in_place()
        openings = self._openings_of(graphs)
        both = self._openings | openings
        if not in_place or openings != self._openings:
            changed |= tuning.ensure(self.namespace, self._sysctls(graph), {each.port for each in both})
        if changed and graph.served and self._find_process() is None:
            self._shut(graph)  # until it listens
        else:
            changed |= self._let_in(graph, both, look=not in_place)
        if graph.binding > 1 or unheard:
            self._plug.ask_the_network(port, self._tools.asker)
        changed |= self._ensure_port(port, look=not in_place)
        side = side_of(graph, self._tools.driver.interface(port))
        self._router.let_go(side)  # before anything that takes its time, or fails
        try:
            if self._is_to_hand_over(graph):
                self._hand_over(graph)
            applied = self._apply_parts(graphs)
            changed |= self._let_in(graph, openings)  # what no longer listens is closed afterwards
            changed |= self._router.apply(side)
        finally:
            self._router.tell(serves=self.serves and not any(plane.is_halted for plane in self._planes))
            self._watch()
        steps = [step for each in applied for step in each.steps]
        if steps and graph.generation == self.generation:
            LOG.warning("Load balancer %s: was not as it was left; repaired: %s", self.id, ", ".join(steps))
        self.generation, self._failovers = graph.generation, graph.loadbalancer.failovers
        lacking = {key: reason for each in applied for key, reason in each.lacking.items()}
        return Outcome(changed or bool(steps), any(each.costly for each in applied), lacking)

    def _is_to_hand_over(self, graph: Graph) -> bool:
        """Return whether the other host is to have the VIP from now on: it was served anew, and this one is next."""
        return graph.pair is not None and graph.pair.peer_ready and self._is_renewed_with_vip(graph)

    def _is_renewed_with_vip(self, graph: Graph) -> bool:
        return self._failovers not in (None, graph.loadbalancer.failovers) and bool(self._has_vip())

    def _is_too_early(self, graph: Graph) -> bool:
        """Return whether the other host is to be served anew first, and to have the VIP then.

        Control tells it first; this one may have looked by itself meanwhile.
        """
        if graph.pair is None or graph.pair.peer_ready or not self._is_renewed_with_vip(graph):
            self._early_since = None
            return False
        self._early_since = self._early_since or time.monotonic()
        return time.monotonic() - self._early_since < OTHER_FIRST_S

    def _hand_over(self, graph: Graph | None) -> None:
        """Have the other host take the VIP, once what was asked here is answered; who calls meanwhile calls again."""
        with suppress(HostError):
            self._shut(graph)
            time.sleep(ANSWERED_S)
        self._router.give_up()

    def _apply_parts(self, graphs: Sequence[Graph]) -> list[Applied]:
        """Have each data plane apply its graph, whatever becomes of the others; raise what failed, not what waits."""
        applied, failures = [], list[Exception]()
        for plane, own in zip(self._planes, graphs, strict=True):
            try:
                applied.append(plane.apply(own))
            except (DataPlaneError, HostError) as error:
                failures.append(error)
        if failures:
            raise min(failures, key=lambda each: isinstance(each, Busy))
        return applied

    def _openings_of(self, graphs: Sequence[Graph]) -> frozenset[Opening]:
        """Return the ports that somebody is to listen on, and from where."""
        served = (plane.served(own) for plane, own in zip(self._planes, graphs, strict=True))
        return frozenset(
            Opening(listener.protocol_port, listener.allowed_cidrs or ())
            for listeners in served
            for listener in listeners
        )

    def _last_graphs(self) -> list[Graph]:
        """Return what each data plane applied last; nothing where one of them has nothing."""
        found = [graph for plane in self._planes if (graph := plane.last_graph()) is not None]
        return found if len(found) == len(self._planes) else []

    def repair(self, *, restore: bool) -> bool | None:
        """Make the host equal to what was applied last; return whether it was not, None where nobody looked.

        Nobody looks where nothing says that it is not. Where nothing was applied since the agent started, only with
        `restore`: control may want something else by now, or nothing.

        Raises:
            HostError, DataPlaneError: as `apply`.
        """
        with self._lock:
            never = self.generation is None
            if self.leaving or (never and not restore) or (not never and self.intact()):
                return None
            graphs = self._last_graphs()
            repaired = self._apply_last(graphs, unheard=never) if graphs else None
        if repaired:
            self._tools.events.health_changed(self.id)
        return repaired

    @explained("serve the load balancer")
    def _apply_last(self, graphs: Sequence[Graph], *, unheard: bool = False) -> bool:
        return self._apply(graphs, unheard=unheard).changed

    def adopt(self, generation: int) -> bool:
        """Make the host equal to what was applied last, if that is all that control wants of `generation`.

        Certificates may be others by now, so control is asked for a graph with any.

        Raises:
            HostError, DataPlaneError: as `apply`.
        """
        with self._lock:
            graphs = () if self.leaving else self._last_graphs()
            if not graphs or any(
                each.generation != generation or each.certificates or each.authorities or each.unreadable
                for each in graphs
            ):
                return False
            self._apply_last(graphs)
            return True

    def _ensure_namespace(self) -> bool:
        """Make the namespace, or give one that lives on its name back; return whether it was not there."""
        found = None if netns.exists(self.namespace) else self._find_process()
        if found is not None:
            with suppress(HostError):
                netns.rebind(self.namespace, found)
                LOG.warning("Load balancer %s: gave namespace %s its name back", self.id, self.namespace)
        return netns.ensure(self.namespace) or found is not None

    def _find_process(self) -> int | None:
        return next(filter(None, (plane.find_process() for plane in self._planes)), None)

    def _in_place(self) -> bool:
        """Return whether the kernel has told of no change since the last look."""
        return not self._doubted and netns.identity(self.namespace) == self._watched_netns

    def _let_in(self, graph: Graph, openings: frozenset[Opening], *, look: bool = False) -> bool:
        """Let in what may come in: without security groups, `openings`; return whether that was not so."""
        if look and not self._rules.stands() and self.plugged:
            LOG.warning("Load balancer %s: its packet rules were not as they were left; repairing", self.id)
        self._openings = openings
        return self._rules.ensure(firewall.chains(openings, graph.security, _peer_of(graph)))

    def _shut(self, graph: Graph | None = None) -> None:
        """Let no call in: who calls while nobody listens is not refused so, and calls again, here or elsewhere."""
        self._rules.ensure(firewall.chains((), (), None if graph is None else _peer_of(graph)))

    def _sysctls(self, graph: Graph) -> Mapping[str, str]:
        return (
            self._tools.sysctls if graph.pair is None else {**self._tools.sysctls, **tuning.SHARED_ADDRESSES}
        )

    def _leave_other_port(self, port: WiredPort) -> None:
        """Unplug the port that was its own before, where it is to have another one."""
        before = self.port_id or self._tools.journal.port_of(self.id)
        if before not in (None, port.id):
            self._router.stop()
            self._tools.driver.unplug(self.namespace, str(before))
            self._tools.journal.forget_port(self.id)
            self.port_id = ""
            self._doubted = self._doubted_closely = True

    def _ensure_port(self, port: WiredPort, *, look: bool) -> bool:
        """Plug the port, unless it is plugged already and there is no reason to look; return whether it was not."""
        before = self._plug.port
        if port == before and not look:
            return False
        with self._doubts:  # first: what changes meanwhile is looked at again
            closely = self._doubted_closely
            self._doubted = self._doubted_closely = False
        self._cut_off = True
        try:
            repaired = self._plug.ensure(port, closely=closely)
        except HostError:
            self.doubt()
            raise
        self._cut_off = False
        if repaired and port == before:
            LOG.warning("Load balancer %s: its port was not as it was left; repaired", self.id)
        return repaired

    @property
    def plugged(self) -> bool:
        """Whether its port has been plugged; not while that is made for the first time."""
        return self._plug.port is not None

    @property
    def wired_elsewhere(self) -> bool:
        """Whether another agent connects its port with the network."""
        return self._plug.port is not None and self._plug.port.wired_elsewhere

    def connected(self) -> None:
        """Announce its addresses, if another agent connects its port: what was sent before that reached nobody."""
        port = self._plug.port
        if port is not None and port.wired_elsewhere and not self.leaving:
            with suppress(HostError):  # it has gone meanwhile
                self._tools.driver.announce(self.namespace, port)

    @property
    def serves(self) -> bool:
        """Whether anything is served, as far as can be told after an `apply` that failed."""
        known = {plane.serves() for plane in self._planes} - {None}
        return not self._cut_off and (not known or True in known)

    @property
    def sure(self) -> bool:
        """Whether a close look at its port has found all as it should be, since it was made or repaired."""
        return self._plug.sure

    @explained("look at the load balancer's port")
    def confirm(self) -> bool:
        """Look closely at a port that nobody has since it was made or repaired; return whether it was not right.

        Raises:
            HostError: when the kernel refuses.
        """
        with self._lock:
            port = self._plug.port
            if port is None or self.sure or self.leaving:
                return False
            self.doubt()
            return self._ensure_port(port, look=True)

    def doubt(self, *, closely: bool = True) -> None:
        """Look at the port's interface at the next `apply`; `closely`, however much it looks as it was left."""
        with self._doubts:
            self._doubted_closely |= closely
            self._doubted = True

    def _watch(self) -> None:
        """Watch what data planes say, and the namespace; each may be another one by now."""
        self._watch_namespace()
        self._watches.keep(
            (*(each for plane in self._planes for each in plane.watched()), *self._router.watched())
        )

    def _watch_namespace(self) -> None:
        # After the port was plugged: what we did to it ourselves is not heard.
        found = netns.identity(self.namespace)
        if found == self._watched_netns:
            return
        self._watched_netns = None
        self._watches_netns.close()
        with netns.inside(self.namespace):
            self._watches_netns.callback(self._tools.watcher.network(self._on_network))
            self._watches_netns.callback(self._tools.watcher.rules(self._on_rules))
        self._watched_netns = found

    def _on_network(self) -> None:
        if not self.leaving:
            self._tools.events.network_changed(self.id)

    def _on_rules(self) -> None:
        if not self.leaving:
            self._tools.events.drifted(self.id, "its packet rules have changed")

    def _drifted(self, what: str) -> None:
        if not self.leaving:
            self._tools.events.drifted(self.id, what)

    def intact(self) -> bool:
        """Return whether what was applied last still stands, as far as can be told cheaply."""
        with self._lock:
            planes = all(plane.check() for plane in self._planes)
            return self._in_place() and planes and self._rules.stands() and self._router.check()

    @property
    def halted(self) -> str | None:
        """What of it lives and does nothing, in words, as far as is known; waits for nobody."""
        found = [plane.title for plane in self._planes if plane.is_halted]
        found += [self._router.title] if self._router.is_halted else []
        return None if self.leaving else next(iter(found), None)

    @property
    def is_working(self) -> bool:
        """Whether something of it did more than wait, when it was asked last whether it is `halted`."""
        return not self.leaving and any(plane.is_working for plane in self._planes)

    @property
    def is_one_of_two(self) -> bool:
        """Whether another host serves it too, and takes its addresses over."""
        return self._router.is_one_of_two

    def give_way(self) -> None:
        """Have the other host take the addresses, where there is one, until this one is found to serve."""
        self._router.give_way()

    def _lost(self, process: WatchedProcess) -> None:
        self._router.let_go() if process.name == self._router.title else self.give_way()

    def _has_vip(self) -> bool | None:
        with suppress(HostError):
            return self._router.has_vip() if self._router.is_one_of_two else None
        return None

    def observe(self, *, servers: bool = False, wait_s: float | None = None) -> Observation | None:
        """Return the state of traffic, with that of `servers` where asked for, or None when nothing was applied.

        Raises:
            Busy: when it is being changed, for longer than `wait_s` seconds.
        """
        if not self._lock.acquire(timeout=-1 if wait_s is None else wait_s):
            raise Busy("It is being changed")
        try:
            found = [plane.observe(servers=servers) for plane in self._planes]
            seen = together([each for each in found if each is not None])
            self._router.look_back()
            return None if seen is None else with_vip(seen, has_vip=self._has_vip())
        finally:
            self._lock.release()
            if self.halted is not None:
                self._tools.events.drifted(self.id, f"its {self.halted} does not answer")

    def configured(self) -> dict[str, str]:
        """Return by what each data plane is configured, by its title; waits for nobody."""
        found = {plane.title: plane.configuration() for plane in self._planes}
        return {title: text for title, text in found.items() if text is not None}

    def forget(self) -> None:
        """Stop watching; everything on the host goes on."""
        with self._lock:
            self._watched_netns = None
            self._watches_netns.close()
            self._watches.close()
            for plane in self._planes:
                plane.close()

    @explained("remove the load balancer")
    def remove(self) -> None:
        """Remove everything of the load balancer from the host.

        Raises:
            HostError: when the kernel refuses; the rest is removed at the next try.
        """
        with self._lock:
            self.leaving = True
            self.forget()
            if self._has_vip():
                self._hand_over(next(iter(self._last_graphs()), None))
            self._router.stop()  # first: who takes the addresses over is to have them at once
            with suppress(HostError):
                self._shut()
            for plane in self._planes:
                plane.stop()
            port_id = self._tools.journal.port_of(self.id)
            if port_id is not None:
                self._tools.driver.unplug(self.namespace, port_id)
            netns.delete(self.namespace)
            self._tools.journal.forget_loadbalancer(self.id)


def _peer_of(graph: Graph) -> Peer | None:
    return None if graph.pair is None else Peer(graph.pair.peer, graph.pair.peer_port)
