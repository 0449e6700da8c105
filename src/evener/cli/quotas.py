"""The quotas of a project: how many of each resource it may have.

Source: python-neutronclient 8.1.0, `neutron/v2_0/quota.py`. Limits are whole numbers; -1 is no limit.
"""

import argparse
import re
from typing import Any, ClassVar
from urllib.parse import quote

from cliff.app import App

from evener.cli.arguments import add_request_format
from evener.cli.command import Command, Lister, ShowOne, Table, client_of, kinds_of, say
from evener.cli.command_line import unknown_attributes
from evener.cli.errors import CliError, NotUnique
from evener.cli.output import attribute_table
from evener.cli.resource import Resource

# What identity services give projects as ids; whatever else is given may be a name.
ID = re.compile("[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
QUOTA = Resource(kind="quota", plural="quotas", command="quota", path="quotas", title="quota", columns=())
OTHERS = ("vip", "rbac_policy")  # what other servers limit, besides what is described as limited


def _add_project(parser: argparse.ArgumentParser) -> None:
    add_request_format(parser)
    parser.add_argument(
        "--tenant-id",
        "--project-id",
        metavar="PROJECT",
        help="Id or name of the project, where it is not your own.",
    )
    parser.add_argument("pos_tenant_id", nargs="?", help=argparse.SUPPRESS)


def _project_id(app: App, parsed: argparse.Namespace) -> str:
    given = parsed.pos_tenant_id or parsed.tenant_id
    if parsed.pos_tenant_id and parsed.tenant_id and parsed.pos_tenant_id != parsed.tenant_id:
        raise CliError(f"Two projects are given: {parsed.tenant_id} and {parsed.pos_tenant_id}")
    if not given:
        return str(client_of(app).request("GET", "quotas/tenant")["tenant"]["tenant_id"])
    found = [] if ID.fullmatch(given) else client_of(app).projects(given)
    if len(found) > 1:
        raise NotUnique(f"Several projects are called {given}: {', '.join(sorted(found))}; give an id")
    return str(found[0] if found else given)


def _limits(app: App) -> list[str]:
    return [*(kind for kind, resource in kinds_of(app).items() if resource.limited), *OTHERS]


def _path(project_id: str) -> str:
    return f"quotas/{quote(project_id, safe='')}"


def _number(name: str, value: Any) -> int:
    try:
        if value is not True:  # an option without a value
            return int(value)
    except (TypeError, ValueError):
        pass
    raise CliError(f"Quota limit for {name} must be an integer")


class ShowQuota(ShowOne):
    """Show the quotas of a project."""

    suffix: ClassVar[str] = ""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        _add_project(parser)

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        path = _path(_project_id(self.app, parsed_args)) + self.suffix
        return attribute_table(
            QUOTA, client_of(self.app).request("GET", path)["quota"], parsed_args.formatter
        )


class ShowDefaultQuota(ShowQuota):
    """Show the quotas that a project has where nobody has set others."""

    suffix: ClassVar[str] = "/default"


class ListQuotas(Lister):
    """List the projects whose quotas are not the default, with their quotas."""

    resource: ClassVar[Resource] = QUOTA

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_request_format(parser)

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        found = client_of(self.app).list_all(QUOTA)
        names = sorted(found[0]) if found else []
        if not found:
            parsed_args.columns = []  # cliff complains of an unknown one where the list is empty
        return names, [tuple(item.get(name, "") for name in names) for item in found]


class UpdateQuota(ShowOne):
    """Set quotas of a project."""

    takes_unknown: ClassVar[bool] = True

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        for name in _limits(self.app):
            words = "health monitor" if name == "healthmonitor" else name.replace("_", " ")
            flag = "--" + words.replace(" ", "-")
            parser.add_argument(flag, dest=name, metavar="LIMIT", help=f"Limit for {words}s; -1 for none.")
        _add_project(parser)

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        given = {
            name: vars(parsed_args)[name] for name in _limits(self.app) if vars(parsed_args)[name] is not None
        }
        wanted = {**given, **unknown_attributes(parsed_args.unknown)}
        if not wanted:
            raise CliError("Must specify a valid resource with new quota value")
        body = {"quota": {name: _number(name, value) for name, value in wanted.items()}}
        path = _path(_project_id(self.app, parsed_args))
        return attribute_table(
            QUOTA, client_of(self.app).request("PUT", path, body)["quota"], parsed_args.formatter
        )


class DeleteQuota(Command):
    """Set the quotas of a project back to the default."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        _add_project(parser)

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        project_id = _project_id(self.app, parsed_args)
        client_of(self.app).request("DELETE", _path(project_id))
        say(self.app, f"Deleted quota: {project_id}")
