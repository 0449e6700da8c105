"""The commands between load balancers and agents, and between flavors and their profiles.

Source: python-neutronclient 8.1.0, `neutron/v2_0/agentscheduler.py` and `flavor/flavor.py`.
"""

import argparse
from dataclasses import replace
from typing import ClassVar
from urllib.parse import quote

from evener.cli import arguments
from evener.cli.catalogue import BY_KIND
from evener.cli.command import Command, Lister, Table, client_of, say
from evener.cli.resource import Resource
from evener.cli.verbs import Delete, listed


class OnAgent(Lister):
    """List the load balancers on an agent."""

    resource: ClassVar[Resource] = replace(
        BY_KIND["loadbalancer"], columns=("id", "name", "admin_state_up", "provisioning_status")
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        arguments.add_fields(parser)
        parser.add_argument("lbaas_agent", metavar="LBAAS_AGENT", help="Id of the agent.")

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        client = client_of(self.app)
        agent_id = client.find_id("agent", parsed_args.lbaas_agent)
        path = f"agents/{quote(agent_id, safe='')}/agent-loadbalancers"
        answer = client.request("GET", path, query=arguments.show_query(parsed_args))
        return listed(client, self.resource, answer[self.resource.plural], parsed_args)


class DeleteAgent(Delete):
    """Delete one or more agents."""

    resource: ClassVar[Resource] = BY_KIND["agent"]

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--force",
            action="store_true",
            help="Delete an agent whose node is lost for good; its load balancers go to other agents.",
        )
        parser.add_argument(
            "--leave-loadbalancers",
            action="store_true",
            help="With --force: let nobody serve them until they are changed.",
        )

    def query(self, parsed_args: argparse.Namespace) -> dict[str, str]:
        flags = {"force": parsed_args.force, "leave": parsed_args.leave_loadbalancers}
        return {name: "true" for name, wanted in flags.items() if wanted}


class HostingAgent(Lister):
    """List the agent that hosts a load balancer."""

    resource: ClassVar[Resource] = replace(
        BY_KIND["agent"], columns=("id", "host", "admin_state_up", "alive")
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        arguments.add_fields(parser)
        parser.add_argument("loadbalancer", metavar="LOADBALANCER", help="Name or id of the load balancer.")

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        client = client_of(self.app)
        object_id = client.find_id("loadbalancer", parsed_args.loadbalancer)
        path = f"lbaas/loadbalancers/{object_id}/loadbalancer-hosting-agent"
        answer = client.request("GET", path, query=arguments.show_query(parsed_args))
        return listed(client, self.resource, [answer["agent"]], parsed_args)


class _Profile(Command):
    """What joining and parting a flavor and a profile have in common."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        arguments.add_request_format(parser)
        parser.add_argument("flavor", metavar="FLAVOR", help="Name or id of the flavor.")
        parser.add_argument("flavor_profile", metavar="FLAVOR_PROFILE", help="Id of the flavor profile.")


class AssociateFlavor(_Profile):
    """Let a flavor be served by what a flavor profile selects."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        client, profile = client_of(self.app), parsed_args.flavor_profile
        flavor_id = client.find_id("flavor", parsed_args.flavor)
        body = {"service_profile": {"id": client.find_id("service_profile", profile)}}
        client.request("POST", f"flavors/{flavor_id}/service_profiles", body)
        say(self.app, f"Associated flavor {parsed_args.flavor} with flavor_profile {profile}")


class DisassociateFlavor(_Profile):
    """Let a flavor be served by a flavor profile no longer."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        client, profile = client_of(self.app), parsed_args.flavor_profile
        flavor_id = client.find_id("flavor", parsed_args.flavor)
        profile_id = quote(client.find_id("service_profile", profile), safe="")
        client.request("DELETE", f"flavors/{flavor_id}/service_profiles/{profile_id}")
        say(self.app, f"Disassociated flavor {parsed_args.flavor} from flavor_profile {profile}")
