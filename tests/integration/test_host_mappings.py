"""Networks on what the host already has: its own bridges stay exactly as they are, its interfaces are given back."""

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from evener.host import netns
from evener.host.driver import DriverSettings
from evener.host.errors import BridgeUnsuitable, HostError, PhysicalNetworkUnknown, UplinkUnsuitable
from evener.host.linuxbridge import LinuxBridgeDriver, bridge_name, tap_name
from evener.resources.wiring import FixedIP, NetworkSpec, WiredPort
from waiting import eventually

pytestmark = pytest.mark.root

NETWORK = "7a3a77d2-77aa-4b21-8e5a-0d8a8f0a9e11"
OURS = bridge_name(NETWORK)
driver = LinuxBridgeDriver(
    announcements=1, settings=DriverSettings(bridges={"virt": "virbr0"}, interfaces={"wire": "eth1"})
)
CHANGING = (
    "fdb_n_learned",
    "hello_timer",
    "gc_timer",
    "topology_change_timer",
    "tcn_timer",
    "topology_change",
    "topology_change_detected",
)


def port(physical_network: str | None, number: int = 5, mtu: int = 1450) -> WiredPort:
    return WiredPort(
        id=f"{number:08x}-5c1e-4c58-9a80-3a3f3d4a1b2c",
        network_id=NETWORK,
        physical_network=physical_network,
        mac_address=f"fa:16:3e:00:01:{number:02x}",
        mtu=mtu,
        fixed_ips=(FixedIP(address=f"10.44.0.{number}", prefix_length=24),),
    )


def ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True).stdout


def but_for_carriers(shown: str) -> str:
    """Return what ip(8) shows without whether interfaces carry, which the kernel says when it has time."""
    return re.sub(
        r"<[A-Z_,-]*>|\bstate [A-Z]+|^(\S+ +)(UP|DOWN|UNKNOWN|LOWERLAYERDOWN) |linkdown",
        r"\1",
        shown,
        flags=re.MULTILINE,
    )


def batch(*commands: str) -> None:
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands), text=True, check=True)


def as_it_is(name: str) -> dict[str, object]:
    """Return all that ip(8) and /proc/sys tell of an interface, without clocks."""
    shown = json.loads(ip("-j", "-d", "address", "show", "dev", name))[0]
    data = shown["linkinfo"].get("info_data", {})
    for key in CHANGING:
        shown.pop(key, None)
        data.pop(key, None)
    settings = {
        str(path): path.read_text()
        for family in ("ipv4", "ipv6")
        for path in sorted(Path(f"/proc/sys/net/{family}/conf/{name}").iterdir())
        if path.is_file() and path.stat().st_mode & 0o444 and path.name != "stable_secret"
    }
    return {**shown, "settings": settings, "ports": ip("-br", "link", "show", "master", name)}


@pytest.fixture(autouse=True)
def _a_host_with_a_bridge_and_a_free_interface() -> Iterator[None]:
    batch(
        "link add eth1 type veth peer name peer1",
        "link add virbr0 type bridge forward_delay 200 mcast_snooping 1",  # not as ours are
        "link add vm0 type veth peer name vm1",
        "link set vm0 address 52:54:00:00:00:01 master virbr0 up",
        "link set vm1 addrgenmode none",  # or addresses would come, some time later
        "link set peer1 addrgenmode none",
        "link set eth1 addrgenmode none",
        "link set vm1 up",
        "link set virbr0 addrgenmode none",
        "link set virbr0 up",
        "address add 10.44.0.1/24 dev virbr0",
        "link set peer1 up",
    )
    for name in ("virbr0", "vm0", "vm1"):
        eventually(lambda name=name: " state UP " in ip("link", "show", "dev", name))
    netns.ensure("qlbaas-1")
    yield
    for name in netns.names():
        netns.delete(name)
    for name in ("virbr0", "vm0", "eth1", "eth2", OURS):
        subprocess.run(["ip", "link", "del", name], check=False, capture_output=True)
    assert ip("-br", "link").split() == ip("-br", "link", "show", "dev", "lo").split()


