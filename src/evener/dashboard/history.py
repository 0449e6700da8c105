"""What happened to a load balancer, the newest first: who changed what, what was applied when, members out and in.

An address of Evener's own; another cloud's API has none.
"""

import shlex
from typing import Any

from evener.dashboard import balancer
from evener.dashboard.asked import Asked, Html
from evener.dashboard.words import say

ON_A_PAGE = 50


def ask(asked: Asked) -> Any:
    """Return the API's page of events that an address names."""
    path = f"/loadbalancers/{asked.parts['balancer_id']}/events"
    return asked.balancing("GET", path, limit=ON_A_PAGE, marker=asked.query.get("marker", ""))


def view(asked: Asked) -> Html:
    """Show them."""
    found, name = asked.cloud.together(lambda: ask(asked), lambda: balancer.name(asked))
    title = f"{say('Events of')} {name}"
    return Html("history.html", {**values(asked, found), "name": name, "title": title})


def values(asked: Asked, found: Any) -> dict[str, Any]:
    """Return what the page shows of an answer."""
    rows, identity = found["events"], asked.parts["balancer_id"]
    has_more = any(each["rel"] == "next" for each in found.get("events_links", ()))
    return {
        "balancer_id": identity,
        "rows": rows,
        "after": f"?marker={rows[-1]['id']}" if rows and has_more else None,
        "commands": [shlex.join(["evener", "lbaas-event-list", identity])],
    }
