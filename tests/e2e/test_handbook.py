"""The handbook's chapter from the first network to a request over a floating IP, with the clients its readers have.

Each interface driver has one site that is built with `openstack` and `neutron` (where that is missing, with `evener`,
whose commands are the same); the tests look at the site from outside. Servers are namespaces that are plugged by the
driver as a compute node would plug them.
"""

import itertools
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from standalone import Standalone, traces

from evener.host import netns
from evener.host.driver import DriverSettings, load_driver
from evener.resources.wiring import FixedIP, WiredPort
from haproxy_rig import Web
from openvswitch_rig import OpenVSwitch
from typist import Typist
from waiting import eventually

pytestmark = pytest.mark.root

EVENER = str(Path(sys.executable).parent / "evener")
PATIENT_S = 30  # where one answer after the other is looked at
ports = itertools.count(19990)
OUTSIDE = "0f7ea5de-0000-4000-8000-000000000001"  # the workstation's port, of which the cloud knows nothing
# The chapter's networks and ours for members elsewhere: name, subnets by name.
NETWORKS = {
    "PROJECT_NET": {"PROJECT_SUBNET": "192.168.200.0/24", "PROJECT_SUBNET6": "fd00:200::/64"},
    "BACK_NET": {"BACK_SUBNET": "192.168.201.0/24", "BACK_SUBNET6": "fd00:201::/64"},
}
SERVERS = {  # name: network, addresses
    "web1": ("PROJECT_NET", ("192.168.200.9", "fd00:200::9")),
    "web2": ("PROJECT_NET", ("192.168.200.7", "fd00:200::7")),
    "back": ("BACK_NET", ("192.168.201.9", "fd00:201::9")),
}
OVS_CONFIG = "interface_driver = openvswitch\n[ovs]\novsdb_connection = {0}\ndatapath_type = netdev\n[api]\n"


class Site:
    """A standalone with the given interface driver, its clients, and the machines on its networks."""

    def __init__(self, driver: str, directory: Path, stack: ExitStack) -> None:
        settings = DriverSettings()
        self.server = Standalone(directory / "e2e", next(ports))
        if driver == "openvswitch":
            switch = OpenVSwitch(directory / "ovs")
            stack.callback(switch.stop)
            settings = switch.settings()
            text = self.server.config.read_text().replace("[api]\n", OVS_CONFIG.format(switch.connection))
            self.server.config.write_text(text)
        self.server.start()
        stack.callback(self.server.purge)
        self.driver: Any = load_driver(driver, 1, settings)
        stack.callback(getattr(self.driver, "close", lambda: None))
        script = f". {self.server.state}/openrc; env -0"
        found = subprocess.run(["env", "-i", "sh", "-c", script], capture_output=True, text=True, check=True)
        login = dict(entry.split("=", 1) for entry in found.stdout.split("\0") if entry.startswith("OS_"))
        self.login = login
        self.openstack = Typist("openstack", login)
        self._neutron = Typist("neutron", login) if Typist.installed("neutron") else None
        self.stack = stack
        self.vips: dict[str, dict[str, Any]] = {}

    def neutron(self, line: str) -> str:
        """Type a command of `neutron`, or of `evener` where there is none."""
        if self._neutron is not None:
            code, out, err = self._neutron.type(*line.split())
        else:
            done = subprocess.run(
                [EVENER, *line.split()], env=self.login, capture_output=True, text=True, check=False
            )
            code, out, err = done.returncode, done.stdout, done.stderr
        assert code == 0, f"{line}: {out}{err}"
        return out

    def plug(self, name: str, port: WiredPort) -> None:
        """Plug a namespace, which a server or workstation is, into a network."""
        netns.ensure(name)
        self.stack.callback(netns.delete, name)
        self.driver.plug(name, port)
        self.stack.callback(self.driver.unplug, name, port.id)

    def serve(self, name: str, addresses: tuple[str, ...]) -> None:
        """Let a server answer its name on each address."""
        for address in addresses:
            web = Web(SimpleNamespace(namespace=name), name, address, 80, None)
            self.stack.callback(web.stop)


def fixed(address: str, gateway: str | None = None) -> FixedIP:
    return FixedIP(address=address, prefix_length=64 if ":" in address else 24, gateway=gateway)


