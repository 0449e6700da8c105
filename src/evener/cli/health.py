"""How objects fare, for who looks at a terminal: the statuses of the load balancers that they belong to.

`neutron` shows none but a load balancer's own; what is not a terminal gets what `neutron` prints, so that scripts go on
working. Changes nothing on the server.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cliff.app import App

from evener.cli.client import Client
from evener.cli.resource import Resource
from evener.cli.tree import Node, children

COLUMN = "operating_status"
REASON = "operating_reason"
KINDS = frozenset({"listener", "pool", "member"})
MOST = 10  # load balancers asked for their statuses, a request each


def wanted(app: App, parsed: argparse.Namespace) -> bool:
    """Return whether a person looks at all there is: on a terminal, in a table, without a choice of columns."""
    return parsed.formatter == "table" and not (parsed.columns or parsed.fields) and bool(app.stdout.isatty())


def add(client: Client, resource: Resource, found: Sequence[dict[str, Any]], parent_id: str | None) -> bool:
    """Give each of the objects `found` its operating status, where one can be known; return whether any has one."""
    if resource.kind not in KINDS:
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
        item.update({name: node[name] for name in (COLUMN, REASON) if node.get(name)})
    return any(COLUMN in item for item in found)


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
