"""Failover between the agents of two machines under traffic, end to end: the place changes, and the address stays.

The second machine is a network namespace with a view of its own of what is mounted, on the same physical network.
"""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from node import HOST, Node
from rabbitmq import RabbitMQ
from standalone import Balancer, Cloud, Standalone, Traffic, haproxies
from two_machines import MACHINE, OCTAVIA, WITHIN_S, cloud_of_both, joined, node_on

from waiting import eventually

pytestmark = [pytest.mark.root, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def settings(rabbitmq: RabbitMQ) -> Iterator[str]:
    with joined(rabbitmq) as lines:
        yield lines


@pytest.fixture(scope="module")
def node(rabbitmq: RabbitMQ, tmp_path_factory, standalone: Standalone) -> Iterator[Node]:
    made = node_on(rabbitmq, tmp_path_factory.mktemp("node") / "etc")
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def cloud(standalone: Standalone, node: Node) -> Iterator[Cloud]:
    made = cloud_of_both(standalone)
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
    eventually(lambda: set(cloud.api.operating(balancer.lb).values()) == {"ONLINE"}, WITHIN_S)
    old, new = sorted(places, key=lambda each: each.host == after["lb_network_ip"])
    eventually(lambda: not old.traces(balancer), WITHIN_S, lambda: old.traces(balancer))
    # Two of them processes, once no worker of an earlier reload is left.
    eventually(lambda: len(new.traces(balancer)) == 5, WITHIN_S, lambda: new.traces(balancer))


def test_what_is_changed_after_a_failover_is_done_where_it_is(cloud: Cloud, balancer: Balancer) -> None:
    cloud.api.update(balancer.members["web2"], weight=0)
    cloud.api.wait_active(balancer.lb, WITHIN_S)
    eventually(lambda: set(cloud.client.spread(balancer.vip, 6)) == {"web1"}, WITHIN_S)
    cloud.api.update(balancer.members["web2"], weight=1)
    cloud.api.wait_active(balancer.lb, WITHIN_S)


def evener(standalone: Standalone, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the client as administrator."""
    own = {"OS_CLOUD": "evener", "OS_CLIENT_CONFIG_FILE": str(standalone.state / "clouds.yaml")}
    command = [str(Path(sys.executable).parent / "evener"), *arguments]
    return subprocess.run(
        command, env={**os.environ, **own}, capture_output=True, text=True, timeout=200, check=False
    )


def test_a_host_is_emptied_by_one_command_and_filled_again_by_another(
    cloud: Cloud, standalone: Standalone, places: list[Place]
) -> None:
    many = [cloud.balancer(f"many-{number}") for number in range(3)]
    before = Counter(amphora(cloud, each)["lb_network_ip"] for each in many)
    emptied = evener(standalone, "agent-evacuate", HOST)
    assert emptied.returncode == 0, emptied.stdout + emptied.stderr
    assert f"Host {HOST} gets no new load balancers; " in emptied.stdout
    assert emptied.stdout.count(" went to ") >= before[HOST]
    assert {amphora(cloud, each)["lb_network_ip"] for each in many} == {
        place.host for place in places if place.host != HOST
    }
    nobody = evener(
        standalone, "agent-evacuate", places[0].host if places[0].host != HOST else places[1].host
    )
    assert nobody.returncode == 1  # there is no other
    assert "stays: no other agent can take it" in nobody.stdout
    for place in places:
        agent = cloud.api.request("GET", f"/networking/v2.0/agents?host={place.host}").json()["agents"][0]
        up = {"agent": {"admin_state_up": True}}
        assert cloud.api.request("PUT", f"/networking/v2.0/agents/{agent['id']}", up).ok
    shown = evener(standalone, "agent-balance")
    assert f"to {HOST}\n" in shown.stdout
    assert "--yes does it" in shown.stdout
    assert evener(standalone, "agent-balance", "--yes").returncode == 0
    after = Counter(amphora(cloud, each)["lb_network_ip"] for each in many)
    assert len(after) == 2
    assert evener(standalone, "agent-balance").stdout.endswith(": even\n")
    for each in many:
        eventually(lambda at=each: set(cloud.client.spread(at.vip, 6)) == {"web1", "web2"}, WITHIN_S)
        cloud.delete(each, wait=False)
        cloud.api.wait_gone(each.lb, WITHIN_S)
