"""`evener logs`: what happened to a load balancer, a line each, oldest first; and what happens from now on."""

import argparse
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from evener.cli.arguments import TARGET, add_request_format
from evener.cli.catalogue import BY_KIND
from evener.cli.client import Client
from evener.cli.command import Command, client_of, say
from evener.cli.explanation import told
from evener.cli.resource import Resource

EVERY_S = 2.0
AT_ONCE = 200  # events that are looked for what is new among; more happen in two seconds only in a batch
LINES = 20


class Logs(Command):
    """Print what happened to a load balancer, a line each; with -f, go on with what happens.

    Changes and who made them, what agents applied, members out and in. What HAProxy itself logs is on the hosts that
    serve it.
    """

    resource: ClassVar[Resource] = BY_KIND["loadbalancer"]

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_request_format(parser)
        parser.add_argument(TARGET, metavar="LOADBALANCER", help="Name or id of the load balancer.")
        parser.add_argument("-f", "--follow", action="store_true", help="Go on until Ctrl-C.")
        parser.add_argument(
            "-n", "--lines", type=int, default=LINES, help=f"Lines to begin with; {LINES} where not given."
        )

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        client = client_of(self.app)
        path = f"{self.resource.path}/{client.find_id('loadbalancer', vars(parsed_args)[TARGET])}/events"
        shown = newest(client, path, max(1, parsed_args.lines))
        for event in reversed(shown):
            say(self.app, line(event))
        try:
            while parsed_args.follow:
                time.sleep(EVERY_S)
                known = {event["id"] for event in shown}
                shown = newest(client, path, AT_ONCE)
                fresh = news(shown, known)
                for event in reversed(fresh):
                    say(self.app, line(event))
        except KeyboardInterrupt:
            return


def newest(client: Client, path: str, most: int) -> Sequence[Mapping[str, Any]]:
    """Return the newest events, of which the newest is the first."""
    found: Sequence[Mapping[str, Any]] = client.request("GET", path, query={"limit": most})["events"]
    return found


def news(found: Sequence[Mapping[str, Any]], known: set[str]) -> Sequence[Mapping[str, Any]]:
    """Return the events that came since: those before the first one that is known."""
    fresh = []
    for event in found:
        if event["id"] in known:
            break
        fresh.append(event)
    return fresh


def line(event: Mapping[str, Any]) -> str:
    """Return one event in one line."""
    return f"{event['created_at']}  {told(event)}"
