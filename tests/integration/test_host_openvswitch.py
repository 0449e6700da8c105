"""The Open vSwitch driver on a real Open vSwitch: networks apart, the operator's bridges left alone, losses told."""

import queue
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from evener.host import netns
from evener.host.driver import DriverSettings, load_driver
from evener.host.errors import BridgeUnsuitable, NameTaken, PhysicalNetworkUnknown, SwitchUnavailable
from evener.host.openvswitch import OpenVSwitchDriver, patch_names
from evener.host.veth import tap_name
from evener.resources.wiring import FixedIP, NetworkSpec, WiredPort
from openvswitch_rig import OpenVSwitch, reaches
from waiting import eventually

pytestmark = pytest.mark.root

NETWORKS = [f"{n}f3a77d2-77aa-4b21-8e5a-0d8a8f0a9e11" for n in range(3)]
HERE, THERE = patch_names(NETWORKS[0])
NAMESPACES = ("one", "two", "three")


@pytest.fixture(scope="module")
def switch() -> Iterator[OpenVSwitch]:
    running = OpenVSwitch(Path("/run/openvswitch-driver"))
    yield running
    running.stop()


@pytest.fixture
def driver(switch: OpenVSwitch) -> Iterator[OpenVSwitchDriver]:
    made = load_driver("openvswitch", 1, switch.settings(out="br-ex"))
    assert isinstance(made, OpenVSwitchDriver)
    for name in NAMESPACES:
        netns.ensure(name)
    yield made
    for number, name in enumerate(NAMESPACES):
        made.unplug(name, port(number).id)
        netns.delete(name)
    for network_id in NETWORKS:
        made.remove_network(network_id)
    made.close()
    assert switch.bridges() == []


def port(number: int, network: int = 0, physical_network: str | None = None) -> WiredPort:
    return WiredPort(
        id=f"{number:08x}-5c1e-4c58-9a80-3a3f3d4a1b2c",
        network_id=NETWORKS[network],
        physical_network=physical_network,
        mac_address=f"fa:16:3e:00:02:{number:02x}",
        mtu=1450,
        fixed_ips=(FixedIP(address=f"10.46.0.{number + 1}", prefix_length=24),),
    )


def all_of(switch: OpenVSwitch, *bridges: str) -> list[str]:
    """Return all that the database says of bridges and their ports, without what changes by itself."""
    found = []
    for bridge in bridges:
        names = sorted(switch.ports(bridge))
        columns = "ports,external_ids,other_config,datapath_type,fail_mode,controller,stp_enable,protocols"
        found.append(switch.vsctl(f"--columns={columns}", "list", "bridge", bridge))
        found += [
            switch.vsctl("--columns=tag,trunks,vlan_mode,external_ids", "list", "port", each)
            for each in names
        ]
    return found


