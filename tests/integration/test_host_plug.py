"""The interface drivers on the real kernel and switch: what plugging makes, repairs, leaves alone and takes away."""

import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path

import pytest
from pyroute2.netlink.rtnl import (
    RTMGRP_IPV4_IFADDR,
    RTMGRP_IPV4_ROUTE,
    RTMGRP_IPV6_IFADDR,
    RTMGRP_IPV6_ROUTE,
    RTMGRP_LINK,
)

from evener.host import links, netns
from evener.host.errors import NamespaceMissing, NameTaken
from evener.host.linuxbridge import LinuxBridgeDriver, bridge_name
from evener.host.openvswitch import OpenVSwitchDriver
from evener.host.veth import inner_name, tap_name
from evener.resources.wiring import FixedIP, NetworkSpec, Route, WiredPort
from openvswitch_rig import OpenVSwitch
from waiting import eventually

pytestmark = pytest.mark.root
Driver = LinuxBridgeDriver | OpenVSwitchDriver

NS = "qlbaas-1"
NETWORK = "0f3a77d2-77aa-4b21-8e5a-0d8a8f0a9e11"
BRIDGE = bridge_name(NETWORK)
V4 = FixedIP(
    address="10.9.0.5",
    prefix_length=24,
    gateway="10.9.0.1",
    routes=(Route(destination="10.77.0.0/16", nexthop="10.9.0.2"),),
)
V6 = FixedIP(
    address="fd00:9::5",
    prefix_length=64,
    gateway="fd00:9::1",
    routes=(Route(destination="fd00:77::/48", nexthop="fd00:9::2"),),
)


def port(number: int = 1, *fixed_ips: FixedIP, mtu: int = 1450) -> WiredPort:
    return WiredPort(
        id=f"{number:08x}-5c1e-4c58-9a80-3a3f3d4a1b2c",
        network_id=NETWORK,
        mac_address=f"fa:16:3e:00:00:{number:02x}",
        mtu=mtu,
        fixed_ips=fixed_ips or (V4, V6),
    )


PORT = port()
TAP, INNER = tap_name(PORT.id), inner_name(PORT)
LINUX_BRIDGE = LinuxBridgeDriver(announcements=1)
only_linuxbridge = pytest.mark.parametrize("driver", ["linuxbridge"], indirect=True)


def ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True).stdout


def state(driver: Driver) -> str:
    """Return all that plugging is responsible for, without what changes by itself or differs between pairs."""
    lines = [switched(driver), ip("-n", NS, "-br", "addr", "show", "scope", "global")]
    lines += [ip("-n", NS, "route"), ip("-n", NS, "-6", "route", "show", "proto", "static")]
    with links.connected() as host, links.connected(NS) as guest:
        tap, inner = links.find(host, TAP), links.find(guest, INNER)
        assert None not in (tap, inner)
        lines.append(f"{tap.up} {tap.mtu} {tap.mac}")
        lines.append(f"{inner.up} {inner.mtu} {inner.mac} {inner.peer_index == tap.index}")
    return " ".join(word.split("@")[0] for word in " ".join(lines).split())


def switched(driver: Driver) -> str:
    """Return what the tap is plugged into, and how."""
    if isinstance(driver, OpenVSwitchDriver):
        return switch().vsctl("get", "port", TAP, "tag", "external_ids") + str(switch().ports("br-int"))
    with links.connected() as host:
        bridge, tap = links.find(host, BRIDGE), links.find(host, TAP)
        assert None not in (bridge, tap)
        return f"{bridge.up} {bridge.mtu} {dict(bridge.bridge)} {tap.master == bridge.index}"


@cache
def switch() -> OpenVSwitch:
    return OpenVSwitch(Path("/run/plug-openvswitch"))


@pytest.fixture(scope="module", autouse=True)
def _stop_the_switch() -> Iterator[None]:
    yield
    if switch.cache_info().currsize:
        switch().stop()


@pytest.fixture(params=["linuxbridge", "openvswitch"])
def driver(request) -> Iterator[Driver]:
    netns.ensure(NS)
    if request.param == "linuxbridge":
        made: Driver = LINUX_BRIDGE
    else:
        made = OpenVSwitchDriver(1, switch().settings())
    yield made
    for name in netns.names():
        netns.delete(name)
    made.unplug(NS, PORT.id)
    made.remove_network(NETWORK)
    if isinstance(made, OpenVSwitchDriver):
        made.close()
        assert switch().bridges() == []
    remaining = {line.split()[0].split("@")[0] for line in ip("-br", "link").splitlines()} - {"lo"}
    assert not {name for name in remaining if name.startswith(("brq", "tap", "ns-"))}


