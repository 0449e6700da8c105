"""Reads the tree that `evener lbaas-loadbalancer-status` prints, for the scripts of the demonstration.

`tree.py member ADDRESS` prints a member's operating status; `tree.py ids` prints `KIND ID` of what is below
the load balancer, in an order in which it can be deleted. Must not change anything.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

KINDS = {"listeners": "listener", "healthmonitor": "healthmonitor", "pools": "pool"}


def objects(node: Any, kind: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object of the tree with the name of the attribute it stands in."""
    if isinstance(node, list):
        for item in node:
            yield from objects(item, kind)
    elif isinstance(node, dict):
        yield kind, node
        for name, value in node.items():
            yield from objects(value, name)


def main() -> None:
    """Answer the one question of the command line."""
    found = list(objects(json.load(sys.stdin)))
    if sys.argv[1] == "member":
        statuses = [node["operating_status"] for _, node in found if node.get("address") == sys.argv[2]]
        print(statuses[0] if statuses else "ABSENT")
        return
    for attribute, kind in KINDS.items():
        for object_id in dict.fromkeys(
            node["id"] for name, node in found if name == attribute and "id" in node
        ):
            print(kind, object_id)


if __name__ == "__main__":
    main()
