"""How all load balancers are, the worst first."""

from collections import Counter
from typing import Any

from evener.dashboard.asked import Asked, Html
from evener.dashboard.listing import FIELDS
from evener.dashboard.rates import Sample

Json = dict[str, Any]
MOST = 100  # of those that are not well
WORST_FIRST = ("ERROR", "DEGRADED", "OFFLINE", "DRAINING", "NO_MONITOR", "ONLINE")
WELL = "ONLINE"


def ask(asked: Asked) -> Any:
    """Return those that are not well, in one request: by the alphabet, every other status comes before ONLINE."""
    order = "operating_status:asc,name:asc"
    return asked.balancing("GET", "/loadbalancers", fields=FIELDS, limit=MOST, sort=order)["loadbalancers"]


def ask_rates(asked: Asked, at_s: float) -> Sample:
    """Return what all load balancers have counted; refused by a cloud that does not add it up."""
    return Sample(at_s, asked.balancing("GET", "/stats")["stats"])


def view(asked: Asked) -> Html:
    """Show the page."""
    return Html("overview.html", values(ask(asked)))


def values(found: list[Json]) -> Json:
    """Return what the page shows: an object that is switched off is as it was told to be, and comes last."""
    rows = [
        each for each in found if each["operating_status"] != WELL or each["provisioning_status"] == "ERROR"
    ]
    rows.sort(key=lambda each: (not each["admin_state_up"], _rank(each["operating_status"])))
    counted = Counter(each["operating_status"] for each in rows)
    return {
        "title": "Overview",
        "rows": rows,
        "counts": sorted(counted.items(), key=lambda each: _rank(each[0])),
        "has_more": len(found) == MOST and found[-1]["operating_status"] != WELL,
        "is_empty": not found,
        "commands": ["openstack loadbalancer list --operating-status ERROR"],
    }


def _rank(status: str) -> int:
    return WORST_FIRST.index(status) if status in WORST_FIRST else 0
