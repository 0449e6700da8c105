"""One load balancer on this host: made equal to its graph, watched, observed, removed."""

import logging
import threading
from collections.abc import Collection
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Protocol

from evener.agent.journal import Journal
from evener.agent.plug import Plug
from evener.dataplane.haproxy import process
from evener.dataplane.haproxy.errors import Busy
from evener.dataplane.haproxy.instance import Instance
from evener.dataplane.haproxy.logs import LogSocket
from evener.dataplane.haproxy.pings import Pinger, targets
from evener.dataplane.haproxy.plan import Reload
from evener.dataplane.haproxy.render import served
from evener.dataplane.haproxy.settings import Settings
from evener.host import descriptors, firewall, netns, processes, tuning
from evener.host.driver import InterfaceDriver
from evener.host.errors import HostError, explained
from evener.host.nftables import Keeper
from evener.host.processes import Process
from evener.host.watch import Cancel, Watcher
from evener.resources.facts import Observation
from evener.resources.graph import Graph
from evener.resources.types import OperatingStatus
from evener.resources.wiring import WiredPort

LOG = logging.getLogger(__name__)
NAMESPACE_PREFIX = "qlbaas-"


class Events(Protocol):
    """What a load balancer tells its agent, from the watcher's thread."""

    def drifted(self, loadbalancer_id: str, what: str) -> None:
        """Something on the host is not as it was left."""

    def network_changed(self, loadbalancer_id: str) -> None:
        """A link, address or route in its namespace is another one."""

    def health_changed(self, loadbalancer_id: str) -> None:
        """HAProxy has taken a member out, or back in."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What every load balancer of an agent works with."""

    journal: Journal
    driver: InterfaceDriver
    settings: Settings
    watcher: Watcher
    events: Events
    pinger: Pinger


