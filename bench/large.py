"""A pool of a thousand members of which one changes: until HAProxy has it, and whether a reload was needed."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median

from bench import report, topology, traffic
from bench.api import LBAAS, Api
from bench.report import Result
from evener.dataplane.haproxy import runtime
from evener.dataplane.haproxy.errors import SocketError

NUMBER, CHANGES = 1000, 20
CHECKED = 4  # times what HAProxy takes to check the file
SERVING_S, CHANGED_S = 60.0, 20.0
CHECKS = 15
PAUSE_S = 0.001


def measure(api: Api, subnet: str) -> Iterator[Result]:
    """Change weights, and add and remove members."""
    members = [(f"10.90.{8 + number // 250}.{number % 250 + 1}", 80) for number in range(NUMBER - 1)]
    made = api.whole(subnet, [*members, topology.MEMBERS[0]])
    try:
        traffic.first_answer(made.vip, SERVING_S)
        api.wait_all_active()
        socket = topology.STATE / "lbaas" / "v2" / made.loadbalancer / "haproxy.sock"
        path = f"{LBAAS}/pools/{made.pool}/members"

        def ask(command: str) -> str:
            with suppress(SocketError):
                return runtime.ask(socket, command)
            return ""

        def worker() -> str:
            return next(line for line in ask("show info").splitlines() if line.startswith("Pid:"))

        before, weights, joins = worker(), [], []
        for number in range(CHANGES):
            weight, member = number + 2, made.members[number]
            start = time.perf_counter()
            api.call("PUT", f"{path}/{member}", {"member": {"weight": weight}})
            _until(lambda m=member, w=weight: ask(f"get weight {made.pool}/{m}").startswith(f"{w} "))
            weights.append(time.perf_counter() - start)
            start = time.perf_counter()
            joined = api.member(made.pool, subnet, f"10.90.16.{number + 1}", 80)
            _until(lambda m=joined: ask(f"get weight {made.pool}/{m}").startswith("1 "))
            joins.append(time.perf_counter() - start)
            api.delete(f"{path}/{joined}")
        pool = f"a pool of {NUMBER} members"
        checked = median(_checked(socket.parent) for _ in range(CHECKS))
        for what, seconds in (("another weight of one", median(weights)), ("one more", median(joins))):
            name = f"{pool}, {what} / haproxy -c of the file"
            yield report.aimed(name, seconds / checked, "", report.AT_MOST, CHECKED)
            yield report.result(f"{pool}, {what}", seconds * 1000, "ms")
        yield report.result("  haproxy -c of the file", checked * 1000, "ms")
        reloaded = 0 if worker() == before else 1
        yield report.aimed(f"{pool}, reloads for all of these", reloaded, "", report.AT_MOST, 0)
    finally:
        api.remove_all(made)


def _checked(directory: Path) -> float:
    """Return the seconds that HAProxy takes to check the file: who writes it anew for a change waits for no less."""
    start = time.perf_counter()
    subprocess.run(("haproxy", "-c", "-f", "haproxy.conf"), cwd=directory, check=True, capture_output=True)
    return time.perf_counter() - start


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + CHANGED_S
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError("A change of a member does not arrive")
        time.sleep(PAUSE_S)