def test_the_operators_bridge_gets_a_port_and_is_otherwise_exactly_as_it_was():
    spec = NetworkSpec(id=NETWORK, mtu=1450, physical_network="virt")
    before = as_it_is("virbr0")
    assert driver.ensure_network(spec) is False
    assert driver.plug("qlbaas-1", port("virt")) is True
    assert driver.plug("qlbaas-1", port("virt")) is False
    during = as_it_is("virbr0")
    assert tap_name(port("virt").id) in str(during.pop("ports"))
    assert during == {key: value for key, value in before.items() if key != "ports"}
    with netns.inside("qlbaas-1"):
        server = socket.create_server(("10.44.0.5", 80))
    with server, socket.create_connection(("10.44.0.5", 80), timeout=30) as client:
        assert client.getsockname()[0] == "10.44.0.1"
    assert driver.unplug("qlbaas-1", port("virt").id) is True
    assert driver.remove_network(NETWORK) is False
    assert as_it_is("virbr0") == before
    assert OURS not in ip("-br", "link")


def test_a_bridge_without_an_address_of_its_own_keeps_that_of_its_lowest_port():
    mac = json.loads(ip("-j", "link", "show", "dev", "virbr0"))[0]["address"]
    assert mac == "52:54:00:00:00:01"
    driver.plug("qlbaas-1", port("virt"))
    assert mac in ip("link", "show", "dev", "virbr0")
    driver.unplug("qlbaas-1", port("virt").id)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (("link del virbr0",), "virbr0, but there is no such interface"),
        (("link del virbr0", "link add virbr0 type veth"), "virbr0, but that is a veth"),
        (("link set vm0 mtu 1400", "link set virbr0 mtu 1400"), "MTU to 1400 or less"),
    ],
)
def test_a_bridge_that_cannot_serve_the_network_is_told_and_never_made(damage, message):
    batch(*damage)
    before = but_for_carriers(ip("-br", "link"))
    for attempt in (
        lambda: driver.plug("qlbaas-1", port("virt")),
        lambda: driver.ensure_network(NetworkSpec(id=NETWORK, mtu=1450, physical_network="virt")),
    ):
        with pytest.raises(BridgeUnsuitable, match=message):
            attempt()
    assert but_for_carriers(ip("-br", "link")) == before


def test_a_free_interface_becomes_a_port_of_our_bridge_and_is_given_back():
    before = as_it_is("eth1")
    spec = NetworkSpec(id=NETWORK, mtu=1450, physical_network="wire")
    assert driver.ensure_network(spec) is True
    assert driver.ensure_network(spec) is False
    driver.plug("qlbaas-1", port("wire"))
    assert {line.split("@")[0] for line in ip("-br", "link", "show", "master", OURS).splitlines()} == {
        "eth1",
        tap_name(port("wire").id),
    }
    ip("link", "set", "eth1", "nomaster")
    assert driver.ensure_network(spec) is True
    assert "eth1" in ip("-br", "link", "show", "master", OURS)
    driver.unplug("qlbaas-1", port("wire").id)
    driver.remove_network(NETWORK)
    after = as_it_is("eth1")
    assert "master" not in after
    assert (after["mtu"], after["address"], after["promiscuity"]) == (
        before["mtu"],
        before["address"],
        before["promiscuity"],
    )


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (("address add 10.45.0.1/24 dev eth1",), "eth1 .* has the address 10.45.0.1"),
        (("link set eth1 up", "address add fd00:45::1/64 dev eth1 nodad"), "has the address fd00:45::1"),
        (("link set eth1 up", "route add default dev eth1"), "default route"),
        (("link set eth1 master virbr0",), "port of another bridge"),
        (("link del eth1",), "does not exist"),
        (("link del eth1", "link add eth1 type bridge"), "belongs into bridge_mappings"),
    ],
)
def test_an_interface_that_the_host_needs_itself_is_refused_and_left_alone(damage, message):
    batch(*damage)
    before = but_for_carriers(ip("address", "show")), but_for_carriers(ip("route"))
    with pytest.raises(UplinkUnsuitable, match=message):
        driver.ensure_network(NetworkSpec(id=NETWORK, physical_network="wire"))
    assert (but_for_carriers(ip("address", "show")), but_for_carriers(ip("route"))) == before


def test_a_physical_network_without_a_mapping_is_told_with_those_that_have_one():
    with pytest.raises(PhysicalNetworkUnknown, match=r"moon .*known: virt, wire"):
        driver.plug("qlbaas-1", port("moon"))
    with pytest.raises(HostError, match="known: none"):
        LinuxBridgeDriver().ensure_network(NetworkSpec(id=NETWORK, physical_network="virt"))
    assert OURS not in ip("-br", "link")
