"""Monitors of type PING: HAProxy cannot send an echo request, so the agent does, and tells HAProxy who is well.

What HAProxy was told last stands while no agent runs. One thread for all load balancers of an agent.
"""

import heapq
import ipaddress
import itertools
import logging
import secrets
import selectors
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from evener.dataplane.haproxy import runtime
from evener.dataplane.haproxy.errors import CommandRefused, SocketError
from evener.host import icmp
from evener.resources.graph import Graph
from evener.resources.types import MonitorType

LOG = logging.getLogger(__name__)

_SEQUENCES = 0x10000
_TELL_S = 1.0  # a worker that does not answer must not hold up the pings of others


@dataclass(frozen=True, slots=True)
class Target:
    """A member that is pinged, every `delay_s` seconds; an answer may take `timeout_s`."""

    pool_id: str
    member_id: str
    address: str
    delay_s: float
    timeout_s: float
    fall: int
    rise: int

    @property
    def version(self) -> icmp.IPVersion:
        """The IP version of the address."""
        return 6 if ipaddress.ip_address(self.address).version == 6 else 4


def targets(graph: Graph) -> tuple[Target, ...]:
    """Return the members that are to be pinged."""
    found = []
    for node in graph.pools:
        monitor = node.healthmonitor
        if monitor is None or not monitor.admin_state_up or monitor.type is not MonitorType.PING:
            continue
        for member in node.members:
            if member.admin_state_up:
                times = (monitor.delay, monitor.timeout, monitor.fall, monitor.rise)
                found.append(Target(node.pool.id, member.id, member.address, *times))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checks have said: well or not, whether any check has, and how many said otherwise of late."""

    up: bool = True
    sure: bool = False
    against: int = 0

    def after(self, *, answered: bool, fall: int, rise: int) -> "Verdict":
        """Return the verdict after another check, as HAProxy's own checks decide.

        Who was never seen well goes out at the first failure; who is known to be well, after `fall` of them.
        """
        if answered == self.up:
            return Verdict(self.up, sure=self.sure or answered)
        against = self.against + 1
        enough = rise if answered else (fall if self.sure else 1)
        if against >= enough:
            return Verdict(answered, sure=True)
        return Verdict(self.up, self.sure, against)


@dataclass
class _Watched:
    """A target with what is known of it; `told` is what HAProxy was told last."""

    target: Target
    verdict: Verdict = Verdict()
    told: bool | None = None
    waiting: int | None = None  # the sequence number of the request that is not answered yet
    ended: bool = False


@dataclass
class _Group:
    """The targets of one load balancer, and its sockets by IP version."""

    namespace: str
    runtime_socket: Path
    watched: dict[str, _Watched] = field(default_factory=dict)
    channels: dict[icmp.IPVersion, socket.socket] = field(default_factory=dict)
    sent: dict[int, _Watched] = field(default_factory=dict)  # by sequence number


class Pinger:
    """All methods may be called from any thread."""

    def __init__(self) -> None:
        self._guard = threading.RLock()
        self._groups: dict[str, _Group] = {}
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._sequence = secrets.randbelow(_SEQUENCES)
        self._identifier = secrets.randbelow(0x10000)
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = socket.socketpair()
        for end in (self._wake_read, self._wake_write):
            end.settimeout(0)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._thread: threading.Thread | None = None
        self._stopped = False

    def watch(
        self,
        loadbalancer_id: str,
        namespace: str,
        runtime_socket: Path,
        wanted: Iterable[Target],
        out: Collection[str] = (),
    ) -> None:
        """Ping `wanted` from `namespace` from now on, and nothing else for this load balancer.

        HAProxy is told anew what is known, as it may be another worker. `out` are members that it holds to be out,
        for those that were not pinged before.

        Raises:
            HostError: when the namespace has no socket for it.
        """
        by_id = {target.member_id: target for target in wanted}
        with self._guard:
            if not by_id and loadbalancer_id not in self._groups:
                return
            group = self._groups.setdefault(loadbalancer_id, _Group(namespace, runtime_socket))
            for version in {target.version for target in by_id.values()} - group.channels.keys():
                self._open(group, version)
            for member_id in [*group.watched]:
                self._reconsider(group, member_id, by_id.get(member_id))
            for member_id in by_id.keys() - group.watched.keys():
                verdict = Verdict(up=member_id not in out, sure=member_id in out)
                self._begin(group, _Watched(by_id[member_id], verdict))
            if not group.watched:
                self._close(loadbalancer_id)
            if self._thread is None and group.watched:
                self._thread = threading.Thread(target=self._run, name="pings", daemon=True)
                self._thread.start()
        self._wake()

    def forget(self, loadbalancer_id: str) -> None:
        """Ping nobody for this load balancer any more."""
        with self._guard:
            self._close(loadbalancer_id)

    def stop(self) -> None:
        """End the thread; HAProxy keeps to what it was told."""
        with self._guard:
            self._stopped = True
            for loadbalancer_id in [*self._groups]:
                self._close(loadbalancer_id)
        self._wake()
        if self._thread is not None:
            self._thread.join()
        self._selector.close()
        self._wake_read.close()
        self._wake_write.close()

    # Under the guard.

    def _reconsider(self, group: _Group, member_id: str, target: Target | None) -> None:
        watched = group.watched[member_id]
        watched.told = None
        if watched.target == target:
            if not watched.verdict.up:
                self._tell(group, watched)
            return
        watched.ended = True
        del group.watched[member_id]
        if target is None:
            watched.verdict = Verdict()
            self._tell(group, watched)  # nobody says any more that it is out
        elif target.address == watched.target.address:
            self._begin(group, _Watched(target, watched.verdict))

    def _begin(self, group: _Group, watched: _Watched) -> None:
        group.watched[watched.target.member_id] = watched
        self._at(time.monotonic(), lambda: self._send(group, watched))

    def _open(self, group: _Group, version: icmp.IPVersion) -> None:
        channel = icmp.open_socket(group.namespace, version)
        group.channels[version] = channel
        self._selector.register(channel, selectors.EVENT_READ, lambda: self._receive(group, version, channel))

    def _close(self, loadbalancer_id: str) -> None:
        group = self._groups.pop(loadbalancer_id, None)
        if group is None:
            return
        for watched in group.watched.values():
            watched.ended = True
        for channel in group.channels.values():
            self._selector.unregister(channel)
            channel.close()

    def _at(self, due: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (due, next(self._order), action))

    def _send(self, group: _Group, watched: _Watched) -> None:
        if watched.ended:
            return
        if watched.waiting is not None:  # `timeout` may be as long as `delay`, and both be over now
            self._missed(group, watched, watched.waiting)
        target, now = watched.target, time.monotonic()
        self._at(now + target.delay_s, lambda: self._send(group, watched))
        self._sequence = sequence = (self._sequence + 1) % _SEQUENCES
        request = icmp.echo_request(target.version, self._identifier, sequence)
        watched.waiting = sequence
        group.sent[sequence] = watched
        try:
            group.channels[target.version].sendto(request, (target.address, 0))
        except OSError:  # no route, no neighbour: nobody answers
            self._missed(group, watched, sequence)
            return
        self._at(now + target.timeout_s, lambda: self._missed(group, watched, sequence))

    def _missed(self, group: _Group, watched: _Watched, sequence: int) -> None:
        group.sent.pop(sequence, None)
        if watched.waiting == sequence:
            self._judge(group, watched, answered=False)

    def _receive(self, group: _Group, version: icmp.IPVersion, channel: socket.socket) -> None:
        while (received := icmp.receive(channel)) is not None:
            packet, source = received
            numbers = icmp.echo_reply(version, packet)
            if numbers is None or numbers[0] != self._identifier:
                continue
            watched = group.sent.get(numbers[1])
            if watched is not None and _same(watched.target.address, source):
                del group.sent[numbers[1]]
                self._judge(group, watched, answered=True)

    def _judge(self, group: _Group, watched: _Watched, *, answered: bool) -> None:
        watched.waiting = None
        if watched.ended:
            return
        target = watched.target
        watched.verdict = watched.verdict.after(answered=answered, fall=target.fall, rise=target.rise)
        if watched.told != watched.verdict.up:
            self._tell(group, watched)

    def _tell(self, group: _Group, watched: _Watched) -> None:
        target, up = watched.target, watched.verdict.up
        command = f"set server {target.pool_id}/{target.member_id} health {'up' if up else 'down'}"
        try:
            runtime.tell(group.runtime_socket, (command,), _TELL_S)
        except (CommandRefused, SocketError) as error:
            LOG.debug("Member %s: %s; saying it again after the next ping", target.member_id, error)
            return
        watched.told = up

    # The thread.

    def _wake(self) -> None:
        with suppress(OSError):
            self._wake_write.send(b"\0")

    def _run(self) -> None:
        while True:
            with self._guard:
                if self._stopped:
                    return
                left_s = self._due[0][0] - time.monotonic() if self._due else None
            for key, _ in self._selector.select(left_s):
                with self._guard, suppress(BlockingIOError):
                    if key.data is None:
                        self._wake_read.recv(4096)
                    elif key.fileobj.fileno() >= 0:  # type: ignore[union-attr]
                        key.data()
            self._act()

    def _act(self) -> None:
        """Do what is due, one after the other, so that others get at the guard in between."""
        while True:
            with self._guard:
                if self._stopped or not self._due or self._due[0][0] > time.monotonic():
                    return
                heapq.heappop(self._due)[2]()


def _same(address: str, source: str) -> bool:
    return ipaddress.ip_address(address) == ipaddress.ip_address(source)