class Balancer:
    """All methods may be called from any thread; one at a time works on the host."""

    def __init__(self, loadbalancer_id: str, tools: Tools) -> None:
        self.id = loadbalancer_id
        self.namespace = NAMESPACE_PREFIX + loadbalancer_id
        self._tools = tools
        self._instance = Instance(tools.journal.directory(loadbalancer_id), self.namespace, tools.settings)
        self.leaving = False  # what vanishes now is what we remove
        self._lock = threading.RLock()
        self.reporting = threading.Lock()  # held from a reading until it is reported: reports come in order
        self._watches = ExitStack()
        self._watched: dict[Process, Cancel] = {}
        self._watched_log: LogSocket | None = None
        self.port_id = ""  # what the journal has
        self._plug = Plug(tools.driver, self.namespace, self._instance.paths.port)
        self._doubted = self._doubted_closely = True
        self._doubts = threading.Lock()  # guards the two
        self.generation: int | None = None  # that was applied last
        self.reloaded = False  # by the last `apply`
        self._cut_off = False  # the last look at its port could not make it right
        self._pinging = False
        self._rules = Keeper(self.namespace, self._instance.paths.rules)
        self._ports: frozenset[int] = frozenset()  # that are let in; HAProxy listens on no other
        self._watched_netns: tuple[int, int] | None = None
        self._watches_netns = ExitStack()

    @explained("serve the load balancer")
    def apply(self, graph: Graph) -> bool:
        """Make the host equal to `graph`, doing the least that closes the difference; return whether there was any.

        Raises:
            HostError: when the kernel refuses.
            HaproxyError: when HAProxy refuses; what served before still serves.
        """
        descriptors.ensure_room()
        with self._lock:
            graph = self._instance.completed(graph)
            port = graph.vip_port
            self._tools.journal.note_loadbalancer(self.id, port.id)
            self.port_id = port.id
            changed = self._ensure_namespace()
            in_place = self._in_place()
            ports = frozenset(listener.protocol_port for listener in served(graph))
            if not in_place or ports != self._ports:
                changed |= tuning.ensure(self.namespace, self._tools.settings.sysctls, self._ports | ports)
            changed |= self._let_in(graph, self._ports | ports, look=not in_place)
            changed |= self._ensure_port(port, look=not in_place)
            try:
                applied = self._instance.apply(graph)
                changed |= self._let_in(graph, ports)  # what no longer listens is closed afterwards
            finally:
                self._watch()
            self._ping(graph)
            if applied.steps and graph.generation == self.generation:
                steps = ", ".join(type(step).__name__ for step in applied.steps)
                LOG.warning("Load balancer %s: was not as it was left; repaired: %s", self.id, steps)
            self.generation = graph.generation
            self.reloaded = Reload() in applied.steps
            return changed or bool(applied.steps)

    def mend(self, *, restore: bool) -> bool | None:
        """Make the host equal to the graph that was applied last; return whether it was not, None where nobody looked.

        Nobody looks where nothing says that it is not. Where none was applied since the agent started, only with
        `restore`: control may want another by now, or none.

        Raises:
            HostError, HaproxyError: as `apply`.
        """
        with self._lock:
            never = self.generation is None
            if self.leaving or (never and not restore) or (not never and self.intact()):
                return None
            graph = self._instance.last_graph()
            mended = None if graph is None else self.apply(graph)
        if mended:
            self._tools.events.health_changed(self.id)
        return mended

    def adopt(self, generation: int) -> bool:
        """Make the host equal to the graph that was applied last, if that is all that control wants of `generation`.

        Certificates may be others by now, so control is asked for a graph with any.

        Raises:
            HostError, HaproxyError: as `apply`.
        """
        with self._lock:
            graph = None if self.leaving else self._instance.last_graph()
            if graph is None or graph.generation != generation or graph.certificates or graph.unreadable:
                return False
            self.apply(graph)
            return True

    def _ping(self, graph: Graph) -> None:
        """Ping the members that are to be pinged, while HAProxy serves."""
        wanted = targets(graph) if self._instance.pid is not None else ()
        seen = self._instance.observe() if wanted and not self._pinging else None
        out = (
            []
            if seen is None
            else [key for key, how in seen.members.items() if how == OperatingStatus.OFFLINE]
        )
        project = graph.loadbalancer.project_id
        self._tools.pinger.watch(self.id, self.namespace, self._instance.paths.socket, wanted, out, project)
        self._pinging = bool(wanted)

    def _ensure_namespace(self) -> bool:
        """Make the namespace, or give the one HAProxy lives on in its name back; return whether it was not there."""
        master = None if netns.exists(self.namespace) else process.find(self._instance.paths)
        if master is not None:
            with suppress(HostError):
                netns.rebind(self.namespace, master.pid)
                LOG.warning("Load balancer %s: gave namespace %s its name back", self.id, self.namespace)
        return netns.ensure(self.namespace) or master is not None

    def _in_place(self) -> bool:
        """Return whether the kernel has told of no change since the last look."""
        return not self._doubted and netns.identity(self.namespace) == self._watched_netns

    def _let_in(self, graph: Graph, ports: frozenset[int], *, look: bool = False) -> bool:
        """Let in what may come in: without security groups, calls to `ports`; return whether that was not so."""
        if look and not self._rules.stands() and self.plugged:
            LOG.warning("Load balancer %s: its packet rules were not as they were left; repairing", self.id)
        self._ports = ports
        return self._rules.ensure(firewall.chains(ports, graph.security))

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
    def serves(self) -> bool:
        """Whether anything is served, as far as can be told after an `apply` that failed."""
        graph = self._instance.last_graph()
        wants = graph is not None and bool(served(graph))
        return not self._cut_off and (not wants or process.find(self._instance.paths) is not None)

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
        """Watch what HAProxy logs, its directory, process and namespace; each may be another one by now."""
        self._watch_namespace()
        log_socket = self._instance.log_socket
        if log_socket is not self._watched_log:
            self._watches.close()
            self._watched_log = log_socket
            if log_socket is not None:
                self._watches.callback(self._tools.watcher.reader(log_socket, self._on_log))
                self._watches.callback(
                    self._tools.watcher.path(self._instance.paths.directory, self._on_file)
                )
        self._watch_processes(self._instance.processes)

    def _watch_processes(self, living: Collection[Process]) -> None:
        """Watch master and worker: a master that executes itself anew may miss the end of its worker."""
        for each in set(self._watched) - set(living):
            self._watched.pop(each)()
        for each in set(living) - set(self._watched):
            self._watched[each] = self._tools.watcher.process(each.pid, self._on_exit)

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

    def _on_log(self, log_socket: LogSocket) -> None:
        if log_socket.read():
            self._tools.events.health_changed(self.id)

    def _on_file(self, name: str) -> None:
        # Our own writes come by here too; whoever looks for drift then finds none.
        if name in ("", self._instance.paths.conf.name):
            self._tools.events.drifted(self.id, "its configuration file was written")
        elif not self.leaving and self._instance.misses(name):
            self._tools.events.drifted(self.id, f"{name} was removed")

    def _on_exit(self, pid: int) -> None:
        if pid in {each.pid for each in list(self._watched)}:
            self._tools.events.drifted(self.id, f"HAProxy (process {pid}) has ended")

    def intact(self) -> bool:
        """Return whether what was applied last still stands, as far as can be told cheaply."""
        with self._lock:
            return self._in_place() and self._instance.check() and self._rules.stands()

    @property
    def is_frozen(self) -> bool:
        """Whether its HAProxy lives and does nothing, as far as is known; waits for nobody."""
        return not self.leaving and self._instance.is_frozen

    @property
    def is_halted(self) -> bool:
        """Whether a process of its HAProxy lives and does nothing, as far as is known; waits for nobody."""
        master = self._instance.processes[:1]
        return not self.leaving and (self._instance.is_frozen or any(map(processes.is_halted, master)))

    @property
    def is_working(self) -> bool:
        """Whether its HAProxy does something now, other than to wait."""
        return not self.leaving and any(map(processes.is_working, self._instance.processes[1:]))

    def observe(self, *, servers: bool = False, wait_s: float | None = None) -> Observation | None:
        """Return the state of traffic, with that of `servers` where asked for, or None when nothing was applied.

        Raises:
            Busy: when it is being changed, for longer than `wait_s` seconds.
        """
        if not self._lock.acquire(timeout=-1 if wait_s is None else wait_s):
            raise Busy("It is being changed")
        try:
            return self._instance.observe(servers=servers)
        finally:
            self._lock.release()
            if self.is_frozen:
                self._tools.events.drifted(self.id, "its HAProxy does not answer")

    def forget(self) -> None:
        """Stop watching; everything on the host goes on."""
        with self._lock:
            self._tools.pinger.forget(self.id)
            self._pinging = False
            self._watch_processes(())
            self._watched_log, self._watched_netns = None, None
            self._watches_netns.close()
            self._watches.close()
            self._instance.close()

    @explained("remove the load balancer")
    def remove(self) -> None:
        """Remove everything of the load balancer from the host.

        Raises:
            HostError: when the kernel refuses; the rest is removed at the next try.
        """
        with self._lock:
            self.leaving = True
            self._instance.forget_graph()
            self.forget()
            self._instance.stop(grace_s=0)
            port_id = self._tools.journal.port_of(self.id)
            if port_id is not None:
                self._tools.driver.unplug(self.namespace, port_id)
            netns.delete(self.namespace)
            self._instance.remove()
