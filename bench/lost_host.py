"""How long it takes until all load balancers of a host that dies answer elsewhere, which it alone served.

Counted from the moment that control takes the host for lost; that is a setting.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import report
from bench.report import Result

sys.path += [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1] / "tests" / "e2e")]
from node import HOST, Node
from rabbitmq import with_a_node
from standalone import Cloud, Standalone, haproxies
from two_machines import OCTAVIA, WITHIN_S, cloud_of_both, joined, node_on

from waiting import eventually

BALANCERS, AIM_MS = 100, 2000
PORT, TIMEOUT_S = 19878, 5
QUOTAS = "[quotas]\n" + "".join(
    f"quota_{kind} = -1\n" for kind in ("loadbalancer", "listener", "pool", "member", "healthmonitor")
)
ANSWERS_S, POLL_S, GONE_WITHIN_S = 0.3, 0.02, 120.0


def measure() -> Iterator[Result]:
    """Kill a host with many load balancers."""
    with TemporaryDirectory() as directory, ExitStack() as stack:
        rabbitmq = stack.enter_context(with_a_node())
        lines = stack.enter_context(joined(rabbitmq))
        lines = lines.replace("[DEFAULT]", f"[DEFAULT]\nheartbeat_timeout = {TIMEOUT_S}", 1) + QUOTAS
        server = Standalone(Path(directory) / "standalone", PORT, settings=lines)
        stack.callback(server.purge)
        server.start()
        node = node_on(rabbitmq, Path(directory) / "node")
        node.start()
        cloud = cloud_of_both(server)
        stack.callback(cloud.remove)
        moved_ms, answered_ms = _lose(cloud, node)
        yield report.result(
            f"a host of {BALANCERS} load balancers dies: all are given to others", moved_ms, "ms"
        )
        name = f"a host of {BALANCERS} load balancers dies: the last answers elsewhere, once the host is lost"
        yield report.aimed(name, answered_ms, "ms", report.AT_MOST, AIM_MS)


def _lose(cloud: Cloud, node: Node) -> tuple[float, float]:
    _let_only(cloud, HOST)
    balancers = [
        cloud.balancer(f"lost-{number}", webs=cloud.webs[:1], wait=False) for number in range(BALANCERS)
    ]
    for each in balancers:
        cloud.api.wait_active(each.lb, GONE_WITHIN_S)
    _let_only(cloud, None)
    node.kill()
    subprocess.run(["ip", "link", "set", "up1", "down"], check=True)
    subprocess.run(["pkill", "-9", "-f", f"{node.state}/"], check=False)
    eventually(lambda: not any(str(node.state) in each for each in haproxies().values()), WITHIN_S)
    while _left(cloud) == BALANCERS:
        time.sleep(POLL_S)
    lost = time.monotonic()
    waiting = {each.vip for each in balancers}
    moved = 0.0
    while waiting:
        moved = moved or (0.0 if _left(cloud) else time.monotonic())
        for vip in sorted(waiting):
            with suppress(Exception):
                cloud.client.get(vip, timeout_s=ANSWERS_S)
                waiting.discard(vip)
                continue
            break  # they come about in this order
    answered = time.monotonic()
    for each in balancers:
        cloud.delete(each, wait=False)
    return ((moved or answered) - lost) * 1000, (answered - lost) * 1000


def _left(cloud: Cloud) -> int:
    path = f"{OCTAVIA}/octavia/amphorae?lb_network_ip={HOST}&fields=id"
    return len(cloud.api.request("GET", path).json()["amphorae"])


def _let_only(cloud: Cloud, host: str | None) -> None:
    """Have only one host get new load balancers, or, with None, all."""
    for each in cloud.api.request("GET", "/networking/v2.0/agents").json()["agents"]:
        change = {"agent": {"admin_state_up": host in (None, each["host"])}}
        cloud.api.request("PUT", f"/networking/v2.0/agents/{each['id']}", change)
