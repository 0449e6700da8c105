"""A hundred load balancers that two hosts serve: what they take while nobody asks, and how long until the last answers
when the host dies that has all VIPs.
"""

import os
import selectors
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

import psutil
from node import HOST
from standalone import Thing, haproxies
from two_machines import OCTAVIA, PAIR

from bench import report
from bench.report import Result
from bench.two_hosts import MANY, TwoHosts, two_hosts
from evener.host import inotify, netns, processes, sysctl
from waiting import eventually

PORT, CIDR = 19879, "10.44.0.0/22"  # each has three addresses
PAIRS, WITHIN_S = 100, 300.0
STANDBY_MIB, IDLE_PERCENT, LAST_MS = 8, 5, 600
SETTLE_S, IDLE_S = 15.0, 30.0
AS_USUAL = "[DEFAULT]\nperiodic_interval = 10\nresync_interval = 10\n"  # where tests have it look more often
AGAIN_S, ANSWER_S = 0.04, 0.4
MIB = 1 << 20
OWN_HOST = os.uname().nodename
REQUEST = b"GET / HTTP/1.1\r\nHost: pairs\r\nConnection: close\r\n\r\n"


def is_possible() -> bool:
    """Return whether the kernel lets so many processes watch files, or agents may raise that: each keepalived does."""
    limit = inotify.limit()
    return limit is not None and (limit >= 3 * PAIRS or sysctl.is_writable(inotify.SETTING))


def measure() -> Iterator[Result]:
    """Make them, look at them, and lose one of the hosts."""
    with two_hosts(PORT, more=MANY, cidr=CIDR, of_node=AS_USUAL) as hosts:
        made = [_pair(hosts, number) for number in range(PAIRS)]
        for each in made:
            hosts.cloud.api.wait_active(each, WITHIN_S)
        eventually(lambda: len(_masters(hosts)) == PAIRS, WITHIN_S)
        yield from _standing_by(hosts)
        yield from _lost(hosts, [each["vip_address"] for each in made])
        hosts.node.start()  # or nobody lets go there of what is deleted
        for each in made:
            hosts.cloud.api.request("DELETE", f"{OCTAVIA}/lbaas/loadbalancers/{each['id']}?cascade=true")
        for each in made:
            hosts.cloud.api.wait_gone(each, WITHIN_S)


def _pair(hosts: TwoHosts, number: int) -> Thing:
    """Make one with all that it takes to answer, and no monitor."""
    api, subnet = hosts.cloud.api, hosts.cloud.subnet
    lb = api.have("loadbalancer", f"pair-{number}", vip_subnet_id=subnet["id"])
    change = {"loadbalancer": {"topology": PAIR}}
    answer = api.request("PUT", f"{OCTAVIA}/lbaas/loadbalancers/{lb['id']}", change)
    assert answer.ok, answer.text
    below = {"loadbalancer_id": lb["id"], "protocol": "HTTP"}
    pool = api.have("pool", f"pair-{number}-pool", **below, lb_algorithm="ROUND_ROBIN")
    hosts.cloud.member(pool, hosts.cloud.webs[0], subnet)
    api.have("listener", f"pair-{number}-http", **below, default_pool_id=pool["id"], protocol_port=80)
    return lb


def _masters(hosts: TwoHosts, host: str = "") -> list[str]:
    """Return the load balancers whose VIP a host has, or any of both, as control has heard."""
    query = f"role=MASTER&fields=loadbalancer_id{f'&lb_network_ip={host}' if host else ''}"
    found = hosts.cloud.api.request("GET", f"{OCTAVIA}/octavia/amphorae?{query}").json()["amphorae"]
    return [each["loadbalancer_id"] for each in found]


def _of_node(hosts: TwoHosts) -> list[psutil.Process]:
    """Return all processes of the second host."""
    state, found = str(hosts.node.state), []
    for each in psutil.process_iter():
        with suppress(psutil.Error):
            if any(state in word for word in each.cmdline()):
                found.append(each)
    return found


def _standing_by(hosts: TwoHosts) -> Iterator[Result]:
    """Measure the second host while all VIPs are on the first."""
    _have(hosts, OWN_HOST)
    time.sleep(SETTLE_S)
    of_node = _of_node(hosts)
    serving = [each for each in of_node if each.name() in ("haproxy", "keepalived")]
    memory = sum(each.memory_full_info().pss for each in serving) / MIB / PAIRS
    name = "two hosts, a load balancer's memory on the host that stands by: HAProxy and keepalived"
    yield report.aimed(name, memory, "MiB", report.AT_MOST, STANDBY_MIB)
    keepalived = [each for each in of_node if each.name() == "keepalived"]
    before, before_keepalived, began = _used_s(of_node), _used_s(keepalived), time.monotonic()
    time.sleep(IDLE_S)
    passed_s = time.monotonic() - began
    share = 100 * (_used_s(of_node) - before) / passed_s
    name = f"two hosts, processor of the one that stands by for {PAIRS} idle load balancers, with its agent"
    yield report.aimed(name, share, "% of one", report.AT_MOST, IDLE_PERCENT)
    its = 100 * (_used_s(keepalived) - before_keepalived) / passed_s
    yield report.result("  of which keepalived's", its, "% of one")


