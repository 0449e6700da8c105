"""evener-agent on a network node, and control in another process: they meet over RabbitMQ only.

The agent is a user of RabbitMQ's with the permissions of docs/agents.md.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import amqp
import pytest
import requests
from node import HOST, Node
from rabbitmq import RabbitMQ
from standalone import NETWORKING, Balancer, Cloud, Standalone, Traffic, haproxies, settled

from waiting import eventually, patience

pytestmark = [pytest.mark.root, pytest.mark.timeout(400)]
REPORTED_S = 1.5  # more than is between two reports
LONG_S = 60.0  # for what waits for reconnections on a busy machine


@pytest.fixture(scope="module")
def settings(rabbitmq: RabbitMQ) -> str:
    return f"[DEFAULT]\ntransport_url = {rabbitmq.url}\n[standalone]\nagent = false\n"


@pytest.fixture(scope="module")
def node(rabbitmq: RabbitMQ, tmp_path_factory, standalone: Standalone) -> Iterator[Node]:
    """Start an agent; at the end, see that it leaves what is Neutron's, and nothing of its own."""
    made = Node(tmp_path_factory.mktemp("node") / "etc", rabbitmq.url_of(HOST, "PASSWORD"))
    made.start()
    yield made
    made.stop()
    (made.state / "dhcp").mkdir()
    gone = made.run("--purge")
    assert gone.returncode == 0, gone.stderr
    assert sorted(path.name for path in made.state.iterdir()) == ["dhcp", "evener-agent.log"]


@pytest.fixture(scope="module")
def cloud(standalone: Standalone, node: Node) -> Iterator[Cloud]:
    made = Cloud(standalone, "192.168.200.0/24")
    yield made
    made.remove()


@pytest.fixture(scope="module")
def serving(cloud: Cloud) -> Balancer:
    return cloud.balancer("serving")


def agents(cloud: Cloud) -> list[dict]:
    return cloud.api.request("GET", f"{NETWORKING}/agents").json()["agents"]


def counted(cloud: Cloud, balancer: Balancer) -> int:
    """Return how many connections there have been; where the agent is not quick, an answer is of its last report."""
    seen = [-1]

    def steady() -> bool:
        seen.append(cloud.api.stats(balancer.lb)["total_connections"])
        time.sleep(REPORTED_S)
        return seen[-1] == seen[-2]

    eventually(steady)
    return seen[-1]


def weigh(cloud: Cloud, balancer: Balancer, weight: int) -> None:
    """Change the weight of web2, and see that the agent does it."""
    cloud.api.update(balancer.members["web2"], weight=weight)
    cloud.api.wait_active(balancer.lb, LONG_S)
    expected = {"web1", "web2"} if weight else {"web1"}
    eventually(lambda: set(cloud.client.spread(balancer.vip, 6)) == expected, LONG_S)


def test_an_agent_on_a_node_serves_with_the_files_of_neutrons(
    cloud: Cloud, node: Node, serving: Balancer
) -> None:
    assert set(cloud.client.spread(serving.vip, 6)) == {"web1", "web2"}
    directory = node.state / "lbaas" / "v2" / serving.lb["id"]
    assert "    group nogroup\n" in (directory / "haproxy.conf").read_text()
    assert (directory / "chroot").group() == "nogroup"
    assert not cloud.standalone.directory_of(serving.lb).exists()

    weigh(cloud, serving, 0)
    weigh(cloud, serving, 1)
    cloud.webs[1].stop()
    member = serving.members["web2"]["id"]
    eventually(lambda: cloud.api.operating(serving.lb)[member] == "OFFLINE", LONG_S)
    cloud.webs[1] = cloud.hosts[2].web("web2")
    eventually(lambda: cloud.api.operating(serving.lb)[member] == "ONLINE", LONG_S)
    before = counted(cloud, serving)
    cloud.client.spread(serving.vip, 3)
    eventually(lambda: cloud.api.stats(serving.lb)["total_connections"] == before + 3)


def test_the_agents_list_shows_the_node(cloud: Cloud, serving: Balancer) -> None:
    eventually(lambda: agents(cloud)[0]["configurations"]["instances"] == 1)
    (shown,) = agents(cloud)
    assert (shown["host"], shown["alive"]) == (HOST, True)
    known = {"device_drivers": ["haproxy_ns"], "interface_driver": "linuxbridge", "instances": 1}
    assert known.items() <= shown["configurations"].items()


