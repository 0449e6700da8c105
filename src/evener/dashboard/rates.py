"""What goes through a load balancer, from counters that were read one after the other: rates, and plots of them.

Plain data in and out, but for `ask`.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from evener.dashboard.asked import Asked
from evener.dashboard.cloud import Refused
from evener.dashboard.words import say

Json = dict[str, Any]
REQUESTS = "requests"  # of which a cloud may count none, and nobody where bytes are passed on, as of TCP
KEPT = 60  # samples
WIDE, HIGH = 320, 80  # pixels of a plot
TITLES = (
    (REQUESTS, "Requests per second", True),
    ("total_connections", "Connections per second", True),
    ("active_connections", "Connections now", False),
    ("bytes_out", "Bytes per second to clients", True),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """Counters at a moment, in seconds of a clock that never goes back; members' where the API has them."""

    at_s: float
    total: Mapping[str, int]
    members: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    listeners: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Flow:
    """What goes through something: connections now, how many come a second, and requests where they are counted."""

    now: int
    connections: float
    requests: float | None = None


Flows = Mapping[str, Flow]  # by the id of what they go through
Names = Mapping[str, Mapping[str, str]]  # of listeners, say: what each is called, by its id
WHOLE = ""  # in place of an id: what goes through all of it


@dataclass(frozen=True, slots=True)
class Plot:
    """One line: the points of an SVG polyline, and what it says in words."""

    title: str
    points: str
    now: float
    most: float
    wide: int = WIDE
    high: int = HIGH


def ask(asked: Asked, at_s: float) -> Sample:
    """Return the counters now; with members', where the network service has LBaaS v2 as Evener has it."""
    balancer_id = asked.parts["balancer_id"]
    if asked.cloud.counts_members is not False:
        with suppress(Refused):
            stats = asked.network("GET", f"/lbaas/loadbalancers/{balancer_id}/stats", detail="true")["stats"]
            return Sample(at_s, stats, stats.get("members", {}), stats.get("listeners", {}))
    found = asked.balancing("GET", f"/loadbalancers/{balancer_id}/stats")["stats"]
    asked.cloud.counts_members = False  # it is there, but not for LBaaS v2
    return Sample(at_s, found)


def plots(samples: Sequence[Sample]) -> list[Plot]:
    """Return a plot of each of `TITLES` that is counted; none before there are two samples."""
    if len(samples) < 2:
        return []
    return [
        _plot(title, samples, name, is_counter=is_counter)
        for name, title, is_counter in TITLES
        if name != REQUESTS or name in samples[-1].total
    ]


def _plot(title: str, samples: Sequence[Sample], name: str, *, is_counter: bool) -> Plot:
    if is_counter:
        values = [_rate(a.total, b.total, name, b.at_s - a.at_s) for a, b in pairwise(samples)]
    else:
        values = [float(each.total.get(name, 0)) for each in samples[1:]]
    most = max(values)
    step = WIDE / max(1, KEPT - 2)
    left = WIDE - step * (len(values) - 1)  # the newest is at the right edge
    heights = [HIGH - 2 - (HIGH - 6) * (value / most if most else 0) for value in values]
    points = " ".join(f"{left + step * index:.1f},{height:.1f}" for index, height in enumerate(heights))
    return Plot(title, points, values[-1], most)


def _rate(before: Mapping[str, int], after: Mapping[str, int], name: str, seconds: float) -> float:
    """Return how many a second; none where a counter has begun anew, or is there for the first time."""
    now = after.get(name, 0)
    return max(0, now - before.get(name, now)) / seconds if seconds > 0 else 0.0


def in_words(value: float) -> str:
    """Return a number as people read it."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def flows(samples: Sequence[Sample]) -> dict[str, Flow]:
    """Return what goes through each listener and member, by its id, and through all of it (`WHOLE`)."""
    if len(samples) < 2:
        return {}
    before, now = samples[-2:]
    seconds = now.at_s - before.at_s
    old = {**before.listeners, **before.members, WHOLE: before.total}
    found = {}
    for key, counted in {**now.listeners, **now.members, WHOLE: now.total}.items():
        earlier = old.get(key, counted)
        connections = _rate(earlier, counted, "total_connections", seconds)
        requests = _rate(earlier, counted, REQUESTS, seconds) if REQUESTS in counted else None
        found[key] = Flow(counted.get("active_connections", 0), connections, requests)
    return found


def together(flows: Sequence[Flow]) -> Flow | None:
    """Return what goes through all of them; None where there are none."""
    if not flows:
        return None
    requests = [each.requests for each in flows if each.requests is not None]
    return Flow(
        sum(each.now for each in flows),
        sum(each.connections for each in flows),
        sum(requests) if requests else None,
    )


def told(flow: Flow) -> str:
    """Return in words what goes through something: requests where they are counted, or else connections."""
    if flow.requests is None:
        return say("{now} now, {rate} per second").format(now=flow.now, rate=in_words(flow.connections))
    return say("{now} now, {rate} requests/s").format(now=flow.now, rate=in_words(flow.requests))


def values(samples: Sequence[Sample], found: Flows, names: Names) -> Json:
    """Return what is shown; `found` are the flows, `names` those of listeners and members, by their tables' titles."""
    return {
        "plots": plots(samples),
        "has_requests": any(each.requests is not None for each in found.values()),
        "counted": {
            title: rows
            for title, its in names.items()
            if (rows := [(name, found[key]) for key, name in its.items() if key in found])
        },
    }
