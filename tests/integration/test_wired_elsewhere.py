"""Ports that Neutron's own agent wires: what is made for it to find, what is left to it, and what is told afterwards.

Its Linux bridge agent is here `ip link set … master`, its Open vSwitch agent the setting of a tag, OVN what
ovn-controller writes: that is all of them that a driver sees.
"""

import ipaddress
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from test_data_plane import CLIENT, LB, listener
from test_data_plane import Node as Host

from evener.agent.plug import Plug
from evener.host import announce, netns
from evener.host.errors import BridgeUnsuitable, NameTaken
from evener.host.linuxbridge import LinuxBridgeDriver, bridge_name
from evener.host.openvswitch import OpenVSwitchDriver
from evener.host.veth import inner_name, tap_name
from evener.resources.wiring import FixedIP, WiredPort
from openvswitch_rig import OpenVSwitch
from waiting import eventually

pytestmark = pytest.mark.root
NS, NEIGHBOUR = f"qlbaas-{LB}", "neighbour"
NETWORK = "0d3a77d2-77aa-4b21-8e5a-0d8a8f0a9e11"
PORT = WiredPort(
    id="0000000d-5c1e-4c58-9a80-3a3f3d4a1b2c",
    network_id=NETWORK,
    physical_network="physnet1",  # of which this host has no mapping, as Neutron's agent has
    mac_address="fa:16:3e:00:05:01",
    mtu=1450,
    fixed_ips=(FixedIP(address="10.47.0.5", prefix_length=24, gateway="10.47.0.1"),),
    wired_elsewhere=True,
)
OTHER = PORT.model_copy(
    update={
        "id": "0000000e-5c1e-4c58-9a80-3a3f3d4a1b2c",
        "mac_address": "fa:16:3e:00:05:02",
        "fixed_ips": (FixedIP(address="10.47.0.6", prefix_length=24),),
    }
)
TAP, INNER = tap_name(PORT.id), inner_name(PORT)
BRIDGE = bridge_name(NETWORK)
ARP = announce.gratuitous_arp(PORT.mac_address, ipaddress.IPv4Address("10.47.0.5"))
DEAD = ["4095", "[4095]", "trunk"]  # tag, trunks, vlan_mode


def ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True).stdout


def links() -> set[str]:
    return {line.split()[0].split("@")[0] for line in ip("-br", "link").splitlines()}


@pytest.fixture(autouse=True)
def _namespaces() -> Iterator[None]:
    before = links()
    for name in (NS, NEIGHBOUR):
        netns.ensure(name)
    yield
    for name in (NS, NEIGHBOUR):
        netns.delete(name)
    for name in links() - before:
        subprocess.run(["ip", "link", "delete", name], capture_output=True, check=False)


@contextmanager
def neighbour_hears(frame: bytes, times: int = 0) -> Iterator[list[int]]:
    """Give a list that afterwards says how often the neighbour's interface got a frame; so often is waited for."""
    with netns.inside(NEIGHBOUR):
        channel = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    channel.bind((inner_name(OTHER), 3))
    counted: list[int] = []
    with channel:
        channel.settimeout(1.5)
        heard: list[bytes] = []

        def is_all() -> bool:
            with suppress(TimeoutError):
                while True:
                    heard.append(channel.recv(2048))
            return heard.count(frame) >= times

        yield counted
        with suppress(AssertionError):
            eventually(is_all, 15)
    counted.append(heard.count(frame))


class NeutronsBridge:
    """A network's bridge, as Neutron's Linux bridge agent makes it."""

    def __init__(self) -> None:
        ip("link", "add", BRIDGE, "type", "bridge", "forward_delay", "0", "stp_state", "0")
        ip("link", "set", BRIDGE, "up")

    def take(self, tap: str = TAP) -> None:
        ip("link", "set", tap, "master", BRIDGE)


# With Linux bridges.


def test_plugging_makes_the_pair_with_its_addresses_and_no_bridge() -> None:
    driver, before = LinuxBridgeDriver(1), links()
    assert driver.plug(NS, PORT)
    assert links() - before == {TAP}
    tap = ip("link", "show", TAP)
    assert "mtu 1450" in tap
    assert "master" not in tap
    eventually(lambda: "state UP" in ip("link", "show", TAP))  # which the kernel says a moment later
    inner = ip("-n", NS, "address", "show", INNER)
    assert PORT.mac_address in inner
    assert "mtu 1450" in inner
    assert "10.47.0.5/24" in inner
    assert "default via 10.47.0.1" in ip("-n", NS, "route")
    assert not driver.plug(NS, PORT)
    assert driver.unplug(NS, PORT.id)
    assert links() == before


