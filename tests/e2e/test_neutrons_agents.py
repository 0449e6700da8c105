"""Next to the real agents of a real Neutron: they connect the ports that our drivers make, and list our agent."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from neutron_node import LINUX_BRIDGE, OPEN_VSWITCH, NeutronNode, has
from node import Node
from rabbitmq import RabbitMQ

from evener.agent.main import BESIDE_NEUTRON
from evener.control.neutron_agents import differing
from evener.host import netns
from evener.host.driver import InterfaceDriver, load_driver
from evener.host.linuxbridge import bridge_name
from evener.host.veth import tap_name
from evener.host.watch import Watcher
from evener.resources.wiring import FixedIP, WiredPort
from integration.databases import mariadb_url  # noqa: F401 - a fixture
from openvswitch_rig import OpenVSwitch
from waiting import eventually

pytestmark = [
    pytest.mark.root,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not has(OPEN_VSWITCH), reason="Neutron's Open vSwitch agent is not installed"),
]
LONG_S = 60.0
NAMESPACES = ("qlbaas-one", "qlbaas-two")
DRIVERS = {"linuxbridge": LINUX_BRIDGE, "openvswitch": OPEN_VSWITCH}


@pytest.fixture(scope="module")
def switch() -> Iterator[OpenVSwitch]:
    running = OpenVSwitch(Path("/run/openvswitch"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def neutron(
    mariadb_url: str,  # noqa: F811
    rabbitmq: RabbitMQ,
    switch: OpenVSwitch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[NeutronNode]:
    """Start a server."""
    made = NeutronNode(tmp_path_factory.mktemp("neutron"), mariadb_url, rabbitmq.url, switch.connection)
    # The Linux bridge agent is called after the MAC address of some interface.
    subprocess.run(["ip", "link", "add", "uplink0", "type", "veth", "peer", "name", "uplink1"], check=True)
    with ExitStack() as stack:
        stack.callback(subprocess.run, ["ip", "link", "delete", "uplink0"], check=True)
        stack.enter_context(made.server())
        yield made


@pytest.fixture(scope="module", params=DRIVERS)
def host(request: pytest.FixtureRequest, neutron: NeutronNode) -> Iterator[str]:
    """Start Neutron's agent that goes with a driver of ours, alone, on a host of the driver's name."""
    if not has(DRIVERS[request.param]):
        pytest.skip(f"{DRIVERS[request.param]} is not installed")
    with neutron.agent(DRIVERS[request.param], request.param):
        yield request.param
    for bridge in Path("/sys/class/net").glob("brq*"):  # which the Linux bridge agent leaves
        subprocess.run(["ip", "link", "delete", bridge.name], check=True)


@dataclass
class Site:
    """Two ports of a network of Neutron's, bound to one host, and our driver there."""

    neutron: NeutronNode
    driver: InterfaceDriver
    ports: list[WiredPort]
    told: list[tuple[str, str]] = field(default_factory=list)

    def plug(self) -> list[bool]:
        """Plug both; return which of them were not as they should be."""
        return [self.driver.plug(*each) for each in zip(NAMESPACES, self.ports, strict=True)]

    def wait(self, status: str) -> None:
        for port in self.ports:
            eventually(lambda port=port: self.neutron.status(port.id) == status, LONG_S)

    def passes(self) -> bool:
        """Return whether packets pass from one to the other."""
        ping = ["ip", "netns", "exec", NAMESPACES[0], "ping", "-c", "1", "-W", "2"]
        target = self.ports[1].fixed_ips[0].address
        return subprocess.run([*ping, target], capture_output=True, check=False).returncode == 0

    def heard(self, port: WiredPort) -> int:
        return self.told.count((tap_name(port.id), "connected"))


@pytest.fixture
def site(host: str, neutron: NeutronNode, switch: OpenVSwitch) -> Iterator[Site]:
    network = neutron.make("network", name=host)
    neutron.make("subnet", network_id=network["id"], cidr="10.50.0.0/24", ip_version=4, enable_dhcp=False)
    ports = [_port(neutron, network, host) for _ in NAMESPACES]
    made = Site(neutron, load_driver(host, 1, switch.settings()), ports)
    watcher = Watcher()
    watcher.links(lambda *what: made.told.append(what))
    made.driver.watch(lambda *what: made.told.append(what))
    watcher.start()
    for each in NAMESPACES:
        netns.ensure(each)
    yield made
    for namespace, port in zip(NAMESPACES, made.ports, strict=True):
        made.driver.unplug(namespace, port.id)
        netns.delete(namespace)
    watcher.stop()