def listeners() -> list[socket.socket]:
    groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE
    opened = []
    for namespace in (None, NS):
        with ExitStack() as stack:
            if namespace:
                stack.enter_context(netns.inside(namespace))
            channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        channel.bind((0, groups))
        opened.append(channel)
    return opened


def settle(quiet_s: float = 0.1) -> None:
    """Wait until the kernel has said nothing for `quiet_s` about links that came up."""
    here, there = listeners()
    with here, there:
        here.settimeout(quiet_s)
        for _ in range(1000):
            try:
                here.recv(65536)
            except TimeoutError:
                return


def test_plugging_makes_exactly_what_the_port_says(driver):
    assert driver.plug(NS, PORT) is True
    addresses = ip("-n", NS, "-br", "addr", "show", "dev", INNER, "scope", "global")
    assert set(addresses.split()[2:]) == {"10.9.0.5/24", "fd00:9::5/64"}
    routes = ip("-n", NS, "route", "show", "proto", "static").split("\n")
    assert {" ".join(r.split()[:3]) for r in routes if r} == {
        "default via 10.9.0.1",
        "10.77.0.0/16 via 10.9.0.2",
    }
    routes = ip("-n", NS, "-6", "route", "show", "proto", "static").split("\n")
    assert {" ".join(r.split()[:3]) for r in routes if r} == {
        "default via fd00:9::1",
        "fd00:77::/48 via fd00:9::2",
    }
    inner = ip("-n", NS, "link", "show", "dev", INNER)
    assert "mtu 1450" in inner
    assert PORT.mac_address in inner
    if driver is LINUX_BRIDGE:
        assert f"master {BRIDGE}" in ip("link", "show", "dev", TAP)
    else:
        marks = switch().vsctl("get", "interface", TAP, "external_ids")
        assert marks == f'{{attached-mac="{PORT.mac_address}", iface-id="{PORT.id}", iface-status=active}}'
        assert switch().vsctl("get", "port", TAP, "tag") == "1"


@only_linuxbridge
def test_the_host_gets_no_address_at_all(driver):
    driver.plug(NS, PORT)
    settle()
    for name in (BRIDGE, TAP):
        assert "inet" not in ip("addr", "show", "dev", name)


def test_ipv6_addresses_work_at_once_without_duplicate_detection(driver):
    driver.plug(NS, PORT)
    with netns.inside(NS), socket.socket(socket.AF_INET6) as server:
        server.bind(("fd00:9::5", 80))
    assert "tentative" not in ip("-n", NS, "addr", "show", "dev", INNER)
    for key, value in (("accept_ra", "0"), ("accept_dad", "0")):
        with netns.inside(NS):
            assert Path(f"/proc/sys/net/ipv6/conf/{INNER}/{key}").read_text().strip() == value


@pytest.mark.parametrize("fixed_ips", [(V4,), (V6,), (V4, V6)], ids=["IPv4", "IPv6", "dual-stack"])
def test_two_plugged_namespaces_reach_each_other_over_the_bridge(driver, fixed_ips):
    other = tuple(
        fixed.model_copy(update={"address": fixed.address[:-1] + "6", "gateway": None, "routes": ()})
        for fixed in fixed_ips
    )
    netns.ensure("qlbaas-2")
    driver.plug(NS, port(1, *fixed_ips))
    driver.plug("qlbaas-2", port(2, *other))
    for fixed in fixed_ips:
        family = socket.AF_INET6 if ":" in fixed.address else socket.AF_INET
        with netns.inside(NS):
            server = socket.create_server((fixed.address, 80), family=family)
        with netns.inside("qlbaas-2"):
            client = socket.create_connection((fixed.address, 80), timeout=30)
        with server, client:
            assert client.getpeername()[0] == fixed.address
    driver.unplug("qlbaas-2", port(2).id)


