"""Ports that a real OVN wires: it knows them by the driver's marks, binds them, and packets pass between them."""

import queue
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from evener.host import netns
from evener.host.openvswitch import OpenVSwitchDriver
from evener.host.veth import tap_name
from evener.resources.wiring import FixedIP, WiredPort
from openvswitch_rig import OpenVSwitch, reaches
from ovn_rig import INSTALLED, Ovn
from waiting import eventually

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not INSTALLED, reason="OVN (ovn-central, ovn-host) is not installed"),
]

NETWORK = "0f3a77d2-77aa-4b21-8e5a-0d8a8f0a9e77"
BALANCER, SERVER = "qlbaas-6b1e3d8c-77aa-4b21-8e5a-0d8a8f0a9e78", "server"
NAMESPACES = (BALANCER, SERVER)
NOBODYS_S = 2.0  # how long it is looked whether packets pass that must not


@pytest.fixture(scope="module")
def switch() -> Iterator[OpenVSwitch]:
    running = OpenVSwitch(Path("/run/openvswitch-of-ovn"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def ovn(switch: OpenVSwitch) -> Iterator[Ovn]:
    running = Ovn(Path("/run/ovn-of-test"), switch)
    running.nbctl("ls-add", NETWORK)
    yield running
    print(running.said())  # noqa: T201 - with a test that fails
    running.stop()


@pytest.fixture
def driver(ovn: Ovn, switch: OpenVSwitch) -> Iterator[OpenVSwitchDriver]:
    made = OpenVSwitchDriver(1, switch.settings())
    for name in NAMESPACES:
        netns.ensure(name)
    yield made
    for number, name in enumerate(NAMESPACES):
        made.unplug(name, port(number).id)
        netns.delete(name)
        ovn.nbctl("--if-exists", "lsp-del", port(number).id)
    made.close()


def port(number: int) -> WiredPort:
    return WiredPort(
        id=f"{number:08x}-5c1e-4c58-9a80-3a3f3d4a1b77",
        network_id=NETWORK,
        mac_address=f"fa:16:3e:00:07:{number:02x}",
        mtu=1442,  # of a network of OVN's, of 1500 bytes
        fixed_ips=(
            FixedIP(address=f"10.47.0.{number + 1}", prefix_length=24),
            FixedIP(address=f"fd00:47::{number + 1}", prefix_length=64),
        ),
        wired_elsewhere=True,
    )


def make(ovn: Ovn, wanted: WiredPort) -> None:
    """Make the logical port, as Neutron does; none but its own addresses may be its packets' source."""
    addresses = " ".join((wanted.mac_address, *(str(each.address) for each in wanted.fixed_ips)))
    ovn.nbctl(
        *("lsp-add", NETWORK, wanted.id, "--", "lsp-set-addresses", wanted.id, addresses, "--"),
        *("lsp-set-port-security", wanted.id, addresses),
    )


def is_up(ovn: Ovn, number: int, *, wanted: bool = True) -> None:
    """Wait until a port is bound, or is not any more."""
    eventually(lambda: ovn.is_up(port(number).id) is wanted, 60, ovn.said)


def test_a_port_is_bound_and_packets_pass(driver: OpenVSwitchDriver, ovn: Ovn, switch: OpenVSwitch) -> None:
    for number, name in enumerate(NAMESPACES):
        make(ovn, port(number))
        assert not ovn.is_up(port(number).id)
        assert driver.plug(name, port(number)) is True
        is_up(ovn, number)
    for address in ("10.47.0.2", "fd00:47::2"):
        assert reaches(BALANCER, address, SERVER)
    assert reaches(SERVER, "10.47.0.1", BALANCER)
    tap = tap_name(port(0).id)
    assert tap in switch.ports("br-int")
    assert switch.vsctl("get", "port", tap, "tag") == "[]"
    assert driver.plug(BALANCER, port(0)) is False
    assert ovn.is_up(port(0).id)


def test_a_port_that_is_unplugged_is_down_and_another_network_s_is_not_reached(
    driver: OpenVSwitchDriver, ovn: Ovn
) -> None:
    for number, name in enumerate(NAMESPACES):
        make(ovn, port(number))
        driver.plug(name, port(number))
        is_up(ovn, number)
    other = "another-network"
    ovn.nbctl(
        *("ls-add", other, "--", "lsp-del", port(1).id, "--", "lsp-add", other, port(1).id, "--"),
        *("lsp-set-addresses", port(1).id, f"{port(1).mac_address} 10.47.0.2"),
    )
    is_up(ovn, 1)
    assert not reaches(BALANCER, "10.47.0.2", SERVER, within_s=NOBODYS_S)
    assert driver.unplug(SERVER, port(1).id) is True
    is_up(ovn, 1, wanted=False)
    ovn.nbctl("ls-del", other)


def test_a_port_of_no_network_is_told_as_connected_once_it_has_one(
    driver: OpenVSwitchDriver, ovn: Ovn
) -> None:
    heard: queue.Queue[tuple[str, str]] = queue.Queue()
    driver.watch(lambda name, what: heard.put((name, what)))
    for number, name in enumerate(NAMESPACES):
        driver.plug(name, port(number))
    assert not reaches(BALANCER, "10.47.0.2", SERVER, within_s=NOBODYS_S)
    make(ovn, port(0))
    told: list[tuple[str, str]] = []

    def connected() -> bool:
        with suppress(queue.Empty):
            told.append(heard.get_nowait())
        return (tap_name(port(0).id), "connected") in told

    eventually(connected, 60, lambda: (told, ovn.said()))
    assert told == [(tap_name(port(0).id), "connected")]


def test_a_port_that_somebody_takes_from_the_bridge_is_told_and_bound_again(
    driver: OpenVSwitchDriver, ovn: Ovn, switch: OpenVSwitch
) -> None:
    heard: queue.Queue[tuple[str, str]] = queue.Queue()
    make(ovn, port(0))
    driver.watch(lambda name, what: heard.put((name, what)))
    driver.plug(BALANCER, port(0))
    is_up(ovn, 0)
    tap = tap_name(port(0).id)
    switch.vsctl("del-port", tap)
    is_up(ovn, 0, wanted=False)
    while heard.get(timeout=60) != (tap, "released"):
        pass
    assert driver.plug(BALANCER, port(0)) is True
    is_up(ovn, 0)
