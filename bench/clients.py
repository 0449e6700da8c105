"""The command-line client against `neutron`: the time until each has listed the load balancers of one server."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

from bench import report
from bench.report import Result
from bench.served import Served

AIM = 0.4
ROUNDS = 7
COMMAND = "lbaas-loadbalancer-list"
EVENER = Path(sys.executable).with_name("evener")


def measure(server: Served) -> Iterator[Result]:
    """Run both in turns, with the variables of the server's `openrc`; nothing where there is no `neutron`."""
    neutron = shutil.which("neutron")
    if neutron is None:
        print("There is no neutron here (Debian: python3-neutronclient): not compared", file=sys.stderr)
        return
    environment = _openrc(server)
    seconds: dict[str, list[float]] = {str(EVENER): [], neutron: []}
    for turn in range(ROUNDS + 1):
        for program, taken in seconds.items():
            start = time.perf_counter()
            subprocess.run([program, COMMAND], check=True, capture_output=True, env=environment)
            if turn:  # the first one reads the files that are cached from then on
                taken.append(time.perf_counter() - start)
    ours, theirs = seconds.values()
    ratio = median(mine / other for mine, other in zip(ours, theirs, strict=True))
    yield report.aimed(f"evener {COMMAND} / neutron {COMMAND}", ratio, "", report.AT_MOST, AIM)
    yield report.result(f"evener {COMMAND}", median(ours) * 1000, "ms")
    yield report.result(f"neutron {COMMAND}", median(theirs) * 1000, "ms")


def _openrc(server: Served) -> Mapping[str, str]:
    """Return the environment of who has sourced `openrc`."""
    script = f". {server.directory / 'openrc'} && env -0"
    bare = {"PATH": os.environ["PATH"], "HOME": "/root", "LANG": "C.UTF-8"}
    output = subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True, env=bare).stdout
    return dict(entry.split("=", 1) for entry in output.split("\0") if entry)
