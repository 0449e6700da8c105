"""What is changed from a load balancer's page: its members, its floating IP, and that it goes."""

import shlex
from typing import Any

from evener.dashboard.asked import Asked, Html, Redirect, Reply
from evener.dashboard.cloud import Refused

Json = dict[str, Any]


def ask_delete(asked: Asked) -> Html:
    """Ask whether it is really meant."""
    return _deletion(asked, {})


def delete(asked: Asked) -> Reply:
    """Delete a load balancer with all below it."""
    try:
        asked.balancing("DELETE", f"/loadbalancers/{asked.parts['balancer_id']}", cascade="true")
    except Refused as refusal:
        return _deletion(asked, {"": str(refusal)}, refusal.status)
    return Redirect("/balancers")


def _deletion(asked: Asked, wrong: Json, status: int = 200) -> Html:
    found = _balancer(asked)
    command = ["openstack", "loadbalancer", "delete", "--cascade", found["id"]]
    title = f"Delete {found['name'] or found['id']}"
    return Html(
        "delete.html",
        {"title": title, "balancer": found, "wrong": wrong, "commands": [shlex.join(command)]},
        status,
    )


def _balancer(asked: Asked) -> Json:
    found: Json = asked.balancing("GET", f"/loadbalancers/{asked.parts['balancer_id']}")["loadbalancer"]
    return found


def _member_path(asked: Asked) -> str:
    return f"/pools/{asked.parts['pool_id']}/members/{asked.parts['member_id']}"


def show_member(asked: Asked) -> Html:
    """Show a member's form."""
    return _member(asked, {}, {})


def change_member(asked: Asked) -> Reply:
    """Change a member's weight and whether it is to take requests."""
    weight = asked.said("weight")
    given = {
        "weight": int(weight) if weight.isascii() and weight.isdecimal() else weight,
        "admin_state_up": asked.said("admin_state_up") == "true",
    }
    try:
        asked.balancing("PUT", _member_path(asked), {"member": given})
    except Refused as refusal:
        named = refusal.attribute if refusal.attribute in given else ""
        return _member(asked, given, {named: str(refusal)}, refusal.status)
    return Redirect(f"/balancers/{asked.parts['balancer_id']}")


def _member(asked: Asked, given: Json, wrong: Json, status: int = 200) -> Html:
    member = asked.balancing("GET", _member_path(asked))["member"]
    shown = f"{member['name'] or member['address']}"
    command = ["openstack", "loadbalancer", "member", "set", "--weight", str(member["weight"])]
    command += ["--enable" if member["admin_state_up"] else "--disable", asked.parts["pool_id"], member["id"]]
    values = {
        "title": f"Member {shown}",
        "balancer_id": asked.parts["balancer_id"],
        "member": member | given,
        "wrong": wrong,
        "commands": [shlex.join(command)],
    }
    return Html("member.html", values, status)


def show_floating_ip(asked: Asked) -> Html:
    """Show which floating IP the VIP has, or which it can have."""
    return _floating_ip(asked, {})


def change_floating_ip(asked: Asked) -> Reply:
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
            return _floating_ip(asked, {"choice": "Choose one"}, 400)
    except Refused as refusal:
        return _floating_ip(asked, {"choice": str(refusal)}, refusal.status)
    return Redirect(f"/balancers/{balancer['id']}")


def _floating_ip(asked: Asked, wrong: Json, status: int = 200) -> Html:
    balancer = _balancer(asked)
    port = balancer["vip_port_id"]
    addresses = asked.network("GET", "/floatingips")["floatingips"]
    networks = asked.network("GET", "/networks", **{"router:external": "true"})["networks"]
    has = next((each for each in addresses if each["port_id"] == port), None)
    if has is None:
        command = ["openstack", "floating", "ip", "set", "--port", port, "FLOATING_IP"]
    else:
        command = ["openstack", "floating", "ip", "unset", "--port", has["floating_ip_address"]]
    values = {
        "title": f"Floating IP of {balancer['name'] or balancer['id']}",
        "balancer": balancer,
        "has": has,
        "free": [each for each in addresses if not each["port_id"]],
        "networks": networks,
        "wrong": wrong,
        "commands": [shlex.join(command)],
    }
    return Html("floating_ip.html", values, status)
