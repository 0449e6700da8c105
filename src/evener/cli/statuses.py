"""The tree of statuses of a load balancer: as JSON for programs, drawn for people.

Changes nothing on the server. The drawing is pure; `rich` is imported only when there is something to draw.
"""

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from evener.cli.arguments import TARGET, add_request_format
from evener.cli.catalogue import BY_KIND
from evener.cli.command import Command, client_of, say
from evener.cli.escaping import visible
from evener.cli.moving import served
from evener.cli.resource import Resource
from evener.cli.status_tree import Node, children, title, top_level

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

STYLES = {
    "ACTIVE": "green",
    "ONLINE": "green",
    "NO_MONITOR": "cyan",
    "DISABLED": "dim",
    "DRAINING": "cyan",
    "DEGRADED": "yellow",
    "PENDING_CREATE": "yellow",
    "PENDING_UPDATE": "yellow",
    "PENDING_DELETE": "yellow",
    "OFFLINE": "bold red",
    "ERROR": "bold red",
}


def _label(kind: str, node: Node) -> "Text":
    from rich.text import Text

    text = Text(f"{kind} ")
    text.append(title(node), style="bold")
    for key in ("operating_status", "provisioning_status"):
        if node.get(key):
            text.append("  ").append(str(node[key]), style=STYLES.get(str(node[key]), ""))
    for key in ("operating_reason", "provisioning_error"):
        if node.get(key):
            text.append(f"  {visible(str(node[key]))}", style="red")
    return text


def _grow(tree: "Tree", below: Iterator[tuple[str, Node]] | list[tuple[str, Node]]) -> None:
    for kind, node in below:
        _grow(tree.add(_label(kind, node)), children(node))


def draw(balancer: Node, served: str = "") -> "Tree":
    """Return the drawing of a load balancer and everything below it, each with its two statuses.

    `served` says by whom, where two agents do.
    """
    from rich.tree import Tree

    tree = Tree(_label("load balancer", balancer))
    if served:
        tree.add(f"served by {visible(served)}")
    _grow(tree, top_level(balancer))
    return tree


class Status(Command):
    """Show the statuses of a load balancer and all that belongs to it.

    The operating status says how traffic fares, the provisioning status whether the last change is in effect.
    Without -f, a terminal gets a tree with colours, and anything else (a pipe, a file, a script's variable) JSON
    in the form of neutron's own command, so that scripts that read it go on working.
    """

    resource: ClassVar[Resource] = BY_KIND["loadbalancer"]

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_request_format(parser)
        parser.add_argument(TARGET, metavar="LOADBALANCER", help="Name or id of the load balancer.")
        parser.add_argument(
            "-f",
            "--format",
            choices=["json", "tree"],
            help="tree or json; tree where not given on a terminal, json everywhere else.",
        )

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        client = client_of(self.app)
        object_id = client.find_id("loadbalancer", vars(parsed_args)[TARGET])
        statuses = client.request("GET", f"{self.resource.path}/{object_id}/statuses")["statuses"]
        form = parsed_args.format or ("tree" if self.app.stdout.isatty() else "json")
        if form == "json":
            say(self.app, json.dumps(statuses, indent=4))
            return
        from rich.console import Console

        drawn = draw(statuses["loadbalancer"], served(client, object_id).get(object_id, ""))
        Console(file=self.app.stdout, highlight=False, soft_wrap=True).print(drawn)
