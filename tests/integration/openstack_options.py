"""Prints as JSON which options each command of Debian's octaviaclient has, but for those about output."""

import importlib.metadata
import json
import sys

OUTPUT = ("output formatters", "table formatter", "json formatter", "shell formatter", "CSV Formatter")


def options(command):
    """Return the names of each option of a command."""
    parser = command(None, None).get_parser("openstack")
    return [
        action.option_strings
        for group in parser._action_groups
        if group.title not in OUTPUT
        for action in group._group_actions
        if action.option_strings and "--help" not in action.option_strings
    ]


found = {
    entry.name.replace("_", " "): options(entry.load())
    for entry in importlib.metadata.entry_points(group="openstack.load_balancer.v2")
}
json.dump(found, sys.stdout)
