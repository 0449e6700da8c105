"""How the client reads a command line, and how it puts values on the screen."""

import argparse
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evener.cli import output
from evener.cli.client import refusal
from evener.cli.command_line import normalise, unknown_attributes
from evener.cli.commands import all_commands, all_kinds
from evener.cli.errors import CliError, one_line
from evener.cli.login import versioned
from evener.cli.resource import ABSENT, VERBS
from evener.cli.values import key_values

BY_KIND = all_kinds()
RESOURCES = [resource for resource in BY_KIND.values() if resource.verbs]


@pytest.mark.parametrize(
    ("line", "attributes"),
    [
        ("", {}),
        ("--name x", {"name": "x"}),
        ("--name=x=y", {"name": "x=y"}),
        ("-- --a-b x --c", {"a_b": "x", "c": True}),
        ("--id a b", {"id": ["a", "b"]}),
        ("--id list=true a", {"id": ["a"]}),
        ("--tags type=list a", {"tags": ["a"]}),
        ("--up type=bool false --mtu type=int -5", {"up": False, "mtu": -5}),
        ("--o type=dict a=1,b=2", {"o": {"a": "1", "b": "2"}}),
        ("--description action=clear", {"description": None}),
        ("--router:external True", {"router:external": "True"}),
    ],
)
def test_attributes_without_an_option_are_read_as_neutron_does(line, attributes):
    assert unknown_attributes(line.split()) == attributes


@pytest.mark.parametrize(
    "line",
    [
        "x",
        "-x",
        "--a b --a c",
        "--a type=int",
        "--a type=int x",
        "--a type=nix 1",
        "--a x -y",
        "---a",
        "--=x",
    ],
)
def test_what_is_no_attribute_is_refused(line):
    with pytest.raises(CliError):
        unknown_attributes(line.split())


@given(st.lists(st.text(alphabet="-=ab_:1 ", max_size=6), max_size=8))
def test_any_words_are_attributes_or_an_error(words):
    try:
        found = unknown_attributes(words)
    except CliError:
        return
    assert all(name and "-" not in name for name in found)


def test_options_may_be_typed_with_underscores():
    options = {"--lb-algorithm", "--wait", "--enable-dhcp=False"}
    assert normalise(["--lb_algorithm", "x", "--lb_algorithm=a_b"], options) == [
        "--lb-algorithm",
        "x",
        "--lb-algorithm=a_b",
    ]
    assert normalise(["--other_one", "--enable-dhcp=False"], options) == [
        "--other_one",
        "--enable-dhcp=False",
    ]
    assert normalise(["--", "--lb_algorithm"], options) == ["--", "--lb_algorithm"]


def test_wait_takes_a_number_only():
    assert normalise(["--wait", "NAME"], {"--wait"}) == ["--wait=60", "NAME"]
    assert normalise(["--wait", "5", "NAME"], {"--wait"}) == ["--wait", "5", "NAME"]
    assert normalise(["--wait"], {"--wait"}) == ["--wait=60"]


def test_a_comma_without_a_key_belongs_to_the_value():
    assert key_values()("a=1,2,b=3") == {"a": "1,2", "b": "3"}


@pytest.mark.parametrize("text", ["nix", "type=a,nix=b", "cookie_name=a"])
def test_keys_are_checked(text):
    with pytest.raises(argparse.ArgumentTypeError):
        key_values(("type",), ("cookie_name",))(text)


def test_people_see_lines_json_and_nothing():
    assert output.for_people([{"id": "a"}, "b"]) == '{"id": "a"}\nb'
    assert output.for_people({"a": None}) == '{"a": null}'
    assert output.for_people(None) == ""
    assert output.for_people(0) == 0


def test_the_project_stands_behind_the_name():
    available = ["tenant_id", "name", "id", "protocol"]
    pool = BY_KIND["pool"]
    assert output.columns(pool, available, [], [], with_project=True) == [
        "id",
        "name",
        "tenant_id",
        "protocol",
    ]
    assert output.columns(pool, available, [], ["tenant_id"], with_project=False)[-1] == "tenant_id"
    assert output.columns(pool, available, ["protocol", "nix"], [], with_project=True) == ["protocol"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"NeutronError": {"message": "no", "detail": "really"}}, "no really"),
        ({"NeutronError": "plain"}, "plain"),
        ({"error": {"message": "no", "code": 401}}, "no"),
        ({"faultstring": "no"}, "no"),
        (None, "<html> oops </html>"),
    ],
)
def test_errors_are_said_in_the_words_of_the_server(body, said):
    assert str(refusal(400, body, "<html>\n oops </html>")) == said


def test_an_empty_error_has_its_status():
    assert "503" in str(refusal(503, None, ""))


@given(st.text())
def test_a_message_is_one_line(text):
    assert len(one_line(text).splitlines()) <= 1


@pytest.mark.parametrize("endpoint", ["http://n", "http://n/", "http://n/v2.0", "http://n/v2.0/"])
def test_the_endpoint_ends_in_its_version_once(endpoint):
    assert versioned(endpoint) == "http://n/v2.0"


def test_every_described_reference_is_known():
    kinds = {arg.refers for resource in RESOURCES for arg in resource.args if arg.refers}
    assert kinds <= BY_KIND.keys()
    assert {resource.parent for resource in RESOURCES if resource.parent} <= BY_KIND.keys()


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.command)
def test_every_argument_has_help_and_sets_what_can_be_set(resource):
    for arg in resource.args:
        assert arg.hidden or arg.help.endswith(".")
        assert arg.create or arg.update
        assert arg.default is ABSENT or arg.const is not ABSENT or arg.create


def test_every_resource_has_a_command_for_each_of_its_verbs():
    wanted = {f"{resource.command}-{verb}" for resource in RESOURCES for verb in resource.verbs}
    assert wanted <= set(all_commands())
    assert {resource.kind for resource in RESOURCES if set(resource.verbs) < set(VERBS)} == {
        "agent",
        "event",
        "extension",
        "floatingip",
        "security_group_rule",
        "service_provider",
    }


def test_help_imports_nothing_that_talks():
    code = (
        "import sys; from evener.cli.shell import main\n"
        "try: main(['lbaas-pool-list', '--help'])\n"
        "except SystemExit: pass\n"
        "print({'requests', 'keystoneauth1', 'openstack', 'cmd2'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_the_client_knows_no_other_room():
    code = (
        "import sys, evener.cli.shell\n"
        "evener.cli.shell.Shell()\n"
        "rooms = {'.'.join(n.split('.')[:2]) for n in sys.modules if n.startswith(('evener.', 'evener_cloud.'))}\n"
        "print(sorted(rooms | ({'pydantic', 'sqlalchemy'} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['evener.cli', 'evener_cloud.cli']"


def test_the_sdk_is_whole_after_the_client_used_a_part_of_it():
    code = (
        "from evener.cli.login import _configuration\n"
        "_configuration()\n"
        "import openstack, openstack.config\n"
        "print(callable(openstack.connect), openstack.config.OpenStackConfig.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True OpenStackConfig"
