"""The settings that map physical networks to what a host has, spelled as Neutron's agents spell them."""

from pathlib import Path

import pytest

from evener import config
from evener.host.driver import settings_from

BOTH = """
[linux_bridge]
bridge_mappings = virt:virbr0, lxd:lxdbr0
physical_interface_mappings = wire:eth1
[OVS]
bridge_mappings = outside:br-ex
ovsdb_connection = tcp:127.0.0.1:6640
datapath_type = netdev
"""


def load(directory: Path, text: str, driver: str = "linuxbridge"):
    file = directory / "evener.conf"
    file.write_text(f"[DEFAULT]\ninterface_driver = {driver}\n{text}")
    return config.load(["--config-file", str(file)], "evener-test")


def test_each_driver_has_the_mappings_of_its_own_section(tmp_path: Path) -> None:
    conf = load(tmp_path, BOTH)
    settings = settings_from(conf)
    assert config.physical_networks(conf) == ("lxd", "virt", "wire")
    assert settings.bridges == {"virt": "virbr0", "lxd": "lxdbr0"}
    assert settings.interfaces == {"wire": "eth1"}
    conf = load(tmp_path, BOTH, "openvswitch")
    settings = settings_from(conf)
    assert config.physical_networks(conf) == ("outside",)
    assert (settings.bridges, settings.interfaces) == ({"outside": "br-ex"}, {})
    assert (settings.ovsdb_connection, settings.datapath_type) == ("tcp:127.0.0.1:6640", "netdev")
    assert settings.integration_bridge == "br-int"


@pytest.mark.parametrize("mapping", ["virt:", ":virbr0", "virt", "a:virbr0,b:virbr0", "a:br0,a:br1"])
def test_a_mapping_that_makes_no_sense_ends_the_program_with_the_setting_s_name(
    tmp_path: Path, mapping: str
) -> None:
    with pytest.raises(
        SystemExit, match=r"^evener-test: \[linux_bridge\] bridge_mappings: .*PHYSICAL_NETWORK:"
    ):
        load(tmp_path, f"[linux_bridge]\nbridge_mappings = {mapping}")
