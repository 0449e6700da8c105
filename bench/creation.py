"""From POST of a complete load balancer to its first answered request, against the same steps by hand."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

from bench import report, topology, traffic
from bench.api import Api, Made
from bench.report import Result

AIM = 2
REPETITIONS = 25
NAME = "bench-bare"
SERVING_S = 10.0
MEMBERS = topology.MEMBERS[:1]


def measure(api: Api, subnet: str, bridge: str) -> Iterator[Result]:
    """Make both in turns. The API's client is logged in, the network is there; both removals are not timed."""
    posts, totals, by_hand, at_once = [], [], [], []
    for repetition in range(REPETITIONS + 1):
        posted_s, total_s = _through_api(api, subnet, api.balancer)
        bare_s = by_hand_s(bridge, MEMBERS)
        _, whole_s = _through_api(api, subnet, api.whole)
        if repetition:  # the first one loads what is loaded once
            posts.append(posted_s)
            totals.append(total_s)
            by_hand.append(bare_s)
            at_once.append(whole_s)
    # Each against its neighbour in time, so that whatever else the machine does weighs on both.
    ratio = median(total / bare for total, bare in zip(totals, by_hand, strict=True))
    yield report.aimed(
        "a load balancer from POST to first answer / by ip and haproxy", ratio, "", report.AT_MOST, AIM
    )
    yield report.result("a load balancer, from POST to first answer", median(totals) * 1000, "ms")
    yield report.result("  of that, until the last of five POSTs is answered", median(posts) * 1000, "ms")
    yield report.result(f"  the slowest of {REPETITIONS}", max(totals) * 1000, "ms")
    ratio = median(whole / bare for whole, bare in zip(at_once, by_hand, strict=True))
    name = "a load balancer in one request, to first answer / by ip and haproxy"
    yield report.aimed(name, ratio, "", report.AT_MOST, AIM)
    yield report.result("a load balancer in one request, to first answer", median(at_once) * 1000, "ms")
    yield report.result("a load balancer by ip and haproxy, to first answer", median(by_hand) * 1000, "ms")


def _through_api(
    api: Api, subnet: str, make: Callable[[str, Sequence[tuple[str, int]]], Made]
) -> tuple[float, float]:
    """Return the seconds until the last POST was answered, and until a request was."""
    start = time.perf_counter()
    made = make(subnet, MEMBERS)
    posted = time.perf_counter()
    traffic.first_answer(made.vip, SERVING_S)
    answered = time.perf_counter()
    api.remove(made)
    return posted - start, answered - start


def by_hand_s(bridge: str, members: Sequence[tuple[str, int]], extra: Path | None = None) -> float:
    """Return the seconds that it takes by hand until a request is answered; nothing of it is left.

    `extra` is a file with more of its configuration.
    """
    start = time.perf_counter()
    try:
        topology.make_bare(topology.Bare(NAME, extra=extra), bridge, members)
        traffic.first_answer(topology.BARE_ADDRESS, SERVING_S)
        return time.perf_counter() - start
    finally:
        topology.remove(NAME)
