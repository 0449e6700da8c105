"""Announcements as a neighbour in another namespace sees them, and what a plug announces by itself."""

import ipaddress
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest

from evener.host import announce, netns
from evener.host.errors import HostError, LinkMissing, NamespaceMissing
from evener.host.linuxbridge import LinuxBridgeDriver, inner_name
from evener.resources.wiring import FixedIP, WiredPort
from waiting import eventually

pytestmark = pytest.mark.root

NETWORK = "0f3a77d2-77aa-4b21-8e5a-0d8a8f0a9e11"
ETH_P_ALL = 3


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


VIP, NEIGHBOUR = port(5), port(6)
ARP = announce.gratuitous_arp(VIP.mac_address, ipaddress.IPv4Address("10.9.0.5"))
NA = announce.neighbour_advertisement(VIP.mac_address, ipaddress.IPv6Address("fd00:9::5"))


@pytest.fixture(autouse=True)
def _neighbour() -> Iterator[None]:
    quiet = LinuxBridgeDriver(announcements=0)
    netns.ensure("vip")
    netns.ensure("neighbour")
    quiet.plug("neighbour", NEIGHBOUR)
    yield
    for namespace, one in (("vip", VIP), ("neighbour", NEIGHBOUR)):
        quiet.unplug(namespace, one.id)
        netns.delete(namespace)
    quiet.remove_network(NETWORK)


def listener() -> socket.socket:
    with netns.inside("neighbour"):
        channel = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    channel.bind((inner_name(NEIGHBOUR), ETH_P_ALL))
    return channel


def heard(channel: socket.socket, frame: bytes, timeout_s: float = 5) -> bool:
    channel.settimeout(timeout_s)
    for _ in range(500):
        try:
            if channel.recv(2048) == frame:
                return True
        except TimeoutError:
            return False
    return False


def test_the_first_announcement_is_heard_at_once_in_both_families():
    LinuxBridgeDriver(announcements=0).plug("vip", VIP)
    with listener() as channel:
        addresses = [ipaddress.ip_address(fixed.address) for fixed in VIP.fixed_ips]
        announce.announce("vip", inner_name(VIP), VIP.mac_address, addresses, count=1)
        assert heard(channel, ARP)
        assert heard(channel, NA)


def test_each_address_is_announced_as_often_as_asked(monkeypatch):
    monkeypatch.setattr(announce, "INTERVAL_S", 0.05)
    LinuxBridgeDriver(announcements=0).plug("vip", VIP)
    with listener() as channel:
        addresses = [ipaddress.ip_address(fixed.address) for fixed in VIP.fixed_ips]
        announce.announce("vip", inner_name(VIP), VIP.mac_address, addresses, count=3)
        for _ in range(3):
            assert heard(channel, ARP)
            assert heard(channel, NA)
        assert not heard(channel, ARP, timeout_s=0.3)


def test_plugging_announces_and_plugging_again_does_not():
    driver = LinuxBridgeDriver(announcements=2)
    with listener() as channel:
        driver.plug("vip", VIP)
        assert heard(channel, ARP)
        assert heard(channel, NA)
    quiet = LinuxBridgeDriver(announcements=5)
    with listener() as channel:
        assert quiet.plug("vip", VIP) is False
        # What the first plug has left to say comes once; five more would be six.
        assert sum(heard(channel, ARP, timeout_s=1.3) for _ in range(3)) <= 1


def test_a_neighbours_cache_follows_an_announcement_to_another_mac_address():
    driver = LinuxBridgeDriver(announcements=1)
    driver.plug("vip", VIP)
    with netns.inside("vip"):
        servers = [
            socket.create_server(("10.9.0.5", 80)),
            socket.create_server(("fd00:9::5", 80), family=socket.AF_INET6),
        ]
    with netns.inside("neighbour"):
        for address in ("10.9.0.5", "fd00:9::5"):
            socket.create_connection((address, 80), timeout=30).close()
    moved = VIP.model_copy(update={"mac_address": "fa:16:3e:00:00:77"})
    with listener() as channel:
        assert driver.plug("vip", moved) is True
        arp = announce.gratuitous_arp(moved.mac_address, ipaddress.IPv4Address("10.9.0.5"))
        na = announce.neighbour_advertisement(moved.mac_address, ipaddress.IPv6Address("fd00:9::5"))
        assert heard(channel, arp)
        assert heard(channel, na)

    def known(address: str) -> str:
        command = ["ip", "-n", "neighbour", "neigh", "show", address]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    for address in ("10.9.0.5", "fd00:9::5"):
        eventually(lambda address=address: moved.mac_address in known(address), why=lambda: known(address))  # noqa: B023
    for server in servers:
        server.close()


def test_announcing_on_what_is_not_there_is_told():
    address = [ipaddress.ip_address("10.9.0.5")]
    with pytest.raises(NamespaceMissing):
        announce.announce("nowhere", "ns-x", VIP.mac_address, address)
    with pytest.raises(LinkMissing, match="ns-x"):
        announce.announce("vip", "ns-x", VIP.mac_address, address)
    LinuxBridgeDriver(announcements=0).plug("vip", VIP)
    subprocess.run(["ip", "-n", "vip", "link", "set", inner_name(VIP), "down"], check=True)
    with pytest.raises(HostError, match="announce"):
        announce.announce("vip", inner_name(VIP), VIP.mac_address, address)


def test_announcements_of_an_interface_that_goes_do_not_disturb_those_of_others(monkeypatch):
    monkeypatch.setattr(announce, "INTERVAL_S", 0.1)
    netns.ensure("gone")
    driver = LinuxBridgeDriver(announcements=100)  # for ten seconds
    driver.plug("gone", port(7))
    driver.plug("vip", VIP)
    with listener() as channel:
        driver.unplug("gone", port(7).id)
        netns.delete("gone")
        assert all(heard(channel, ARP) for _ in range(3))
    assert [thread.name for thread in threading.enumerate()].count("announce") == 1
