"""What the client knows of resources is what their descriptions give now."""

import runpy
from pathlib import Path

import pytest

from evener.cli.command_line import normalise
from evener.cli.commands import all_kinds

ROOT = Path(__file__).parents[2]
DESCRIBE = runpy.run_path(str(ROOT / "scripts" / "describe.py"))


@pytest.mark.parametrize("file", DESCRIBE["FILES"])
def test_the_file_is_what_the_descriptions_give(file):
    path = DESCRIBE["SOURCES"] / file
    assert path.read_text() == DESCRIBE["documents"]()[path], (
        "run scripts/describe, and commit what it writes"
    )


@pytest.mark.parametrize("cls", DESCRIBE["KINDS"], ids=lambda cls: cls.KIND)
def test_every_attribute_that_a_user_sets_says_what_it_is_for_and_has_an_option(cls):
    described = DESCRIBE["_described"](cls)["attributes"]
    settable = {name for name, about in described.items() if about.get("create") or about.get("update")}
    told = {name for name in settable if "help" in described[name]}
    assert settable - told <= {"name", "description", "admin_state_up"}
    # vip_network_id goes with no vip_subnet_id, which neutron's command always takes; the others have own commands,
    # or can be given as any attribute without an option.
    without = {"vip_network_id", "external_gateway_info", "router:external", "stateful"}
    assert settable - without <= {arg.attribute for arg in all_kinds()[cls.KIND].args}


def test_the_type_of_an_options_value_may_be_said():
    assert normalise(["--mtu", "type=int", "5", "type=int"], {"--mtu"}) == ["--mtu", "5", "type=int"]
    assert normalise(["--other", "type=int", "5"], {"--mtu"}) == ["--other", "type=int", "5"]
