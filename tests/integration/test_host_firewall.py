"""What comes in at a VIP, by the rules on the real kernel: packets between namespaces."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from router_rig import PATIENCE_S, Host, driver, echoes, fixed, new_id

from evener.host import firewall, icmp, netns, nftables
from evener.host.firewall import Opening
from evener.host.linuxbridge import bridge_name
from evener.host.nftables import Keeper
from evener.resources.wiring import PacketRule
from waiting import eventually

pytestmark = pytest.mark.root

VIP, VIP6, CLIENT, MEMBER = "192.168.200.5", "fd00:200::5", "192.168.200.20", "192.168.200.9"
NAMES = ("vip", "client", "member")


class Site:
    def __init__(self) -> None:
        network = new_id()
        self.vip, self.client, self.member = (
            Host(name, network, fixed(f"{address}/24"), fixed(f"fd00:200::{number}/64"))
            for name, address, number in zip(NAMES, (VIP, CLIENT, MEMBER), (5, 20, 9), strict=True)
        )
        self.network = network
        self.vip.serve(80).serve(81).serve_datagrams(53)
        self.member.serve(80)
        self.keeper = Keeper("vip")

    def let_in(self, ports: set[int], security: tuple[PacketRule, ...] | None = None) -> None:
        self.keeper.ensure(firewall.chains([Opening(port) for port in ports], security))

    def remove(self) -> None:
        for host in (self.vip, self.client, self.member):
            host.remove()
        driver.remove_network(self.network)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.remove()
    assert bridge_name(made.network) not in subprocess.check_output(["ip", "link"], text=True)


def answers(host: Host, version: icmp.IPVersion, address: str) -> bool:
    """Ping once; say whether a reply came."""
    request = icmp.echo_request(version, 77, 1)
    deadline = time.monotonic() + 0.5
    with icmp.open_socket(host.name, version) as channel:
        channel.sendto(request, (address, 0))
        over = False
        while not over:
            over = time.monotonic() >= deadline  # what has come while this process was paused is looked at
            while found := icmp.receive(channel):
                if found[1] == address and icmp.echo_reply(version, found[0]) == (77, 1):
                    return True
            time.sleep(0.01)
    return False


def asks(host: Host, address: str) -> bool:
    with host.open(socket.SOCK_DGRAM) as channel:
        channel.settimeout(0.5)
        channel.connect((address, 53))
        try:
            channel.send(b"?")
            return bool(channel.recv(10))
        except OSError:
            return False


PROBES: dict[str, Callable[[Host], bool]] = {
    "80": lambda host: host.reaches(VIP, 80),
    "81": lambda host: host.reaches(VIP, 81),
    "80 by IPv6": lambda host: host.reaches(VIP6, 80),
    "UDP": lambda host: asks(host, VIP),
    "ping": lambda host: answers(host, 4, VIP),
    "ping by IPv6": lambda host: answers(host, 6, VIP6),
}
ALL = set(PROBES)


def open_to(*hosts: Host) -> list[set[str]]:
    """Return, for each host, the probes that come in; all are tried at once."""
    with ThreadPoolExecutor(len(PROBES) * len(hosts)) as pool:
        tried = [{name: pool.submit(probe, host) for name, probe in PROBES.items()} for host in hosts]
        return [{name for name, outcome in found.items() if outcome.result()} for found in tried]


def exactly(expected: list[set[str]], *hosts: Host) -> None:
    """Expect what comes in from each host. What comes in may not be seen in time on a slow machine: once more."""
    eventually(lambda: open_to(*hosts) == expected, why=lambda: open_to(*hosts))


def test_without_groups_exactly_the_listeners_ports_and_pings_come_in(site):
    site.let_in({80})
    exactly([{"80", "80 by IPv6", "ping", "ping by IPv6"}], site.client)
    site.let_in({80, 81})
    exactly([ALL - {"UDP"}], site.client)
    site.let_in(set())
    exactly([{"ping", "ping by IPv6"}], site.client)


def rule(version: int = 4, protocol: str | None = "tcp", *ports: int, **values: object) -> PacketRule:
    first, last = ports if len(ports) == 2 else (*ports, None)[:2] if ports else (None, None)
    return PacketRule(ip_version=version, protocol=protocol, first_port=first, last_port=last, **values)


GROUPS: dict[str, tuple[tuple[PacketRule, ...], set[str], set[str]]] = {
    "nothing": ((), set(), set()),
    "a port": ((rule(4, "tcp", 80, 80),), {"80"}, {"80"}),
    "a range, by IPv4 only": ((rule(4, "tcp", 80, 90),), {"80", "81"}, {"80", "81"}),
    "TCP": ((rule(6), rule(4)), {"80", "81", "80 by IPv6"}, {"80", "81", "80 by IPv6"}),
    "a protocol by its number": ((rule(4, "17", 53, 53),), {"UDP"}, {"UDP"}),
    "anything of one version": ((rule(6, None),), {"80 by IPv6", "ping by IPv6"}, {"80 by IPv6", "ping by IPv6"}),
    "echo requests": ((rule(4, "icmp", 8), rule(6, "icmpv6")), {"ping", "ping by IPv6"}, {"ping", "ping by IPv6"}),
    "another ICMP": ((rule(4, "icmp", 13, 0),), set(), set()),
    "from one address": ((rule(4, "tcp", 80, 80, remotes=(f"{CLIENT}/32",)),), {"80"}, set()),
    "from networks within each other": (
        (rule(4, None, remotes=("192.168.200.16/28", f"{CLIENT}/32", "10.0.0.0/8", "fd00::/8")),),
        {"80", "81", "UDP", "ping"},
        set(),
    ),
    "from nowhere": ((rule(4, None, remotes=()), rule(6, None, remotes=("10.0.0.0/8",))), set(), set()),
    "several rules": (
        (rule(4, "tcp", 81, 81, remotes=(f"{MEMBER}/32",)), rule(4, "udp"), rule(4, "132", 1, 9), rule(4, "89")),
        {"UDP"},
        {"81", "UDP"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("security", "client", "member"), GROUPS.values(), ids=GROUPS.keys())
def test_with_groups_exactly_what_they_let_in_comes_in(site, security, client, member):
    site.let_in({80, 81}, security)
    exactly([client, member], site.client, site.member)


def test_what_is_open_stays_open_when_nothing_more_comes_in(site):
    site.let_in({80})
    with site.client.call(VIP) as v4, site.client.call(VIP6) as v6:
        assert v4.recv(100)
        assert v6.recv(100)
        for security in (None, (), (rule(4, "udp"),)):
            site.let_in(set(), security)
            assert not site.client.reaches(VIP)
            assert echoes(v4)
            assert echoes(v6)


def test_a_port_that_is_open_to_some_is_closed_to_others_of_either_version(site):
    opened = [
        Opening(80, (f"{CLIENT}/32", "10.0.0.0/8", "fd00:200::9/128")),
        Opening(81, (f"{MEMBER}/32", "192.168.200.8/29")),
    ]
    site.keeper.ensure(firewall.chains(opened, None))
    pings = {"ping", "ping by IPv6"}
    exactly([{"80"} | pings, {"80 by IPv6", "81"} | pings], site.client, site.member)


def test_a_connection_goes_on_where_no_other_may_follow(site):
    site.let_in({80})
    with site.client.call(VIP) as call:
        assert call.recv(100)
        site.keeper.ensure(firewall.chains([Opening(80, (f"{MEMBER}/32",))], None))
        assert not site.client.reaches(VIP)
        assert echoes(call)


def test_what_goes_out_is_free_and_its_answers_and_errors_come_back(site):
    site.let_in(set(), ())
    run = ["ip", "-n", "vip", "neigh", "flush", "dev", f"ns-{site.vip.port.id[:11]}"]
    subprocess.run(run, check=True)  # neighbours are found anew
    for address in (MEMBER, "fd00:200::9"):
        with site.vip.call(address) as call:
            assert call.recv(100).startswith(b"member")
            assert echoes(call)
    eventually(lambda: answers(site.vip, 4, MEMBER))
    eventually(lambda: answers(site.vip, 6, "fd00:200::9"))
    with site.vip.open(socket.SOCK_DGRAM) as channel:
        channel.settimeout(PATIENCE_S)
        channel.connect((MEMBER, 9))
        channel.send(b"?")
        with pytest.raises(ConnectionRefusedError):  # an ICMP error
            channel.recv(10)


def test_packets_in_pieces_come_in_where_whole_ones_do(site):
    site.let_in({80}, (rule(4, "udp", 53, 53), rule(6, "icmpv6", 128)))
    with site.client.open(socket.SOCK_DGRAM) as channel:
        channel.settimeout(PATIENCE_S)
        channel.connect((VIP, 53))
        channel.send(bytes(4000))
        assert channel.recv(100).startswith(b"vip")
    request = icmp.echo_request(6, 77, 1) + bytes(4000)
    with icmp.open_socket("client", 6) as channel:
        channel.settimeout(PATIENCE_S)
        channel.sendto(request, (VIP6, 0))
        while channel.recv(5000)[:2] != b"\x81\x00":
            pass  # neighbour discovery comes by here as well


def test_a_namespace_that_serves_forwards_nothing(site):
    site.let_in({80, 81}, (rule(4, None),))
    with netns.inside("vip"):
        subprocess.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True)
    vip_mac = ["lladdr", site.vip.port.mac_address, "dev", f"ns-{site.client.port.id[:11]}"]
    subprocess.run(["ip", "-n", "client", "neigh", "replace", MEMBER, *vip_mac], check=True)
    assert not site.client.reaches(MEMBER)
    subprocess.run(["ip", "-n", "client", "neigh", "del", MEMBER, *vip_mac[2:]], check=True)
    eventually(lambda: site.client.reaches(MEMBER))


def test_packets_are_filtered_for_a_process_with_more_files_than_select_knows(tmp_path):
    netns.ensure("filtered")
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(1100)]
    try:
        keeper = Keeper("filtered")
        assert keeper.ensure(firewall.chains((Opening(80),), None))
        nftables._process._child.kill()
        assert keeper.stands()
    finally:
        for fd in held:
            os.close(fd)
        netns.delete("filtered")
