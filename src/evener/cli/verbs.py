"""The verbs: one cliff command class per verb, for any described resource.

Parses with `arguments`, speaks through the `Client`, shows with `output`; decides nothing else.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

from evener.cli import arguments, output
from evener.cli.arguments import TARGET
from evener.cli.certificates import add_files, stored
from evener.cli.client import UUID, Client
from evener.cli.command import Command, Lister, ShowOne, Table, client_of, say
from evener.cli.command_line import unknown_attributes
from evener.cli.errors import CliError, NotFound, NotUnique, Refused, together
from evener.cli.resource import Resource
from evener.cli.status_tree import STATUS_COLUMN, add_status, shows_status
from evener.cli.wait import loadbalancer_ids, progress_on, wait


def _parent_id(client: Client, resource: Resource, parsed: argparse.Namespace) -> str | None:
    if resource.parent and resource.outlives and UUID.fullmatch(parsed.parent):
        return str(parsed.parent)
    return client.find_id(resource.parent, parsed.parent) if resource.parent else None


@contextmanager
def _more(client: Client, resource: Resource, parsed: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Give the attributes that no argument of their own is for; what fails within undoes what was made for them."""
    given = unknown_attributes(parsed.unknown)
    if not resource.certified:
        yield given
        return
    with stored(client, parsed) as certificate:
        yield {**given, **certificate}


def _add_certificate(parser: argparse.ArgumentParser, resource: Resource) -> None:
    if resource.certified:
        says = "Stored as by lbaas-certificate-create, in place of --default-tls-container-ref."
        add_files(parser.add_argument_group("certificate", says), required=False)


def _waits(resource: Resource, parsed: argparse.Namespace) -> bool:
    return resource.waits and parsed.wait is not None


class Create(ShowOne):
    """Make an object."""

    resource: ClassVar[Resource]
    takes_unknown: ClassVar[bool] = True

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        arguments.add_create(parser, self.resource)
        _add_certificate(parser, self.resource)

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        client, resource = client_of(self.app), self.resource
        parent_id = _parent_id(client, resource, parsed_args)
        with _more(client, resource, parsed_args) as more:
            body = arguments.create_body(resource, parsed_args, more, client.find)
            made = client.create(resource, body, parent_id)
        if parsed_args.formatter == "table":
            say(self.app, f"Created a new {resource.kind}:")
        if _waits(resource, parsed_args):
            ids = loadbalancer_ids(client, resource, made, parent_id)
            wait(client, ids, parsed_args.wait, progress=progress_on(self.app.stderr))
            made = client.show(resource, made["id"], parent_id)
        return output.attribute_table(resource, made, parsed_args.formatter)


class Show(ShowOne):
    """Show an object."""

    resource: ClassVar[Resource]

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        arguments.add_show(parser, self.resource)

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        client, resource = client_of(self.app), self.resource
        parent_id = _parent_id(client, resource, parsed_args)
        object_id = client.find_id(resource.kind, vars(parsed_args)[TARGET], parent_id)
        found = client.show(resource, object_id, parent_id, arguments.show_query(parsed_args))
        if shows_status(self.app, parsed_args):
            add_status(client, resource, [found], parent_id)
        return output.attribute_table(resource, found, parsed_args.formatter, resource.json_indent)


class List(Lister):
    """List objects."""

    resource: ClassVar[Resource]
    takes_unknown: ClassVar[bool] = True

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        arguments.add_list(parser, self.resource)

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        client, resource = client_of(self.app), self.resource
        parent_id = _parent_id(client, resource, parsed_args)
        query = arguments.list_query(resource, parsed_args, unknown_attributes(parsed_args.unknown))
        found = client.list_all(resource, parent_id, query)
        if shows_status(self.app, parsed_args) and add_status(client, resource, found, parent_id):
            resource = replace(resource, columns=(*resource.columns, STATUS_COLUMN))
        return listed(client, resource, found, parsed_args)


