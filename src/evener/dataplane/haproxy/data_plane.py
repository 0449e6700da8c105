"""One load balancer's HAProxy as a data plane: with the pings that it cannot send itself, and what is to be watched."""

from collections.abc import Collection, Sequence

from evener.dataplane import files
from evener.dataplane.base import Applied, Place, Watched, WatchedDirectory, WatchedProcess, WatchedSocket
from evener.dataplane.haproxy import connection_limits, process, shown
from evener.dataplane.haproxy.instance import Instance
from evener.dataplane.haproxy.logs import LogSocket
from evener.dataplane.haproxy.ping_targets import targets
from evener.dataplane.haproxy.pings import Pinger
from evener.dataplane.haproxy.plan import Reload
from evener.dataplane.haproxy.render import served
from evener.dataplane.haproxy.settings import Settings
from evener.host import processes
from evener.resources.facts import Observation
from evener.resources.graph import Graph
from evener.resources.listener import Listener
from evener.resources.types import OperatingStatus


class HaproxyDataPlane:
    """Implements `evener.dataplane.base.DataPlane`."""

    title = "HAProxy"

    def __init__(self, place: Place, settings: Settings, pinger: Pinger) -> None:
        self._id = place.loadbalancer_id
        self._instance = Instance(place.directory, place.namespace, settings)
        self._pinger, self._pinging = pinger, False
        self._log_socket: LogSocket | None = None  # that `_files` are with
        self._files: tuple[Watched, ...] = ()

    def served(self, graph: Graph) -> Sequence[Listener]:
        """Return the listeners that would be in service; with a certificate known before, where it cannot be read."""
        return served(self._instance.completed(graph))

    def apply(self, graph: Graph) -> Applied:
        """Make the HAProxy that runs equal to `graph`, and ping what is to be pinged.

        Raises:
            HaproxyError: when HAProxy refuses; what served before still serves.
            Busy, HostError: as `Instance.apply`.
        """
        done = self._instance.apply(graph)
        self._ping(done.graph)
        return Applied(
            steps=tuple(type(step).__name__ for step in done.steps),
            costly=Reload() in done.steps,
            lacking=connection_limits.too_high(done.graph, served(done.graph), self._instance.settings),
        )

    def _ping(self, graph: Graph) -> None:
        """Ping the members that are to be pinged, while HAProxy serves."""
        instance = self._instance
        wanted = targets(graph) if instance.pid is not None else ()
        seen = instance.observe() if wanted and not self._pinging else None
        health = {} if seen is None else seen.members
        out = [key for key, how in health.items() if how == OperatingStatus.OFFLINE]
        project = graph.loadbalancer.project_id
        self._pinger.watch(self._id, instance.namespace, instance.paths.socket, wanted, out, project)
        self._pinging = bool(wanted)

    def last_graph(self) -> Graph | None:
        """Return the graph that was applied last."""
        return self._instance.last_graph()

    def check(self) -> bool:
        """Return whether what runs is what was applied last."""
        return self._instance.check()

    def observe(self, *, servers: bool = False) -> Observation | None:
        """Return members' health, listeners' counters, and those of `servers` where asked for."""
        return self._instance.observe(servers=servers)

    def configuration(self) -> str | None:
        """Return HAProxy's file as it lies there."""
        text = files.read(self._instance.paths.conf)
        return None if text is None else shown.without_secrets(text)

    def watched(self) -> Collection[Watched]:
        """Return what HAProxy logs, its files, master and worker.

        The worker too: a master that executes itself anew may miss its end.
        """
        log_socket = self._instance.log_socket
        if log_socket is not self._log_socket:
            self._log_socket, self._files = log_socket, ()
            if log_socket is not None:  # it is another one where the directory is
                self._files = (
                    WatchedSocket(log_socket, log_socket.read),
                    WatchedDirectory(self._instance.paths.directory, self._drift),
                )
        watched = (
            WatchedProcess(each, self.title, vital=each.pid == self._instance.pid)
            for each in self._instance.processes
        )
        return (*self._files, *watched)

    def _drift(self, name: str) -> str | None:
        # Our own writes come by here too; whoever looks for drift then finds none.
        if name in ("", self._instance.paths.conf.name):
            return "its configuration file was written"
        return f"{name} was removed" if self._instance.misses(name) else None

    def serves(self) -> bool | None:
        """Return whether a HAProxy lives where listeners are to be in service; None where none are."""
        graph = self.last_graph()
        wants = graph is not None and bool(served(graph))
        return self.find_process() is not None if wants else None

    def find_process(self) -> int | None:
        """Return the master's process id."""
        master = process.find(self._instance.paths)
        return None if master is None else master.pid

    @property
    def is_halted(self) -> bool:
        """Whether master or worker were stopped, or the worker did not answer."""
        return self._instance.is_frozen or any(map(processes.is_halted, self._instance.processes[:1]))

    @property
    def is_working(self) -> bool:
        """Whether the worker did something, other than to wait, when it was looked at last."""
        return any(map(processes.was_working, self._instance.processes[1:]))

    def close(self) -> None:
        """Let go of the log socket, of old workers, and of who is pinged."""
        self._pinger.forget(self._id)
        self._pinging = False
        self._instance.close()

    def stop(self) -> None:
        """End the HAProxy, with its user and its group of processes.

        Raises:
            HostError: when the group does not go.
        """
        self._instance.forget_graph()
        self.close()
        self._instance.stop(grace_s=0)
        self._instance.remove()
