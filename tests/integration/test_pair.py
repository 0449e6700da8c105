"""Two agents serve one load balancer, in namespaces on one network: who is called, whatever happens to one of them."""

import os
import re
import signal
import socket
import subprocess
import threading
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pytest
from test_data_plane import Control

import haproxy_graphs as g
from again import anew
from evener.agent.journal import Journal
from evener.agent.service import AgentService, Intervals
from evener.dataplane.haproxy import runtime
from evener.dataplane.haproxy.driver import HaproxyDriver
from evener.dataplane.haproxy.paths import Paths as HaproxyPaths
from evener.dataplane.vrrp import process as keepalived
from evener.dataplane.vrrp.paths import Paths
from evener.host import netns, processes
from evener.host.linuxbridge import LinuxBridgeDriver, bridge_name
from evener.host.veth import tap_name
from evener.resources.graph import Pair
from evener.resources.pool import SessionPersistence
from evener.resources.types import Role
from evener.resources.wiring import FixedIP, WiredPort
from haproxy_rig import SETTINGS
from waiting import eventually

pytestmark = [pytest.mark.root, pytest.mark.timeout(300)]

NETWORK = "0b3a77d2-77aa-4b21-8e5a-0d8a8f0a9e11"
VIP, PORT = "10.46.0.5", 80
ROLES = {Role.MASTER: (2, 254), Role.BACKUP: (3, 250)}
CLIENTS = ("10.46.0.101", "10.46.0.102", "10.46.0.103", "10.46.0.104", "10.46.0.105", "10.46.0.106")


def port(number: int, *addresses: str, moving: tuple[str, ...] = ()) -> WiredPort:
    return WiredPort(
        id=f"{number:08x}-5c1e-4c58-9a80-3a3f3d4a1b2c",
        network_id=NETWORK,
        mac_address=f"fa:16:3e:00:05:{number:02x}",
        fixed_ips=tuple(FixedIP(address=each, prefix_length=24) for each in addresses),
        moving=moving,
    )


VIP_PORT = port(5, VIP)
MEMBERS = [
    g.member(id=g.nth(10 + n), pool_id=g.nth(5), address=f"10.46.0.{50 + n}", protocol_port=80)
    for n in (1, 2)
]


def graph_of(loadbalancer_id: str, role: Role, generation: int = 1, *, alone: bool = False):
    pool = g.pool(id=g.nth(5), session_persistence=SessionPersistence(type="SOURCE_IP"))
    made = g.graph(
        id=loadbalancer_id,
        vip_address=VIP,
        generation=generation,
        listeners=[g.listener(id=g.nth(2), protocol_port=PORT, default_pool_id=pool.id)],
        pools=[(pool, MEMBERS, None)],
    )
    number, priority = ROLES[role]
    peer = next(other for each, (other, _) in ROLES.items() if each is not role)
    pair = Pair(
        port=port(number, f"10.46.0.{number}", moving=(VIP,)), peer=f"10.46.0.{peer}", priority=priority
    )
    parts = {"vip_port": VIP_PORT, "role": role, "pair": pair, "served": True}
    return made.model_copy(update={"vip_port": VIP_PORT} if alone else parts)


