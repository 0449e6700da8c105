"""Reads the tree that `evener lbaas-loadbalancer-status` prints, for the scripts of the demonstration.

`tree.py member ADDRESS` prints a member's operating status; `tree.py all` prints `KIND ID` of what is below the load
balancer, `tree.py ids` only of what can be deleted, in an order in which it can be. Must not change anything.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

KINDS = {"listeners": "listener", "healthmonitor": "healthmonitor", "pools": "pool"}
WITH_THEM = {"members": "member", "l7policies": "l7policy", "rules": "l7rule"}  # go with those


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
    wanted = KINDS | WITH_THEM if sys.argv[1] == "all" else KINDS
    for attribute, kind in wanted.items():
        for object_id in dict.fromkeys(
            node["id"] for name, node in found if name == attribute and "id" in node
        ):
            print(kind, object_id)


if __name__ == "__main__":
    main()
