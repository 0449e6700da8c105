"""What Octavia's API costs on the same objects, against LBaaS v2: made, shown and listed, with nothing remembered."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

from bench import report
from bench.api import LBAAS, OCTAVIA, Api
from bench.report import Result

TIMES, PAGE = 100, 100
DEARER_AT_MOST = 1.3


def measure(api: Api, database: sqlite3.Connection, subnet: str, loadbalancer: str) -> Iterator[Result]:
    """Compare both, in turns, each with its neighbour in time; before an answer the database has changed."""

    def make(base: str) -> None:
        api.create(f"{base}/loadbalancers", "loadbalancer", vip_subnet_id=subnet)

    def ask(path: str, base: str) -> None:
        status, _ = api.call("GET", f"{base}/loadbalancers{path}")
        if status != 200:
            raise RuntimeError(f"GET {base}/loadbalancers{path}: {status}")

    yield from _compared("create", make)
    for what, path in (("show", f"/{loadbalancer}"), (f"list with limit {PAGE}", f"?limit={PAGE}")):
        yield from _compared(what, partial(ask, path), partial(_change, database))


def _change(database: sqlite3.Connection, number: int) -> None:
    database.execute("UPDATE agents SET description = ?", (number,))


def _compared(
    what: str, do: Callable[[str], None], before: Callable[[int], None] = lambda _: None
) -> Iterator[Result]:
    seconds: dict[str, list[float]] = {LBAAS: [], OCTAVIA: []}
    for number in range(TIMES + 1):
        for base in seconds if number % 2 else reversed(seconds):
            before(number)
            start = time.perf_counter()
            do(base)
            if number:
                seconds[base].append(time.perf_counter() - start)
    ratio = median(ours / theirs for ours, theirs in zip(seconds[OCTAVIA], seconds[LBAAS], strict=True))
    name = f"API: {what} by Octavia's API / by LBaaS v2, the first after a change"
    yield report.aimed(name, ratio, "", report.AT_MOST, DEARER_AT_MOST)
    yield report.result(f"  {what} by Octavia's API", median(seconds[OCTAVIA]) * 1000, "ms")
