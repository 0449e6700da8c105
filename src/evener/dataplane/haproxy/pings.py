"""Monitors of type PING: HAProxy cannot send an echo request, so the agent does, and tells HAProxy who is well.

What HAProxy was told last stands while no agent runs. One thread for all load balancers of an agent, which never
waits for one of them. Members of a load balancer that have one address share its echo requests, and each project has a
rate of its own: where it has more members than that is for, they are looked at less often, and nobody else's are.
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
from functools import partial
from pathlib import Path

from evener import threads
from evener.dataplane.haproxy import runtime
from evener.dataplane.haproxy.errors import CommandRefused, SocketError
from evener.dataplane.haproxy.ping_targets import Target, Verdict
from evener.host import icmp

LOG = logging.getLogger(__name__)

RATE = 500  # echo requests a second of one project
_SEQUENCES = 0x10000
_SHARED_S = 0.5  # how old a request may be that answers for somebody else too
_TELL_S = 1.0  # what a worker gets to answer
_BURST_S = 0.1  # a project that was silent so long may make up for it
_READ_AT_ONCE = 1000  # packets
_TOLD_AT_ONCE = 80  # members; a command line has to fit into HAProxy's buffer


@dataclass(eq=False)
class _Watched:
    """A target with what is known of it; `told` is what HAProxy was told last."""

    target: Target
    verdict: Verdict = field(default_factory=Verdict)
    told: bool | None = None


@dataclass(frozen=True, slots=True)
class _News:
    """Whether a member is well, as HAProxy is to be told."""

    watched: _Watched
    up: bool

    @classmethod
    def of(cls, watched: _Watched) -> "_News":
        """Return what is known now."""
        return cls(watched, watched.verdict.up)

    @property
    def command(self) -> str:
        """The words for HAProxy."""
        target, how = self.watched.target, "up" if self.up else "down"
        return "; ".join(
            f"set server {backend}/{target.member_id} health {how}" for backend in target.backends
        )


@dataclass(eq=False)
class _Talk:
    """A conversation with HAProxy on its way."""

    channel: socket.socket
    news: tuple[_News, ...]
    answer: bytearray = field(default_factory=bytearray)
    over: bool = False


@dataclass
class _Probe:
    """Members of one address that are looked at together: as often as each other, and as patiently."""

    address: str
    version: icmp.IPVersion
    delay_s: float
    timeout_s: float
    watched: dict[str, _Watched] = field(default_factory=dict)  # by member's id
    waits_for: "_Request | None" = None
    answered: bool | None = None  # the last time

    @property
    def key(self) -> tuple[str, float, float]:
        """What tells it from the others of its load balancer."""
        return self.address, self.delay_s, self.timeout_s


@dataclass(eq=False)
class _Request:
    """An echo request, and what has become of it: None while it can still be answered."""

    sequence: int
    address: str
    sent_at: float
    answered: bool | None = None
    probes: list[_Probe] = field(default_factory=list)


@dataclass(eq=False)
class _Group:
    """The probes of one load balancer, and its sockets by IP version."""

    namespace: str
    runtime_socket: Path
    project: str
    probes: dict[tuple[str, float, float], _Probe] = field(default_factory=dict)
    channels: dict[icmp.IPVersion, socket.socket] = field(default_factory=dict)
    sent: dict[int, _Request] = field(default_factory=dict)  # by sequence number
    latest: dict[str, _Request] = field(default_factory=dict)  # by address
    untold: dict[str, _Watched] = field(default_factory=dict)
    talking: bool = False  # one conversation with HAProxy at a time, so that the last word is the latest
    talk: _Talk | None = None
    ended: bool = False

    def watched(self) -> dict[str, _Watched]:
        """Return all that are watched, by members' ids."""
        return {key: each for probe in self.probes.values() for key, each in probe.watched.items()}


