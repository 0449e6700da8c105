"""`evener lbaas-loadbalancer-config`: by what a load balancer is configured on its hosts, as the API tells it."""

import argparse
from typing import ClassVar

from evener.cli.arguments import TARGET, add_request_format
from evener.cli.catalogue import BY_KIND
from evener.cli.command import Command, client_of, say
from evener.cli.errors import CliError
from evener.cli.escaping import visible
from evener.cli.resource import Resource


class Configuration(Command):
    """Print by what HAProxy serves a load balancer on each of its hosts, without secrets; for administrators.

    Each host's is below a comment that names it. Ends with 1 where a host does not answer; the others' are printed.
    """

    resource: ClassVar[Resource] = BY_KIND["loadbalancer"]

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_request_format(parser)
        parser.add_argument("--host", metavar="HOST", help="Print that of this host alone.")
        parser.add_argument(TARGET, metavar="LOADBALANCER", help="Name or id of the load balancer.")

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        client = client_of(self.app)
        balancer_id = client.find_id("loadbalancer", vars(parsed_args)[TARGET])
        found = client.request("GET", f"{self.resource.path}/{balancer_id}/configuration")["configurations"]
        hosts = sorted({str(each["host"]) for each in found})
        if parsed_args.host is not None:
            found = [each for each in found if each["host"] == parsed_args.host]
        if not found:
            raise CliError(f"Host {parsed_args.host} does not serve it; there are: {', '.join(hosts)}")
        for each in found:
            if not each["error"]:
                say(self.app, visible(f"# {each['data_plane']} on {each['host']}"))
                say(self.app, visible(each["text"].rstrip("\n"), keep="\n"))
        unknown = [f"{each['host']}: {each['error']}" for each in found if each["error"]]
        if unknown:
            raise CliError("; ".join(unknown))
