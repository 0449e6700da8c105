"""Requests per second through a load balancer of Evener's, against the same by hand, in turns."""

from collections.abc import Iterator
from statistics import median

from bench import report, topology, traffic
from bench.api import Api
from bench.report import Result
from bench.topology import CLIENT

AIM = 0.97
CONNECTIONS = 32
ROUND_S, ROUNDS_KEPT, ROUNDS_CLOSED = 1, 20, 14
CLOSE = ("Connection: close",)
NAME = "bench-bare"
SERVING_S = 10.0


def measure(api: Api, subnet: str, bridge: str) -> Iterator[Result]:
    """Compare both, with connections that stay open and with one per request."""
    made = api.balancer(subnet, topology.MEMBERS)
    topology.make_bare(NAME, bridge, topology.MEMBERS)
    try:
        for address in (made.vip, topology.BARE_ADDRESS):
            traffic.first_answer(address, SERVING_S)
            _rate(address, ())  # warms everything up
        yield from _compared("keep-alive", made.vip, ROUNDS_KEPT, ())
        yield from _compared("a connection each", made.vip, ROUNDS_CLOSED, CLOSE)
    finally:
        topology.remove(NAME)
        api.remove(made)


def _compared(label: str, vip: str, rounds: int, headers: tuple[str, ...]) -> Iterator[Result]:
    """Compare neighbours in time only, and change who is first, so that a drift of the machine cancels."""
    pairs: list[tuple[float, float]] = []
    for turn in range(rounds):
        if turn % 2:
            bare = _rate(topology.BARE_ADDRESS, headers)
            pairs.append((_rate(vip, headers), bare))
        else:
            through_vip = _rate(vip, headers)
            pairs.append((through_vip, _rate(topology.BARE_ADDRESS, headers)))
    ratio = median(through_vip / bare for through_vip, bare in pairs)
    yield report.aimed(
        f"requests through the VIP / through HAProxy by hand, {label}", ratio, "", report.AT_LEAST, AIM
    )
    yield report.result(f"requests through the VIP, {label}", median(pair[0] for pair in pairs), "1/s")
    yield report.result(
        f"requests through HAProxy by hand, {label}", median(pair[1] for pair in pairs), "1/s"
    )


def _rate(address: str, headers: tuple[str, ...]) -> float:
    return traffic.rate(f"http://{address}/", ROUND_S, CONNECTIONS, headers, namespace=CLIENT)
