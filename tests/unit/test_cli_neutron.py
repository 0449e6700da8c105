"""Every lbaas command of neutron's own client, and every other that load balancing needs, is one of ours.

So is each of their arguments. What there is to be, neutron itself is asked.
"""

import argparse
import json
import subprocess
from pathlib import Path

import pytest

from evener.cli.command_line import normalise
from evener.cli.commands import all_commands
from evener.cli.resource import VERBS
from evener.cli.shell import Shell

SYSTEM_PYTHON = "/usr/bin/python3"
# What all commands of neutron begin with that we have; it has more that begin with net, subnet, port and router.
PREFIXES = (
    "lbaas-",
    "agent-",
    "quota-",
    "flavor-",
    "service-provider-",
    "ext-",
    "floatingip-",
    "security-group-",
)
ROUTING = ("gateway-set", "gateway-clear", "interface-add", "interface-delete", "port-list")
NETWORKING = (
    *(f"{what}-{verb}" for what in ("net", "subnet", "port", "router") for verb in VERBS),
    *(f"router-{what}" for what in ROUTING),
    "net-external-list",
)
# Ours alone; neutron has its own kind of complete, without a dash and outside of its list.
OURS = {
    "agent-balance",
    "agent-evacuate",
    "top",
    *(f"lbaas-certificate-{verb}" for verb in ("create", "delete", "list")),
}
OURS |= {
    "apply",
    "export",
    "logs",
    "doctor",
    "explain",
    "support-bundle",
    "lbaas-event-list",
    "lbaas-event-show",
    "lbaas-loadbalancer-config",
}
# Prints, for each command of neutron with one of the prefixes or names in argv, what its parser takes.
DUMP = """
import json, sys
from importlib.metadata import entry_points
import neutronclient
from cliff.lister import Lister
entries = {entry.name: entry for entry in entry_points(group="neutron.cli.v2")}
commands = {}
for name in entries:
    if name not in sys.argv and not name.startswith(tuple(sys.argv[1].split())):
        continue
    command = entries[name].load()(None, None)
    options, places = [], []
    for action in command.get_parser(name)._actions:
        about = {"choices": action.choices and [str(one) for one in action.choices], "required": action.required}
        about.update(nargs=action.nargs, metavar=action.metavar if isinstance(action.metavar, str) else None)
        for flag in action.option_strings:
            options.append({**about, "flag": flag})
        if not action.option_strings:
            places.append(about)
    columns = getattr(command, "list_columns", [])
    commands[name] = {"options": options, "places": places, "columns": columns}
    commands[name]["lists"] = isinstance(command, Lister)
print(json.dumps(commands))
"""
# Ours takes more than neutron's here, in capitals or small letters, or checks the same elsewhere.
REASONS = {
    "--admin-state-up": "any case of true and false, where neutron lists four spellings",
    "--vlan-transparent": "as --admin-state-up",
    "--shared": "on net-list: any case of true and false",
    "--router:external": "as --shared",
    "--enable-dhcp": "as --shared",
    "--enabled": "as --admin-state-up",
    "--distributed": "as --admin-state-up",
    "--ha": "as --admin-state-up",
}


def dump():
    """What neutron takes, by command; None where there is no neutron, or only its library."""
    if not Path(SYSTEM_PYTHON).exists():
        return None
    command = [SYSTEM_PYTHON, "-W", "ignore", "-c", DUMP, " ".join(PREFIXES), *NETWORKING]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "No module named 'neutronclient'" in done.stderr:
        return None
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return found if "lbaas-loadbalancer-list" in found else None  # from Debian 13 on it is a library only


NEUTRON = dump()
COMMANDS = sorted(NEUTRON or ())


@pytest.fixture
def neutron():
    if NEUTRON is None:
        pytest.skip("there is no neutron command here")
    return NEUTRON


def parser(name):
    return all_commands()[name](Shell(), argparse.Namespace()).get_parser(name)


def test_every_command_of_neutron_is_there_and_few_more(neutron):
    assert set(all_commands()) - set(COMMANDS) == OURS
    assert set(COMMANDS) <= set(all_commands())
    assert len([name for name in COMMANDS if name.startswith("lbaas-")]) == 39


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_neutron_is_taken(neutron, name):
    ours = parser(name)._option_string_actions
    missing = []
    for theirs in neutron[name]["options"]:
        (flag,) = normalise([theirs["flag"]], ours)
        action = ours.get(flag)
        if action is None:
            missing.append(theirs["flag"])
            continue
        choices = set(theirs["choices"] or [])
        given = {str(one) for one in action.choices or choices}
        assert choices <= given, theirs
        assert action.required <= theirs["required"] or flag != theirs["flag"], theirs
        if flag not in REASONS and choices:
            assert action.choices is not None, theirs
        assert (action.nargs == 0) == (theirs["nargs"] == 0), theirs
    assert missing == []


@pytest.mark.parametrize("name", COMMANDS)
def test_what_stands_without_a_dash_stands_in_the_same_order(neutron, name):
    ours = [
        (action.metavar, action.nargs or None)
        for action in parser(name)._actions
        if not action.option_strings
    ]
    assert ours == [(place["metavar"], place["nargs"]) for place in neutron[name]["places"]]


@pytest.mark.parametrize("name", [name for name in COMMANDS if NEUTRON[name]["lists"]])
def test_lists_have_the_columns_of_neutron(neutron, name):
    assert list(all_commands()[name].resource.columns) == neutron[name]["columns"]


@pytest.mark.parametrize("name", [name for name in COMMANDS if name.endswith("-create")])
def test_what_neutron_requires_we_require(neutron, name):
    theirs = {option["flag"] for option in neutron[name]["options"] if option["required"]}
    ours = {flag for flag, action in parser(name)._option_string_actions.items() if action.required}
    assert ours == theirs
