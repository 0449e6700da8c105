"""`evener explain`: asks for all that a page about one load balancer is made of. What it says is in `explanation`."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from evener.cli.arguments import TARGET, add_request_format
from evener.cli.catalogue import BY_KIND
from evener.cli.client import Client
from evener.cli.command import Command, client_of, say
from evener.cli.errors import Refused, Unreachable
from evener.cli.explanation import Facts, page
from evener.cli.resource import Resource

MOST = 200  # events that are looked through for when something began


class Explain(Command):
    """Say in words what a load balancer is, what runs where, what is wrong, since when and why, and what happened.

    It is one page of plain text. Administrators are told which agents serve it; others what their project sees.
    """

    resource: ClassVar[Resource] = BY_KIND["loadbalancer"]

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_request_format(parser)
        parser.add_argument(TARGET, metavar="LOADBALANCER", help="Name or id of the load balancer.")

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        client = client_of(self.app)
        balancer_id = client.find_id("loadbalancer", vars(parsed_args)[TARGET])
        say(self.app, page(facts(client, balancer_id)))


def facts(client: Client, balancer_id: str) -> Facts:
    """Return what the server tells the caller of a load balancer."""
    path = f"{BY_KIND['loadbalancer'].path}/{balancer_id}"
    balancer = client.show(BY_KIND["loadbalancer"], balancer_id)
    tree = client.request("GET", f"{path}/statuses")["statuses"]["loadbalancer"]
    ids = [str(each["id"]) for each in tree.get("listeners") or ()]
    listeners = client.by_ids("listener", ids, ("id", "protocol", "protocol_port"))
    places, agents, topology = _places(client, balancer_id) if client.is_admin() else ((), {}, None)
    return Facts(
        {**balancer, "topology": topology},
        tree,
        {str(each["id"]): each for each in listeners},
        places,
        agents,
        _events(client, path),
    )


def _events(client: Client, path: str) -> Sequence[Mapping[str, Any]] | None:
    """Return the newest events; None from a server that tells none."""
    try:
        found: Sequence[Mapping[str, Any]] = client.request("GET", f"{path}/events", query={"limit": MOST})[
            "events"
        ]
    except Refused as refused:
        if refused.status in (403, 404):
            return None
        raise
    return found


def _places(
    client: Client, balancer_id: str
) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, Mapping[str, Any]], str | None]:
    """Return which hosts serve a load balancer in which role, their agents by host, and the topology."""
    found = _octavia(client, "octavia/amphorae", {"loadbalancer_id": balancer_id}).get("amphorae", ())
    places = [{"host": each["lb_network_ip"], "role": each["role"]} for each in found]
    agents = {str(each["host"]): each for each in client.list_all(BY_KIND["agent"])}
    if not places:  # Octavia's API is not to be had: the older one names one agent
        try:
            one = client.request("GET", f"lbaas/loadbalancers/{balancer_id}/loadbalancer-hosting-agent")[
                "agent"
            ]
        except Refused:
            return (), agents, None
        return [{"host": one["host"], "role": "STANDALONE"}], agents, "SINGLE"
    about = _octavia(client, f"lbaas/loadbalancers/{balancer_id}", {}).get("loadbalancer", {})
    return places, agents, about.get("topology")


def _octavia(client: Client, path: str, query: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what Octavia's API answers, which tells more; nothing where there is none, or it refuses."""
    try:
        return client.load_balancing("GET", path, query=query)
    except (Refused, Unreachable):
        return {}
