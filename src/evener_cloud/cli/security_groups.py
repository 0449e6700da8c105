"""The list of security group rules, which is not like the others: it names groups, and says ports as people read them.

Source: python-neutronclient 8.1.0, `neutron/v2_0/securitygroup.py`.
"""

import argparse
import itertools
from dataclasses import replace
from typing import Any, ClassVar

from evener.cli import arguments
from evener.cli.client import Client
from evener.cli.command import Table, client_of
from evener.cli.command_line import unknown_attributes
from evener.cli.resource import Resource
from evener.cli.verbs import List, listed
from evener_cloud.cli import values
from evener_cloud.cli.catalogue import SECURITY_GROUP_RULE


class ListRules(List):
    """List the rules of security groups, with the groups' names."""

    resource: ClassVar[Resource] = SECURITY_GROUP_RULE
    names: ClassVar[dict[str, str]] = {
        "security_group_id": "security_group",
        "remote_group_id": "remote_group",
    }
    # What is worked out here, and from which attributes; the second spelling of the first is an old one.
    derived: ClassVar[dict[str, tuple[str, ...]]] = {
        "remote": ("remote_ip_prefix", "remote_group_id"),
        "port/protocol": ("protocol", "port_range_min", "port_range_max"),
        "protocol/port": ("protocol", "port_range_min", "port_range_max"),
    }

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--no-nameconv", action="store_true", help="Show the ids of security groups, not their names."
        )

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        client = client_of(self.app)
        ids = {name: attribute for attribute, name in self.names.items()}
        query = arguments.list_query(self.resource, parsed_args, unknown_attributes(parsed_args.unknown))
        if parsed_args.fields:
            wanted = (self.derived.get(name, (ids.get(name, name),)) for name in parsed_args.fields)
            query["fields"] = list(itertools.chain(*wanted))
        found = client.list_all(self.resource, query=query)
        names = {} if parsed_args.no_nameconv else self.names
        spelling = {**ids, **{name: name for name in names.values()}, **names}
        parsed_args.columns = [spelling.get(column, column) for column in parsed_args.columns]
        parsed_args.fields = [spelling.get(field, field) for field in parsed_args.fields]
        columns = tuple(spelling.get(column, column) for column in self.resource.columns)
        if names:
            _name_groups(client, found)
        shown = [
            {names.get(name, name): value for name, value in self._with_derived(rule).items()}
            for rule in found
        ]
        return listed(client, replace(self.resource, columns=columns), shown, parsed_args)

    def _with_derived(self, rule: dict[str, Any]) -> dict[str, Any]:
        found = {"remote": values.remote(rule), "port/protocol": values.service(rule) or "any"}
        found["protocol/port"] = found["port/protocol"]
        return rule | {name: found[name] for name, needed in self.derived.items() if set(needed) <= set(rule)}


def _name_groups(client: Client, found: list[dict[str, Any]]) -> None:
    """Put the groups' names in the place of their ids, where they have one."""
    ids = {rule[name] for rule in found for name in ListRules.names if rule.get(name)}
    groups = client.by_ids("security_group", sorted(ids), ("id", "name"))
    known = {group["id"]: group["name"] for group in groups}
    for rule in found:
        rule.update({name: known.get(rule[name]) or rule[name] for name in ListRules.names if name in rule})