@pytest.mark.parametrize("prefix_length", [31, 32])
def test_an_address_without_a_subnet_takes_connections_and_reaches_its_gateway(driver, prefix_length):
    lone = FixedIP(address="10.9.0.5", prefix_length=prefix_length, gateway="10.9.0.1")
    netns.ensure("router")
    driver.plug(NS, port(1, lone))
    driver.plug("router", port(2, FixedIP(address="10.9.0.1", prefix_length=24)))
    with netns.inside("router"):
        server = socket.create_server(("10.9.0.1", 80))
    with netns.inside(NS):
        client = socket.create_connection(("10.9.0.1", 80), timeout=30)
    with server, client:
        assert client.getsockname()[0] == "10.9.0.5"
    assert driver.plug(NS, port(1, lone)) is False
    driver.unplug("router", port(2).id)


def test_plugging_again_changes_nothing_and_says_so(driver):
    driver.ensure_network(NetworkSpec(id=NETWORK, mtu=1450))
    driver.plug(NS, PORT)
    settle(quiet_s=1.5)  # the kernel tells of a carrier up to a second late

    def nothing_is_told() -> bool:
        told = []
        heard = listeners()
        assert driver.ensure_network(NetworkSpec(id=NETWORK, mtu=1450)) is False
        assert driver.plug(NS, PORT) is False
        for channel in heard:
            with channel, suppress(BlockingIOError):
                told.append(channel.recv(65536, socket.MSG_DONTWAIT))
        return not told

    eventually(nothing_is_told)  # but for what the kernel tells later still


@only_linuxbridge
def test_a_network_too_small_for_ipv6_is_made_and_the_host_is_on_it_by_no_address_when_it_grows(driver):
    for mtu in (1000, 1450):
        driver.ensure_network(NetworkSpec(id=NETWORK, mtu=mtu))
        driver.plug(NS, port(1, V4, mtu=mtu))
        assert "10.9.0.5/24" in ip("-n", NS, "address", "show", "dev", INNER)
        for name in (BRIDGE, TAP):
            assert f"mtu {mtu} " in ip("link", "show", "dev", name)
            assert "inet" not in ip("address", "show", "dev", name)


def guest(*arguments: str) -> Callable[[], None]:
    return lambda: ip("-n", NS, *arguments) and None


def host(*arguments: str) -> Callable[[], None]:
    return lambda: ip(*arguments) and None


def setting(key: str) -> Callable[[], None]:
    def change() -> None:
        with netns.inside(NS):
            Path(f"/proc/sys/net/ipv6/conf/{INNER}/{key}").write_text("1")

    return change


def both(*damages: Callable[[], None]) -> Callable[[], None]:
    return lambda: [damage() for damage in damages] and None


DAMAGE: dict[str, Callable[[], None]] = {
    "the interface in the namespace is down": guest("link", "set", INNER, "down"),
    "the tap is down": host("link", "set", TAP, "down"),
    "the bridge is down": host("link", "set", BRIDGE, "down"),
    "another MAC address": guest("link", "set", INNER, "address", "02:00:00:00:00:01"),
    "another MTU in the namespace": guest("link", "set", INNER, "mtu", "1300"),
    "another MTU on the host": host("link", "set", TAP, "mtu", "1300"),
    "an MTU too small for IPv6": both(
        guest("link", "set", INNER, "mtu", "1000"), host("link", "set", TAP, "mtu", "1000")
    ),
    "the tap is out of the bridge": host("link", "set", TAP, "nomaster"),
    "the bridge was deleted": host("link", "del", BRIDGE),
    "the tap was deleted": host("link", "del", TAP),
    "the interface in the namespace was deleted": guest("link", "del", INNER),
    "the interface was renamed": both(
        guest("link", "set", INNER, "down"), guest("link", "set", INNER, "name", "x")
    ),
    "the tap was renamed": both(host("link", "set", TAP, "down"), host("link", "set", TAP, "name", "tapx")),
    "the interface was moved out": guest("link", "set", INNER, "netns", "elsewhere"),
    "the tap was moved away": host("link", "set", TAP, "netns", "elsewhere"),
    "spanning tree is on": host("link", "set", BRIDGE, "type", "bridge", "stp_state", "1"),
    "multicast snooping is on": host("link", "set", BRIDGE, "type", "bridge", "mcast_snooping", "1"),
    "the IPv4 address is missing": guest("addr", "del", "10.9.0.5/24", "dev", INNER),
    "the IPv6 address is missing": guest("addr", "del", "fd00:9::5/64", "dev", INNER),
    "another IPv4 address": guest("addr", "add", "10.9.0.99/24", "dev", INNER),
    "another IPv6 address": guest("addr", "add", "fd00:9::99/64", "dev", INNER),
    "another subnet": guest("addr", "add", "172.30.0.1/16", "dev", INNER),
    "another IPv6 prefix length": both(
        guest("addr", "del", "fd00:9::5/64", "dev", INNER), guest("addr", "add", "fd00:9::5/80", "dev", INNER)
    ),
    "the address is second to another": both(
        guest("addr", "flush", "dev", INNER, "scope", "global"),
        guest("addr", "add", "10.9.0.99/24", "dev", INNER),
        guest("addr", "add", "10.9.0.5/24", "dev", INNER),
    ),
    "the default route is missing": guest("route", "del", "default"),
    "the IPv6 default route is missing": guest("-6", "route", "del", "default"),
    "a person's default route": guest("route", "replace", "default", "via", "10.9.0.9"),
    "another gateway": guest("route", "replace", "default", "via", "10.9.0.9", "proto", "static"),
    "another IPv6 gateway": guest("-6", "route", "replace", "default", "via", "fd00:9::9", "proto", "static"),
    "a host route too many": guest("route", "add", "10.78.0.0/16", "via", "10.9.0.3", "proto", "static"),
    "IPv6 is off": setting("disable_ipv6"),
    "router advertisements are accepted": setting("accept_ra"),
}


