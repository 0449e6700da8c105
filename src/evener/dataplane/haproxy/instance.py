"""One load balancer's HAProxy: makes what runs equal to a graph, and says how it fares.

Level-based: every call looks at the process, the namespace and the files that are there, and closes the gap to
what should be there. Keeps nothing that it cannot read again from its directory.
"""

import contextlib
import logging
import shutil
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain, groupby
from pathlib import Path

from pydantic import ValidationError

from evener.dataplane import files
from evener.dataplane.haproxy import (
    access,
    client_map_files,
    config_files,
    ports,
    process,
    runtime,
    socket_repair,
    stats,
    tls,
    users,
)
from evener.dataplane.haproxy.cgroup import Cgroup
from evener.dataplane.haproxy.commands import commands
from evener.dataplane.haproxy.errors import (
    CommandRefused,
    HaproxyError,
    NoAnswer,
    Refused,
    ReloadFailed,
    SocketError,
    StartFailed,
)
from evener.dataplane.haproxy.handover import Handover
from evener.dataplane.haproxy.logs import LogSocket
from evener.dataplane.haproxy.model import UNKNOWN, Config
from evener.dataplane.haproxy.observing import Observer
from evener.dataplane.haproxy.paths import Paths
from evener.dataplane.haproxy.plan import LoadFile, Reload, RemoveServer, Start, Step, Stop, plan
from evener.dataplane.haproxy.render import render
from evener.dataplane.haproxy.settings import Settings
from evener.host import netns, processes
from evener.host.errors import DiskUnusable, on_disk
from evener.host.processes import Process
from evener.resources.facts import Observation
from evener.resources.graph import Graph

LOG = logging.getLogger(__name__)

STOP_GRACE_S = 2.0  # what connections get that are open when a load balancer is switched off
_RELOADS = 3  # tries, where somebody else writes the file between ours and HAProxy's reading it


@dataclass(frozen=True)
class Applied:
    """What is served now, with certificates that were known before; and what was done to reach that, in order."""

    graph: Graph
    steps: tuple[Step, ...] = ()


