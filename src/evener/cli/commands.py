"""All commands by name: one per verb and described resource, and those that are like no other."""

import argparse
from typing import ClassVar

from cliff.command import Command
from cliff.complete import CompleteCommand

from evener.cli import arguments, certificates, connecting, output, quotas, scheduling
from evener.cli.arguments import TARGET
from evener.cli.catalogue import BY_KIND, RESOURCES
from evener.cli.output import ShowOne
from evener.cli.resource import Resource
from evener.cli.statuses import Status
from evener.cli.top import Top
from evener.cli.verbs import Create, Delete, List, Show, Table, Update, client_of, say

SPECIAL: dict[str, type[Command]] = {
    "agent-delete": scheduling.DeleteAgent,
    "flavor-associate": scheduling.AssociateFlavor,
    "flavor-disassociate": scheduling.DisassociateFlavor,
    "lbaas-agent-hosting-loadbalancer": scheduling.HostingAgent,
    "lbaas-loadbalancer-list-on-agent": scheduling.OnAgent,
    "lbaas-loadbalancer-status": Status,
    "quota-default-show": quotas.ShowDefaultQuota,
    "quota-delete": quotas.DeleteQuota,
    "quota-list": quotas.ListQuotas,
    "quota-show": quotas.ShowQuota,
    "quota-update": quotas.UpdateQuota,
    "top": Top,
    **certificates.COMMANDS,
    **connecting.COMMANDS,
}

# What the library's script needs of Debian's package bash-completion, for where that is not installed.
WITHOUT_BASH_COMPLETION = """\
if ! declare -F _get_comp_words_by_ref >/dev/null; then
  _get_comp_words_by_ref() {
    cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words=("${COMP_WORDS[@]}")
  }
fi
"""


class Stats(ShowOne):
    """Show what went through a load balancer: connections, and bytes as the clients see them."""

    resource: ClassVar[Resource] = BY_KIND["loadbalancer"]

    def get_epilog(self) -> str:
        return ""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_show(parser, self.resource)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        client = client_of(self.app)
        object_id = client.find_id("loadbalancer", vars(parsed_args)[TARGET])
        query = {"fields": parsed_args.fields} if parsed_args.fields else None
        answer = client.request("GET", f"{self.resource.path}/{object_id}/stats", query=query)
        return output.one(self.resource, answer["stats"], parsed_args.formatter)


class Complete(CompleteCommand):
    """Print what lets bash complete commands and options.

    For this shell: source <(evener complete). For all users and shells from now on:
    evener complete > /etc/bash_completion.d/evener; for yourself only, into
    ~/.local/share/bash-completion/completions/evener. Makes no request.
    """

    def get_epilog(self) -> str:
        return ""

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        if parsed_args.shell == "bash":
            say(self.app, WITHOUT_BASH_COMPLETION)
        return int(super().take_action(parsed_args))


def _article(title: str) -> str:
    return f"{'an' if title[0] in 'aeiouL' else 'a'} {title}"


def _described(resource: Resource) -> dict[str, tuple[type[Command], str]]:
    where = f" of {_article(BY_KIND[resource.parent].title)}" if resource.parent else ""
    one = _article(resource.title)
    several = (
        resource.title.replace("extension", "extensions")
        if " of " in resource.title
        else f"{resource.title}s"
    )
    several = several.replace("policys", "policies")
    return {
        "create": (Create, f"Create {one}{where}."),
        "delete": (Delete, f"Delete one or more {several}{where}."),
        "list": (List, f"List the {several}{where}."),
        "show": (Show, f"Show {one}{where}."),
        "update": (Update, f"Change {one}{where}."),
    }


def all_commands() -> dict[str, type[Command]]:
    """Return the command classes by the names of the commands."""
    commands: dict[str, type[Command]] = {}
    for resource in RESOURCES:
        described = _described(resource)
        for verb in resource.verbs:
            base, description = described[verb]
            members = {"resource": resource, "_description": description, "__doc__": description}
            name = f"{resource.command}-{verb}"
            commands[name] = type(f"{base.__name__}_{resource.kind}", (base,), members)
    return {**commands, "lbaas-loadbalancer-stats": Stats, **SPECIAL}
