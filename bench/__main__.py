"""`tests/sandbox .venv/bin/python -m bench`: measures, prints a table, writes bench/latest.json."""

import os
import platform
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from bench import (
    agents,
    cloud,
    creation,
    crowd,
    dashboard,
    failover,
    large,
    lost_host,
    membership,
    octavia,
    others,
    pairs,
    report,
    scale,
    takeover,
    throughput,
    topology,
)
from bench.api import Api
from bench.report import Result

LATEST = Path(__file__).with_name("latest.json")


def main() -> None:
    if not topology.STATE.parent.is_mount():
        sys.exit("Run it where it can do no harm: tests/sandbox .venv/bin/python -m bench")
    possible = {"cloud": cloud.is_possible, "pairs": pairs.is_possible}
    asked = sys.argv[1:] or [name for name in PARTS if name not in possible or possible[name]()]
    if unknown := set(asked) - set(PARTS):
        sys.exit(f"There is no {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    start = time.monotonic()
    results: list[Result] = []
    failed = [name for name in asked if not _measured(name, results)]
    report.write(results, LATEST)
    haproxy = subprocess.run(["haproxy", "-v"], check=True, capture_output=True, text=True).stdout.split()[2]
    print(f"\n{report.table(results)}\n")
    print(f"HAProxy {haproxy}, Python {platform.python_version()}, {os.cpu_count()} processors; ", end="")
    print(f"{time.monotonic() - start:.0f} s; also in {LATEST.parent.name}/{LATEST.name}")
    if failed:
        sys.exit(f"Not measured: {', '.join(failed)}")


def _on_a_network(
    measure: Callable[[Api, str, str, topology.Standalone], Iterable[Result]], settings: str = ""
) -> Iterator[Result]:
    """Measure with a server of its own, a client and servers on one of its networks."""
    with topology.standalone(settings) as server:
        api = Api()
        api.lift_quotas()
        network, subnet = api.network(topology.CIDR, topology.FIRST, topology.LAST)
        with topology.hosts(network) as bridge:
            yield from measure(api, subnet, bridge, server)


PARTS: dict[str, Callable[[], Iterable[Result]]] = {
    "throughput": lambda: _on_a_network(
        lambda api, subnet, bridge, _: throughput.measure(api, subnet, bridge)
    ),
    "creation": lambda: _on_a_network(lambda api, subnet, bridge, _: creation.measure(api, subnet, bridge)),
    "membership": lambda: _on_a_network(
        lambda api, subnet, bridge, _: membership.measure(api, subnet, bridge)
    ),
    "large": lambda: _on_a_network(lambda api, subnet, _bridge, _: large.measure(api, subnet)),
    "crowd": lambda: _on_a_network(crowd.measure),
    "others": lambda: _on_a_network(lambda api, subnet, _bridge, _: others.measure(api, subnet)),
    "octavia": lambda: _on_a_network(lambda api, subnet, bridge, _: octavia.measure(api, subnet, bridge)),
    "scale": scale.measure,
    "dashboard": dashboard.measure,
    "takeover": lambda: _on_a_network(
        lambda api, subnet, _bridge, _: takeover.measure(api, subnet), takeover.SETTINGS
    ),
    "failover": failover.measure,
    "pairs": pairs.measure,
    "lost_host": lost_host.measure,
    "agents": agents.measure,
    "cloud": cloud.measure,
}


def _measured(name: str, results: list[Result]) -> bool:
    """Append what a part measures to `results`; one that fails says why, and leaves the others alone."""
    print(f"Measuring {name}", file=sys.stderr, flush=True)
    try:
        results.extend(PARTS[name]())
    except Exception:  # noqa: BLE001 - whatever it was, the others are measured
        traceback.print_exc()
        return False
    return True


main()