def test_the_bridge_that_neutrons_agent_gives_or_takes_away_is_its_business() -> None:
    driver = LinuxBridgeDriver(1)
    driver.plug(NS, PORT)
    NeutronsBridge().take()
    assert not driver.plug(NS, PORT)
    ip("link", "set", BRIDGE, "mtu", "1400")
    assert not driver.plug(NS, PORT)
    ip("link", "set", TAP, "nomaster")
    assert not driver.plug(NS, PORT)
    assert "master" not in ip("link", "show", TAP)
    driver.unplug(NS, PORT.id)
    assert BRIDGE in links()


def test_a_tap_that_neutrons_agent_has_set_down_stays_down_and_another_is_set_up() -> None:
    driver = LinuxBridgeDriver(1)
    driver.plug(NS, PORT)
    ip("link", "set", TAP, "down")
    assert driver.plug(NS, PORT)
    NeutronsBridge().take()
    ip("link", "set", TAP, "down")
    assert not driver.plug(NS, PORT)
    assert "state DOWN" in ip("link", "show", TAP)


@pytest.mark.parametrize(
    "damage",
    [
        f"ip link delete {TAP}",
        f"ip link set {TAP} mtu 1300",
        f"ip -n {NS} address delete 10.47.0.5/24 dev {INNER}",
        f"ip -n {NS} link set {INNER} address 02:00:00:00:00:01",
        f"ip -n {NS} route delete default",
    ],
)
def test_what_is_wrong_with_the_pair_itself_is_repaired_in_whichever_bridge_it_is(damage: str) -> None:
    driver, bridge = LinuxBridgeDriver(1), NeutronsBridge()
    driver.plug(NS, PORT)
    bridge.take()
    subprocess.run(damage.split(), check=True)
    assert driver.plug(NS, PORT)
    assert not driver.plug(NS, PORT)
    assert ("master" in ip("link", "show", TAP)) is ("link delete" not in damage)


def test_the_next_agent_knows_the_port_again_at_a_glance_whichever_bridge_it_is_in(tmp_path: Path) -> None:
    driver, note = LinuxBridgeDriver(0), tmp_path / "port.json"
    Plug(driver, NS, note).ensure(PORT)
    unwired = driver.shown(NS, PORT)
    NeutronsBridge().take()
    assert driver.shown(NS, PORT) == unwired
    driver.plug = None  # type: ignore[assignment, method-assign]
    assert not Plug(driver, NS, note).ensure(PORT)


@pytest.fixture
def host() -> Iterator[Host]:
    """A host with an agent whose one load balancer has `PORT`."""
    with TemporaryDirectory(prefix="node") as directory:
        made = Host(Path(directory))
        made.plug = LinuxBridgeDriver(2)
        yield made
        if made.control.graphs:
            made.remove()
        made.stop()
        made.plug.unplug("client", CLIENT.id)
        made.plug.remove_network(CLIENT.network_id)
        netns.delete("client")
        assert TAP not in links()


def serve(host: Host) -> None:
    host.want(listener("one"))
    wanted = host.control.graphs[LB].model_copy(update={"vip_port": PORT})
    host.control.graphs[LB] = wanted
    host.start()
    host.applied(wanted.generation)


def test_addresses_are_announced_when_neutrons_agent_has_connected_the_port(host: Host) -> None:
    bridge = NeutronsBridge()
    LinuxBridgeDriver(0).plug(NEIGHBOUR, OTHER)
    bridge.take(tap_name(OTHER.id))
    serve(host)
    with neighbour_hears(ARP) as counted:
        pass
    assert counted == [0]
    with neighbour_hears(ARP, 2) as counted:
        bridge.take()
    assert counted == [2]


