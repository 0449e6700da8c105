"""All commands by name: one per verb and described resource, and those that are like no other."""

import argparse
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import Distribution, distribution
from typing import ClassVar

from cliff.app import App

from evener.cli import arguments, completion, files, moving, output, quotas, scheduling
from evener.cli.arguments import TARGET
from evener.cli.catalogue import BY_KIND, KINDS
from evener.cli.command import AnyCommand, Command, CommandSet, ShowOne, Table, client_of, say
from evener.cli.configuration import Configuration
from evener.cli.doctor import Doctor, SupportBundle
from evener.cli.explain import Explain
from evener.cli.logs import Logs
from evener.cli.overview import summary
from evener.cli.resource import Resource
from evener.cli.statuses import Status
from evener.cli.top import Top
from evener.cli.verbs import Create, Delete, List, Show, Update

ENTRY_POINTS = "evener.commands"  # each is a CommandSet


class Stats(ShowOne):
    """Show what went through a load balancer: connections, and bytes as the clients see them.

    Of one that two agents serve, administrators are told who they are, in which role, and who is not heard of.
    """

    resource: ClassVar[Resource] = BY_KIND["loadbalancer"]

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        arguments.add_show(parser, self.resource)

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        client = client_of(self.app)
        object_id = client.find_id("loadbalancer", vars(parsed_args)[TARGET])
        query = {"fields": parsed_args.fields} if parsed_args.fields else None
        stats = client.request("GET", f"{self.resource.path}/{object_id}/stats", query=query)["stats"]
        if not parsed_args.fields or "served_by" in parsed_args.fields:
            by = moving.served(client, object_id).get(object_id)
            stats = stats if by is None else {**stats, "served_by": by}
        return output.attribute_table(self.resource, stats, parsed_args.formatter)


class Complete(Command):
    """Print what lets a shell complete commands, options and values.

    For this shell: source <(evener complete), with --shell zsh in zsh; in fish: evener complete --shell fish | source.
    For yourself from now on, into ~/.local/share/bash-completion/completions/evener, a directory of zsh's fpath as
    _evener, or ~/.config/fish/completions/evener.fish; Debian's package has them for all. Makes no request.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--shell",
            choices=list(completion.SHELLS),
            default="bash",
            help="Which shell; bash where not given.",
        )

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        say(self.app, completion.SHELLS[parsed_args.shell](words_of(self.app)).rstrip())


def words_of(app: App) -> completion.Words:
    """Return what may be typed."""
    commands = {}
    for name, entry in sorted(app.command_manager):
        command = entry.load()(app, None)
        commands[name] = (
            summary(command.get_description()),
            completion.options_of(command.get_parser(f"{app.NAME} {name}")),
        )
    return completion.Words(completion.options_of(app.parser), commands)


def _article(title: str) -> str:
    return f"{'an' if title[0] in 'aeiouL' else 'a'} {title}"


def of_kinds(kinds: Iterable[Resource]) -> dict[str, type[AnyCommand]]:
    """Return a command for each verb of each of `kinds`, by name."""
    by_kind = {resource.kind: resource for resource in kinds}
    commands: dict[str, type[AnyCommand]] = {}
    for resource in by_kind.values():
        described = _described(resource, by_kind)
        for verb in resource.verbs:
            base, description = described[verb]
            members = {"resource": resource, "_description": description, "__doc__": description}
            name = f"{resource.command}-{verb}"
            commands[name] = type(f"{base.__name__}_{resource.kind}", (base,), members)
    return commands


def _described(
    resource: Resource, by_kind: Mapping[str, Resource]
) -> dict[str, tuple[type[AnyCommand], str]]:
    where = f" of {_article(by_kind[resource.parent].title)}" if resource.parent else ""
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


OWN = CommandSet(
    KINDS,
    {
        "agent-balance": moving.Balance,
        "agent-delete": scheduling.DeleteAgent,
        "agent-evacuate": moving.Evacuate,
        "apply": files.Apply,
        "doctor": Doctor,
        "explain": Explain,
        "export": files.Export,
        "flavor-associate": scheduling.AssociateFlavor,
        "flavor-disassociate": scheduling.DisassociateFlavor,
        "lbaas-agent-hosting-loadbalancer": scheduling.HostingAgent,
        "lbaas-loadbalancer-config": Configuration,
        "lbaas-loadbalancer-list-on-agent": scheduling.OnAgent,
        "lbaas-loadbalancer-stats": Stats,
        "lbaas-loadbalancer-status": Status,
        "logs": Logs,
        "quota-default-show": quotas.ShowDefaultQuota,
        "quota-delete": quotas.DeleteQuota,
        "quota-list": quotas.ListQuotas,
        "quota-show": quotas.ShowQuota,
        "quota-update": quotas.UpdateQuota,
        "support-bundle": SupportBundle,
        "top": Top,
    },
)


@cache
def own_distribution() -> Distribution:
    """Return what is installed as `evener`."""
    return distribution("evener")


@cache
def command_sets() -> tuple[CommandSet, ...]:
    """Return the client's own commands, and those that its distribution adds.

    Only the entry points of the own distribution count: to look through all that is installed takes 50 milliseconds.
    """
    added = own_distribution().entry_points.select(group=ENTRY_POINTS)
    return (OWN, *(entry.load() for entry in added))


def all_kinds() -> dict[str, Resource]:
    """Return the kinds of objects that there are commands for or that those refer to, by name."""
    return {resource.kind: resource for found in command_sets() for resource in found.kinds}


def all_commands() -> dict[str, type[AnyCommand]]:
    """Return the command classes by the names of the commands."""
    commands: dict[str, type[AnyCommand]] = {}
    for found in command_sets():
        commands |= {**of_kinds(found.kinds), **found.special}
    return commands
