"""Control of one version and an agent of another serve together: both ways, each from a wheel of its own."""

from pathlib import Path

import pytest
import versions
from node import Node
from rabbitmq import RabbitMQ
from standalone import Cloud, Standalone, traces
from versions import HERE, program

from waiting import eventually

pytestmark = [pytest.mark.root, pytest.mark.timeout(400)]
EARLIER = "6cc4453d65c8a27b77ef651d8e37738458c6c67a"  # the last with all of it in one root
RELEASED = "v0.1.0"
LONG_S = 60.0


@pytest.fixture(scope="module")
def libraries(tmp_path_factory) -> dict[str, Path]:
    """Return where both versions are installed."""
    return versions.libraries(tmp_path_factory.mktemp("versions"), EARLIER, RELEASED, HERE)


@pytest.mark.parametrize(
    ("control", "agent"), [(HERE, EARLIER), (EARLIER, HERE), (HERE, RELEASED), (RELEASED, HERE)]
)
def test_control_and_an_agent_of_another_version_serve_together(
    libraries: dict[str, Path], rabbitmq: RabbitMQ, tmp_path: Path, control: str, agent: str
) -> None:
    settings = f"[DEFAULT]\ntransport_url = {rabbitmq.url}\n[standalone]\nagent = false\n"
    port = 19900 + (control == HERE)
    server = Standalone(
        tmp_path / "control", port, program(libraries[control], "evener-standalone"), settings
    )
    node = Node(tmp_path / "node", rabbitmq.url, program(libraries[agent], "evener-agent"))
    server.start()
    try:
        assert str(libraries[control]) in Path(f"/proc/{server.process.pid}/environ").read_text()
        node.start()
        cloud = Cloud(server, "192.168.200.0/24")
        try:
            serves(cloud, counts_requests=EARLIER not in (control, agent))
        finally:
            cloud.remove()
    finally:
        if node.process is not None:
            node.stop()
        purged = node.run("--purge")
        server.stop()
    assert purged.returncode == 0, purged.stderr
    assert traces() == []


def serves(cloud: Cloud, *, counts_requests: bool) -> None:
    """See that changes go one way, and health and counters the other."""
    api = cloud.api
    balancer = cloud.balancer("serving")
    assert set(cloud.client.spread(balancer.vip, 6)) == {"web1", "web2"}
    api.update(balancer.members["web2"], weight=0)
    api.wait_active(balancer.lb, LONG_S)
    eventually(lambda: set(cloud.client.spread(balancer.vip, 4)) == {"web1"}, LONG_S)
    member = balancer.members["web1"]["id"]
    eventually(lambda: api.operating(balancer.lb)[member] == "ONLINE", LONG_S)
    cloud.webs[0].stop()
    eventually(lambda: api.operating(balancer.lb)[member] == "OFFLINE", LONG_S)
    eventually(lambda: api.stats(balancer.lb)["total_connections"] >= 10, LONG_S)
    # Both have to know of them.
    eventually(lambda: ("requests" in api.detailed_stats(balancer.lb)) == counts_requests, LONG_S)
    cloud.delete(balancer)
    assert traces(balancer.lb["id"], balancer.lb["vip_port_id"]) == []
