"""The list of load balancers: filtered, sorted, and in pages that have addresses of their own."""

import shlex
from typing import Any
from urllib.parse import urlencode

from evener.dashboard.asked import Asked, Html

ON_A_PAGE = 25
FIELDS = ("id", "name", "vip_address", "provisioning_status", "operating_status", "admin_state_up")
SORTED_BY = ("name", "vip_address", "provisioning_status", "operating_status")
COLUMNS = {
    "name": "Name",
    "vip_address": "Address",
    "provisioning_status": "Provisioning status",
    "operating_status": "Operating status",
}
PROVISIONING = ("ACTIVE", "PENDING_CREATE", "PENDING_UPDATE", "PENDING_DELETE", "ERROR")
OPERATING = ("ONLINE", "OFFLINE", "DEGRADED", "ERROR", "DRAINING", "NO_MONITOR")
FILTERS = ("name", "vip_address", "provisioning_status", "operating_status")
PLACES = ("marker", "page_reverse")


def ask(asked: Asked) -> Any:
    """Return the API's page of load balancers that an address names."""
    query = {each: asked.query.get(each, "") for each in (*FILTERS, *PLACES)}
    column, _, direction = asked.query.get("sort", "name:asc").partition(":")
    order = f"{column if column in SORTED_BY else 'name'}:{'desc' if direction == 'desc' else 'asc'}"
    return asked.balancing("GET", "/loadbalancers", fields=FIELDS, limit=ON_A_PAGE, sort=order, **query)


def view(asked: Asked) -> Html:
    """Show the list."""
    return Html("list.html", values(asked, ask(asked)))


def values(asked: Asked, found: Any) -> dict[str, Any]:
    """Return what the page shows of an answer."""
    chosen = {name: value for name, value in asked.query.items() if name in (*FILTERS, "sort") and value}
    rows = found["loadbalancers"]
    links = {each["rel"] for each in found.get("loadbalancers_links", ())}
    column, _, direction = chosen.get("sort", "name:asc").partition(":")
    return {
        "title": "Load balancers",
        "rows": rows,
        "chosen": chosen,
        "is_filtered": any(name in chosen for name in FILTERS),
        "columns": [
            {
                "label": label,
                "order": {"asc": "ascending", "desc": "descending"}.get(direction)
                if name == column
                else None,
                "link": _link(chosen | {"sort": f"{name}:{_other(direction) if name == column else 'asc'}"}),
            }
            for name, label in COLUMNS.items()
        ],
        "before": _link(chosen | {"marker": rows[0]["id"], "page_reverse": "true"})
        if rows and "previous" in links
        else None,
        "after": _link(chosen | {"marker": rows[-1]["id"]}) if rows and "next" in links else None,
        "provisioning": PROVISIONING,
        "operating": OPERATING,
        "commands": [_command(chosen)],
    }


def _other(direction: str) -> str:
    return "asc" if direction == "desc" else "desc"


def _link(query: dict[str, str]) -> str:
    return f"?{urlencode(query)}"


def _command(chosen: dict[str, str]) -> str:
    options = {
        "name": "name",
        "provisioning_status": "provisioning-status",
        "operating_status": "operating-status",
    }
    given = [
        part for name, option in options.items() if name in chosen for part in (f"--{option}", chosen[name])
    ]
    return shlex.join(["openstack", "loadbalancer", "list", *given])
