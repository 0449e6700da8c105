"""A network node's files from the days of Neutron-LBaaS say the same to evener-agent."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evener import config
from evener.agent.assembly import device_names
from evener.agent.main import BESIDE_NEUTRON, OWN, Program
from evener.bus.neutron_reports import report
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


def load(tmp_path: Path, *files: str, program: Program = OWN):
    arguments = []
    for number, text in enumerate(files):
        path = tmp_path / f"{number}.conf"
        path.write_text(text)
        arguments += ["--config-file", str(path)]
    return program.settings(arguments)


def test_the_networking_guides_file_is_understood(tmp_path: Path) -> None:
    conf = load(tmp_path, NEUTRON, GUIDE)
    assert (conf.host, conf.state_path) == ("node-7", "/srv/neutron")
    assert conf.transport_url == "rabbit://openstack:RABBIT_PASS@controller"
    assert (conf.interface_driver, conf.haproxy.user_group) == ("linuxbridge", "haproxy")
    assert config.loadbalancer_path(conf) == Path("/srv/neutron/lbaas/v2")
    check_devices(conf.device_driver)


def test_the_file_of_liberty_is_understood(tmp_path: Path) -> None:
    conf = load(tmp_path, NEUTRON, LIBERTY)
    assert (conf.interface_driver, conf.ovs.integration_bridge) == ("openvswitch", "br-lb")
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


def test_neutrons_name_for_the_integration_bridge_is_known_as_its_own_agent_knows_it(tmp_path: Path) -> None:
    assert load(tmp_path, "[OVS]\nintegration_bridge = br-lb\n").ovs.integration_bridge == "br-lb"
    assert load(tmp_path, "").ovs.integration_bridge == "br-int"


def test_under_the_name_of_neutron_lbaass_agent_what_is_not_said_is_as_that_agent_had_it(
    tmp_path: Path,
) -> None:
    conf = load(tmp_path, GUIDE, program=BESIDE_NEUTRON)
    assert config.loadbalancer_path(conf) == Path("/var/lib/neutron/lbaas/v2")
    assert BESIDE_NEUTRON.log_file(conf) == Path("/var/log/neutron/neutron-lbaasv2-agent.log")
    assert (conf.neutron.report_state, conf.agent.report_interval) == (True, 30)
    assert load(tmp_path, NEUTRON, GUIDE, program=BESIDE_NEUTRON).state_path == "/srv/neutron"
    assert not load(
        tmp_path, "[neutron]\nreport_state = false\n", program=BESIDE_NEUTRON
    ).neutron.report_state


def test_under_its_own_name_it_tells_neutron_nothing_and_logs_where_its_state_is(tmp_path: Path) -> None:
    conf = load(tmp_path, NEUTRON, GUIDE)
    assert not conf.neutron.report_state
    assert OWN.log_file(conf) == Path("/srv/neutron/evener-agent.log")


def test_without_config_file_the_files_of_neutron_are_read_that_exist(tmp_path: Path) -> None:
    assert [str(each) for each in BESIDE_NEUTRON.files] == [
        "/etc/neutron/neutron.conf",
        "/etc/neutron/lbaas_agent.ini",
    ]
    ini = tmp_path / "lbaas_agent.ini"
    ini.write_text(LIBERTY)
    here = replace(BESIDE_NEUTRON, files=(tmp_path / "neutron.conf", ini))
    assert here.settings([]).interface_driver == "openvswitch"


def test_what_neutron_is_told_has_a_zone_where_the_agent_has_one_and_nothing_of_evener_alone() -> None:
    configurations = {
        "device_drivers": ["haproxy_ns"],
        "instances": 3,
        "interface_driver": "linuxbridge",
        "physical_networks": [],
        "availability_zone": "east",
        "started_at": "2026-01-02T03:04:05",
    }
    told = report("node-7", configurations, datetime(2026, 1, 2, 3, 4, 5, 6, UTC), starts=True)
    assert told == {
        "time": "2026-01-02T03:04:05.000006",
        "agent_state": {
            "agent_state": {
                "agent_type": "Loadbalancerv2 agent",
                "binary": "neutron-lbaasv2-agent",
                "host": "node-7",
                "topic": "n-lbaasv2_agent",
                "configurations": {"device_drivers": ["haproxy_ns"], "instances": 3},
                "availability_zone": "east",
                "start_flag": True,
            }
        },
    }
    plain = report("node-7", {**configurations, "availability_zone": None}, datetime.now(UTC), starts=False)
    assert not {"availability_zone", "start_flag"} & plain["agent_state"]["agent_state"].keys()  # type: ignore[index,union-attr]
