"""Agents, for administrators: which hosts serve load balancers, which ones each serves, and their maintenance."""

from functools import partial
from typing import Any

from evener.dashboard.asked import Asked, Html, Redirect, Reply
from evener.dashboard.cloud import Refused

Json = dict[str, Any]
KIND: str = "Loadbalancerv2 agent"
COMMANDS = 5  # that begin or end maintenance
SHOWN = 20  # load balancers of each agent


def probe(asked: Asked) -> Any:
    """Return what tells, in one request, that something has changed: not that agents were heard of again."""
    return [
        (each["id"], each["alive"], each["admin_state_up"], each["configurations"].get("instances"))
        for each in _all(asked)
    ]


def view(asked: Asked) -> Html:
    """Show them all."""
    return Html("agents.html", values(asked))


def _all(asked: Asked) -> list[Json]:
    found: list[Json] = asked.network("GET", "/agents", agent_type=KIND)["agents"]
    return sorted(found, key=lambda each: str(each["host"]))


def values(asked: Asked, wrong: Json | None = None) -> Json:
    """Return what the page shows."""
    agents = _all(asked)
    path = "/agents/{}/agent-loadbalancers"
    served = asked.cloud.together(
        *(partial(asked.network, "GET", path.format(each["id"])) for each in agents)
    )
    for agent, found in zip(agents, served, strict=True):
        agent["served"] = found["loadbalancers"]
    turn = [
        f"openstack network agent set --{'disable' if each['admin_state_up'] else 'enable'} {each['id']}"
        for each in agents
    ]
    return {
        "title": "Agents",
        "agents": agents,
        "shown": SHOWN,
        "wrong": wrong or {},
        "commands": ["openstack network agent list", *turn[:COMMANDS]],
    }


def change(asked: Asked) -> Reply:
    """Let an agent get new load balancers, or none from now on."""
    wanted = {"admin_state_up": asked.said("admin_state_up") == "true"}
    try:
        asked.network("PUT", f"/agents/{asked.parts['agent_id']}", {"agent": wanted})
    except Refused as refusal:
        return Html("agents.html", values(asked, {"": str(refusal)}), refusal.status)
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