def _used_s(of_node: Sequence[psutil.Process]) -> float:
    """Return what they have taken of processors; children that ended are counted with who waited for them."""
    found = 0.0
    for each in of_node:
        with suppress(psutil.Error):
            found += sum(each.cpu_times()[:4])
    return found


def _lost(hosts: TwoHosts, vips: Sequence[str]) -> Iterator[Result]:
    _have(hosts, HOST)
    time.sleep(SETTLE_S)
    asking = _Asking(hosts.cloud.client.namespace, vips)
    asking.until_all_answer()
    pids = [each.pid for each in _of_node(hosts)]
    subprocess.run(["ip", "link", "set", "up1", "down"], check=True)
    lost = time.monotonic()
    answered = asking.until_all_answer()  # what ends on the other host takes nothing of this one
    processes.send(pids, signal.SIGKILL)
    name = f"two hosts, host lost: until the last of {PAIRS} load balancers answers"
    yield report.aimed(name, (max(answered) - lost) * 1000, "ms", report.AT_MOST, LAST_MS)
    subprocess.run(["ip", "link", "set", "up1", "up"], check=True)
    yield report.result("  half of them", (sorted(answered)[len(answered) // 2] - lost) * 1000, "ms")


def _have(hosts: TwoHosts, host: str) -> None:
    """See that one host has all VIPs: where the other one has one, its HAProxy is killed."""
    (other,) = {HOST, OWN_HOST} - {host}

    def has_all() -> bool:
        theirs = set(_masters(hosts, other))
        for each in theirs:
            for pid, command in haproxies(each).items():
                if (str(hosts.node.state) in command) == (other == HOST):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
        time.sleep(SETTLE_S if theirs else 0)
        return len(_masters(hosts, host)) == PAIRS

    eventually(has_all, WITHIN_S)


class _Asking:
    """Asks all addresses from a namespace, each again and again until it answers, whatever was asked before.

    It takes little of the processors that it measures: sockets that nobody waits for, in one thread.
    """

    def __init__(self, namespace: str, vips: Sequence[str]) -> None:
        self._namespace, self._vips = namespace, vips
        self._asked: dict[socket.socket, tuple[str, float]] = {}
        self._answered: dict[str, float] = {}

    def until_all_answer(self) -> list[float]:
        """Return when each answered, on the monotonic clock."""
        self._answered.clear()
        thread = threading.Thread(target=self._run)
        thread.start()
        thread.join()
        assert len(self._answered) == len(self._vips)
        return list(self._answered.values())

    def _run(self) -> None:
        end, following = time.monotonic() + WITHIN_S, 0.0
        with netns.inside(self._namespace), selectors.DefaultSelector() as found:
            while len(self._answered) < len(self._vips) and (now := time.monotonic()) < end:
                if now >= following:
                    following = now + AGAIN_S
                    self._forget(found, now - ANSWER_S)
                    for vip in self._vips:
                        if vip not in self._answered:
                            self._ask(found, vip, now)
                for key, _ in found.select(following - now):
                    self._go_on(found, key)
            self._forget(found, end)

    def _ask(self, found: selectors.BaseSelector, vip: str, now: float) -> None:
        asking = socket.socket()
        asking.settimeout(0)
        asking.connect_ex((vip, 80))
        self._asked[asking] = (vip, now)
        found.register(asking, selectors.EVENT_WRITE)

    def _go_on(self, found: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        asking = key.fileobj
        assert isinstance(asking, socket.socket)
        vip, _ = self._asked[asking]
        with suppress(OSError):
            if key.events == selectors.EVENT_WRITE:
                asking.send(REQUEST)
                found.modify(asking, selectors.EVENT_READ)
                return
            if b" 200 " in asking.recv(1024):
                self._answered.setdefault(vip, time.monotonic())
        self._close(found, asking)

    def _forget(self, found: selectors.BaseSelector, before: float) -> None:
        for asking in [each for each, (_, since) in self._asked.items() if since <= before]:
            self._close(found, asking)

    def _close(self, found: selectors.BaseSelector, asking: socket.socket) -> None:
        del self._asked[asking]
        found.unregister(asking)
        asking.close()
