"""By what a load balancer is configured on its hosts, for administrators; and whether requests are logged there.

Addresses of Evener's own; another cloud's API has none.
"""

import shlex
from typing import Any

from evener.dashboard import balancer
from evener.dashboard.agents import KIND
from evener.dashboard.asked import Asked, Html
from evener.dashboard.cloud import Away, CloudError, LoggedOut, Refused
from evener.dashboard.words import say

Json = dict[str, Any]


def view(asked: Asked) -> Html:
    """Show it."""
    found, name = asked.cloud.together(lambda: values(asked), lambda: balancer.name(asked))
    title = f"{say('Configuration of')} {name}"
    return Html("configuration.html", {**found, "name": name, "title": title})


def values(asked: Asked) -> Json:
    """Return what the page shows; where no agent tells, why."""
    identity, wrong, found = asked.parts["balancer_id"], {}, []
    try:
        path = f"/loadbalancers/{identity}/configuration"
        found = asked.balancing("GET", path)["configurations"]
    except Away as error:  # an agent, or all
        wrong = {"": str(error)}
    except Refused as refusal:
        if refusal.status != 404:
            raise
        wrong = {"": str(refusal)}  # there is none yet
    return {
        "balancer_id": identity,
        "rows": [{**each, "logs": _logs(asked, each["host"])} for each in found],
        "wrong": wrong,
        "commands": [shlex.join(["evener", "lbaas-loadbalancer-config", identity])],
    }


def _logs(asked: Asked, host: str) -> bool | None:
    """Return whether each request is logged on a host; None where nobody can tell."""
    try:
        (agent,) = asked.network("GET", "/agents", agent_type=KIND, host=host)["agents"]
    except LoggedOut:
        raise
    except (CloudError, ValueError):
        return None
    found = agent["configurations"].get("access_log")
    return found if isinstance(found, bool) else None