def build_networks(site: Site) -> None:
    openstack = site.openstack
    outer = openstack("network create --external GATEWAY_NET")
    pool = "--allocation-pool start=198.51.100.10,end=198.51.100.250"
    of_net = "subnet create --network GATEWAY_NET --subnet-range"
    openstack(f"{of_net} 198.51.100.0/24 --gateway 198.51.100.1 {pool} GATEWAY_SUBNET")
    openstack(f"{of_net} fd00:51::/64 --ip-version 6 --gateway fd00:51::1 GATEWAY_SUBNET6")
    openstack("router create ROUTER1")
    openstack("router set --external-gateway GATEWAY_NET ROUTER1")
    for network, subnets in NETWORKS.items():
        openstack(f"network create {network}")
        for subnet, cidr in subnets.items():
            version = 6 if ":" in cidr else 4
            openstack(
                f"subnet create --network {network} --subnet-range {cidr} --ip-version {version} {subnet}"
            )
            openstack(f"router add subnet ROUTER1 {subnet}")
    shown = openstack("router show ROUTER1")["external_gateway_info"]["external_fixed_ips"]
    (gateway6,) = (each["ip_address"] for each in shown if ":" in each["ip_address"])
    routed = (fixed("198.51.100.1"), fixed("fd00:51::1", gateway6))
    mac = "fa:16:3e:00:51:01"
    site.plug("outside", WiredPort(id=OUTSIDE, network_id=outer["id"], mac_address=mac, fixed_ips=routed))


def subnets_of(network: str) -> tuple[str, ...]:
    return tuple(NETWORKS[network].values())


def build_servers(site: Site) -> None:
    for name, (network, addresses) in SERVERS.items():
        subnets = NETWORKS[network]
        wishes = " ".join(
            f"--fixed-ip subnet={subnet},ip-address={address}"
            for subnet, address in zip(subnets, addresses, strict=True)
        )
        port = site.openstack(f"port create --network {network} {wishes} {name}")
        gateways = [cidr.partition("/")[0].removesuffix("0") + "1" for cidr in subnets_of(network)]
        wired = WiredPort(
            id=port["id"],
            network_id=port["network_id"],
            mac_address=port["mac_address"],
            fixed_ips=tuple(map(fixed, addresses, gateways)),
        )
        site.plug(name, wired)
        site.serve(name, addresses)


def build_load_balancer(site: Site, name: str, family: int) -> None:
    """Build what the chapter builds; of IPv6 the same with addresses of that family."""
    neutron, suffix = site.neutron, "6" if family else ""
    neutron(f"lbaas-loadbalancer-create --name {name} PROJECT_SUBNET{suffix}")
    neutron(
        f"lbaas-listener-create --name {name}_LISTENER --loadbalancer {name} --protocol HTTP --protocol-port 80"
    )
    neutron(
        f"lbaas-pool-create --name {name}_POOL --lb-algorithm ROUND_ROBIN --listener {name}_LISTENER --protocol HTTP"
    )
    for server in ("web1", "web2"):
        where = f"--subnet PROJECT_SUBNET{suffix} --address {SERVERS[server][1][family]} --protocol-port 80"
        neutron(f"lbaas-member-create {where} --name {server} {name}_POOL")
    checks = "--delay 5 --timeout 4 --max-retries 3 --type TCP"
    neutron(f"lbaas-healthmonitor-create --name {name}_MONITOR {checks} --pool {name}_POOL")
    shown = neutron(f"lbaas-loadbalancer-show {name} -f value -c vip_address -c vip_port_id").split()
    site.vips[name] = dict(zip(("address", "port"), shown, strict=True))


