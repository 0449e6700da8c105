"""What `evener top` shows, worked out from two samples of the server. Pure: samples in, rows out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evener.cli.escaping import visible
from evener.cli.status_tree import Node, children, title, top_level

Counters = Mapping[str, int]
SHOWN = frozenset({"load balancer", "listener", "pool", "member"})


@dataclass(frozen=True, slots=True)
class Sample:
    """One load balancer at the moment `at_s` (seconds of a monotonic clock).

    `balancer` is its tree of statuses; `counters` are by id of the load balancer, and of those listeners and
    members for which the server has counters. `served` says by which two agents it is served, where there are two.
    """

    at_s: float
    balancer: Node
    counters: Mapping[str, Counters] = field(default_factory=dict)
    served: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line: an object with its status, its counters, and rates per second; None is what is not known."""

    depth: int
    kind: str
    title: str
    status: str
    connections: int | None = None
    total: int | None = None
    errors: int | None = None
    connections_per_s: float | None = None
    requests_per_s: float | None = None
    bytes_in_per_s: float | None = None
    bytes_out_per_s: float | None = None


def counters_by_id(balancer_id: str, stats: Mapping[str, Any]) -> dict[str, Counters]:
    """Return the counters in an answer of `/stats`: the load balancer's own, and those by listener and member."""
    own = {name: value for name, value in stats.items() if isinstance(value, int)}
    return {balancer_id: own, **(stats.get("listeners") or {}), **(stats.get("members") or {})}


def rate(before: Counters | None, now: Counters, name: str, seconds: float) -> float | None:
    """Return by how much `name` grew per second; None without an earlier value, or when it began anew."""
    if before is None or name not in before or name not in now or seconds <= 0 or now[name] < before[name]:
        return None
    return (now[name] - before[name]) / seconds


def _walk(kind: str, node: Node, depth: int) -> Iterator[tuple[int, str, Node]]:
    if kind not in SHOWN:
        return
    yield depth, kind, node
    for child_kind, child in top_level(node) if depth == 0 else children(node):
        yield from _walk(child_kind, child, depth + 1)


def rows(before: Sample | None, now: Sample) -> list[Row]:
    """Return the lines of one load balancer, top down."""
    seconds = now.at_s - before.at_s if before else 0.0
    result = []
    for depth, kind, node in _walk("load balancer", now.balancer, 0):
        status = str(node.get("operating_status") or node.get("provisioning_status") or "")
        served = f" ({visible(now.served)})" if depth == 0 and now.served else ""
        row = Row(depth, kind, title(node) + served, status)
        counters = now.counters.get(node["id"])
        if counters is not None:
            earlier = before.counters.get(node["id"]) if before else None
            row = Row(
                depth,
                kind,
                row.title,
                status,
                counters.get("active_connections"),
                counters.get("total_connections"),
                counters.get("request_errors"),
                rate(earlier, counters, "total_connections", seconds),
                rate(earlier, counters, "requests", seconds),
                rate(earlier, counters, "bytes_in", seconds),
                rate(earlier, counters, "bytes_out", seconds),
            )
        result.append(row)
    return result


def number(value: float | None) -> str:
    """Return a number in at most five characters and a unit: 0.5, 12, 1.2k, 34M; "-" for None."""
    if value is None:
        return "-"
    for unit in ("", "k", "M", "G", "T"):
        if value < 999.5 or unit == "T":
            no_fraction = float(value).is_integer() or value >= 99.5
            return (f"{value:.0f}" if no_fraction else f"{value:.1f}") + unit
        value /= 1000
    raise AssertionError("unreachable")


HEADINGS = ("name", "status", "conns", "conns/s", "reqs/s", "in B/s", "out B/s", "total", "errors")


def cells(row: Row) -> Sequence[str]:
    """Return the texts of one line, in the order of HEADINGS."""
    numbers = (
        row.connections,
        row.connections_per_s,
        row.requests_per_s,
        row.bytes_in_per_s,
        row.bytes_out_per_s,
        row.total,
        row.errors,
    )
    kind = "" if row.kind == "load balancer" else f"{row.kind} "
    return ("  " * row.depth + kind + row.title, row.status, *(number(value) for value in numbers))


# What rows are sorted by, of the columns by the names that are typed; names and statuses from A, numbers from the most.
SORTED: Mapping[str, Callable[[Row], Any]] = {
    "name": lambda row: row.title.casefold(),
    "status": lambda row: row.status,
    "conns": lambda row: row.connections,
    "rate": lambda row: row.connections_per_s,
    "requests": lambda row: row.requests_per_s,
    "in": lambda row: row.bytes_in_per_s,
    "out": lambda row: row.bytes_out_per_s,
    "total": lambda row: row.total,
    "errors": lambda row: row.errors,
}
WORDS = tuple(SORTED)  # in the order of HEADINGS
FROM_A = frozenset({"name", "status"})


def ordered(balancers: Sequence[Sequence[Row]], word: str, *, turned: bool = False) -> list[Row]:
    """Return all rows, load balancers sorted by their first row, each with what is below it; unknown values last."""
    key = SORTED[word]
    by_name = sorted(filter(None, balancers), key=lambda group: str(SORTED["name"](group[0])))
    unknown = [group for group in by_name if key(group[0]) is None]
    known = [group for group in by_name if key(group[0]) is not None]
    by_word = sorted(known, key=lambda group: key(group[0]), reverse=(word not in FROM_A) != turned)
    return [row for group in (*by_word, *unknown) for row in group]


def headings(word: str, *, turned: bool = False) -> Sequence[str]:
    """Return the headings, with a sign at the column that is sorted by."""
    sign = "\N{UPWARDS ARROW}" if (word in FROM_A) != turned else "\N{DOWNWARDS ARROW}"
    return [f"{text}{sign}" if each == word else text for each, text in zip(WORDS, HEADINGS, strict=True)]


# Which columns a narrow terminal does without, the first of them first.
SPARED = ("errors", "total", "out B/s", "in B/s", "reqs/s", "conns/s")
BETWEEN = 2  # spaces


def fitting(lines: Sequence[Sequence[str]], width: int, titles: Sequence[str] = HEADINGS) -> list[int]:
    """Return the places of the columns that are shown in `width` characters, whole but for the name.

    The one with a sign among `titles`, which all is sorted by, stays as long as others can go.
    """
    widths = [max(map(len, column)) for column in zip(titles, *lines, strict=True)]
    shown = list(range(len(HEADINGS)))
    for spared in sorted(SPARED, key=lambda heading: heading not in titles):
        if sum(widths[place] + BETWEEN for place in shown) <= width:
            break
        shown.remove(HEADINGS.index(spared))
    return shown
