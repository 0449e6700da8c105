"""Agents, for administrators: which hosts serve load balancers, which ones each serves, and their maintenance."""

from functools import partial
from typing import Any

from evener.dashboard.asked import Asked, Html, Redirect, Reply
from evener.dashboard.cloud import Refused

Json = dict[str, Any]
KIND: str = "Loadbalancerv2 agent"
SHOWN = 20  # load balancers of each agent


def view(asked: Asked) -> Html:
    """Show them all."""
    return _page(asked, {})


def _page(asked: Asked, wrong: Json, status: int = 200) -> Html:
    agents = sorted(
        asked.network("GET", "/agents", agent_type=KIND)["agents"],
        key=lambda each: each["host"],
    )
    path = "/agents/{}/agent-loadbalancers"
    served = asked.cloud.together(
        *(partial(asked.network, "GET", path.format(each["id"])) for each in agents)
    )
    for agent, found in zip(agents, served, strict=True):
        agent["served"] = found["loadbalancers"]
    values = {
        "title": "Agents",
        "agents": agents,
        "shown": SHOWN,
        "wrong": wrong,
        "commands": ["openstack network agent list"],
    }
    return Html("agents.html", values, status)


def change(asked: Asked) -> Reply:
    """Let an agent get new load balancers, or none from now on."""
    wanted = {"admin_state_up": asked.said("admin_state_up") == "true"}
    try:
        asked.network("PUT", f"/agents/{asked.parts['agent_id']}", {"agent": wanted})
    except Refused as refusal:
        return _page(asked, {"": str(refusal)}, refusal.status)
    return Redirect("/agents")


def ask_failover(asked: Asked) -> Html:
    """Ask whether a load balancer is really to go to another agent."""
    return _failover(asked, {})


def failover(asked: Asked) -> Reply:
    """Let it go there."""
    path = f"/loadbalancers/{asked.parts['balancer_id']}"
    try:
        asked.balancing("PUT", f"{path}/failover")
    except Refused as refusal:
        return _failover(asked, {"": str(refusal)}, refusal.status)
    return Redirect(f"/balancers/{asked.parts['balancer_id']}")


def _failover(asked: Asked, wrong: Json, status: int = 200) -> Html:
    identity = asked.parts["balancer_id"]
    values = {
        "title": "Move this load balancer to another agent?",
        "back": f"/balancers/{identity}",
        "act": "Move it",
        "wrong": wrong,
        "commands": [f"openstack loadbalancer failover {identity}"],
    }
    return Html("delete.html", values, status)