def listed(
    client: Client, resource: Resource, found: list[dict[str, Any]], parsed: argparse.Namespace
) -> Table:
    """Return the columns and rows of the objects `found`, as a Lister returns them."""
    for attribute, kind, fields in resource.joins:
        _join(client, found, attribute, kind, fields)
    available = list(dict.fromkeys(name for item in found for name in item))
    names = output.columns(resource, available, parsed.columns, parsed.fields, with_project=client.is_admin())
    if names or not found:
        parsed.columns = []  # chosen already; of an empty list nobody knows the columns
    else:
        names = available
    return names, output.rows(resource, found, names, parsed.formatter)


def _join(
    client: Client, found: list[dict[str, Any]], attribute: str, kind: str, fields: tuple[str, ...]
) -> None:
    """Replace the ids in the list `attribute` of each object by `fields` of what they stand for."""
    ids = [one for item in found for one in item.get(attribute) or []]
    known = {item["id"]: item for item in client.by_ids(kind, ids, fields)}
    for item in found:
        if attribute in item:
            item[attribute] = [
                {name: known[one][name] for name in fields if name in known[one]}
                if one in known
                else {"id": one}
                for one in item[attribute]
            ]


class Update(Command):
    """Change an object."""

    resource: ClassVar[Resource]
    takes_unknown: ClassVar[bool] = True

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        arguments.add_update(parser, self.resource)
        _add_certificate(parser, self.resource)

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        client, resource = client_of(self.app), self.resource
        name = vars(parsed_args)[TARGET]
        parent_id = _parent_id(client, resource, parsed_args)
        object_id = client.find_id(resource.kind, name, parent_id)
        with _more(client, resource, parsed_args) as more:
            body = arguments.update_body(resource, parsed_args, more, client.find)
            client.update(resource, object_id, body, parent_id)
        say(self.app, f"Updated {resource.kind}: {name}")
        if _waits(resource, parsed_args):
            found = client.show(resource, object_id, parent_id)
            ids = loadbalancer_ids(client, resource, found, parent_id)
            wait(client, ids, parsed_args.wait, progress=progress_on(self.app.stderr))


class Delete(Command):
    """Delete objects."""

    resource: ClassVar[Resource]

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        arguments.add_delete(parser, self.resource)
        if self.resource.cascades:
            parser.add_argument(
                "--cascade", action="store_true", help="With all that is below it; asks Octavia's API."
            )

    def query(self, parsed_args: argparse.Namespace) -> dict[str, str]:  # noqa: ARG002 - others have a choice
        """Return what the request says besides the id."""
        return {}

    def _delete(
        self, client: Client, object_id: str, parent_id: str | None, parsed: argparse.Namespace
    ) -> None:
        if self.resource.cascades and parsed.cascade:
            path = f"{self.resource.path}/{object_id}"
            client.load_balancing("DELETE", path, query={"cascade": "true"})
        else:
            client.delete(self.resource, object_id, parent_id, self.query(parsed))

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        client, resource = client_of(self.app), self.resource
        parent_id = _parent_id(client, resource, parsed_args)
        deleted: list[str] = []
        touched: list[str] = []
        failures: list[CliError] = []
        for name in vars(parsed_args)[TARGET]:
            try:
                object_id = client.find_id(resource.kind, name, parent_id)
                if _waits(resource, parsed_args):
                    found = client.show(resource, object_id, parent_id)
                    touched += loadbalancer_ids(client, resource, found, parent_id)
                self._delete(client, object_id, parent_id, parsed_args)
                deleted.append(name)
            except (NotFound, NotUnique, Refused) as failure:
                failures.append(failure)
        if deleted:
            say(self.app, f"Deleted {resource.group_name}(s): {', '.join(deleted)}")
        if failures:
            raise together(failures)
        if _waits(resource, parsed_args):
            gone = resource.kind == "loadbalancer"
            progress = progress_on(self.app.stderr)
            wait(client, dict.fromkeys(touched), parsed_args.wait, gone=gone, progress=progress)
