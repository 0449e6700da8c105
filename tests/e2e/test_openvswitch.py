"""A whole load balancer on Open vSwitch: it serves, is repaired, outlives kills, and leaves the switch as it was."""

import http.client
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests
from keystoneauth1 import exceptions as ksa
from standalone import Balancer, Cloud, Host, Standalone, ip, ip_in, traces

from evener.host import netns, offload
from openvswitch_rig import OpenVSwitch
from waiting import eventually

pytestmark = pytest.mark.root

DIRECTORY = Path("/run/e2e-openvswitch")
REPAIRED_WITHIN_S = 5.0
CHANGE = "evener.host.ovsdb:Ovsdb.change"
KILLS = [f"{CHANGE} before 1", f"{CHANGE} after 1", "evener.host.links:create_veth after 1"]


@pytest.fixture(scope="module")
def switch() -> Iterator[OpenVSwitch]:
    """Start Open vSwitch, with a bridge and a port of the operator's; at the end, only those are there."""
    running = OpenVSwitch(DIRECTORY)
    running.vsctl("add-br", "br-ex", "--", "set", "bridge", "br-ex", "datapath_type=netdev")
    running.vsctl("add-port", "br-ex", "theirs", "--", "set", "interface", "theirs", "type=internal")
    yield running
    assert running.bridges() == ["br-ex"]
    assert running.ports("br-ex") == ["theirs"]
    running.stop()


@pytest.fixture(scope="module")
def settings(switch: OpenVSwitch) -> str:
    return f"""[ovs]
ovsdb_connection = {switch.connection}
datapath_type = netdev
bridge_mappings = outside:br-ex
[DEFAULT]
interface_driver = openvswitch
"""


