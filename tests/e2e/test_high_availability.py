"""A load balancer that the agents of two machines serve, end to end: who answers, whatever is killed or cut off.

The second machine is a network namespace with a view of its own of what is mounted, on the same physical network.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest
from node import HOST, Node
from standalone import Balancer, Cloud, Standalone, eventually, haproxies
from test_existing_bridge import BRIDGE
from test_failover import OCTAVIA, WITHIN_S, cloud, node, settings

__all__ = ["cloud", "node", "settings"]
pytestmark = [pytest.mark.root, pytest.mark.timeout(400)]
PAIR = "ACTIVE_STANDBY"
LONGEST_S = 2.0  # that nobody answers while one is well, on a machine that does much else


class Caller:
    """Opens a connection every 5 ms, as long as the block runs, and notes when one was answered."""

    def __init__(self, cloud: Cloud, vip: str) -> None:
        self._cloud, self._vip = cloud, vip
        self._ended, self._good, self._last = threading.Event(), [], 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._ended.wait(0.005):
            with suppress(Exception):
                self._cloud.client.get(self._vip, timeout_s=0.3)
                self._good.append(time.monotonic())

    def __enter__(self) -> Self:
        self._thread.start()
        eventually(lambda: len(self._good) > 20)
        return self

    def __exit__(self, *_: object) -> None:
        answered = len(self._good)
        eventually(lambda: len(self._good) > answered + 20, WITHIN_S)
        self._ended.set()
        self._thread.join()

    @property
    def longest_gap_s(self) -> float:
        return max(after - before for before, after in zip(self._good, self._good[1:], strict=False))


class Pair:
    """The load balancer, and where it is served."""

    def __init__(self, cloud: Cloud, standalone: Standalone, node: Node, balancer: Balancer) -> None:
        self.cloud, self.standalone, self.node, self.balancer = cloud, standalone, node, balancer
        self.vip = balancer.vip

    def serving(self, name: str) -> dict[str, list[int]]:
        """Return the processes of a program that serve it, by host."""
        found: dict[str, list[int]] = {HOST: [], self.standalone_host: []}
        for pid, command in processes_of(name, self.balancer.lb["id"]).items():
            found[HOST if str(self.node.state) in command else self.standalone_host].append(pid)
        return found

    @property
    def standalone_host(self) -> str:
        return os.uname().nodename

    def owners(self) -> list[str]:
        """Return the hosts that have the VIP."""
        found = []
        for host, pids in self.serving("haproxy").items():
            for pid in pids[:1]:
                command = ["nsenter", "-t", str(pid), "-n", "ip", "-o", "address"]
                shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
                found += [host] if f" {self.vip}/" in shown else []
        return found

    def is_well(self) -> bool:
        """Say whether both serve, and one has the VIP."""
        both = all(self.serving("haproxy").values()) and all(self.serving("keepalived").values())
        return both and len(self.owners()) == 1

    def have(self, host: str) -> None:
        """See that this host has the VIP."""
        eventually(self.is_well, WITHIN_S)
        if self.owners() != [host]:
            self.kill("haproxy", self.owners()[0])
            eventually(lambda: self.owners() == [host], 5)
            eventually(self.is_well, WITHIN_S)
        time.sleep(1)

    def kill(self, name: str, host: str, number: int = signal.SIGKILL) -> None:
        for pid in self.serving(name)[host]:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def processes_of(name: str, balancer_id: str) -> dict[int, str]:
    if name == "haproxy":
        return haproxies(balancer_id)
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if command.startswith(name) and balancer_id in command:
                found[int(entry.name)] = command
    return found


@pytest.fixture(scope="module")
def made(cloud: Cloud, standalone: Standalone, node: Node) -> Iterator[Pair]:
    balancer = cloud.balancer("paired")
    change = {"loadbalancer": {"topology": PAIR}}
    path = f"{OCTAVIA}/lbaas/loadbalancers/{balancer.lb['id']}"
    assert cloud.api.request("PUT", path, change).json()["loadbalancer"]["topology"] == PAIR
    cloud.api.wait_active(balancer.lb, WITHIN_S)
    yield Pair(cloud, standalone, node, balancer)
    cloud.delete(balancer, wait=False)
    cloud.api.wait_gone(balancer.lb, WITHIN_S)


@pytest.fixture
def pair(made: Pair) -> Pair:
    eventually(made.is_well, WITHIN_S)
    return made


def test_both_serve_it_and_both_are_shown(pair: Pair) -> None:
    path = f"{OCTAVIA}/octavia/amphorae?loadbalancer_id={pair.balancer.lb['id']}"
    found = pair.cloud.api.request("GET", path).json()["amphorae"]
    assert {each["role"] for each in found} == {"MASTER", "BACKUP"}
    assert {each["lb_network_ip"] for each in found} == {HOST, pair.standalone_host}
    eventually(lambda: set(pair.cloud.client.spread(pair.vip, 6)) == {"web1", "web2"}, WITHIN_S)


def test_a_killed_haproxy_costs_no_more_than_a_moment(pair: Pair) -> None:
    pair.have(HOST)
    with Caller(pair.cloud, pair.vip) as caller:
        pair.kill("haproxy", HOST)
        eventually(lambda: pair.owners() == [pair.standalone_host], 5)
    assert caller.longest_gap_s < LONGEST_S


def test_a_frozen_haproxy_gives_the_vip_away(pair: Pair) -> None:
    pair.have(HOST)
    with Caller(pair.cloud, pair.vip):
        pair.kill("haproxy", HOST, signal.SIGSTOP)
        eventually(lambda: pair.owners() == [pair.standalone_host], 10)


def test_a_killed_agent_changes_nothing(pair: Pair) -> None:
    pair.have(HOST)
    before = pair.serving("haproxy"), pair.serving("keepalived")
    with Caller(pair.cloud, pair.vip) as caller:
        pair.node.kill()
        time.sleep(2)
        pair.node.start()
        time.sleep(1)
    assert (pair.serving("haproxy"), pair.serving("keepalived")) == before
    assert pair.owners() == [HOST]
    assert caller.longest_gap_s < 0.5


def test_a_cut_link_moves_the_vip_and_one_has_it_when_it_is_healed(pair: Pair) -> None:
    pair.have(HOST)
    with Caller(pair.cloud, pair.vip) as caller:
        subprocess.run(["ip", "link", "set", "up1", "nomaster"], check=True)
        eventually(lambda: pair.standalone_host in pair.owners(), 5)
    assert caller.longest_gap_s < LONGEST_S
    subprocess.run(["ip", "link", "set", "up1", "master", BRIDGE], check=True)
    eventually(lambda: len(pair.owners()) == 1, 2)
    with Caller(pair.cloud, pair.vip):
        pass


def test_a_host_that_dies_is_replaced_at_once_and_takes_nothing_when_it_is_back(pair: Pair) -> None:
    pair.have(HOST)
    with Caller(pair.cloud, pair.vip) as caller:
        subprocess.run(["ip", "link", "set", "up1", "down"], check=True)
        pair.node.kill()
        pair.kill("keepalived", HOST)
        pair.kill("haproxy", HOST)
        eventually(lambda: pair.owners() == [pair.standalone_host], 5)
    assert caller.longest_gap_s < LONGEST_S
    with Caller(pair.cloud, pair.vip) as caller:
        subprocess.run(["ip", "link", "set", "up1", "up"], check=True)
        pair.node.start()
        eventually(pair.is_well, WITHIN_S)
        time.sleep(1)
    assert pair.owners() == [pair.standalone_host]
    assert caller.longest_gap_s < 1


def test_what_is_changed_is_served_by_both(pair: Pair) -> None:
    pair.cloud.api.update(pair.balancer.members["web2"], weight=0)
    pair.cloud.api.wait_active(pair.balancer.lb, WITHIN_S)
    for host in (HOST, pair.standalone_host):
        pair.have(host)
        eventually(lambda: set(pair.cloud.client.spread(pair.vip, 6)) == {"web1"}, WITHIN_S)
    pair.cloud.api.update(pair.balancer.members["web2"], weight=1)


def test_while_control_is_away_the_vip_moves_all_the_same(pair: Pair) -> None:
    pair.have(HOST)
    pair.standalone.kill()
    try:
        with Caller(pair.cloud, pair.vip) as caller:
            pair.kill("haproxy", HOST)
            eventually(lambda: pair.owners() == [pair.standalone_host], 5)
        assert caller.longest_gap_s < LONGEST_S
    finally:
        pair.standalone.start()
    eventually(pair.is_well, WITHIN_S)


def test_one_serves_it_alone_again(pair: Pair) -> None:
    path = f"{OCTAVIA}/lbaas/loadbalancers/{pair.balancer.lb['id']}"
    pair.cloud.api.request("PUT", path, {"loadbalancer": {"topology": "SINGLE"}})
    pair.cloud.api.wait_active(pair.balancer.lb, WITHIN_S)
    eventually(lambda: sorted(map(bool, pair.serving("haproxy").values())) == [False, True], WITHIN_S)
    assert not any(pair.serving("keepalived").values())
    eventually(lambda: set(pair.cloud.client.spread(pair.vip, 6)) == {"web1", "web2"}, WITHIN_S)
