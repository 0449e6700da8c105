"""`tests/sandbox .venv/bin/python -m bench`: measures, prints a table, writes bench/latest.json."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from bench import creation, crowd, membership, report, scale, throughput, topology
from bench.api import Api
from bench.report import Result

LATEST = Path(__file__).with_name("latest.json")


def main() -> None:
    if not topology.STATE.is_mount():
        sys.exit("Run it where it can do no harm: tests/sandbox .venv/bin/python -m bench")
    start = time.monotonic()
    results: list[Result] = []
    with topology.standalone() as pid:
        api = Api()
        api.lift_quotas()
        network, subnet = api.network(topology.CIDR, topology.FIRST, topology.LAST)
        with topology.hosts(network) as bridge:
            results += _shown("throughput", throughput.measure(api, subnet, bridge))
            results += _shown("a load balancer", creation.measure(api, subnet, bridge))
            results += _shown("a member", membership.measure(api, subnet, bridge))
            results += _shown(f"{crowd.NUMBER} load balancers", crowd.measure(api, subnet, pid))
    results += _shown(f"{scale.MANY} load balancers in the database", scale.measure())
    report.write(results, LATEST)
    haproxy = subprocess.run(["haproxy", "-v"], check=True, capture_output=True, text=True).stdout.split()[2]
    print(f"\n{report.table(results)}\n")
    print(f"HAProxy {haproxy}, Python {platform.python_version()}, {os.cpu_count()} processors; ", end="")
    print(f"{time.monotonic() - start:.0f} s; also in {LATEST.parent.name}/{LATEST.name}")


def _shown(what: str, measuring: Iterable[Result]) -> list[Result]:
    print(f"Measuring {what}", file=sys.stderr, flush=True)
    return list(measuring)


main()
