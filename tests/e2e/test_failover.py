"""Failover between the agents of two machines under traffic, end to end: the place changes, and the address stays.

The second machine is a network namespace with a view of its own of what is mounted, on the same physical network.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from node import HOST, PROGRAM, Node
from rabbitmq import RabbitMQ
from standalone import Balancer, Cloud, Standalone, Traffic, haproxies, ip
from test_existing_bridge import BRIDGE, Existing, Machine, make_bridge

from waiting import eventually

pytestmark = [pytest.mark.root, pytest.mark.timeout(400)]
OCTAVIA = "/load-balancer/v2"
MACHINE = "machine2"
# Its namespaces are in a directory that no other machine sees.
ON_MACHINE = (
    "ip",
    "netns",
    "exec",
    MACHINE,
    "sh",
    "-c",
    'mount -t tmpfs tmpfs /run/netns && exec "$@"',
    "sh",
)
MAPPINGS = "[linux_bridge]\nphysical_interface_mappings = virt:eth1\n"
WITHIN_S = 30.0


@pytest.fixture(scope="module")
def settings(rabbitmq: RabbitMQ) -> Iterator[str]:
    """Make a bridge that both machines are on, and a way from the second one to RabbitMQ."""
    make_bridge()
    ip(
        f"netns add {MACHINE}",
        f"link add up1 type veth peer name eth1 netns {MACHINE}",
        f"link set up1 master {BRIDGE} up",
        f"link add manage type veth peer name eth0 netns {MACHINE}",
        "address add 10.99.0.1/24 dev manage",
        "link set manage up",
    )
    for command in (
        "link set lo up",
        "link set eth1 up",
        "address add 10.99.0.2/24 dev eth0",
        "link set eth0 up",
    ):
        subprocess.run(["ip", "-n", MACHINE, *command.split()], check=True)
    yield f"""[DEFAULT]
transport_url = {rabbitmq.url}
[linux_bridge]
bridge_mappings = virt:{BRIDGE}
"""
    ip(f"netns delete {MACHINE}", f"link delete {BRIDGE}")


@pytest.fixture(scope="module")
def node(rabbitmq: RabbitMQ, tmp_path_factory, standalone: Standalone) -> Iterator[Node]:
    url = rabbitmq.url_of(HOST, "PASSWORD", "10.99.0.1")
    made = Node(tmp_path_factory.mktemp("node") / "etc", url, (*ON_MACHINE, PROGRAM), MAPPINGS)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def cloud(standalone: Standalone, node: Node) -> Iterator[Cloud]:
    made = Existing(standalone, "10.44.0.0/24", host=Machine)
    eventually(
        lambda: len(made.api.request("GET", "/networking/v2.0/agents").json()["agents"]) == 2, WITHIN_S
    )
    yield made
    made.remove()


@pytest.fixture(scope="module")
def balancer(cloud: Cloud) -> Iterator[Balancer]:
    made = cloud.balancer("moving")
    yield made
    cloud.delete(made, wait=False)
    cloud.api.wait_gone(made.lb, WITHIN_S)


def amphora(cloud: Cloud, balancer: Balancer) -> dict[str, str]:
    """Return the place where it is served."""
    path = f"{OCTAVIA}/octavia/amphorae?loadbalancer_id={balancer.lb['id']}"
    (found,) = cloud.api.request("GET", path).json()["amphorae"]
    return found


@dataclass(frozen=True)
class Place:
    """One of the two machines, and what is there of load balancers."""

    standalone: Standalone
    node: Node
    host: str

    @property
    def state(self) -> Path:
        return self.node.state if self.host == HOST else self.standalone.state

    def traces(self, balancer: Balancer) -> list[str]:
        """Return what there is of it: its namespace, its tap, its processes, its directory."""
        inside = f"/proc/{self.node.process.pid}/root" if self.host == HOST else ""
        namespaces = [each.name for each in Path(f"{inside}/run/netns").iterdir()]
        found = [each for each in namespaces if each == balancer.namespace]
        command = ["ip", *(("-n", MACHINE) if self.host == HOST else ()), "-o", "link"]
        links = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        found += [balancer.tap] if balancer.tap in links else []
        found += [each for each in haproxies(balancer.lb["id"]).values() if str(self.state) in each]
        directory = self.state / "lbaas" / "v2" / balancer.lb["id"]
        return found + ([str(directory)] if directory.exists() else [])


@pytest.fixture
def places(cloud: Cloud, standalone: Standalone, node: Node) -> list[Place]:
    shown = cloud.api.request("GET", "/networking/v2.0/agents").json()["agents"]
    return [Place(standalone, node, each["host"]) for each in shown]


def failed_over(cloud: Cloud, balancer: Balancer, path: str) -> set[str]:
    """Have it served elsewhere, and return what its provisioning status was until it is."""
    answer = cloud.api.request("PUT", f"{OCTAVIA}/{path}/failover")
    assert (answer.status_code, answer.content) == (202, b"")
    seen: list[str] = []

    def is_active() -> bool:
        seen.append(cloud.api.show(balancer.lb)["provisioning_status"])
        return seen[-1] == "ACTIVE"

    eventually(is_active, WITHIN_S)
    return set(seen)


@pytest.mark.parametrize("direction", ["there", "back"])
@pytest.mark.parametrize("what", ["loadbalancer", "amphora"])
def test_a_failover_costs_the_request_under_way_at_most_and_leaves_nothing_behind(
    cloud: Cloud, balancer: Balancer, places: list[Place], what: str, direction: str
) -> None:
    before = amphora(cloud, balancer)
    paths = {
        "loadbalancer": f"lbaas/loadbalancers/{balancer.lb['id']}",
        "amphora": f"octavia/amphorae/{before['id']}",
    }
    assert set(cloud.client.spread(balancer.vip, 6)) == {"web1", "web2"}
    with Traffic(cloud.client, balancer.vip) as traffic:
        assert failed_over(cloud, balancer, paths[what]) <= {"PENDING_UPDATE", "ACTIVE"}
        answered = sum(traffic.bodies.values())
        eventually(lambda: sum(traffic.bodies.values()) > answered + 20, WITHIN_S)
    assert len(traffic.failures) <= 1, traffic.failures

    after = amphora(cloud, balancer)
    assert after["id"] != before["id"]
    assert after["lb_network_ip"] != before["lb_network_ip"]
    assert cloud.api.show(balancer.lb)["vip_address"] == balancer.vip
    assert set(cloud.client.spread(balancer.vip, 6)) == {"web1", "web2"}
    assert set(cloud.api.operating(balancer.lb).values()) == {"ONLINE"}
    old, new = sorted(places, key=lambda each: each.host == after["lb_network_ip"])
    eventually(lambda: not old.traces(balancer), WITHIN_S, lambda: old.traces(balancer))
    assert len(new.traces(balancer)) == 5  # two of them processes


def test_what_is_changed_after_a_failover_is_done_where_it_is(cloud: Cloud, balancer: Balancer) -> None:
    cloud.api.update(balancer.members["web2"], weight=0)
    cloud.api.wait_active(balancer.lb, WITHIN_S)
    eventually(lambda: set(cloud.client.spread(balancer.vip, 6)) == {"web1"}, WITHIN_S)
    cloud.api.update(balancer.members["web2"], weight=1)
    cloud.api.wait_active(balancer.lb, WITHIN_S)
