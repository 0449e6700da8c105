"""How long nobody answers for a load balancer that two hosts serve, when one of them is lost.

A client opens a connection each 5 ms. The hosts are two namespaces with an agent of their own each; what is killed or
cut off belongs to the one that has the VIP.
"""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

from existing_bridge import BRIDGE
from node import HOST
from two_machines import OCTAVIA, WITHIN_S, Caller, Pair, paired

from bench import report
from bench.report import Result
from bench.two_hosts import two_hosts
from waiting import eventually

REPETITIONS = 20
WELL_WITHIN_S = 120.0  # after many deaths one after the other
PORT = 19876
LOST_MS, LOST_WORST_MS, KILLED_MS, PLANNED_MS = 350, 400, 100, 50


def measure() -> Iterator[Result]:
    """Lose one of the two, again and again, in each way."""
    with _a_pair() as pair:
        for what, lose, find, aims in (
            ("HAProxy killed", _kill, _nothing, (KILLED_MS, None)),
            ("planned failover", _fail_over, _nothing, (PLANNED_MS, None)),
            ("link cut", _cut, _heal, (LOST_MS, LOST_WORST_MS)),
            ("host lost", _die, _live, (LOST_MS, LOST_WORST_MS)),
        ):
            outages = [_outage_ms(pair, lose, find) for _ in range(REPETITIONS)]
            name = f"two hosts, {what}: until the other answers"
            yield report.aimed(f"{name}, median", median(outages), "ms", report.AT_MOST, aims[0])
            worst = f"  the longest of {REPETITIONS}"
            if aims[1] is None:
                yield report.result(worst, max(outages), "ms")
            else:
                yield report.aimed(worst, max(outages), "ms", report.AT_MOST, aims[1])


@contextmanager
def _a_pair() -> Iterator[Pair]:
    with two_hosts(PORT) as (cloud, server, node), paired(cloud, server, node) as pair:
        yield pair


def _outage_ms(pair: Pair, lose: Callable[[Pair], object], find: Callable[[Pair], object]) -> float:
    eventually(pair.is_well, WELL_WITHIN_S)
    pair.have(HOST)
    eventually(lambda: _is_master(pair, HOST), WITHIN_S)
    with Caller(pair.cloud, pair.vip) as caller:
        lose(pair)
        eventually(lambda: pair.standalone_host in pair.owners(), WITHIN_S)
        time.sleep(0.5)
    find(pair)
    return caller.longest_gap_s * 1000


def _is_master(pair: Pair, host: str) -> bool:
    """Return whether control has heard that this host has the VIP: a failover begins with the other one."""
    path = f"{OCTAVIA}/octavia/amphorae?role=MASTER&fields=lb_network_ip"
    return [{"lb_network_ip": host}] == pair.cloud.api.request("GET", path).json()["amphorae"]


def _nothing(_: Pair) -> None:
    """Let the agent start it again."""


def _kill(pair: Pair) -> None:
    pair.kill("haproxy", HOST)


def _fail_over(pair: Pair) -> None:
    pair.cloud.api.request("PUT", f"{OCTAVIA}/{pair.path}/failover")


def _cut(_: Pair) -> None:
    subprocess.run(["ip", "link", "set", "up1", "nomaster"], check=True)


def _heal(_: Pair) -> None:
    subprocess.run(["ip", "link", "set", "up1", "master", BRIDGE], check=True)


def _die(pair: Pair) -> None:
    subprocess.run(["ip", "link", "set", "up1", "down"], check=True)
    pair.node.kill()
    for name in ("keepalived", "haproxy"):
        pair.kill(name, HOST)


def _live(pair: Pair) -> None:
    subprocess.run(["ip", "link", "set", "up1", "up"], check=True)
    pair.node.start()
