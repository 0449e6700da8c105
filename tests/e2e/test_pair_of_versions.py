"""A load balancer that two agents serve of which one is upgraded: the release before and today's code, both ways."""

from collections.abc import Callable, Iterator

import pytest
import versions
from node import HOST, Node
from rabbitmq import RabbitMQ
from standalone import Cloud, Standalone
from test_failover import cloud, settings
from two_machines import WITHIN_S, Caller, Pair, node_on, paired
from versions import HERE

from waiting import eventually

__all__ = ["cloud", "settings"]
pytestmark = [pytest.mark.root, pytest.mark.timeout(600)]
RELEASED = "v0.1.0"
LONG_S = 60.0


@pytest.fixture(scope="module")
def of(tmp_path_factory) -> Callable[[str, str], tuple[str, ...]]:
    """Return how a program of a version is run; skip where the history lacks the release."""
    found = versions.libraries(tmp_path_factory.mktemp("versions"), RELEASED, HERE)
    return lambda version, name: versions.program(found[version], name)


@pytest.fixture(scope="module")
def program(of) -> tuple[str, ...]:
    """Control is upgraded first, with the agent beside it."""
    return of(HERE, "evener-standalone")


@pytest.fixture(scope="module")
def node(of, rabbitmq: RabbitMQ, tmp_path_factory, standalone: Standalone) -> Iterator[Node]:
    made = node_on(rabbitmq, tmp_path_factory.mktemp("node") / "etc", of(RELEASED, "evener-agent"))
    made.start()
    yield made
    made.stop()


def test_two_agents_of_which_one_is_of_the_release_before_serve_one_load_balancer(
    cloud: Cloud, standalone: Standalone, node: Node
) -> None:
    with paired(cloud, standalone, node) as pair:
        eventually(pair.is_well, WITHIN_S)
        assert versions_of(cloud)[HOST] == "0.1.0" != versions_of(cloud)[pair.standalone_host]
        for has_it, takes_it in ((HOST, pair.standalone_host), (pair.standalone_host, HOST)):
            pair.have(has_it)
            with Caller(cloud, pair.vip):
                pair.kill("haproxy", has_it)
                eventually(lambda to=takes_it: pair.owners() == [to], 10)
            eventually(pair.is_well, WITHIN_S)
            applied_by_both(pair, 0 if has_it == HOST else 1)
        handed_over(pair)


def versions_of(cloud: Cloud) -> dict[str, str]:
    """Return which version each agent says it is, by host."""
    found = cloud.api.request("GET", "/networking/v2.0/agents").json()["agents"]
    return {each["host"]: each["configurations"]["version"] for each in found}


def applied_by_both(pair: Pair, weight: int) -> None:
    """See that a change is served by whoever has the VIP, and known by both."""
    pair.cloud.api.update(pair.balancer.members["web2"], weight=weight)
    pair.cloud.api.wait_active(pair.balancer.lb, LONG_S)
    expected = {"web1", "web2"} if weight else {"web1"}
    eventually(lambda: set(pair.cloud.client.spread(pair.vip, 6)) == expected, LONG_S)
    files = [
        each / "lbaas" / "v2" / pair.balancer.lb["id"] / "haproxy.conf"
        for each in (pair.standalone.state, pair.node.state)
    ]
    member = pair.balancer.members["web2"]
    lines = [_line_of(each.read_text(), member["id"]) for each in files]
    assert all(f" weight {weight} " in f"{line} " for line in lines), lines


def _line_of(text: str, member_id: str) -> str:
    return next(line for line in text.split("\n") if f"server {member_id}" in line)


def handed_over(pair: Pair) -> None:
    """See that a failover that is asked for takes the VIP from one to the other, and both are served anew."""
    pair.have(HOST)
    with Caller(pair.cloud, pair.vip):
        pair.cloud.api.request("PUT", f"/load-balancer/v2/{pair.path}/failover")
        eventually(lambda: pair.owners() == [pair.standalone_host], WITHIN_S)
        pair.cloud.api.wait_active(pair.balancer.lb, LONG_S)
    eventually(pair.is_well, WITHIN_S)