def test_a_port_that_leaves_its_bridge_is_no_drift_and_one_that_was_deleted_is(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    bridge = NeutronsBridge()
    serve(host)
    bridge.take()
    reports = len(host.control.reports)
    ip("link", "set", TAP, "nomaster")
    ip("link", "delete", BRIDGE)
    with pytest.raises(AssertionError):
        eventually(lambda: "repair" in caplog.text or "master" in ip("link", "show", TAP), 1.0)
    ip("link", "delete", TAP)
    eventually(lambda: TAP in links() and "10.47.0.5" in ip("-n", NS, "address"))
    assert "its port was cut off; repairing" in caplog.text
    assert BRIDGE not in links()
    assert not any(each.failure for each in host.control.reports[reports:])


# With Open vSwitch.


@pytest.fixture(scope="module")
def _switch() -> Iterator[OpenVSwitch]:
    running = OpenVSwitch(Path("/run/openvswitch-elsewhere"))
    yield running
    running.stop()


@pytest.fixture
def switch(_switch: OpenVSwitch) -> Iterator[OpenVSwitch]:
    """Give a switch with the bridge of Neutron's agent, which afterwards has nothing of ours and is as it was."""
    _switch.vsctl("add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev")
    yield _switch
    assert _switch.ports("br-int") == []
    assert _switch.vsctl("get", "bridge", "br-int", "external_ids", "other_config") == "{}\n{}"
    _switch.vsctl("del-br", "br-int", "--", "clear", "open_vswitch", ".", "external_ids")


@pytest.fixture
def driver(switch: OpenVSwitch) -> Iterator[OpenVSwitchDriver]:
    made = OpenVSwitchDriver(2, switch.settings())
    yield made
    for namespace, each in ((NS, PORT), (NEIGHBOUR, OTHER)):
        made.unplug(namespace, each.id)
    made.close()


def port_row(switch: OpenVSwitch, *columns: str) -> list[str]:
    return switch.vsctl("get", "port", TAP, *columns).split("\n")


def wire(switch: OpenVSwitch, tap: str = TAP) -> None:
    """Do what Neutron's Open vSwitch agent does with a port that is bound to its host."""
    switch.vsctl(
        "set", "port", tap, "tag=3", "other_config:tag=3", "--", "clear", "port", tap, "vlan_mode", "trunks"
    )


def test_the_switchs_port_is_dead_and_marked_until_neutrons_agent_has_seen_it(driver, switch) -> None:
    assert driver.plug(NS, PORT)
    assert switch.ports("br-int") == [TAP]
    assert port_row(switch, "tag", "trunks", "vlan_mode") == DEAD
    marks = switch.vsctl("get", "interface", TAP, "external_ids")
    assert marks == f'{{attached-mac="{PORT.mac_address}", iface-id="{PORT.id}", iface-status=active}}'
    assert "mtu 1450" in ip("link", "show", TAP)
    assert not driver.plug(NS, PORT)


def test_the_tag_is_neutrons_agents_from_then_on(driver, switch) -> None:
    driver.plug(NS, PORT)
    wire(switch)
    assert not driver.plug(NS, PORT)
    for tag in ("tag=7", "tag=4095", "vlan_mode=trunk"):
        switch.vsctl("set", "port", TAP, tag)
        before = port_row(switch, "tag", "trunks", "vlan_mode", "other_config")
        assert not driver.plug(NS, PORT)
        assert port_row(switch, "tag", "trunks", "vlan_mode", "other_config") == before
    switch.vsctl("remove", "interface", TAP, "external_ids", "iface-id")
    before = port_row(switch, "tag", "trunks", "vlan_mode", "other_config")
    assert driver.plug(NS, PORT)
    assert PORT.id in switch.vsctl("get", "interface", TAP, "external_ids")
    assert port_row(switch, "tag", "trunks", "vlan_mode", "other_config") == before


def test_the_internal_port_of_neutron_lbaass_agent_is_replaced_and_that_of_another_port_is_not(
    driver, switch
) -> None:
    netns.ensure(NS)
    marks = ("external_ids:iface-status=active", f"external_ids:attached-mac={PORT.mac_address}")
    made = ("add-port", "br-int", TAP, "--", "set", "interface", TAP, "type=internal", *marks)
    switch.vsctl(*made, f"external_ids:iface-id={OTHER.id}")
    with pytest.raises(NameTaken):
        driver.plug(NS, PORT)
    switch.vsctl("set", "interface", TAP, f"external_ids:iface-id={PORT.id}")
    ip("link", "set", TAP, "netns", NS)
    ip("-n", NS, "address", "add", "10.47.0.5/24", "dev", TAP)
    assert driver.plug(NS, PORT)
    assert switch.vsctl("get", "interface", TAP, "type") == '""'
    assert port_row(switch, "tag", "trunks", "vlan_mode") == DEAD
    eventually(lambda: TAP not in ip("-n", NS, "-br", "link"))
    assert "10.47.0.5/24" in ip("-n", NS, "address", "show", "dev", INNER)
    assert not driver.plug(NS, PORT)


def test_a_port_that_was_taken_off_the_bridge_or_whose_pair_is_new_is_dead_again(driver, switch) -> None:
    driver.plug(NS, PORT)
    for damage in (lambda: switch.vsctl("del-port", TAP), lambda: ip("link", "delete", TAP)):
        wire(switch)
        damage()
        assert driver.plug(NS, PORT)
        assert not driver.plug(NS, PORT)
        assert port_row(switch, "tag", "trunks", "vlan_mode") == DEAD


def test_a_bridge_that_is_missing_is_not_made_but_told(driver, switch) -> None:
    other = OpenVSwitchDriver(0, switch.settings())
    switch.vsctl("del-br", "br-int")
    with pytest.raises(BridgeUnsuitable, match="no bridge br-int, which Neutron's Open vSwitch agent"):
        other.plug(NS, PORT)
    assert switch.bridges() == []
    assert TAP not in links()
    other.close()
    switch.vsctl("add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev")


def test_packets_pass_once_both_ports_are_wired_and_not_before(driver, switch) -> None:
    driver.plug(NS, PORT)
    driver.plug(NEIGHBOUR, OTHER)
    with netns.inside(NEIGHBOUR):
        server = socket.create_server(("10.47.0.6", 80))
    with server:
        with netns.inside(NS), pytest.raises(OSError):  # noqa: PT011 - whichever way it says so
            socket.create_connection(("10.47.0.6", 80), timeout=1)
        wire(switch)
        wire(switch, tap_name(OTHER.id))
        with netns.inside(NS):
            socket.create_connection(("10.47.0.6", 80), timeout=60).close()


def test_what_is_told_of_such_a_port_is_that_it_was_wired_and_that_it_has_gone(driver, switch) -> None:
    told: list[tuple[str, str]] = []
    driver.watch(lambda *what: told.append(what))
    driver.plug(NS, PORT)
    wire(switch)
    eventually(lambda: told == [(TAP, "connected")])
    switch.vsctl("set", "port", TAP, "tag=4095")
    switch.vsctl("set", "port", TAP, "other_config:net_uuid=x")
    switch.vsctl("set", "port", TAP, "tag=5")
    eventually(lambda: told == [(TAP, "connected")] * 2)
    switch.vsctl("del-port", TAP)
    eventually(lambda: told[2:] == [(TAP, "released")])


def test_addresses_are_announced_when_neutrons_agent_has_tagged_the_port(host: Host, driver, switch) -> None:
    driver.plug(NEIGHBOUR, OTHER)
    wire(switch, tap_name(OTHER.id))
    host.plug = OpenVSwitchDriver(2, switch.settings())
    serve(host)
    with neighbour_hears(ARP) as counted:
        pass
    assert counted == [0]
    with neighbour_hears(ARP, 2) as counted:
        wire(switch)
    assert counted == [2]
    host.remove()
    host.plug.close()


def test_ovn_gets_a_port_without_a_tag_and_is_heard_when_it_has_wired_it(driver, switch) -> None:
    told: list[tuple[str, str]] = []
    driver.watch(lambda *what: told.append(what))
    switch.vsctl("set", "open_vswitch", ".", "external_ids:ovn-remote=tcp:127.0.0.1:6642")
    assert driver.plug(NS, PORT)
    assert port_row(switch, "tag", "trunks", "vlan_mode") == ["[]", "[]", "[]"]
    assert PORT.id in switch.vsctl("get", "interface", TAP, "external_ids")
    switch.vsctl("set", "interface", TAP, "external_ids:ovn-installed=true")
    eventually(lambda: told == [(TAP, "connected")])
    assert not driver.plug(NS, PORT)
    switch.vsctl("set", "open_vswitch", ".", "external_ids:ovn-bridge=br-ovn")
    driver.unplug(NS, PORT.id)
    driver.plug(NS, PORT)
    assert port_row(switch, "tag") == ["4095"]