def test_packets_pass_within_a_network_and_not_between_networks(driver, switch):
    for number, name in enumerate(NAMESPACES):
        assert driver.plug(name, port(number, network=number // 2)) is True
    assert reaches("one", "10.46.0.2", "two")
    assert not reaches("one", "10.46.0.3", "three", within_s=2)
    assert switch.vsctl("get", "port", tap_name(port(2).id), "tag") == "2"


def test_a_restarted_agent_finds_the_tags_that_networks_have(driver, switch):
    for network_id in NETWORKS:
        driver.ensure_network(NetworkSpec(id=network_id))
    driver.remove_network(NETWORKS[0])
    again = OpenVSwitchDriver(1, switch.settings())
    assert again.ensure_network(NetworkSpec(id=NETWORKS[2])) is False
    again.plug("one", port(0, network=2))
    assert switch.vsctl("get", "port", tap_name(port(0).id), "tag") == "3"
    again.plug("two", port(1, network=0))  # the lowest that is free
    assert switch.vsctl("get", "port", tap_name(port(1).id), "tag") == "1"
    again.close()


def test_the_operators_bridge_gets_a_patch_port_and_is_otherwise_exactly_as_it_was(driver, switch):
    switch.vsctl(
        "add-br", "br-ex", "--", "set", "bridge", "br-ex", "datapath_type=netdev", "external_ids:a=b"
    )
    before = all_of(switch, "br-ex")
    driver.plug("two", port(1, network=1))
    spec = NetworkSpec(id=NETWORKS[0], physical_network="out")
    assert driver.ensure_network(spec) is True
    assert driver.ensure_network(spec) is False
    driver.plug("one", port(0, physical_network="out"))
    assert switch.ports("br-ex") == [THERE]
    # Someone behind the operator's bridge, without a tag, as another host would be.
    elsewhere = OpenVSwitchDriver(
        1, DriverSettings(integration_bridge="br-ex", ovsdb_connection=switch.connection)
    )
    elsewhere.plug("three", port(2, network=2))
    switch.vsctl("clear", "port", tap_name(port(2).id), "tag")
    assert reaches("three", "10.46.0.1", "one")
    assert not reaches("three", "10.46.0.2", "two", within_s=2)
    elsewhere.unplug("three", port(2).id)
    elsewhere.remove_network(NETWORKS[2])
    elsewhere.close()
    for what in (("del-port", THERE), ("set", "port", HERE, "tag=77"), ("del-port", HERE)):
        switch.vsctl(*what)
        eventually(lambda: driver.ensure_network(spec))
        assert driver.ensure_network(spec) is False
        assert switch.vsctl("get", "port", HERE, "tag") == "2"
    driver.unplug("one", port(0).id)
    assert driver.remove_network(NETWORKS[0]) is True
    assert all_of(switch, "br-ex") == before
    switch.vsctl("del-br", "br-ex")


def test_a_mapping_that_cannot_serve_is_told(driver, switch):
    with pytest.raises(PhysicalNetworkUnknown, match=r"moon.*known: out"):
        driver.ensure_network(NetworkSpec(id=NETWORKS[0], physical_network="moon"))
    with pytest.raises(BridgeUnsuitable, match="br-ex, which does not exist"):
        driver.ensure_network(NetworkSpec(id=NETWORKS[0], physical_network="out"))


def test_an_integration_bridge_that_is_not_ours_stays_with_its_ports_and_their_tags(driver, switch):
    switch.vsctl(
        *("add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev", "--"),
        *("add-port", "br-int", "vm1", "tag=1", "--", "set", "interface", "vm1", "type=internal"),
    )
    before = all_of(switch, "br-int")
    driver.plug("one", port(0))
    assert switch.vsctl("get", "port", tap_name(port(0).id), "tag") == "2"
    driver.unplug("one", port(0).id)
    driver.remove_network(NETWORKS[0])
    assert all_of(switch, "br-int") == before
    switch.vsctl("del-br", "br-int")


def test_a_port_under_our_name_that_is_not_ours_is_left_alone(driver, switch):
    tap = tap_name(port(0).id)
    driver.ensure_network(NetworkSpec(id=NETWORKS[0]))
    switch.vsctl(
        "add-port", "br-int", tap, "--", "set", "interface", tap, "type=patch", "options:peer=nowhere"
    )
    with pytest.raises(NameTaken, match=tap):
        driver.plug("one", port(0))
    assert driver.unplug("one", port(0).id) is True  # the pair of interfaces
    assert switch.ports("br-int") == [tap]
    switch.vsctl("del-port", tap)


def test_what_others_do_to_our_ports_is_told_and_what_we_do_is_not(driver, switch):
    heard: queue.Queue[tuple[str, str]] = queue.Queue()
    driver.watch(lambda name, what: heard.put((name, what)))
    driver.plug("one", port(0))
    driver.plug("two", port(1))
    driver.unplug("two", port(1).id)
    tap = tap_name(port(0).id)
    for what in (("set", "port", tap, "tag=77"), ("del-port", tap)):
        switch.vsctl(*what)
        assert heard.get(timeout=60) == (tap, "released")
        driver.plug("one", port(0))
    switch.vsctl("del-br", "br-int")
    # What is told comes in the order in which it happened; something of the port may be told twice.
    told = list(iter(lambda: heard.get(timeout=60), ("br-int", "released")))
    assert set(told) <= {(tap, "released")}
    assert len(told) <= 3
    driver.plug("one", port(0))
    while not heard.empty():
        assert heard.get() == (tap, "released")
    assert driver.carries_networks("br-int")
    assert driver.carries_networks(HERE)
    assert not driver.carries_networks(tap)


def test_a_switch_that_does_not_answer_is_told_with_what_to_look_at(driver, switch):
    nowhere = OpenVSwitchDriver(
        1, DriverSettings(ovsdb_connection="unix:/run/nowhere.sock", ovsdb_timeout_s=1)
    )
    with pytest.raises(SwitchUnavailable, match=r"/run/nowhere.sock.*ovsdb_connection"):
        nowhere.ensure_network(NetworkSpec(id=NETWORKS[0]))
    driver.plug("one", port(0))
    impatient = OpenVSwitchDriver(
        1, DriverSettings(datapath_type="netdev", ovsdb_connection=switch.connection, ovsdb_timeout_s=1)
    )
    switch.stop_daemon("ovs-vswitchd")
    for _ in range(2):  # what it has not done is not taken for done
        with pytest.raises(SwitchUnavailable, match=r"does not answer within 1 s.*ovs-vswitchd run"):
            impatient.plug("two", port(1))
    switch.start_switch()

    def is_plugged() -> bool:
        with suppress(SwitchUnavailable):  # it is given a second
            return impatient.plug("two", port(1)) in (True, False)
        return False

    eventually(is_plugged)
    impatient.close()
    assert reaches("one", "10.46.0.2", "two")


def test_a_database_that_was_started_again_is_talked_to_again(driver, switch):
    heard: queue.Queue[tuple[str, str]] = queue.Queue()
    driver.watch(lambda name, what: heard.put((name, what)))
    driver.plug("one", port(0))
    switch.stop_daemon("ovsdb-server")
    switch.start_database()
    switch.vsctl("del-port", tap_name(port(0).id))
    while heard.get(timeout=60) != ("", "released"):  # look at everything
        pass
    assert driver.plug("one", port(0)) is True
    driver.plug("two", port(1))
    assert reaches("one", "10.46.0.2", "two")