def ovs(*arguments: str) -> Callable[[], None]:
    return lambda: switch().vsctl(*arguments) and None


OF_THE_SWITCH = {
    "the port was deleted": ovs("del-port", TAP),
    "the port has another tag": ovs("set", "port", TAP, "tag=77"),
    "the port has no tag": ovs("clear", "port", TAP, "tag"),
    "the port is a trunk": ovs("set", "port", TAP, "vlan_mode=trunk", "trunks=1,2"),
    "the port is on another bridge": ovs(
        *("add-br", "br-other", "--", "set", "bridge", "br-other", "datapath_type=netdev", "--"),
        *("del-port", TAP, "--", "add-port", "br-other", TAP, "external_ids:evener-owner=evener"),
    ),
    "the port's marks are gone": ovs("clear", "interface", TAP, "external_ids"),
    "the integration bridge was deleted": ovs("del-br", "br-int"),
    "the network's tag is forgotten": ovs(
        "remove", "bridge", "br-int", "external_ids", f"evener-network-{NETWORK}"
    ),
}
OF_THE_PAIR = {
    what: damage for what, damage in DAMAGE.items() if "tap was" in what or "interface was" in what
}
REPAIRS = [
    *(pytest.param("linuxbridge", damage, id=what) for what, damage in DAMAGE.items()),
    *(
        pytest.param("openvswitch", damage, id=f"{what}, with Open vSwitch")
        for what, damage in OF_THE_PAIR.items()
    ),
    *(pytest.param("openvswitch", damage, id=what) for what, damage in OF_THE_SWITCH.items()),
]


@pytest.mark.parametrize(("driver", "damage"), REPAIRS, indirect=["driver"])
def test_plugging_repairs(driver, damage):
    netns.ensure("elsewhere")
    driver.plug(NS, PORT)
    settle()
    eventually(lambda: " UP " in ip("-n", NS, "-br", "link", "show", "dev", INNER))
    before = state(driver)
    damage()
    eventually(lambda: driver.plug(NS, PORT))
    eventually(lambda: state(driver) == before, why=lambda: (state(driver), before))
    assert driver.plug(NS, PORT) is False
    subprocess.run(["ip", "link", "del", "tapx"], check=False, capture_output=True)
    if isinstance(driver, OpenVSwitchDriver):
        switch().vsctl("--if-exists", "del-br", "br-other")


def test_a_namespace_that_was_deleted_and_made_anew_is_plugged_anew(driver):
    driver.plug(NS, PORT)
    eventually(lambda: " UP " in ip("-n", NS, "-br", "link", "show", "dev", INNER))
    before = state(driver)
    # The old namespace lives on as long as this socket does, and the old pair in it.
    with netns.inside(NS), socket.socket() as pin:
        pin.bind(("10.9.0.5", 80))
        netns.delete(NS)
        netns.ensure(NS)
        assert driver.plug(NS, PORT) is True
        eventually(lambda: state(driver) == before, why=lambda: (state(driver), before))


