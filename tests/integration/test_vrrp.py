"""Two hosts with keepalived, each in a namespace on one bridge: which of them has the VIP, whatever happens to one."""

import os
import signal
import subprocess
import threading
import time
from ipaddress import ip_address
from pathlib import Path

import pytest

import haproxy_graphs as g
from again import anew
from evener.dataplane.haproxy.instance import Instance
from evener.dataplane.vrrp import process
from evener.dataplane.vrrp.errors import StartFailed
from evener.dataplane.vrrp.render import Side
from evener.dataplane.vrrp.router import VirtualRouter
from evener.host import netns, processes
from evener.host.linuxbridge import LinuxBridgeDriver, bridge_name
from evener.host.veth import tap_name
from evener.host.watch import Watcher
from evener.resources.wiring import FixedIP, WiredPort
from haproxy_rig import SETTINGS
from waiting import eventually

pytestmark = pytest.mark.root

NETWORK = "0f3a77d2-77aa-4b21-8e5a-0d8a8f0a9e11"
VIPS = (ip_address("10.9.0.5"), ip_address("fd00:9::5"))
CLIENT = "client"


def port(number: int) -> WiredPort:
    return WiredPort(
        id=f"{number:08x}-5c1e-4c58-9a80-3a3f3d4a1b2c",
        network_id=NETWORK,
        mac_address=f"fa:16:3e:00:00:{number:02x}",
        fixed_ips=(
            FixedIP(address=f"10.9.0.{number}", prefix_length=24),
            FixedIP(address=f"fd00:9::{number}", prefix_length=64),
        ),
    )


class Host:
    """One of the two: its namespace and HAProxy, and its agent's part, which is to watch and to tell."""

    def __init__(self, number: int, tmp_path: Path, driver: LinuxBridgeDriver, watcher: Watcher) -> None:
        self.namespace, self.port, self._watcher = f"qlbaas-{number}", port(number), watcher
        self._driver, self.directory = driver, tmp_path / str(number) / g.nth(1)
        self.directory.mkdir(parents=True)
        netns.ensure(self.namespace)
        with netns.inside(self.namespace):
            Path("/proc/sys/net/ipv4/ip_nonlocal_bind").write_text("1")
        driver.plug(self.namespace, self.port)
        self.haproxy = Instance(self.directory, self.namespace, SETTINGS)
        self.router = self.another()

    def another(self) -> VirtualRouter:
        return VirtualRouter(self.directory, self.namespace)

    def side(self, peer: int, priority: int, vips=VIPS[:1]) -> Side:
        own = ip_address(self.port.fixed_ips[0].address)
        return Side(self._driver.interface(self.port), own, ip_address(f"10.9.0.{peer}"), priority, vips)

    def serve(self) -> None:
        self.haproxy.apply(g.graph(id=g.nth(1), listeners=[g.listener()], addresses=[str(VIPS[0])]))
        self._watcher.process(self.haproxy.pid, lambda _: self.router.tell(serves=False))
        self.router.tell(serves=True)

    def cut(self) -> None:
        subprocess.run(["ip", "link", "set", tap_name(self.port.id), "nomaster"], check=True)

    def heal(self) -> None:
        tap, bridge = tap_name(self.port.id), bridge_name(NETWORK)
        subprocess.run(["ip", "link", "set", tap, "master", bridge], check=True)

    @property
    def has_vip(self) -> bool:
        return self.router.has_vip()

    def close(self) -> None:
        self.router.stop()
        self.haproxy.remove()
        self._driver.unplug(self.namespace, self.port.id)
        netns.delete(self.namespace)


class Two:
    """Both hosts, where the first has the VIP, and the namespace of a client on their network."""

    def __init__(self, tmp_path: Path) -> None:
        self.watcher, self.driver = Watcher(), LinuxBridgeDriver()
        self.watcher.start()
        self.first, self.second = (Host(number, tmp_path, self.driver, self.watcher) for number in (2, 3))
        netns.ensure(CLIENT)
        self.driver.plug(CLIENT, port(9))
        self.sides = (self.first.side(3, 254), self.second.side(2, 250))
        for host, side in zip(self.hosts, self.sides, strict=True):
            assert host.router.apply(side)
            host.serve()
            eventually(lambda: self.first.has_vip)

    @property
    def hosts(self) -> tuple[Host, Host]:
        return self.first, self.second

    @property
    def owners(self) -> list[str]:
        return [host.namespace for host in self.hosts if host.has_vip]

    def answers(self) -> bool:
        with netns.inside(CLIENT):
            asked = subprocess.run(
                ["curl", "-s", "-o", "/dev/null", "-m", "5", f"http://{VIPS[0]}/"], check=False
            )
        return asked.returncode == 0

    def close(self) -> None:
        for host in self.hosts:
            host.close()
        self.watcher.stop()
        self.driver.unplug(CLIENT, port(9).id)
        netns.delete(CLIENT)
        self.driver.remove_network(NETWORK)
        assert not any(process.processes_of(host.router.paths) for host in self.hosts)


# Where the one that has the VIP does not run for 0.3 s the other one takes it, which is right, and no part of a test.
on_two_hosts = anew(Two)


@on_two_hosts
def test_one_has_the_vip_and_answers_for_it(two):
    assert two.owners == [two.first.namespace]
    assert two.answers()
    time.sleep(0.5)
    assert two.owners == [two.first.namespace]


