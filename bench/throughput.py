"""Requests per second through a load balancer of Evener's, against the same by hand, in turns."""

from collections.abc import Iterator
from statistics import median

from bench import certificates, report, topology, traffic
from bench.api import Api
from bench.report import Result
from bench.topology import CLIENT

AIM = 0.97
CONNECTIONS = 32
ROUND_S, ROUNDS, ROUNDS_TLS_CLOSED = 1, 20, 8
CLOSE = ("Connection: close",)
BARE = "bench-bare"
CERTIFICATE = topology.STATE / "bench.pem"
SERVING_S = 10.0


def measure(api: Api, subnet: str, bridge: str) -> Iterator[Result]:
    """Compare both: HTTP with connections that stay open and with one per request, TCP, and TLS."""
    bundle, container = certificates.make(api)
    CERTIFICATE.write_bytes(bundle)
    made = api.balancer(subnet, topology.MEMBERS)
    api.listen(made, subnet, topology.MEMBERS, container)
    topology.make_bare(topology.Bare(BARE, CERTIFICATE), bridge, topology.MEMBERS)
    try:
        for address in (made.vip, topology.BARE_ADDRESS):
            traffic.first_answer(address, SERVING_S)
            _rate(f"http://{address}", ())  # warms everything up
        api.wait_all_active()
        yield from compared("keep-alive", made.vip, ROUNDS, ())
        yield from compared("a connection each", made.vip, ROUNDS, CLOSE)
        yield from compared("TCP", made.vip, ROUNDS, (), url="http://{}:81")
        yield from compared("TLS", made.vip, ROUNDS, (), url="https://{}")
        yield from compared("TLS, a connection each", made.vip, ROUNDS_TLS_CLOSED, CLOSE, url="https://{}")
    finally:
        topology.remove(BARE)
        api.remove_all(made)


def compared(
    label: str, vip: str, rounds: int, headers: tuple[str, ...], url: str = "http://{}"
) -> Iterator[Result]:
    """Compare neighbours in time only, and change who is first, so that a drift of the machine cancels."""
    ours, theirs = url.format(vip), url.format(topology.BARE_ADDRESS)
    pairs: list[tuple[float, float]] = []
    for turn in range(rounds):
        if turn % 2:
            bare = _rate(theirs, headers)
            pairs.append((_rate(ours, headers), bare))
        else:
            through_vip = _rate(ours, headers)
            pairs.append((through_vip, _rate(theirs, headers)))
    ratio = median(through_vip / bare for through_vip, bare in pairs)
    yield report.aimed(
        f"requests through the VIP / through HAProxy by hand, {label}", ratio, "", report.AT_LEAST, AIM
    )
    yield report.result(f"requests through the VIP, {label}", median(pair[0] for pair in pairs), "1/s")
    yield report.result(
        f"requests through HAProxy by hand, {label}", median(pair[1] for pair in pairs), "1/s"
    )


def _rate(url: str, headers: tuple[str, ...]) -> float:
    return traffic.rate(f"{url}/", ROUND_S, CONNECTIONS, headers, namespace=CLIENT)
