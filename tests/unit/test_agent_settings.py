"""A network node's files from the days of Neutron-LBaaS say the same to evener-agent."""

from pathlib import Path

import pytest

from evener import config
from evener.agent.assembly import device_names
from evener.dataplane.base import DeviceUnknown, Misconfigured, find_driver
from evener.dataplane.haproxy import driver
from evener.dataplane.haproxy.settings import user_of

# The networking guide's, "Configuring LBaaS v2 with an agent", with the driver it names for Linux bridges.
GUIDE = """[DEFAULT]
device_driver = neutron_lbaas.drivers.haproxy.namespace_driver.HaproxyNSDriver
interface_driver = linuxbridge
[haproxy]
user_group = haproxy
"""
# As the file of Liberty has it where an operator removed each `# ` before a setting.
LIBERTY = """[DEFAULT]
debug = False
periodic_interval = 10
interface_driver = neutron.agent.linux.interface.OVSInterfaceDriver
ovs_use_veth = True
ovs_integration_bridge = br-lb
device_driver = neutron_lbaas.services.loadbalancer.drivers.haproxy.namespace_driver.HaproxyNSDriver
[haproxy]
loadbalancer_state_path = $state_path/lbaas
user_group = nogroup
send_gratuitous_arp = 0
"""
# What else may stand in the files of the same command line; some names mean other things to Evener's own programs.
NEUTRON = """[DEFAULT]
state_path = /srv/neutron
host = node-7
transport_url = rabbit://openstack:RABBIT_PASS@controller
service_plugins = router,lbaasv2
verbose = True
[AGENT]
root_helper = sudo neutron-rootwrap /etc/neutron/rootwrap.conf
[api]
bind_port = none
[quotas]
quota_pool = many
[service_providers]
service_provider = VPN:openswan:neutron_vpnaas.services.vpn.service_drivers.ipsec.IPsecVPNDriver:default
"""
DEVICES = (
    "haproxy",
    "haproxy_ns",
    "neutron_lbaas.drivers.haproxy.namespace_driver.HaproxyNSDriver",
    "neutron_lbaas.services.loadbalancer.drivers.haproxy.namespace_driver.HaproxyNSDriver",
    "neutron.services.loadbalancer.drivers.haproxy.namespace_driver.HaproxyNSDriver",
)


def check_devices(names: list[str]) -> None:
    """See that all of them are HAProxy's."""
    assert {find_driver(name) for name in device_names(names)} == {driver.make}


def load(tmp_path: Path, *files: str):
    arguments = []
    for number, text in enumerate(files):
        path = tmp_path / f"{number}.conf"
        path.write_text(text)
        arguments += ["--config-file", str(path)]
    return config.load(arguments, "evener-agent", groups=config.AGENT_GROUPS)


def test_the_networking_guides_file_is_understood(tmp_path: Path) -> None:
    conf = load(tmp_path, NEUTRON, GUIDE)
    assert (conf.host, conf.state_path) == ("node-7", "/srv/neutron")
    assert conf.transport_url == "rabbit://openstack:RABBIT_PASS@controller"
    assert (conf.interface_driver, conf.haproxy.user_group) == ("linuxbridge", "haproxy")
    assert config.loadbalancer_path(conf) == Path("/srv/neutron/lbaas/v2")
    check_devices(conf.device_driver)


def test_the_file_of_liberty_is_understood(tmp_path: Path) -> None:
    conf = load(tmp_path, NEUTRON, LIBERTY)
    assert (conf.interface_driver, conf.ovs_integration_bridge) == ("openvswitch", "br-lb")
    assert (conf.periodic_interval, conf.ovs_use_veth) == (10, True)
    assert (conf.haproxy.user_group, conf.haproxy.send_gratuitous_arp) == ("nogroup", 0)
    assert config.loadbalancer_path(conf) == Path("/srv/neutron/lbaas/v2")
    check_devices(conf.device_driver)


def test_settings_that_were_once_in_default_are_found_there(tmp_path: Path) -> None:
    conf = load(tmp_path, "[DEFAULT]\nloadbalancer_state_path = /srv/lb\nuser_group = nogroup\n")
    assert config.loadbalancer_path(conf) == Path("/srv/lb/v2")
    assert conf.haproxy.user_group == "nogroup"


def test_no_file_at_all_is_enough(tmp_path: Path) -> None:
    conf = load(tmp_path, "")
    assert config.loadbalancer_path(conf) == Path("/var/lib/evener/lbaas/v2")
    check_devices(conf.device_driver)


def test_every_name_that_the_device_driver_had_is_known_and_all_of_them_together(tmp_path: Path) -> None:
    text = "[DEFAULT]\n" + "".join(f"device_driver = {name}\n" for name in DEVICES)
    conf = load(tmp_path, text, GUIDE)
    assert conf.device_driver == [*DEVICES, DEVICES[2]]
    check_devices(conf.device_driver)


@pytest.mark.parametrize("name", ["", "HaproxyNSDriver", "neutron_lbaas.drivers.a10.Driver"])
def test_a_device_driver_that_is_none_is_refused_with_the_one_there_is(name: str) -> None:
    with pytest.raises(DeviceUnknown, match=f"'{name}'; device_driver may be: haproxy$"):
        check_devices(["haproxy", name])


@pytest.mark.parametrize(("group", "user"), [("root", "root"), ("nogroup", "nobody"), ("shadow", "nobody")])
def test_haproxys_user_is_the_one_of_its_groups_name_or_the_one_without_rights(group: str, user: str) -> None:
    assert user_of(group) == user


def test_a_group_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Misconfigured, match="user_group = no-such-group: there is no such group"):
        user_of("no-such-group")