@pytest.fixture(scope="module")
def point_file(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("point") / "point"


@pytest.fixture(scope="module")
def program(point_file: Path) -> tuple[str, ...]:
    killable = str(Path(__file__).parent / "killable.py")
    return ("env", f"ALSO_KILLABLE={CHANGE}", sys.executable, killable, str(point_file))


@pytest.fixture(scope="module")
def cloud(standalone: Standalone, switch: OpenVSwitch) -> Iterator[Cloud]:
    class Server(Host):
        """A namespace that its owner plugs into the integration bridge, with the tag that the network has there."""

        def join(self) -> None:
            eventually(
                lambda: (
                    self.network_id in switch.vsctl("--if-exists", "get", "bridge", "br-int", "external_ids")
                )
            )
            self.rejoin()
            with netns.inside(self.namespace):
                offload.ensure_tx_checksums("eth0")

        def rejoin(self) -> None:
            tag = switch.vsctl("get", "bridge", "br-int", f"external_ids:evener-network-{self.network_id}")
            number = re.sub(r"\D", "", tag)
            switch.vsctl("--may-exist", "add-port", "br-int", self.link, f"tag={number}")
            ip(f"link set {self.link} up")

        def remove(self) -> None:
            switch.vsctl("--if-exists", "del-port", self.link)
            super().remove()

    made = Cloud(standalone, "192.168.200.0/24", host=Server)
    yield made
    made.remove()


@pytest.fixture(scope="module")
def balancer(cloud: Cloud) -> Iterator[Balancer]:
    made = cloud.balancer("switched")
    yield made
    cloud.delete(made)
    assert traces(made.lb["id"], made.lb["vip_port_id"]) == []


def serves(cloud: Cloud, balancer: Balancer) -> None:
    eventually(lambda: cloud.client.answers(balancer.vip))
    eventually(lambda: set(cloud.client.spread(balancer.vip, 8)) == {"web1", "web2"})


def test_it_serves_and_its_port_is_marked_as_neutrons_are(cloud, balancer, switch):
    serves(cloud, balancer)
    marks = switch.vsctl("get", "interface", balancer.tap, "external_ids")
    assert balancer.lb["vip_port_id"] in marks
    assert "iface-status=active" in marks


@pytest.mark.parametrize(
    "damage",
    [
        "del-port {tap}",
        "set port {tap} tag=77",
        "clear port {tap} tag",
        "del-br br-int",
    ],
)
def test_what_someone_changed_is_repaired_within_five_seconds_and_logged(cloud, balancer, switch, damage):
    serves(cloud, balancer)
    logged = len(cloud.standalone.warnings())
    tag = switch.vsctl("get", "port", balancer.tap, "tag")

    switch.vsctl(*damage.format(tap=balancer.tap).split())

    def repaired() -> bool:
        return "br-int" in switch.bridges() and balancer.tap in switch.ports("br-int")

    eventually(
        lambda: repaired() and switch.vsctl("get", "port", balancer.tap, "tag") == tag, REPAIRED_WITHIN_S
    )
    for host in cloud.hosts:  # the servers are no business of Evener's
        host.rejoin()
    serves(cloud, balancer)
    eventually(lambda: any(" WARNING " in line for line in cloud.standalone.warnings()[logged:]))


@pytest.mark.parametrize(
    ("what", "point"), [*(("create", point) for point in KILLS), *(("delete", point) for point in KILLS[:2])]
)
def test_a_kill_leaves_nothing_behind_and_nothing_undone(cloud, balancer, switch, point_file, what, point):
    before = sorted(switch.ports("br-int"))
    killed = cloud.balancer("killed") if what == "delete" else None
    fresh = point_file.with_suffix(".new")
    fresh.write_text(point)
    fresh.rename(point_file)
    with suppress(
        ksa.ConnectionError, requests.ConnectionError
    ):  # the answer was lost, as it is for a client in a crash
        cloud.delete(killed, wait=False) if killed else cloud.balancer("killed", wait=False)
    cloud.standalone.wait_ended()
    point_file.unlink()
    eventually(lambda: cloud.client.answers(balancer.vip))
    cloud.standalone.start()
    if killed is None:
        killed = cloud.balancer("killed")
        serves(cloud, killed)
    cloud.delete(killed)
    assert traces(killed.lb["id"], killed.lb["vip_port_id"]) == []
    assert sorted(switch.ports("br-int")) == before


def status_of(address: str) -> int:
    """Return what is answered to the calling thread's namespace, or 0."""
    client = http.client.HTTPConnection(address, 80, timeout=2)
    try:
        client.request("GET", "/")
        return client.getresponse().status
    except OSError:
        return 0
    finally:
        client.close()


def test_a_network_on_the_operators_bridge_is_reached_from_there(cloud, switch):
    provider = {"provider:network_type": "flat", "provider:physical_network": "outside"}
    network = cloud.api.create("network", name="outside", **provider)
    subnet = cloud.api.create("subnet", network_id=network["id"], cidr="192.168.210.0/24", ip_version=4)
    made = cloud.balancer("outside", subnet=subnet, webs=[])
    netns.ensure("theirs")
    ip("link add theirs0 type veth peer name eth0 netns theirs", "link set theirs0 up")
    ip_in("theirs", "address add 192.168.210.200/24 dev eth0")
    ip_in("theirs", "link set eth0 up")
    switch.vsctl("add-port", "br-ex", "theirs0")
    with netns.inside("theirs"):
        offload.ensure_tx_checksums("eth0")
        # Without members, HAProxy itself answers.
        assert eventually(lambda: status_of(made.vip)) == http.HTTPStatus.SERVICE_UNAVAILABLE
    switch.vsctl("del-port", "theirs0")
    ip("link delete theirs0")
    netns.delete("theirs")
    cloud.delete(made)
    cloud.api.delete(network)
    eventually(lambda: switch.ports("br-ex") == ["theirs"])


def test_purging_removes_all_of_ours_and_nothing_else(cloud, switch):
    """The fixtures compare, once the server was purged with a load balancer on it."""
    cloud.balancer("purged")
    assert "br-int" in switch.bridges()
