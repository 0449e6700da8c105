"""An upgrade under load, and the way back: control and two agents, one after the other, and no request fails.

The version before has other tables. Between two steps versions are mixed, both ways.
"""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import versions
from node import Node
from rabbitmq import RabbitMQ
from standalone import Balancer, Cloud, Standalone, Traffic, haproxies
from test_failover import cloud, settings
from two_machines import ON_MACHINE, node_on
from versions import HERE

from waiting import eventually

__all__ = ["cloud", "settings"]
pytestmark = [pytest.mark.root, pytest.mark.timeout(600)]
BEFORE = "9e4df42a761b1b60f5367246dbd7e6862c217cdf"  # the last whose tables are those of evener_3
THEIRS = "evener_3"
LONG_S = 60.0


@pytest.fixture(scope="module")
def of(tmp_path_factory) -> Callable[[str, str], tuple[str, ...]]:
    """Return how a program of a version is run."""
    found = versions.libraries(tmp_path_factory.mktemp("versions"), BEFORE, HERE)
    return lambda version, name: versions.program(found[version], name)


@pytest.fixture(scope="module")
def program(of) -> tuple[str, ...]:
    return of(BEFORE, "evener-standalone")


@pytest.fixture(scope="module")
def node(of, rabbitmq: RabbitMQ, tmp_path_factory, standalone: Standalone) -> Iterator[Node]:
    made = node_on(rabbitmq, tmp_path_factory.mktemp("node") / "etc", of(BEFORE, "evener-agent"))
    made.start()
    yield made
    made.stop()


def change(cloud: Cloud, balancers: list[Balancer], weight: int) -> None:
    """See that a change of each load balancer gets to the agent that serves it, and facts come back."""
    for each in balancers:
        cloud.api.update(each.members["web2"], weight=weight)
    expected = {"web1", "web2"} if weight else {"web1"}
    for each in balancers:
        cloud.api.wait_active(each.lb, LONG_S)
        eventually(lambda at=each: set(cloud.client.spread(at.vip, 6)) == expected, LONG_S)
        eventually(lambda at=each: "OFFLINE" not in cloud.api.operating(at.lb).values(), LONG_S)


def test_an_upgrade_and_the_way_back_fail_no_request(
    cloud: Cloud, standalone: Standalone, node: Node, of: Callable[[str, str], tuple[str, ...]]
) -> None:
    balancers = [cloud.balancer(name, wait=False) for name in ("first", "second")]
    change(cloud, balancers, 1)
    hosts = {
        str(node.state) in command for each in balancers for command in haproxies(each.lb["id"]).values()
    }
    assert hosts == {True, False}  # one on each

    def run(version: str) -> None:
        """Start control, with its agent, as another version."""
        standalone.program = of(version, "evener-standalone")
        standalone.start()
        cloud.api = standalone.api()

    with ExitStack() as stack:
        traffics = [stack.enter_context(Traffic(cloud.client, each.vip)) for each in balancers]
        standalone.stop()
        run(HERE)
        change(cloud, balancers, 0)  # of which one is the earlier agent's
        node.stop()
        node.command[: len(ON_MACHINE) + len(standalone.program)] = (*ON_MACHINE, *of(HERE, "evener-agent"))
        node.start()
        change(cloud, balancers, 1)
        for each in balancers:  # as only both together can
            eventually(lambda at=each: cloud.api.detailed_stats(at.lb).get("requests", 0) > 0, LONG_S)

        standalone.stop()
        back = [*of(HERE, "evener-db-manage"), "--config-file", str(standalone.config), "downgrade", THEIRS]
        told = subprocess.run(back, capture_output=True, text=True, timeout=180, check=False)
        assert "counters.requests: " in told.stdout
        assert "events: " in told.stdout
        assert "nothing is changed" in told.stderr
        subprocess.run([*back, "--yes"], check=True, timeout=180)
        run(BEFORE)
        change(cloud, balancers, 0)  # of which one is the later agent's
    for traffic in traffics:
        traffic.assert_unharmed()
    for each in balancers:
        cloud.delete(each)