def test_a_change_of_the_ports_addresses_is_followed_without_a_new_interface(driver):
    driver.plug(NS, PORT)
    with links.connected(NS) as netlink:
        index = links.required(netlink, INNER).index
        changed = PORT.model_copy(update={"fixed_ips": (V4.model_copy(update={"address": "10.9.0.44"}),)})
        assert driver.plug(NS, changed) is True
        assert links.required(netlink, INNER).index == index
    assert ip("-n", NS, "-br", "addr", "show", "dev", INNER, "scope", "global").split()[2:] == [
        "10.9.0.44/24"
    ]
    assert ip("-n", NS, "-6", "route", "show", "proto", "static") == ""


def test_routes_that_a_person_added_stay(driver):
    driver.plug(NS, PORT)
    ip("-n", NS, "route", "add", "10.99.0.0/16", "via", "10.9.0.7")
    assert driver.plug(NS, PORT) is False
    assert "10.99.0.0/16 via 10.9.0.7" in ip("-n", NS, "route")


def test_interfaces_of_other_names_are_left_alone(driver):
    ip("link", "add", "eth7", "type", "bridge")
    driver.plug(NS, PORT)
    ip("-n", NS, "link", "add", "keep", "type", "bridge")
    ip("-n", NS, "addr", "add", "10.50.0.1/24", "dev", "keep")
    driver.plug(NS, PORT.model_copy(update={"mtu": 1400}))
    driver.unplug(NS, PORT.id)
    driver.remove_network(NETWORK)
    assert "10.50.0.1/24" in ip("-n", NS, "addr")
    ip("link", "del", "eth7")


@pytest.mark.parametrize(
    ("driver", "name", "kind"),
    [("linuxbridge", BRIDGE, "veth"), ("linuxbridge", TAP, "bridge"), ("openvswitch", TAP, "bridge")],
    indirect=["driver"],
)
def test_something_else_under_our_name_is_not_touched(driver, name, kind):
    ip("link", "add", name, "type", kind)
    with pytest.raises(NameTaken, match=name):
        driver.plug(NS, PORT)
    assert kind in ip("-d", "link", "show", "dev", name)


def test_plugging_into_a_namespace_that_does_not_exist_makes_nothing(driver):
    with pytest.raises(NamespaceMissing):
        driver.plug("qlbaas-9", PORT)
    assert TAP not in ip("link")


def test_unplugging_and_removing_leave_nothing_and_are_idempotent(driver):
    driver.plug(NS, PORT)
    assert driver.unplug(NS, PORT.id) is True
    assert driver.unplug(NS, PORT.id) is False
    assert INNER not in ip("-n", NS, "link")
    assert driver.remove_network(NETWORK) is True
    assert driver.remove_network(NETWORK) is False
    netns.delete(NS)
    assert driver.unplug(NS, PORT.id) is False
    assert not {BRIDGE, TAP} & set(ip("-br", "link").replace("@", " ").split())


def test_unplugging_finds_the_inner_end_of_a_tap_that_was_moved_away(driver):
    netns.ensure("elsewhere")
    driver.plug(NS, PORT)
    ip("link", "set", TAP, "netns", "elsewhere")
    assert driver.unplug(NS, PORT.id) is True
    assert TAP not in ip("-n", "elsewhere", "link")


@only_linuxbridge
def test_a_networks_mtu_is_followed(driver):
    driver.ensure_network(NetworkSpec(id=NETWORK, mtu=1450))
    assert driver.ensure_network(NetworkSpec(id=NETWORK, mtu=1400)) is True
    assert "mtu 1400" in ip("link", "show", "dev", BRIDGE)


def test_many_ports_are_plugged_at_once_into_a_network_that_is_not_there_yet(driver):
    ports = [
        port(n, FixedIP(address=f"10.9.0.{n}", prefix_length=24, gateway="10.9.0.254")) for n in range(10, 26)
    ]

    def plug(one: WiredPort) -> bool:
        namespace = f"qlbaas-{one.id[:8]}"
        netns.ensure(namespace)
        return driver.plug(namespace, one)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(plug, ports))
        assert not any(pool.map(plug, ports))
    here = ip("link", "show", "master", BRIDGE) if driver is LINUX_BRIDGE else str(switch().ports("br-int"))
    assert here.count("tap") == len(ports)
    for one in ports:
        driver.unplug(f"qlbaas-{one.id[:8]}", one.id)
