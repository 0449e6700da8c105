"""The tree of statuses of a load balancer, as the server gives it: what is below what, and how each fares.

`neutron` shows no status in its lists but a load balancer's own: who looks at a terminal gets one more column, and
what is no terminal what `neutron` prints, so that scripts go on working. Changes nothing on the server.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cliff.app import App

from evener.cli.client import Client
from evener.cli.escaping import visible
from evener.cli.resource import Resource

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
STATUS_COLUMN = "operating_status"
STATUS_REASON = "operating_reason"
SHOWN_WITH_STATUS = frozenset({"listener", "pool", "member"})
MOST = 10  # load balancers asked for their statuses, a request each

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


def shows_status(app: App, parsed: argparse.Namespace) -> bool:
    """Return whether a person looks at all there is: on a terminal, in a table, without a choice of columns."""
    return parsed.formatter == "table" and not (parsed.columns or parsed.fields) and bool(app.stdout.isatty())


def add_status(
    client: Client, resource: Resource, found: Sequence[dict[str, Any]], parent_id: str | None
) -> bool:
    """Give each of the objects `found` its operating status, where one can be known; return whether any has one."""
    if resource.kind not in SHOWN_WITH_STATUS:
        return False
    owners = {item["id"]: _owners(client, resource, item, parent_id) for item in found if "id" in item}
    balancers = dict.fromkeys(owner for ids in owners.values() for owner in ids)
    if not balancers or len(balancers) > MOST:
        return False
    known: dict[str, Node] = {}
    for balancer_id in balancers:
        path = f"lbaas/loadbalancers/{balancer_id}/statuses"
        known.update(_nodes(client.request("GET", path)["statuses"]["loadbalancer"]))
    for item in found:
        node = known.get(str(item.get("id")), {})
        item.update({name: node[name] for name in (STATUS_COLUMN, STATUS_REASON) if node.get(name)})
    return any(STATUS_COLUMN in item for item in found)


def _owners(client: Client, resource: Resource, item: Mapping[str, Any], parent_id: str | None) -> list[str]:
    """Return the ids of the load balancers that an object belongs to."""
    above = item
    if resource.kind == "member" and parent_id is not None:
        above = client.request("GET", f"lbaas/pools/{parent_id}")["pool"]
    return [str(each["id"]) for each in above.get("loadbalancers") or ()]


def _nodes(node: Node) -> Iterator[tuple[str, Node]]:
    for _, child in children(node):
        yield str(child.get("id")), child
        yield from _nodes(child)