def _port(neutron: NeutronNode, network: dict[str, Any], host: str) -> WiredPort:
    values = {"device_owner": "neutron:LOADBALANCERV2", "binding:host_id": host}
    made = neutron.make("port", network_id=network["id"], **values)
    assert made["binding:vif_type"] in ("bridge", "ovs")
    return WiredPort(
        id=made["id"],
        network_id=network["id"],
        mac_address=made["mac_address"],
        mtu=network["mtu"],
        fixed_ips=(FixedIP(address=made["fixed_ips"][0]["ip_address"], prefix_length=24),),
        wired_elsewhere=True,
    )


def test_neutrons_agent_connects_a_port_and_again_when_its_pair_was_lost(site: Site, host: str) -> None:
    assert site.plug() == [True, True]
    site.wait("ACTIVE")
    eventually(site.passes, LONG_S)
    assert site.plug() == [False, False]
    eventually(lambda: all(site.heard(port) for port in site.ports))
    heard = site.heard(site.ports[0])
    subprocess.run(["ip", "link", "delete", tap_name(site.ports[0].id)], check=True)
    if (
        host == "linuxbridge"
    ):  # whose ebtables (1.8.9) never takes back the rules of a port that it has not missed
        eventually(lambda: site.neutron.status(site.ports[0].id) == "DOWN", LONG_S)
    assert site.plug() == [True, False]
    eventually(lambda: site.heard(site.ports[0]) > heard, LONG_S)
    eventually(site.passes, LONG_S)
    site.wait("ACTIVE")


def test_what_was_neutrons_agents_stays_when_a_port_has_gone(
    site: Site, host: str, switch: OpenVSwitch
) -> None:
    site.plug()
    site.wait("ACTIVE")
    for namespace, port in zip(NAMESPACES, site.ports, strict=True):
        assert site.driver.unplug(namespace, port.id)
    site.wait("DOWN")
    if host == "linuxbridge":
        assert Path("/sys/class/net", bridge_name(site.ports[0].network_id)).exists()
    else:
        assert "br-int" in switch.bridges()


@pytest.mark.parametrize("host", ["openvswitch"], indirect=True)
def test_a_port_that_its_user_has_disabled_passes_nothing_until_it_is_enabled_again(site: Site) -> None:
    site.plug()
    site.wait("ACTIVE")
    eventually(site.passes, LONG_S)
    site.neutron.change("port", site.ports[0].id, admin_state_up=False)
    eventually(lambda: not site.passes(), LONG_S)
    assert site.plug() == [False, False]
    assert not site.passes()
    heard = site.heard(site.ports[0])
    site.neutron.change("port", site.ports[0].id, admin_state_up=True)
    eventually(site.passes, LONG_S)
    eventually(lambda: site.heard(site.ports[0]) > heard, LONG_S)


def test_neutron_lists_our_agent_alive_and_says_when_it_is_disabled(
    neutron: NeutronNode, rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    node = Node(tmp_path / "etc", rabbitmq.url)
    ini = node.directory / "lbaas_agent.ini"
    ini.write_text(ini.read_text() + "[neutron]\nreport_state = true\n")
    node.start()

    def ours() -> list[dict[str, Any]]:
        return [each for each in neutron.agents() if each["binary"] == BESIDE_NEUTRON.name]

    (found,) = eventually(ours, LONG_S)
    assert found["agent_type"] == "Loadbalancerv2 agent"
    assert found["configurations"] == {"device_drivers": ["haproxy_ns"], "instances": 0}
    assert differing(neutron.agents(), {found["host"]: True}) == {}
    neutron.change("agent", found["id"], admin_state_up=False)
    assert differing(neutron.agents(), {found["host"]: True}) == {found["host"]: False}
    node.stop()