class Host:
    """A host: control, which wants one load balancer there, and an agent."""

    def __init__(self, role: Role, directory: Path) -> None:
        self.role, self.lb = role, g.nth(100 + ROLES[role][0])
        self.namespace = f"qlbaas-{self.lb}"
        self.directory = directory / str(role) / "lbaas" / "v2"
        self.port = graph_of(self.lb, role).port
        self.control, self.agent = Control(), None
        self.want(graph_of(self.lb, role))

    @property
    def own(self) -> Path:
        return self.directory / self.lb

    def want(self, graph) -> None:
        self.control.graphs = {self.lb: graph}

    def start(self) -> None:
        self.agent = AgentService(
            host=str(self.role),
            controller=self.control,
            journal=Journal(self.directory),
            driver=LinuxBridgeDriver(3),
            device_drivers=[HaproxyDriver(SETTINGS)],
            intervals=Intervals(1, 600),
            configurations={},
            sysctls={},
        )
        self.agent.start()
        eventually(lambda: self.reported(1))

    def at_work(self) -> AbstractContextManager[object]:
        """Let its agent be at work on the load balancer meanwhile, as when HAProxy does not answer."""
        return self.agent._balancers.get(self.lb)._lock

    def reported(self, generation: int) -> bool:
        return any((each.applied_generation or 0) >= generation for each in self.control.reports)

    def look(self) -> None:
        self.agent.look(self.lb)

    def addresses(self) -> str:
        command = ["ip", "-n", self.namespace, "-o", "address"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    @property
    def has_vip(self) -> bool:
        return f" {VIP}/" in self.addresses()

    @property
    def says_it_has_vip(self) -> bool | None:
        """What it reported last."""
        seen = [each.observation for each in self.control.reports if each.observation is not None]
        return seen[-1].has_vip if seen else None

    @property
    def haproxy(self) -> int:
        """Its master's process id; 0 while it is started."""
        with suppress(FileNotFoundError, ValueError):
            return int((self.own / "haproxy.pid").read_text())
        return 0

    @property
    def may_have_vip(self) -> bool:
        """Whether its keepalived was told that HAProxy serves."""
        with suppress(FileNotFoundError):
            return int(Paths(self.own).weight.read_text()) >= 0
        return False

    def learned(self) -> int:
        """Return how many clients' members its HAProxy knows, of its own or by the other one."""
        with netns.inside(self.namespace):
            said = runtime.ask(HaproxyPaths(self.own).socket, "show table")
        return sum(map(int, re.findall(r"used:(\d+)", said)))

    def cut(self) -> None:
        subprocess.run(["ip", "link", "set", tap_name(self.port.id), "nomaster"], check=True)

    def hears_the_other_no_more(self) -> None:
        """Let nothing of VRRP out or in; clients go on to be heard."""
        hooks = ("input", "output")
        chains = (
            f"chain {each} {{ type filter hook {each} priority -200; ip protocol 112 drop; }}"
            for each in hooks
        )
        self._nft(f"table ip apart {{ {'; '.join(chains)}; }}")

    def hears_the_other(self) -> None:
        self._nft("delete table ip apart")

    def _nft(self, words: str) -> None:
        subprocess.run(["ip", "netns", "exec", self.namespace, "nft", words], check=True)

    @property
    def said_by_keepalived(self) -> str:
        return Paths(self.own).log.read_text()

    def heal(self) -> None:
        link = ["ip", "link", "set", tap_name(self.port.id), "master", bridge_name(NETWORK)]
        subprocess.run(link, check=True)

    def close(self) -> None:
        if self.agent is None:
            self.start()
        self.control.graphs = {}
        self.look()
        eventually(lambda: not netns.exists(self.namespace))
        self.agent.stop()
        assert not self.own.exists()


class Member(threading.Thread):
    """Answers every connection with its name."""

    def __init__(self, name: str, address: str) -> None:
        super().__init__(daemon=True)
        self.text = f"HTTP/1.0 200 OK\r\nContent-Length: {len(name)}\r\n\r\n{name}".encode()
        with netns.inside("client"):
            self.socket = socket.create_server((address, 80), backlog=1000)
        self.start()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(5)
                connection.recv(65536)
                connection.sendall(self.text)


class Two:
    """Both hosts, where the first has the VIP, and a namespace with clients and members."""

    def __init__(self, directory: Path) -> None:
        self.driver = LinuxBridgeDriver(0)
        netns.ensure("client")
        self.outside = port(50, "10.46.0.9", "10.46.0.51", "10.46.0.52", *CLIENTS)
        self.driver.plug("client", self.outside)
        self.members = [Member(f"member {n}", f"10.46.0.{50 + n}") for n in (1, 2)]
        self.first, self.second = (Host(role, directory) for role in ROLES)
        self.first.start()
        eventually(lambda: self.first.has_vip)
        self.second.start()

    def owners(self) -> list[Role]:
        return [host.role for host in (self.first, self.second) if host.has_vip]

    def get(self, client: str = "10.46.0.9") -> str:
        """Return the name of the member that answered a client; nothing where none did within seconds."""
        with netns.inside("client"):
            command = ["curl", "-s", "-m", "5", "--interface", client, f"http://{VIP}:{PORT}/"]
            return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def close(self) -> None:
        for host in (self.first, self.second):
            host.close()
        for member in self.members:
            member.socket.close()
        self.driver.unplug("client", self.outside.id)
        netns.delete("client")
        self.driver.remove_network(NETWORK)


# Where the one that has the VIP does not run for 0.3 s the other one takes it, which is right, and no part of a test.
on_two_hosts = anew(Two)


@on_two_hosts
def test_both_serve_and_one_has_the_vip(two):
    assert two.owners() == [Role.MASTER]
    assert two.get().startswith("member")
    assert {each.haproxy for each in (two.first, two.second)} <= processes.ids()
    # Whatever the agents look at, the VIP stays where it is, and nothing is repaired for it.
    for host in (two.first, two.second):
        host.agent.network_changed(host.lb)
    time.sleep(1)
    assert two.owners() == [Role.MASTER]


@on_two_hosts
def test_both_report_who_has_the_vip(two):
    eventually(lambda: (two.first.says_it_has_vip, two.second.says_it_has_vip) == (True, False))
    os.kill(two.first.haproxy, signal.SIGKILL)
    eventually(lambda: (two.first.says_it_has_vip, two.second.says_it_has_vip) == (False, True), 5)


@on_two_hosts
def test_a_killed_haproxy_gives_the_vip_away_and_is_started_again(two):
    killed = two.first.haproxy
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: two.owners() == [Role.BACKUP], 2)
    assert two.get().startswith("member")
    eventually(lambda: two.first.haproxy not in (killed, 0) and two.first.may_have_vip)
    time.sleep(0.5)
    os.kill(two.second.haproxy, signal.SIGKILL)
    eventually(lambda: two.owners() == [Role.MASTER], 2)
    assert two.get().startswith("member")