@pytest.fixture(scope="module", params=["linuxbridge", "openvswitch"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with ExitStack() as stack:
        made = Site(request.param, tmp_path_factory.mktemp(request.param), stack)
        build_networks(made)
        build_servers(made)
        build_load_balancer(made, "LB_WEB", 0)
        build_load_balancer(made, "LB_SIX", 1)
        yield made
    assert traces() == []


@pytest.fixture(scope="module")
def floating(site: Site) -> str:
    """The address of a floating IP that stands for the VIP."""
    address = site.openstack("floating ip create GATEWAY_NET")["floating_ip_address"]
    site.openstack(f"floating ip set --port {site.vips['LB_WEB']['port']} {address}")
    eventually(lambda: curl("outside", address), 20, lambda: site.server.warnings()[-5:])
    return str(address)


def curl(namespace: str, address: str, seconds: float = 3) -> str:
    """Return what curl in the namespace gets from the address; "" where it gets no good answer."""
    host = f"[{address}]" if ":" in address else address
    command = ["ip", "netns", "exec", namespace, "curl", "-gfs", "-m", str(seconds), f"http://{host}/"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def names_of(rows: list[dict[str, Any]]) -> set[str]:
    return {row["Name"] for row in rows}


def test_requests_from_outside_alternate_between_the_servers(site: Site, floating: str) -> None:
    answers = [curl("outside", floating, PATIENT_S) for _ in range(6)]
    assert sorted(set(answers)) == ["web1", "web2"]
    assert all(one != other for one, other in itertools.pairwise(answers))
    assert curl("outside", site.vips["LB_WEB"]["address"], 1) == ""  # by its floating IP only


def test_a_vip_of_ipv6_is_reached_from_outside_over_the_router(site: Site) -> None:
    vip = site.vips["LB_SIX"]["address"]
    eventually(lambda: curl("outside", vip), 20, lambda: site.server.warnings()[-5:])
    assert Counter(curl("outside", vip, PATIENT_S) for _ in range(6)) == {"web1": 3, "web2": 3}


@pytest.mark.parametrize("family", [0, 1], ids=["IPv4", "IPv6"])
def test_members_on_another_subnet_of_the_router_are_reached(site: Site, floating: str, family: int) -> None:
    pool, subnet = ("LB_SIX_POOL", "BACK_SUBNET6") if family else ("LB_WEB_POOL", "BACK_SUBNET")
    address = site.vips["LB_SIX"]["address"] if family else floating
    where = f"--subnet {subnet} --address {SERVERS['back'][1][family]} --protocol-port 80"
    site.neutron(f"lbaas-member-create {where} --name back {pool}")
    eventually(lambda: curl("outside", address) == "back", 20)
    site.neutron(f"lbaas-member-delete back {pool}")
    eventually(lambda: "back" not in [curl("outside", address) for _ in range(3)], 20)


def test_a_security_group_of_the_vip_says_who_comes_in(site: Site, floating: str) -> None:
    openstack, vip_port = site.openstack, site.vips["LB_WEB"]["port"]
    assert curl("outside", floating, PATIENT_S)
    openstack("security group create web")
    openstack(f"port set --security-group web {vip_port}")
    eventually(lambda: not curl("outside", floating, 1), 20)
    rule = "security group rule create --protocol tcp --dst-port 80 --remote-ip"
    made = openstack(f"{rule} 198.51.100.0/24 web")
    eventually(lambda: curl("outside", floating), 20)
    assert curl("web1", site.vips["LB_WEB"]["address"], 1) == ""
    assert names_of(openstack("security group list")) >= {"default", "web"}
    openstack(f"security group rule delete {made['id']}")
    eventually(lambda: not curl("outside", floating, 1), 20)
    openstack(f"port unset --security-group web {vip_port}")
    eventually(lambda: curl("outside", floating), 20)
    openstack("security group delete web")


def test_openstack_lists_what_was_built_and_the_agent_alive(site: Site, floating: str) -> None:
    openstack = site.openstack
    agents = openstack("network agent list")
    balancing = [agent for agent in agents if agent["Agent Type"] == "Loadbalancerv2 agent"]
    assert [agent["Alive"] for agent in balancing] == [True]
    assert names_of(openstack("network list")) == {"GATEWAY_NET", *NETWORKS}
    assert names_of(openstack("network list --external")) == {"GATEWAY_NET"}
    inner = {name for subnets in NETWORKS.values() for name in subnets}
    assert names_of(openstack("subnet list")) == {"GATEWAY_SUBNET", "GATEWAY_SUBNET6", *inner}
    assert names_of(openstack("port list")) >= set(SERVERS)
    assert names_of(openstack("router list")) == {"ROUTER1"}
    (shown,) = openstack("floating ip list")
    vip = site.vips["LB_WEB"]
    assert (shown["Floating IP Address"], shown["Fixed IP Address"]) == (floating, vip["address"])
    assert shown["Port"] == vip["port"]
