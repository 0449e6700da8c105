"""A load balancer's floating IP: one that is free or a new one is associated, or taken away."""

from typing import Any

from evener.dashboard import making
from evener.dashboard.asked import Asked, Html, Redirect, Reply
from evener.dashboard.cloud import Refused
from evener.dashboard.words import say

Json = dict[str, Any]
LISTS = ("openstack floating ip list", "openstack network list --external")  # which show that there is none


def _balancer(asked: Asked) -> Json:
    found: Json = asked.balancing("GET", f"/loadbalancers/{asked.parts['balancer_id']}")["loadbalancer"]
    return found


def show(asked: Asked) -> Html:
    """Show which floating IP the VIP has, or which it can have."""
    return _page(asked, {})


def change(asked: Asked) -> Reply:
    """Take the floating IP away, or associate one: one that is free, or a new one of a network."""
    balancer = _balancer(asked)
    kind, _, identity = asked.said("choice").partition(":")
    port = balancer["vip_port_id"]
    try:
        if kind == "none":
            asked.network("PUT", f"/floatingips/{identity}", {"floatingip": {"port_id": None}})
        elif kind == "free":
            asked.network("PUT", f"/floatingips/{identity}", {"floatingip": {"port_id": port}})
        elif kind == "new":
            new = {"floating_network_id": identity, "port_id": port}
            asked.network("POST", "/floatingips", {"floatingip": new})
        else:
            return _page(asked, {"choice": say("Choose one")}, 400)
    except Refused as refusal:
        return _page(asked, {"choice": str(refusal)}, refusal.status)
    return Redirect(f"/balancers/{balancer['id']}")


def tell(asked: Asked) -> Html:
    """Return the command that associates what is chosen; asks nobody."""
    return Html("commands.html", {"commands": making.floating_ip(asked.said("choice"), asked.said("port"))})


def _page(asked: Asked, wrong: Json, status: int = 200) -> Html:
    balancer, addresses, networks = asked.cloud.together(
        lambda: _balancer(asked),
        lambda: asked.network("GET", "/floatingips")["floatingips"],
        lambda: asked.network("GET", "/networks", **{"router:external": "true"})["networks"],
    )
    port = balancer["vip_port_id"] or ""
    has = next((each for each in addresses if each["port_id"] == port), None)
    free = [each for each in addresses if not each["port_id"]]
    new = say("a new one of")
    choices = [
        *((f"free:{each['id']}", each["floating_ip_address"]) for each in free),
        *((f"new:{each['id']}", f"{new} {each['name'] or each['id']}") for each in networks),
    ]
    chosen = asked.said("choice") or next((value for value, _ in choices), "")
    does = f"none:{has['id']}" if has else chosen
    values = {
        "title": f"{say('Floating IP of')} {balancer['name'] or balancer['id']}",
        "balancer": balancer,
        "has": has,
        "choices": choices,
        "given": {"choice": chosen},
        "wrong": wrong,
        "commands": making.floating_ip(does, port) or list(LISTS),
    }
    return Html("floating_ip.html", values, status)
