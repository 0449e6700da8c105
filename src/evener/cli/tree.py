"""The tree of statuses of a load balancer, as the server gives it: what is below what, and how each is called. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from evener.cli.escaping import visible

# The attributes that hold what is below an object, in the order of drawing, and what one of those is called.
BELOW = {
    "listeners": "listener",
    "l7policies": "L7 policy",
    "rules": "rule",
    "pools": "pool",
    "members": "member",
    "healthmonitor": "health monitor",
}
DETAILS = ("action", "type")

Node = Mapping[str, Any]


def children(node: Node) -> Iterator[tuple[str, Node]]:
    """Yield the objects below `node`, each with what its kind is called."""
    for attribute, kind in BELOW.items():
        found = node.get(attribute) or []
        for child in found if isinstance(found, list) else [found]:
            yield kind, child


def _ids(node: Node) -> Iterator[str]:
    yield str(node.get("id"))
    for _, child in children(node):
        yield from _ids(child)


def top_level(balancer: Node) -> list[tuple[str, Node]]:
    """Return what stands directly below a load balancer: its listeners, and pools that no listener uses."""
    used = {found for listener in balancer.get("listeners") or [] for found in _ids(listener)}
    return [(kind, child) for kind, child in children(balancer) if kind != "pool" or child["id"] not in used]


def title(node: Node) -> str:
    """Return the name of an object; a member's address, and the id of what has neither."""
    address = f"{node['address']}:{node['protocol_port']}" if node.get("address") else ""
    if ":" in str(node.get("address", "")):
        address = f"[{node['address']}]:{node['protocol_port']}"
    words = [str(node.get("name") or ""), address, *(str(node[key]) for key in DETAILS if node.get(key))]
    return visible(" ".join(word for word in words if word) or str(node.get("id")))
