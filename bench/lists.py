"""What lists cost that ask of more load balancers than they show, with ten thousand and with a hundred.

By Octavia's API, in turns, each the first after a change of the database: nothing is remembered.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from statistics import median

from bench import report
from bench.api import OCTAVIA, Api
from bench.report import Result
from bench.seeding import EVERYBODYS, RARE
from evener.store import schema

TIMES, PAGE = 30, 100
DEARER_AT_MOST = 1.5
QUERIES = {
    "filtered by a tag that all have": f"tags={EVERYBODYS}",
    "filtered by two tags, one of which all have": f"tags={EVERYBODYS},{RARE}",
    "filtered by any of two tags, one of which all have": f"tags-any={EVERYBODYS},{RARE}",
    "filtered by not having two tags, one of which all have": f"not-tags={EVERYBODYS},{RARE}",
    "filtered by not having a tag that few have": f"not-tags-any={RARE}",
    "sorted by provisioning_status": "sort=provisioning_status",
    "sorted by operating_status": "sort=operating_status",
    "sorted by provisioning_status, the last first": "sort=provisioning_status:desc",
    "sorted by operating_status, the last first": "sort=operating_status:desc",
}
# What else Octavia's lists are sorted by, in either direction.
SORTED_BY = ("id", "project_id", "created_at", *schema.SORTED_BY)
ORDERS = [f"{each}:{way}" for each in SORTED_BY for way in ("asc", "desc")]


def measure(servers: Mapping[int, tuple[Api, sqlite3.Connection]]) -> Iterator[Result]:
    """Compare servers, by how many load balancers they have, the one with the fewest first."""
    few, many = servers
    on = f"the first after a change, with {many} load balancers / with {few}"
    for what, query in QUERIES.items():
        ratio, many_ms = _compare(servers, query)
        yield report.aimed(f"API: list {what}, {on}", ratio, "", report.AT_MOST, DEARER_AT_MOST)
        yield report.result(f"  list {what}, of {many}", many_ms, "ms")
    (ratio, many_ms), dearest = max((_compare(servers, f"sort={each}"), each) for each in ORDERS)
    yield report.aimed(
        f"API: list sorted by any other attribute, {on}", ratio, "", report.AT_MOST, DEARER_AT_MOST
    )
    yield report.result(f"  list sorted by {dearest}, of {many}, the dearest of {len(ORDERS)}", many_ms, "ms")


def _compare(servers: Mapping[int, tuple[Api, sqlite3.Connection]], query: str) -> tuple[float, float]:
    """Return how many times as long the one with the most takes, and its milliseconds."""
    few, many = servers
    seconds: dict[int, list[float]] = {number: [] for number in servers}
    for turn in range(TIMES + 1):
        for number, (api, connection) in servers.items():
            connection.execute("UPDATE agents SET description = ?", (turn,))
            start = time.perf_counter()
            _ask(api.call, f"{OCTAVIA}/loadbalancers?limit={PAGE}&{query}")
            if turn:
                seconds[number].append(time.perf_counter() - start)
    ratio = median(dear / cheap for dear, cheap in zip(seconds[many], seconds[few], strict=True))
    return ratio, median(seconds[many]) * 1000


def _ask(call: Callable[[str, str], tuple[int, object]], path: str) -> None:
    status, _ = call("GET", path)
    if status != 200:
        raise RuntimeError(f"GET {path}: {status}")
