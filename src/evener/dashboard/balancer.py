"""One load balancer with all below it, read from the API and made one tree for its page and its picture."""

import shlex
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from evener.dashboard import picture, places
from evener.dashboard.asked import Asked, Html
from evener.dashboard.cloud import CloudError, Refused
from evener.dashboard.rates import WHOLE, Flows, Names

Json = dict[str, Any]
LISTENERS, MEMBERS = "Traffic of listeners", "Traffic of members"


@dataclass(frozen=True, slots=True)
class Tree:
    """What the APIs said; pools have their `members` and `healthmonitor`, listeners their `policies` with `rules`."""

    balancer: Json
    listeners: list[Json]
    pools: list[Json]
    floating_ip: Json | None
    places: places.Places


def read(asked: Asked) -> Tree:
    """Return the load balancer that the address names.

    Raises:
        CloudError: Refused with 404 where there is none.
    """
    balancer_id = asked.parts["balancer_id"]
    get, together = partial(asked.balancing, "GET"), asked.cloud.together
    shown, listeners, pools = together(
        lambda: get(f"/loadbalancers/{balancer_id}")["loadbalancer"],
        lambda: get("/listeners", loadbalancer_id=balancer_id)["listeners"],
        lambda: get("/pools", loadbalancer_id=balancer_id)["pools"],
    )
    with_policies = [each for each in listeners if each.get("l7policies")]
    monitors = sorted({each["healthmonitor_id"] for each in pools if each.get("healthmonitor_id")})
    found = iter(
        together(
            lambda: floating_ip(asked, shown),
            lambda: places.read(asked, shown),
            *(partial(get, f"/pools/{each['id']}/members") for each in pools),
            *(partial(get, f"/healthmonitors/{each}") for each in monitors),
            *(
                partial(get, "/l7policies", listener_id=each["id"], sort="position:asc")
                for each in with_policies
            ),
        )
    )
    floating, served_by = next(found), next(found)
    for pool in pools:
        pool["members"] = next(found)["members"]
    by_id = {each: next(found)["healthmonitor"] for each in monitors}
    for pool in pools:
        pool["healthmonitor"] = by_id.get(pool.get("healthmonitor_id"))
    for listener in listeners:
        listener["policies"] = next(found)["l7policies"] if listener in with_policies else []
    policies = [policy for each in listeners for policy in each["policies"] if policy["rules"]]
    rules = together(*(partial(get, f"/l7policies/{each['id']}/rules") for each in policies))
    for policy, its in zip(policies, rules, strict=True):
        policy["rules"] = its["rules"]
    return Tree(shown, listeners, pools, floating, served_by)


def name(asked: Asked) -> str:
    """Return what the load balancer is called that the address names; its id where it has no name, or is no more."""
    identity = asked.parts["balancer_id"]
    with suppress(Refused):
        identity = asked.balancing("GET", f"/loadbalancers/{identity}")["loadbalancer"]["name"] or identity
    return identity


def floating_ip(asked: Asked, balancer: Json) -> Json | None:
    """Return the floating IP of a VIP; None where there is none, or nobody can tell."""
    if not balancer.get("vip_port_id"):
        return None
    try:
        found = asked.network("GET", "/floatingips", port_id=balancer["vip_port_id"])["floatingips"]
    except CloudError:
        return None  # a cloud without routers still has load balancers
    return next(iter(found), None)


def probe(asked: Asked) -> Any:
    """Return what tells, in one request, that something has changed: the tree of statuses."""
    return asked.balancing("GET", f"/loadbalancers/{asked.parts['balancer_id']}/status")


def quiet_probe(asked: Asked) -> Any:
    """Return what tells, for less, that something begins to change: the newest event, where the API has any."""
    if asked.cloud.has_events is not False:
        path = f"/loadbalancers/{asked.parts['balancer_id']}/events"
        try:
            return asked.balancing("GET", path, limit=1, fields="id")
        except Refused:
            found = probe(asked)  # refused as well where it is the load balancer that is not there
            asked.cloud.has_events = False
            return found
    return probe(asked)


def view(asked: Asked) -> Html:
    """Show the page."""
    return Html("balancer.html", values(read(asked)))


def values(tree: Tree) -> Json:
    """Return what the page shows."""
    names = {each["id"]: each["name"] or each["id"] for each in tree.pools}
    identity = tree.balancer["id"]
    return {
        "title": tree.balancer["name"] or identity,
        "balancer": tree.balancer,
        "listeners": tree.listeners,
        "pools": tree.pools,
        "pool_names": names,
        "floating_ip": tree.floating_ip,
        "places": tree.places,
        "picture": picture.draw(tree.balancer, tree.listeners, tree.pools),
        "commands": [
            shlex.join(["openstack", "loadbalancer", "show", identity]),
            shlex.join(["openstack", "loadbalancer", "status", "show", identity]),
        ],
    }


def drawn(shown: Json, flows: Flows) -> picture.Picture:
    """Return the picture of what a page shows, with what goes through each."""
    of_it = {shown["balancer"]["id"]: flows[WHOLE]} if WHOLE in flows else {}
    return picture.draw(shown["balancer"], shown["listeners"], shown["pools"], {**flows, **of_it})


def names(shown: Json) -> Names:
    """Return what listeners and members are called on a page, by their ids."""
    members = (each for pool in shown["pools"] for each in pool["members"])
    return {
        LISTENERS: {each["id"]: each["name"] or each["id"] for each in shown["listeners"]},
        MEMBERS: {each["id"]: each["name"] or each["address"] for each in members},
    }