def test_the_agent_shows_metrics_of_its_own_work(node: Node, serving: Balancer) -> None:
    shown = requests.get("http://127.0.0.1:19977/metrics", timeout=60).text
    values = dict(line.rsplit(" ", 1) for line in shown.splitlines() if not line.startswith("#"))
    assert float(values["evener_agent_applies_total"]) > 0
    assert float(values["process_resident_memory_bytes"]) > 1_000_000
    assert serving.lb["id"] not in shown


def test_a_second_agent_on_the_same_state_is_refused(node: Node, serving: Balancer) -> None:
    refused = node.run()
    assert refused.returncode == 1
    assert "an agent runs already" in refused.stderr
    assert node.run("--purge").returncode == 1


def test_a_second_agent_of_the_same_name_is_refused_and_says_why(
    cloud: Cloud, node: Node, serving: Balancer, rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    refused = Node(tmp_path / "etc", rabbitmq.url_of(HOST, "PASSWORD")).run()
    assert refused.returncode == 1
    assert f"An agent on another machine or state directory runs as host {HOST}" in refused.stderr
    assert agents(cloud)[0]["alive"]


REFUSED = {
    "read what control is told": lambda bus: bus.basic_consume("evener-controller"),
    "read what another agent is told": lambda bus: bus.basic_consume("evener-agent.node-2"),
    "make another agent's queue": lambda bus: bus.queue_declare("evener-agent.node-2"),
    "empty another agent's queue": lambda bus: bus.queue_purge("evener-agent.node-2"),
    "remove control's queue": lambda bus: bus.queue_delete("evener-controller"),
    **{
        f"have copies of {key}": lambda bus, key=key: bus.queue_bind(MINE, "evener", key)
        for key in ("evener-controller", "evener-agent.node-2", "evener-agent.#", "#", "*")
    },
}
MINE = "reply_" + 32 * "0"


@pytest.mark.parametrize("what", REFUSED)
def test_a_node_that_listens_hears_only_what_it_is_told_itself(
    node: Node, serving: Balancer, rabbitmq: RabbitMQ, what: str
) -> None:
    address = rabbitmq.url.split("@")[1].strip("/")
    with amqp.Connection(address, "guest", "guest") as control, control.channel() as bus:
        bus.queue_declare("evener-agent.node-2", exclusive=True, auto_delete=True)
        with amqp.Connection(address, HOST, "PASSWORD") as own, own.channel() as channel:
            channel.queue_declare(MINE, auto_delete=True)
            with pytest.raises(amqp.AccessRefused):
                REFUSED[what](channel)


@pytest.mark.parametrize("end", [Node.kill, Node.stop], ids=["killed", "stopped"])
def test_an_agent_that_ends_and_comes_back_costs_no_request(
    cloud: Cloud, node: Node, serving: Balancer, end
) -> None:
    processes = settled(serving.lb["id"])
    with Traffic(cloud.client, serving.vip) as traffic:
        end(node)
        cloud.api.update(serving.members["web2"], weight=3)  # nobody hears it
        assert cloud.api.stats(serving.lb)["total_connections"] > 0
        node.start()
        weigh(cloud, serving, 1)
        assert haproxies(serving.lb["id"]) == processes
    traffic.assert_unharmed()


def test_what_is_asked_while_rabbitmq_is_away_is_done_when_it_is_back(
    cloud: Cloud, node: Node, rabbitmq: RabbitMQ, serving: Balancer
) -> None:
    unheard = node.said("The heartbeat was not heard")
    with Traffic(cloud.client, serving.vip) as traffic:
        rabbitmq.stop()
        started = time.monotonic()
        cloud.api.update(serving.members["web2"], weight=0)
        second = cloud.balancer("second", wait=False, port=8080)
        assert cloud.api.stats(serving.lb)["total_connections"] > 0  # of the last report
        assert time.monotonic() - started < LONG_S * patience()
        eventually(lambda: node.said("The heartbeat was not heard") > unheard, LONG_S)
        rabbitmq.start()
        cloud.api.wait_active(second.lb, LONG_S)
        weigh(cloud, serving, 0)
        weigh(cloud, serving, 1)
    traffic.assert_unharmed()
    cloud.delete(second, wait=False)
    cloud.api.wait_gone(second.lb, LONG_S)


def test_control_that_comes_back_finds_its_agents(cloud: Cloud, node: Node, serving: Balancer) -> None:
    with Traffic(cloud.client, serving.vip) as traffic:
        cloud.standalone.restart()
        weigh(cloud, serving, 0)
        weigh(cloud, serving, 1)
    traffic.assert_unharmed()
    cloud.delete(serving, wait=False)
    cloud.api.wait_gone(serving.lb, LONG_S)
    eventually(lambda: agents(cloud)[0]["configurations"]["instances"] == 0, LONG_S)