@on_two_hosts
def test_a_frozen_haproxy_gives_the_vip_away(two):
    os.kill(two.first.haproxy, signal.SIGSTOP)
    eventually(lambda: two.owners() == [Role.BACKUP], 2)
    assert two.get().startswith("member")


@on_two_hosts
def test_a_cut_link_moves_the_vip_and_one_has_it_once_it_is_healed(two):
    two.first.agent.stop()  # or it would repair the link
    two.first.cut()
    eventually(lambda: two.second.has_vip, 2)
    assert two.get().startswith("member")
    two.first.heal()
    eventually(lambda: len(two.owners()) == 1, 2)
    eventually(lambda: two.get().startswith("member"), 2)
    two.first.start()


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the load balancers of which a host has said that it gave the VIP up."""
    both = [
        each for each in caplog.messages if "both hosts had its VIP; this one gave it up: Master rec" in each
    ]
    return [each.split()[2].rstrip(":") for each in both]


@on_two_hosts
def test_two_that_clients_see_and_each_other_not_agree_again_and_tell_it_in_the_log(two, caplog):
    caplog.clear()
    two.first.hears_the_other_no_more()
    eventually(lambda: two.owners() == [Role.MASTER, Role.BACKUP], 3)
    eventually(lambda: two.second.says_it_has_vip, 5)
    two.first.hears_the_other()
    eventually(lambda: two.owners() == [Role.MASTER], 2)
    eventually(lambda: two.get().startswith("member"), 2)
    eventually(lambda: two.second.says_it_has_vip is False, 5)
    assert "higher priority" in two.second.said_by_keepalived
    eventually(lambda: told(caplog) == [two.second.lb], 5, lambda: caplog.messages)
    two.first.control.reports.clear()
    two.first.look()
    eventually(lambda: two.first.says_it_has_vip)


@on_two_hosts
def test_a_killed_keepalived_is_started_again_and_two_never_have_the_vip_for_long(two):
    both = keepalived.processes_of(Paths(two.first.own))
    processes.kill(both)
    eventually(lambda: two.second.has_vip, 2)
    eventually(lambda: two.owners() == [Role.BACKUP], 1)
    eventually(lambda: keepalived.find(Paths(two.first.own)) is not None)
    time.sleep(0.5)
    assert two.owners() == [Role.BACKUP]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=lambda each: each.name)
@on_two_hosts
def test_without_keepalived_a_host_keeps_no_vip_however_long_its_agent_is_at_work(two, number):
    with two.first.at_work():
        processes.send(keepalived.processes_of(Paths(two.first.own)), number)
        eventually(lambda: two.owners() == [Role.BACKUP], 3)
        assert two.get().startswith("member")
    eventually(lambda: keepalived.find(Paths(two.first.own)) is not None)
    time.sleep(0.5)
    assert two.owners() == [Role.BACKUP]


@on_two_hosts
def test_a_killed_haproxy_gives_the_vip_away_where_nothing_can_be_written(two):
    own = str(two.first.own)
    subprocess.run(["mount", "--bind", own, own], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", own], check=True)
    try:
        os.kill(two.first.haproxy, signal.SIGKILL)
        eventually(lambda: two.owners() == [Role.BACKUP], 3)
        assert two.get().startswith("member")
    finally:
        subprocess.run(["umount", own], check=True)
    two.first.look()
    eventually(lambda: two.first.may_have_vip)


@on_two_hosts
def test_an_agent_that_starts_leaves_no_vip_where_there_is_no_keepalived_whatever_becomes_of_haproxy(two):
    two.first.agent.stop()
    os.kill(two.first.haproxy, signal.SIGSTOP)
    pair = keepalived.find(Paths(two.first.own))
    for each in (pair.child, pair.parent):  # a child that hears of its parent's end takes the VIP off
        processes.kill([each.pid])
    eventually(lambda: two.owners() == [Role.MASTER, Role.BACKUP], 3)
    two.first.start()
    eventually(lambda: two.owners() == [Role.BACKUP], 3)
    eventually(lambda: two.first.may_have_vip)


@on_two_hosts
def test_without_an_agent_all_goes_on_and_the_next_one_takes_it_as_it_is(two):
    before = (keepalived.processes_of(Paths(two.first.own)), two.first.haproxy)
    two.first.agent.stop()
    time.sleep(1)
    assert two.owners() == [Role.MASTER]
    assert two.get().startswith("member")
    two.first.control.reports.clear()
    two.first.start()
    assert (keepalived.processes_of(Paths(two.first.own)), two.first.haproxy) == before
    assert two.owners() == [Role.MASTER]


@on_two_hosts
def test_while_control_is_away_the_vip_moves_all_the_same(two):
    two.first.control.answers = two.second.control.answers = False
    os.kill(two.first.haproxy, signal.SIGKILL)
    eventually(lambda: two.owners() == [Role.BACKUP], 2)
    assert two.get().startswith("member")
    two.first.control.answers = two.second.control.answers = True


@on_two_hosts
def test_clients_keep_their_members_when_the_vip_moves(two):
    known = {client: two.get(client) for client in CLIENTS}
    assert set(known.values()) == {"member 1", "member 2"}
    eventually(lambda: two.second.learned() == len(CLIENTS))
    os.kill(two.first.haproxy, signal.SIGKILL)
    eventually(lambda: two.owners() == [Role.BACKUP], 2)
    for client in sorted(CLIENTS, key=lambda each: (each[-1] in "24", each), reverse=True):
        assert two.get(client) == known[client]


@on_two_hosts
def test_what_changes_is_served_by_both(two):
    for host in (two.first, two.second):
        graph = graph_of(host.lb, host.role, 2)
        host.want(graph.model_copy(update={"listeners": (*graph.listeners, g.listener(protocol_port=81))}))
        host.look()
        eventually(lambda host=host: host.reported(2))
    assert two.owners() == [Role.MASTER]


@on_two_hosts
def test_who_is_no_longer_to_serve_gives_the_vip_away_at_once(two):
    two.first.control.graphs = {}
    two.first.look()
    eventually(lambda: two.second.has_vip, 3)
    eventually(lambda: not netns.exists(two.first.namespace))
    assert two.get().startswith("member")


@on_two_hosts
def test_one_that_serves_alone_becomes_one_of_two_and_alone_again(two):
    two.second.control.graphs = {}
    two.second.look()
    eventually(lambda: not netns.exists(two.second.namespace))
    for generation, alone in ((2, True), (3, False), (4, True)):
        two.first.want(graph_of(two.first.lb, two.first.role, generation, alone=alone))
        two.first.look()
        eventually(lambda generation=generation: two.first.reported(generation))
        eventually(lambda: two.first.has_vip, 3)
        eventually(lambda: two.get().startswith("member"), 3)
        assert (f" {two.first.port.fixed_ips[0].address}/" in two.first.addresses()) is not alone
        assert (keepalived.find(Paths(two.first.own)) is None) is alone