class Instance:
    """The HAProxy in `directory`, running in the network namespace `namespace`.

    All methods may be called from any thread; one works at a time.
    """

    def __init__(self, directory: Path, namespace: str, settings: Settings) -> None:
        self.paths = Paths(directory)
        self.namespace = namespace
        self.settings = replace(settings, uid=users.of(directory) if settings.uids else None)
        self._lock = threading.RLock()
        self._log_socket: LogSocket | None = None
        self._master: Process | None = None
        self._worker: Process | None = None
        self._config: Config | None = None  # what was applied last
        self._signature: files.Signature | None = None
        self._handover = Handover(self.paths, settings)
        self._cgroup = Cgroup(directory.name, settings)
        self._frozen: Process | None = None  # the worker that did not answer
        self._observer = Observer(self._handover.meter)

    @property
    def id(self) -> str:
        """The load balancer's id, for messages."""
        return self.paths.directory.name

    @property
    def pid(self) -> int | None:
        """The master's process id, or None when none runs that we know of."""
        master = self._master
        return master.pid if master is not None and processes.alive(master) else None

    @property
    def processes(self) -> tuple[Process, ...]:
        """What must live for anything to be served: the master, and its current worker. They may have ended."""
        return tuple(filter(None, (self._master, self._worker)))

    @property
    def log_socket(self) -> LogSocket | None:
        """The log socket to wait on; None before the first `apply`."""
        return self._log_socket

    # -- converge ----------------------------------------------------------------------------------------

    def apply(self, graph: Graph) -> Applied:
        """Make what runs equal to `graph`, with the least that does it.

        Raises:
            Refused: with HAProxy's own words; what ran before still runs, from the same file.
            Busy: when old workers are many; nothing was changed yet. Calls after `patience_s` seconds end the oldest.
            Unrenderable: when no configuration can say what the graph says; nothing was changed.
            HostError: when the namespace does not exist, or the disk is full or broken.
        """
        with self._lock, on_disk(self.paths.directory):
            graph = self.completed(graph)
            text = graph.model_dump_json(ensure_ascii=True)
            self._take_user()
            wanted = render(graph, self.paths.directory, self.settings)
            if self._config is None and files.read(self.paths.graph) == text:
                self._config = wanted
            self._prepare_directory()
            steps = plan(self._running(), wanted, raises_limits=self.settings.raises_limits)
            if steps:
                LOG.info("Load balancer %s: %s", self.id, ", ".join(type(each).__name__ for each in steps))
                steps = self._carry_out(steps, wanted)
            self._remember(graph, text, wanted, changed=bool(steps))
            self._cgroup.confine(self.processes, graph.loadbalancer.flavor_data)
            return Applied(graph, steps)

    def _take_user(self) -> None:
        uid, uids = self.settings.uid, self.settings.uids
        if uids and (uid is None or uid not in uids):  # a range is searched for what is no number
            self.paths.directory.mkdir(mode=0o750, parents=True, exist_ok=True)
            self.settings = replace(self.settings, uid=users.give(self.paths.directory, uids))

    def _carry_out(self, steps: tuple[Step, ...], wanted: Config) -> tuple[Step, ...]:
        """Do `steps`; return what was really done."""
        if Stop() in steps:
            self.stop()
            return steps
        if isinstance(steps[0], Start):
            self._start_with(wanted, files.read(self.paths.conf))
            return steps
        if isinstance(steps[0], Reload):
            return (self._reload_with(wanted),)
        if self._at_run_time(steps):
            # HAProxy has taken all that is new; what runs is the proof that the file is good.
            if files.read(self.paths.conf) != wanted.text:
                files.replace(self.paths.conf, wanted.text)
            config_files.write_needed(self.paths, wanted)
            return steps
        try:
            return (self._reload_with(wanted),)
        except Refused:
            self._undo_half_done()
            raise

    def _start_with(self, wanted: Config, before: str | None) -> None:
        """Start with `wanted`; where that is refused, with the file of `before`."""
        files.replace(self.paths.conf, wanted.text)
        config_files.write_needed(self.paths, wanted)
        client_map_files.touch(self.paths, wanted)
        try:
            self._start(wanted)
        except StartFailed as error:
            self._go_back(before)
            if before not in (None, wanted.text):
                with contextlib.suppress(StartFailed):
                    self._start(self._last() or wanted)
            raise Refused(error.reason) from error

    def _reload_with(self, wanted: Config) -> Step:
        """Reload, or start where the master has ended meanwhile, or is stopped; return which."""
        if self._worker is not None:  # else nothing serves: nothing is worth waiting for
            self._handover.wait_for_room()
        before = files.read(self.paths.conf)
        reason = ports.refusal(wanted, self.namespace)
        if reason is not None:
            raise Refused(reason)
        last = self._last()
        for _ in range(_RELOADS):
            config_files.install(self.paths, wanted, last, self.settings.binary)
            try:
                self._reload(wanted)
            except (ReloadFailed, SocketError) as error:
                if self._master is not None and processes.is_halted(self._master):
                    process.stop(self.paths, grace_s=0)
                if self.pid is None:
                    self._start_with(wanted, before)
                    return Start()
                if files.read(self.paths.conf) == wanted.text:
                    self._go_back(before if last is None else last.text)
                    raise Refused(error.reason) from error
            if files.read(self.paths.conf) == wanted.text:
                return Reload()
            LOG.warning("Load balancer %s: its file was written by somebody else during a reload", self.id)
        raise Refused(f"{self.paths.conf.name} is written by somebody else again and again")

    def _undo_half_done(self) -> None:
        """After commands of which some were taken and a reload that was not: run what the file says."""
        last = self._last()
        if last is not None:
            with contextlib.suppress(ReloadFailed, SocketError):
                self._reload(last)
                self.paths.half_done.unlink(missing_ok=True)

    def _running(self) -> Config | None:
        """Return the configuration that runs, UNKNOWN where that cannot be told, None where no process runs."""
        master = process.find(self.paths)
        if master is not None and netns.identity_of(master.pid) != netns.identity(self.namespace):
            LOG.warning("Load balancer %s: its HAProxy is in another namespace, replacing it", self.id)
            self.stop(grace_s=0)
            master = None
        if master is not None and (processes.is_halted(master) or not process.reachable(self.paths)):
            master = self._reached_again(master)
        if master is not None and not self.paths.pid_file.exists():
            files.replace(self.paths.pid_file, f"{master.pid}\n")
        self._find_worker(master)
        if master is not None and self._worker is None and self._frozen is None and process.ends_too(master):
            master = None
        self._master = master
        if master is None:
            return None
        if self._worker is None:
            LOG.warning("Load balancer %s: no worker serves", self.id)
            return UNKNOWN
        last = self._last()
        intact = last is not None and files.read(self.paths.conf) == last.text
        intact = intact and not self.paths.half_done.exists()
        return last if intact else UNKNOWN

    def _reached_again(self, master: Process) -> Process | None:
        """Make a HAProxy that cannot be told anything reachable again, or else end it and return None."""
        last = self._last()
        self._handover.meter.close()  # or old workers would wait for us
        if last is not None and last.frontends and not processes.is_halted(master):
            LOG.warning("Load balancer %s: its HAProxy's sockets are gone, making others", self.id)
            config_files.write_needed(self.paths, last)  # they may have gone too
            client_map_files.touch(self.paths, last)
            self._handover.unasked(last)
            self._worker = None
            if socket_repair.again(master, self.paths, last):
                return master
        LOG.warning("Load balancer %s: its HAProxy can be told nothing, replacing it", self.id)
        process.stop(self.paths, grace_s=0 if processes.is_halted(master) else STOP_GRACE_S)
        return None

    def _find_worker(self, master: Process | None) -> None:
        """Find the worker that takes new connections; none where it has ended, or is frozen."""
        worker = self._worker
        if worker is not None and processes.is_halted(worker):
            self._frozen = worker
        if self._frozen is not None and not processes.alive(self._frozen):
            self._frozen = None
        if worker is None or worker == self._frozen or not processes.alive(worker):
            found = None if master is None or self._frozen is not None else process.serving(self.paths)
            self._worker = found
        self._handover.serves(self._worker)

    def _last(self) -> Config | None:
        """Return the configuration applied last, by this object or by one before it."""
        if self._config is None:
            graph = self.last_graph()
            if graph is not None:
                with contextlib.suppress(HaproxyError):
                    self._config = render(graph, self.paths.directory, self.settings)
        return self._config

    def completed(self, graph: Graph) -> Graph:
        """Return what is served of `graph`: a certificate that could not be read is the one that was applied before."""
        return tls.with_known(graph, self.last_graph()) if graph.unreadable else graph

    def last_graph(self) -> Graph | None:
        """Return the graph that was applied last, by this object or by one before it, if it can be read."""
        text = files.read(self.paths.graph)
        with contextlib.suppress(ValidationError):
            return None if text is None else Graph.model_validate_json(text, extra="ignore")
        return None

    def forget_graph(self) -> None:
        """Serve the last graph no more, whatever happens from now on; to be called before what is made goes."""
        with self._lock:
            self.paths.graph.unlink(missing_ok=True)

    def _remember(self, graph: Graph, text: str, config: Config, *, changed: bool) -> None:
        if changed or files.read(self.paths.graph) != text:
            files.replace(self.paths.graph, text, mode=files.SECRET)
        config_files.write_needed(self.paths, config)
        files.keep_only(self.paths.certificates, tls.files(config).keys())
        self.paths.half_done.unlink(missing_ok=True)
        if self._config != config:
            # What has just gone is still to be reported once.
            shown = (*config.frontends, *(self._config or Config()).frontends)
            self._handover.meter.keep({frontend.name for frontend in shown} | _ids(graph))
            client_map_files.keep_only(self.paths, config)
        self._config = config
        self._handover.configured(config)
        # Someone may have written the file while we worked; then it is not the one to compare with.
        signature = files.signature(self.paths.conf)
        self._signature = signature if files.read(self.paths.conf) == config.text else None

    def _prepare_directory(self) -> None:
        # HAProxy's group may enter its chroot and nothing else.
        self.paths.directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        if not self.paths.chroot.is_dir():
            self.paths.chroot.mkdir(mode=0o750)
        with contextlib.suppress(LookupError, PermissionError):
            shutil.chown(self.paths.chroot, group=self.settings.group)
        if self._log_socket is None or not self.paths.log_socket.is_socket():
            if self._log_socket is not None:
                self._log_socket.close()
            files.remove_unfinished(self.paths.directory)
            self._log_socket = LogSocket(self.paths, self.settings, self._handover.heard)

    def _start(self, wanted: Config) -> None:
        pair = self._handover.start(wanted, self.namespace)
        self._master, self._worker, self._frozen = pair.master, pair.worker, None

    def _reload(self, wanted: Config) -> None:
        if self._master is None:
            raise ReloadFailed("no process runs")
        self._worker = self._handover.reload(
            self._master, self._last() or wanted, wanted, responsive=self._frozen is None
        )
        self._frozen = None

    def _at_run_time(self, steps: tuple[Step, ...]) -> bool:
        """Do `steps` on the runtime socket; return whether all succeeded."""
        self.paths.half_done.touch(mode=files.PRIVATE)
        try:
            for leave, some in groupby(steps, lambda each: isinstance(each, RemoveServer)):
                if leave:
                    self._remove_servers(some)
                else:
                    runtime.tell(self.paths.socket, chain.from_iterable(map(self._commands, some)))
        except (CommandRefused, SocketError) as error:
            LOG.warning("Load balancer %s: %s; reloading instead", self.id, error)
            if isinstance(error, NoAnswer):
                self._frozen, self._worker = self._worker, None
            return False
        return True

    def _commands(self, step: Step) -> tuple[str, ...]:
        if isinstance(step, Start | Stop | Reload) or self._has_read(step):
            return ()
        return commands(step)

    def _remove_servers(self, steps: Iterable[Step]) -> None:
        maintenance, deletion = zip(*map(self._commands, steps), strict=True)
        runtime.tell(self.paths.socket, maintenance)
        for batch in runtime.batches(deletion):
            # With connections on it, one stays, in maintenance, until `observe` finds it idle.
            with contextlib.suppress(CommandRefused):
                runtime.tell(self.paths.socket, (batch,))

    def _has_read(self, step: Step) -> bool:
        """Return whether a step is about a file that HAProxy has read, and that is the same as ever."""
        if not isinstance(step, LoadFile) or step.file.kind == "cert":
            return False
        return runtime.has_file(self.paths.socket, step.file.kind, tls.path(step.file.name))

    def _go_back(self, before: str | None) -> None:
        """Put the file back that was there before a start or reload that failed."""
        config_files.put_back(self.paths, before, self._last())
        self._signature = files.signature(self.paths.conf)

    # -- observe -----------------------------------------------------------------------------------------

    def check(self) -> bool:
        """Return whether what runs is what was applied last: process, namespace and file. Cheap, asks nobody."""
        config = self._config
        if config is None:
            return False
        if not config.frontends:
            return not self.paths.pid_file.exists()
        master, worker = self._master, self._worker
        return (
            (master is not None and processes.alive(master))
            and (worker is not None and processes.alive(worker))
            and not (self.is_frozen or processes.is_halted(master))
            and process.reachable(self.paths)
            and self.paths.pid_file.exists()
            and netns.identity_of(master.pid) == netns.identity(self.namespace)
            and self._signature is not None
            and files.signature(self.paths.conf) == self._signature
        )

    @property
    def is_frozen(self) -> bool:
        """Whether HAProxy lives and does nothing, as far as is known. Cheap, asks nobody, waits for nobody."""
        worker = self._worker
        return self._frozen is not None or (worker is not None and processes.is_halted(worker))

    def misses(self, name: str) -> bool:
        """Return whether a file of that name is one by which HAProxy is reached, and is not there."""
        files_of = (
            () if self._config is None else (self.paths.pid_file, self.paths.socket, self.paths.master_socket)
        )
        return any(each.name == name and not each.exists() for each in files_of)

    def observe(self, *, servers: bool = False) -> Observation | None:
        """Return members' health, listeners' counters, and those of `servers` where asked for.

        None when nothing was ever applied here.
        """
        with self._lock:
            config = self._last()
            if config is None:
                return None
            table = self._read() if config.frontends else []
            if leaving := stats.leaving(table or (), config):
                self._see_off(leaving)
                self._handover.meter.look_anew()  # for how long they have been leaving
            try:
                with on_disk(self.paths.directory):
                    if table is not None:
                        client_map_files.keep(self.paths, config)
                    log = (self.settings.log_size, self.settings.log_count)
                    access.rotate(self.paths, *log, lambda: self.pid)
            except DiskUnusable as error:  # what was observed is worth more
                LOG.warning("Load balancer %s: its logs and tables are not kept: %s", self.id, error)
            seen = self._observer.observation(table, config, lambda: self.is_frozen)
            if not servers:
                return seen
            return seen.model_copy(update={"servers": stats.servers(table or (), config)})

    def _read(self) -> list[stats.Row] | None:
        """Return the statistics of the worker that serves, once it knows all that is known; None where none does."""
        if self.is_frozen:
            return None
        try:
            self._handover.tell()
            table = self._handover.meter.read()
        except SocketError as error:
            LOG.warning("Load balancer %s: HAProxy does not answer: %s", self.id, error)
            if isinstance(error, NoAnswer):
                self._frozen = self._worker
            return None
        self._handover.seen(stats.down(table))
        return table

    def _see_off(self, leaving: dict[str, int]) -> None:
        """Delete servers that left the configuration, once idle; cut those that take longer than a reload may."""
        for name, since_s in leaving.items():
            with contextlib.suppress(CommandRefused, SocketError):
                if since_s > self.settings.hard_stop_after_s:
                    runtime.tell(self.paths.socket, (f"shutdown sessions server {name}",))
                runtime.tell(self.paths.socket, (f"del server {name}",))

    # -- end ---------------------------------------------------------------------------------------------

    def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """End the whole process tree; open connections get `grace_s` seconds. The directory stays."""
        with self._lock:
            if not self.is_frozen:
                with contextlib.suppress(SocketError):
                    self._handover.meter.read()
                client_map_files.note(self.paths, self._last() or Config())
            self._handover.meter.close()  # or old workers would wait for us
            process.stop(self.paths, grace_s)
            self._handover.ended()
            self.paths.conf.unlink(missing_ok=True)
            self._master = self._worker = self._signature = self._frozen = None

    def remove(self) -> None:
        """End everything at once, and give back what is the load balancer's own. Harmless when there is nothing."""
        with self._lock:
            process.stop(self.paths, grace_s=0)
            self.close()
            self._cgroup.remove()
            users.leave(self.paths.directory)
            self._master = self._worker = self._config = self._signature = self._frozen = None
            self._handover = Handover(self.paths, self.settings)
            self._observer = Observer(self._handover.meter)

    def close(self) -> None:
        """Let go of the log socket and of old workers; HAProxy runs on."""
        with self._lock:
            self._handover.meter.close()
            if self._log_socket is not None:
                self._log_socket.close()
                self._log_socket = None


def _ids(graph: Graph) -> set[str]:
    return {listener.id for listener in graph.listeners}