@on_two_hosts
def test_a_host_whose_haproxy_is_killed_gives_the_vip_away_and_takes_it_back_only_if_needed(two):
    os.kill(two.first.haproxy.pid, signal.SIGKILL)
    eventually(lambda: two.owners == [two.second.namespace], 1)
    assert two.answers()
    two.first.serve()
    time.sleep(0.5)
    assert two.owners == [two.second.namespace]
    os.kill(two.second.haproxy.pid, signal.SIGKILL)
    eventually(lambda: two.owners == [two.first.namespace], 1)
    assert two.answers()


@on_two_hosts
def test_who_is_cut_off_is_replaced_and_one_is_left_when_the_link_is_healed(two):
    two.first.cut()
    eventually(lambda: two.second.has_vip, 2)
    assert two.answers()
    two.first.heal()
    eventually(lambda: len(two.owners) == 1, 2)
    eventually(two.answers, 2)
    time.sleep(1)
    assert len(two.owners) == 1
    assert two.answers()


@on_two_hosts
def test_a_host_that_dies_at_once_is_replaced(two):
    killed = {*process.processes_of(two.first.router.paths), two.first.haproxy.pid}
    two.first.cut()
    processes.kill(killed)
    eventually(lambda: two.second.has_vip, 2)
    eventually(two.answers, 2)


@pytest.mark.parametrize("which", ["parent", "child"])
@on_two_hosts
def test_a_killed_keepalived_is_found_missing_and_the_vip_is_not_left_with_two(two, which):
    (parent, child) = two.first.router.processes
    os.kill({"parent": parent, "child": child}[which].pid, signal.SIGKILL)
    eventually(lambda: two.second.has_vip, 2)
    eventually(lambda: not two.first.router.check(), 3)
    assert two.first.router.apply(two.sides[0])
    assert two.owners == [two.second.namespace]
    assert two.first.router.check()
    time.sleep(0.5)
    assert two.owners == [two.second.namespace]


@on_two_hosts
def test_a_stopped_keepalived_is_replaced(two):
    os.kill(two.first.router.processes[1].pid, signal.SIGSTOP)
    eventually(lambda: two.second.has_vip, 2)
    assert two.first.router.is_halted
    assert not two.first.router.check()
    two.first.router.apply(two.sides[0])
    assert two.owners == [two.second.namespace]


@on_two_hosts
def test_another_agent_takes_over_what_runs_and_changes_nothing(two):
    before = process.processes_of(two.first.router.paths)
    other = two.first.another()
    assert not other.apply(two.sides[0])
    assert other.check()
    assert other.has_vip()
    assert process.processes_of(other.paths) == before == {each.pid for each in other.processes}


@on_two_hosts
def test_one_that_lost_its_pid_files_is_found_all_the_same(two):
    before = process.processes_of(two.first.router.paths)
    two.first.router.paths.pid_file.unlink()
    two.first.router.paths.vrrp_pid_file.unlink()
    other = two.first.another()
    assert not other.apply(two.sides[0])
    assert {each.pid for each in other.processes} == before


@on_two_hosts
def test_a_second_address_comes_and_goes_while_the_first_stays_where_it_is(two):
    seen, ended = [], threading.Event()

    def look() -> None:
        while not ended.is_set():
            seen.append(two.owners)

    looking = threading.Thread(target=look)
    looking.start()
    both = (two.first.side(3, 254, VIPS), two.second.side(2, 250, VIPS))
    try:
        for host, side in zip(two.hosts, both, strict=True):
            assert host.router.apply(side)
            time.sleep(0.5)
        eventually(lambda: str(VIPS[1]) in addresses_of(two.first))
        for host, side in zip(two.hosts, two.sides, strict=True):
            assert host.router.apply(side)
            time.sleep(0.5)
        eventually(lambda: str(VIPS[1]) not in addresses_of(two.first))
    finally:
        ended.set()
        looking.join()
    assert all(each == [two.first.namespace] for each in seen)


def addresses_of(host: Host) -> str:
    with netns.inside(host.namespace):
        return subprocess.run(["ip", "addr"], check=True, capture_output=True, text=True).stdout


@on_two_hosts
def test_a_pair_with_another_host_goes_on_as_it_was(two):
    two.second.router.stop()
    assert two.first.router.apply(two.first.side(4, 254))
    eventually(lambda: two.owners == [two.first.namespace], 2)
    assert two.first.router.check()


@on_two_hosts
def test_a_change_right_after_the_start_is_heard(two):
    for _ in range(5):
        two.second.router.stop()
        two.second.router.apply(two.second.side(4, 250))
        two.second.router.apply(two.sides[1])
        two.second.router.tell(serves=True)
        time.sleep(0.6)
        assert two.owners == [two.first.namespace]
        assert two.second.router.check()


@on_two_hosts
def test_what_stops_gives_the_vip_up_and_leaves_nothing(two):
    two.first.router.stop()
    eventually(lambda: two.owners == [two.second.namespace], 1)
    assert str(VIPS[0]) not in addresses_of(two.first)
    assert not list(two.first.directory.glob("keepalived*"))


@on_two_hosts
def test_why_keepalived_does_not_come_up_is_told(two):
    two.second.router.stop()
    with pytest.raises(StartFailed, match="No such file"):
        VirtualRouter(two.second.directory, two.second.namespace, "/nowhere/keepalived").apply(two.sides[1])
    with pytest.raises(StartFailed, match=r"\w"):
        VirtualRouter(two.second.directory, two.second.namespace, "/bin/false").apply(two.sides[1])
