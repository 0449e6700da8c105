"""From POST of a member to the first request it serves, against the same commands on HAProxy's socket."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles

from bench import report, topology, traffic
from bench.api import LBAAS, Api
from bench.report import Result
from evener.dataplane.haproxy import runtime
from evener.dataplane.haproxy.errors import CommandRefused

REPETITIONS = 150
MEDIAN, P99 = 12, 8  # times what the same takes on HAProxy's own socket
LOAD = 200  # requests a second through each of both
NAME = "bench-bare"
SERVING_S, IDLE_S = 10.0, 5.0
PORT = topology.PORTS[2]  # of the server that comes and goes


def measure(api: Api, subnet: str, bridge: str) -> Iterator[Result]:
    """Add and remove a member many times, through the API and by hand."""
    made = api.balancer(subnet, topology.MEMBERS[:1])
    topology.make_bare(topology.Bare(NAME), bridge, topology.MEMBERS[:1])
    by_api, by_hand = [], []
    try:
        for address in (made.vip, topology.BARE_ADDRESS):
            traffic.first_answer(address, SERVING_S)
        with traffic.steady(made.vip, LOAD), traffic.steady(topology.BARE_ADDRESS, LOAD):
            for _ in range(REPETITIONS):
                created: list[str] = []

                def post(created: list[str] = created) -> None:
                    created.append(api.member(made.pool, subnet, topology.SERVER_ADDRESS, PORT))

                by_api.append(_until_served(made.vip, post))
                api.delete(f"{LBAAS}/pools/{made.pool}/members/{created[0]}")
                by_hand.append(_until_served(topology.BARE_ADDRESS, _add))
                _remove()
    finally:
        topology.remove(NAME)
        api.remove(made)
    name = "a member under load, from POST to first request served"
    ratios = ("median", median(by_api) / median(by_hand), MEDIAN), ("p99", _p99(by_api) / _p99(by_hand), P99)
    for what, ratio, aim in ratios:
        yield report.aimed(f"{name} / on HAProxy's socket, {what}", ratio, "", report.AT_MOST, aim)
    yield report.result(f"{name}, median", median(by_api) * 1000, "ms")
    yield report.result(f"{name}, p99", _p99(by_api) * 1000, "ms")
    name = "a member under load on HAProxy's socket, to first request served"
    yield report.result(f"{name}, median", median(by_hand) * 1000, "ms")
    yield report.result(f"{name}, p99", _p99(by_hand) * 1000, "ms")


def _p99(seconds: list[float]) -> float:
    return quantiles(seconds, n=100)[98]


def _until_served(address: str, add: Callable[[], None]) -> float:
    """Return the seconds from the begin of `add` to the first answer of the new member."""
    start = time.perf_counter()
    add()
    with closing(_Asker(address)) as asker:
        while asker.ask() != str(PORT):
            if time.perf_counter() - start > SERVING_S:
                raise RuntimeError(f"The new member behind {address} is not asked")
    return time.perf_counter() - start


class _Asker:
    """Asks again and again on one connection, or on another where that has ended."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._channel: socket.socket | None = None

    def ask(self) -> str | None:
        """Return who answered."""
        try:
            if self._channel is None:
                self._channel = traffic.connected(self._address)
                self._channel.settimeout(traffic.ANSWER_S)
            return traffic.ask(self._channel)
        except OSError:
            self.close()
            return None

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None


def _add() -> None:
    add = f"add server web/new {topology.SERVER_ADDRESS}:{PORT} weight 1 check inter 5s fall 3 rise 1"
    runtime.tell(_socket(), (add, "enable health web/new", "set server web/new state ready"))


def _remove() -> None:
    """Remove the server, once it is idle."""
    deadline = time.monotonic() + IDLE_S
    runtime.tell(_socket(), ("set server web/new state maint",))
    while True:
        try:
            runtime.tell(_socket(), ("del server web/new",))
            return
        except CommandRefused:
            if time.monotonic() > deadline:
                raise
            time.sleep(traffic.PAUSE_S)


def _socket() -> Path:
    return topology.bare_directory(NAME) / "haproxy.sock"
