"""A host that is away loses its load balancers to another one, end to end: and only where nobody serves them any more.

The second machine is a network namespace with a view of its own of what is mounted, on the same physical network.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from node import HOST, Node
from rabbitmq import RabbitMQ
from standalone import Balancer, Cloud, Standalone, Traffic, haproxies
from test_failover import amphora, cloud, node
from two_machines import OCTAVIA, WITHIN_S, joined, on_node

from waiting import eventually

__all__ = ["cloud", "node"]
pytestmark = [pytest.mark.root, pytest.mark.timeout(400)]
AWAY_S = 8


@pytest.fixture(scope="module")
def settings(rabbitmq: RabbitMQ) -> Iterator[str]:
    with joined(rabbitmq) as lines:
        yield lines.replace("[DEFAULT]", f"[DEFAULT]\nheartbeat_timeout = {AWAY_S}", 1)


@pytest.fixture
def balancer(cloud: Cloud) -> Iterator[Balancer]:
    """Have a load balancer that the second machine serves."""
    made = cloud.balancer("lost")
    if host_of(cloud, made) != HOST:
        cloud.api.request("PUT", f"{OCTAVIA}/lbaas/loadbalancers/{made.lb['id']}/failover")
    eventually(lambda: host_of(cloud, made) == HOST and status(cloud, made) == "ACTIVE", WITHIN_S)
    eventually(lambda: set(cloud.client.spread(made.vip, 6)) == {"web1", "web2"}, WITHIN_S)
    yield made
    cloud.delete(made, wait=False)
    cloud.api.wait_gone(made.lb, WITHIN_S)


def host_of(cloud: Cloud, balancer: Balancer) -> str:
    return amphora(cloud, balancer)["lb_network_ip"]


def status(cloud: Cloud, balancer: Balancer) -> str:
    return str(cloud.api.show(balancer.lb)["provisioning_status"])


def last_heard(cloud: Cloud) -> datetime:
    """Return when the second machine was heard of last."""
    (agent,) = cloud.api.request("GET", f"/networking/v2.0/agents?host={HOST}").json()["agents"]
    return datetime.fromisoformat(agent["heartbeat_timestamp"]).replace(tzinfo=UTC)


def serving(balancer: Balancer, state: object) -> list[int]:
    return [pid for pid, command in haproxies(balancer.lb["id"]).items() if str(state) in command]


def test_what_a_dead_host_served_another_one_serves_and_it_takes_nothing_back(
    cloud: Cloud, balancer: Balancer, node: Node, standalone: Standalone
) -> None:
    node.kill()
    heard = last_heard(cloud)
    for pid in serving(balancer, node.state):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    on_node("ip", "link", "set", "eth1", "down")  # its namespaces are as good as gone
    eventually(lambda: host_of(cloud, balancer) != HOST, AWAY_S + WITHIN_S)
    assert datetime.now(UTC) - heard > timedelta(seconds=AWAY_S - 1)  # it is told by whole seconds
    eventually(lambda: status(cloud, balancer) == "ACTIVE", WITHIN_S)
    eventually(lambda: set(cloud.client.spread(balancer.vip, 6)) == {"web1", "web2"}, WITHIN_S)
    with Traffic(cloud.client, balancer.vip) as traffic:
        on_node("ip", "link", "set", "eth1", "up")
        node.start()
        time.sleep(3)
    assert len(traffic.failures) <= 1, traffic.failures
    eventually(lambda: not (node.state / "lbaas" / "v2" / balancer.lb["id"]).exists(), WITHIN_S)
    assert serving(balancer, standalone.state)
    assert host_of(cloud, balancer) != HOST


def test_what_still_answers_is_not_taken_from_a_host_whose_agent_is_not_heard(
    cloud: Cloud, balancer: Balancer, node: Node, standalone: Standalone
) -> None:
    with node.frozen(), Traffic(cloud.client, balancer.vip) as traffic:
        eventually(lambda: host_of(cloud, balancer) != HOST, AWAY_S + WITHIN_S)
        eventually(lambda: status(cloud, balancer) == "ERROR", WITHIN_S)
        why = cloud.api.show(balancer.lb)["provisioning_error"]
        assert f"{balancer.vip} answers on the network" in why
        assert not serving(balancer, standalone.state)
        assert serving(balancer, node.state)
        time.sleep(2)
    assert not traffic.failures
    # Now it hears that it is elsewhere, and lets go.
    eventually(lambda: status(cloud, balancer) == "ACTIVE", WITHIN_S)
    eventually(lambda: bool(serving(balancer, standalone.state)), WITHIN_S)
    eventually(lambda: not serving(balancer, node.state), WITHIN_S)
    eventually(lambda: set(cloud.client.spread(balancer.vip, 6)) == {"web1", "web2"}, WITHIN_S)
