"""What one worker of a HAProxy hands on to the next: who is up, checks in a row, clients, counters, connections.

Knows nothing of what is to run, and starts nothing but the reload itself. One thread at a time calls, but for `heard`.
"""

import contextlib
import logging
import time
from collections.abc import Collection

from evener.dataplane import files
from evener.dataplane.base import Busy
from evener.dataplane.haproxy import checks, client_map_files, old_workers, process, runtime, stats
from evener.dataplane.haproxy.errors import CommandRefused, ReloadFailed, SocketError
from evener.dataplane.haproxy.meter import Meter
from evener.dataplane.haproxy.model import Config
from evener.dataplane.haproxy.paths import Paths
from evener.dataplane.haproxy.process import Pair
from evener.dataplane.haproxy.settings import Settings
from evener.host.processes import Process

LOG = logging.getLogger(__name__)

_HEALTH_S = 1.0  # what a worker gets to take a command about a member's health


class Handover:
    """Keeps what is known of the HAProxy in `paths` while its workers come and go."""

    def __init__(self, paths: Paths, settings: Settings) -> None:
        self._paths, self._settings = paths, settings
        self._tally = checks.Tally()
        self._impatient_at: float | None = None  # when a reload waits no longer for an old worker
        self.meter = Meter(paths, settings.hard_stop_after_s)

    # -- checks ------------------------------------------------------------------------------------------

    def heard(self, message: str) -> bool:
        """Hear what HAProxy logs, in any thread; return whether the worker is to be told something. Never waits."""
        return self._tally.heard(message, time.monotonic())

    def configured(self, config: Config) -> None:
        """Hear what runs from now on."""
        self._tally.configured(config)

    def seen(self, down: Collection[str]) -> None:
        """Hear which servers, as POOL/MEMBER, a reading has found to be down."""
        self._tally.seen(down)

    def serves(self, worker: Process | None) -> None:
        """Hear which worker takes new connections."""
        if worker is not None:
            self._tally.serves(worker.pid)

    def tell(self) -> None:
        """Tell the worker which servers are up or down by checks that it has not seen itself."""
        commands = self._tally.untold()
        if not commands:
            return
        try:
            runtime.tell(self._paths.socket, commands, _HEALTH_S)
        except SocketError as error:  # the next look tells it
            LOG.warning("Load balancer %s: HAProxy does not answer: %s", self._paths.directory.name, error)
            return
        except CommandRefused as error:  # such as of a server that has gone
            LOG.info("Load balancer %s: %s", self._paths.directory.name, error)
        self._tally.told(commands)
        LOG.info(
            "Load balancer %s: checks of other workers: %s", self._paths.directory.name, "; ".join(commands)
        )

    # -- workers -----------------------------------------------------------------------------------------

    def ended(self) -> None:
        """Hear that HAProxy was ended as somebody wished: the next one finds out anew who is up."""
        self.meter.without_workers()
        self._tally.restarting()

    def start(self, wanted: Config, namespace: str) -> Pair:
        """Start HAProxy; members that were out when the last one ended, without anybody's wish, are out.

        Raises:
            StartFailed, HostError: as `process.start`.
        """
        files.write(self._paths.state, stats.state_of(wanted, self._tally.restarting()))
        self.meter.without_workers()
        client_map_files.worker_reads(self._paths, wanted, anew=True)
        pair = process.start(self._paths, namespace, self._settings.binary)
        self.configured(wanted)
        self.serves(pair.worker)
        return pair

    def wait_for_room(self) -> None:
        """Raise Busy while there are too many old workers, for a while."""
        with contextlib.suppress(SocketError):
            if self._has_room():
                self._impatient_at = None
                return
        if self._impatient_at is None:
            self._impatient_at = time.monotonic() + self._settings.patience_s
        if time.monotonic() < self._impatient_at:
            raise Busy(f"{old_workers.most(self._settings)} old workers still serve their connections")
        self._impatient_at = None

    def _has_room(self) -> bool:
        if process.has_room(self._paths, old_workers.most(self._settings)):
            return True
        self.meter.see_off()
        return process.has_room(self._paths, old_workers.most(self._settings))

    def reload(self, master: Process, last: Config, wanted: Config, *, responsive: bool) -> Process:
        """Let another worker take over, and return it; `responsive`: whether the present one is asked anything.

        Raises:
            ReloadFailed, SocketError: as `process.reload`.
        """
        if responsive:
            with contextlib.suppress(
                SocketError
            ):  # the last chance to see what those counted that are ended now
                self.meter.read()
        process.make_room(self._paths, old_workers.most(self._settings))
        self._note_state(last, wanted, responsive=responsive)
        client_map_files.worker_reads(
            self._paths, wanted, anew=not responsive
        )  # who is frozen teaches nobody
        ours = files.signature(self._paths.conf)
        held = self.meter.hold() if responsive else None
        try:
            worker = process.reload(
                master,
                self._paths,
                lambda: files.signature(self._paths.conf) == ours,
                ends_at_once=not responsive,
            )
        except (ReloadFailed, SocketError):
            self.meter.release(held)
            raise
        self.configured(wanted)
        self.serves(worker)
        self.tell()
        return worker

    def unasked(self, wanted: Config) -> None:
        """Write down what the next worker starts with, where the present one cannot be asked."""
        self._note_state(wanted, wanted, responsive=False)
        client_map_files.worker_reads(self._paths, wanted, anew=False)

    def _note_state(self, last: Config, wanted: Config, *, responsive: bool) -> None:
        """Write down what the next worker starts with."""
        state = stats.state_of(wanted, self._tally.out())
        if responsive:
            self.tell()
            with contextlib.suppress(SocketError):
                running = runtime.ask(self._paths.socket, "show servers state")
                self._tally.reloading(checks.counted(running, last))
                state = stats.carry_over(running, wanted)
            client_map_files.note(self._paths, wanted)
        files.write(self._paths.state, state, durable=False)