class Pinger:
    """All methods may be called from any thread."""

    def __init__(self, rate: float = RATE) -> None:
        """Send at most `rate` requests a second for one project."""
        self._pause_s = 1 / rate
        self._free_at: dict[str, float] = {}  # when a project may send again
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
        self._thread: threads.Thread | None = None
        self._stopped = False

    def watch(
        self,
        loadbalancer_id: str,
        namespace: str,
        runtime_socket: Path,
        wanted: Iterable[Target],
        out: Collection[str] = (),
        project: str = "",
    ) -> None:
        """Ping `wanted` from `namespace` from now on, and nothing else for this load balancer of `project`.

        HAProxy is told anew what is known, as it may be another worker, before this returns. `out` are members that it
        holds to be out, for those that were not pinged before.

        Raises:
            HostError: when the namespace has no socket for it.
        """
        by_id = {target.member_id: target for target in wanted}
        with self._guard:
            if not by_id and loadbalancer_id not in self._groups:
                return
            fresh = _Group(namespace, runtime_socket, project or loadbalancer_id)
            group = self._groups.setdefault(loadbalancer_id, fresh)
            for version in {target.version for target in by_id.values()} - group.channels.keys():
                self._open(group, version)
            news = self._change(group, by_id, out)
            group.talking = True
            if self._thread is None and group.probes:
                self._thread = threads.lasting("pings", self._run)
                self._thread.start()
        self._wake()
        told = _told(group.runtime_socket, news)
        with self._guard:
            for each in news if told else ():
                each.watched.told = each.up
            group.talking = False
            if not group.probes:
                self._close(loadbalancer_id)
            self._tell(group)

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

    # Under the guard: who is watched.

    def _change(self, group: _Group, by_id: dict[str, Target], out: Collection[str]) -> list[_News]:
        """Watch what is to be watched, and return what HAProxy has to hear at once."""
        news = []
        known = group.watched()
        for member_id, watched in known.items():
            target = by_id.get(member_id)
            watched.told = None
            if watched.target == target:
                if not watched.verdict.up:
                    news.append(_News.of(watched))
                continue
            self._leave(group, watched.target)
            if target is None:
                news.append(_News(watched, up=True))  # nobody says any more that it is out
            else:
                same = target.address == watched.target.address
                self._join(group, _Watched(target, watched.verdict if same else Verdict()))
        for member_id in by_id.keys() - known.keys():
            verdict = Verdict(up=member_id not in out, sure=member_id in out)
            self._join(group, _Watched(by_id[member_id], verdict))
        return news

    def _join(self, group: _Group, watched: _Watched) -> None:
        target = watched.target
        key = (target.address, target.delay_s, target.timeout_s)
        probe = group.probes.get(key)
        if probe is None:
            probe = group.probes[key] = _Probe(target.address, target.version, *key[1:])
            self._at(time.monotonic(), partial(self._look, group, probe))
        elif probe.answered is not None:
            self._judge_one(group, watched, answered=probe.answered)
        probe.watched[target.member_id] = watched

    def _leave(self, group: _Group, target: Target) -> None:
        probe = group.probes[target.address, target.delay_s, target.timeout_s]
        del probe.watched[target.member_id]
        group.untold.pop(target.member_id, None)
        if not probe.watched:
            del group.probes[probe.key]
            if all(each.address != probe.address for each in group.probes.values()):
                group.latest.pop(probe.address, None)

    def _open(self, group: _Group, version: icmp.IPVersion) -> None:
        channel = icmp.open_socket(group.namespace, version)
        group.channels[version] = channel
        self._selector.register(
            channel, selectors.EVENT_READ, partial(self._receive, group, version, channel)
        )

    def _close(self, loadbalancer_id: str) -> None:
        group = self._groups.pop(loadbalancer_id, None)
        if group is None:
            return
        group.ended = True
        if all(each.project != group.project for each in self._groups.values()):
            self._free_at.pop(group.project, None)
        for channel in group.channels.values():
            self._selector.unregister(channel)
            channel.close()
        if group.talk is not None:
            self._end_talk(group, group.talk)

    # Under the guard: requests and answers.

    def _at(self, due: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (due, next(self._order), action))

    def _look(self, group: _Group, probe: _Probe, *, waited: bool = False) -> None:
        """Have a request on its way for `probe`, when its project may send one."""
        if group.ended or not probe.watched:
            return
        if probe.waits_for is not None:  # `timeout` may be as long as `delay`, and both be over now
            self._missed(group, probe, probe.waits_for)
        now = time.monotonic()
        request = group.latest.get(probe.address)
        shared = request is not None and now - request.sent_at < _SHARED_S
        if request is None or not shared or (request.answered is None and request.sequence not in group.sent):
            slot = now if waited else self._slot(group.project, now)
            if slot > now:
                self._at(slot, partial(self._look, group, probe, waited=True))
                return
            request = self._send(group, probe, now)
        self._at(now + probe.delay_s, partial(self._look, group, probe))
        if request.answered is not None:
            self._judge(group, probe, answered=request.answered)
            return
        probe.waits_for = request
        request.probes.append(probe)
        self._at(request.sent_at + probe.timeout_s, partial(self._missed, group, probe, request))

    def _slot(self, project: str, now: float) -> float:
        """Return when the project may send its next request, which it is taken to do."""
        slot = max(self._free_at.get(project, 0.0), now - _BURST_S)
        self._free_at[project] = slot + self._pause_s
        return slot

    def _send(self, group: _Group, probe: _Probe, now: float) -> _Request:
        self._sequence = sequence = (self._sequence + 1) % _SEQUENCES
        request = group.latest[probe.address] = _Request(sequence, probe.address, now)
        message = icmp.echo_request(probe.version, self._identifier, sequence)
        try:
            group.channels[probe.version].sendto(message, (probe.address, 0))
        except OSError:  # no route, no neighbour: nobody answers
            request.answered = False
            return request
        group.sent[sequence] = request
        return request

    def _missed(self, group: _Group, probe: _Probe, request: _Request) -> None:
        if probe.waits_for is not request:
            return
        probe.waits_for = None
        request.probes.remove(probe)
        if not request.probes and group.sent.get(request.sequence) is request:
            del group.sent[request.sequence]
        self._judge(group, probe, answered=False)

    def _receive(self, group: _Group, version: icmp.IPVersion, channel: socket.socket) -> None:
        for _ in range(_READ_AT_ONCE):  # more may come than anybody can read
            if (received := icmp.receive(channel)) is None:
                return
            packet, source = received
            numbers = icmp.echo_reply(version, packet)
            if numbers is None or numbers[0] != self._identifier:
                continue
            request = group.sent.get(numbers[1])
            if request is not None and _same(request.address, source):
                del group.sent[numbers[1]]
                request.answered = True
                for probe in request.probes:
                    if probe.waits_for is request:
                        probe.waits_for = None
                        self._judge(group, probe, answered=True)

    def _judge(self, group: _Group, probe: _Probe, *, answered: bool) -> None:
        probe.answered = answered
        for watched in probe.watched.values():
            self._judge_one(group, watched, answered=answered)
        self._tell(group)

    @staticmethod
    def _judge_one(group: _Group, watched: _Watched, *, answered: bool) -> None:
        verdict, target = watched.verdict, watched.target
        if verdict.against or not verdict.sure or answered != verdict.up:
            watched.verdict = verdict.after(answered=answered, fall=target.fall, rise=target.rise)
        if watched.told != watched.verdict.up:
            group.untold[target.member_id] = watched

    # Under the guard: what HAProxy is told. Nobody waits for its answer.

    def _tell(self, group: _Group) -> None:
        """Say what HAProxy has not been told; once it has answered, the rest."""
        if group.talking or group.ended or not group.untold:
            return
        ready = itertools.islice(group.untold, _TOLD_AT_ONCE)
        news = tuple(_News.of(group.untold.pop(member_id)) for member_id in [*ready])
        try:
            channel = runtime.say(group.runtime_socket, "; ".join(each.command for each in news))
        except SocketError as error:
            _not_told(news, str(error))
            return
        group.talking, group.talk = True, _Talk(channel, news)
        self._selector.register(channel, selectors.EVENT_READ, partial(self._hear, group, group.talk))
        self._at(time.monotonic() + _TELL_S, partial(self._end_talk, group, group.talk, "does not answer"))

    def _hear(self, group: _Group, talk: _Talk) -> None:
        try:
            part = talk.channel.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        talk.answer += part
        if not part:
            said = " ".join(talk.answer.decode(errors="replace").split())
            self._end_talk(group, talk, said if said or not talk.answer else None)

    def _end_talk(self, group: _Group, talk: _Talk, refusal: str | None = "") -> None:
        if talk.over:
            return
        talk.over, group.talk, group.talking = True, None, False
        self._selector.unregister(talk.channel)
        talk.channel.close()
        if refusal is None:
            for each in talk.news:
                each.watched.told = each.up
        else:
            _not_told(talk.news, refusal or "HAProxy hung up")
        self._tell(group)

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
        """Do what is due by now, one after the other, so that others get at the guard in between."""
        until = time.monotonic()
        while True:
            with self._guard:
                if self._stopped or not self._due or self._due[0][0] > until:
                    return
                heapq.heappop(self._due)[2]()


def _told(runtime_socket: Path, news: Collection[_News]) -> bool:
    """Tell HAProxy, and wait until it has heard; return whether it has."""
    try:
        runtime.tell(runtime_socket, (each.command for each in news), _TELL_S)
    except (CommandRefused, SocketError) as error:
        _not_told(news, str(error))
        return False
    return True


def _not_told(news: Collection[_News], why: str) -> None:
    for each in news:
        LOG.debug("Member %s: %s; saying it again after the next ping", each.watched.target.member_id, why)


def _same(address: str, source: str) -> bool:
    return ipaddress.ip_address(address) == ipaddress.ip_address(source)
