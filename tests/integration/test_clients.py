"""Clients that know nothing of Evener drive a real evener-standalone: neutron, openstack, openstacksdk."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

import openstack
import pytest
from client_shell import Shell

from e2e.standalone import Standalone
from waiting import eventually

pytestmark = pytest.mark.root
PATIENCE_S = 20
PORT = 18976


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    standalone = Standalone(tmp_path_factory.mktemp("clients") / "server", PORT)
    standalone.start()
    yield standalone
    standalone.purge()


@pytest.fixture(scope="module")
def admin(server: Standalone) -> Shell:
    return Shell(server.state)


@pytest.fixture(scope="module")
def subnet(admin: Shell) -> dict[str, Any]:
    admin.openstack("network", "create", "PROJECT_NET")
    words = ("--network", "PROJECT_NET", "--subnet-range", "192.168.200.0/24", "PROJECT_SUBNET")
    return dict(admin.openstack("subnet", "create", *words))


def test_openstack_manages_networks_subnets_and_ports(admin: Shell, subnet: dict[str, Any]) -> None:
    assert (subnet["cidr"], subnet["gateway_ip"]) == ("192.168.200.0/24", "192.168.200.1")
    assert [each["Name"] for each in admin.openstack("network", "list")] == ["PROJECT_NET"]
    network = admin.openstack("network", "show", "PROJECT_NET")
    assert network["subnets"] == [subnet["id"]]
    address = ("--fixed-ip", "subnet=PROJECT_SUBNET,ip-address=192.168.200.77")
    port = admin.openstack("port", "create", "--network", "PROJECT_NET", *address, "web7")
    assert port["fixed_ips"] == [{"subnet_id": subnet["id"], "ip_address": "192.168.200.77"}]
    assert admin.openstack("port", "show", "web7")["mac_address"] == port["mac_address"]
    found = admin.openstack("port", "list", "--network", "PROJECT_NET", "--fixed-ip", "subnet=PROJECT_SUBNET")
    assert [each["Name"] for each in found] == ["web7"]
    refused = admin.run("openstack", "port", "create", "--network", "PROJECT_NET", *address, "web8")
    assert refused.returncode != 0
    assert "192.168.200.77" in refused.stderr
    admin.openstack("port", "delete", "web7")
    gone = admin.run("openstack", "port", "show", "web7")
    assert gone.returncode != 0
    assert "web7" in gone.stderr


def test_openstack_and_neutron_tag_and_clear_and_openstacksdk_makes_many_at_once(
    admin: Shell, server: Standalone, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = admin.openstack("network", "create", "--tag", "red", "--tag", "blue", "TAGGED")
    assert sorted(admin.openstack("network", "show", "TAGGED")["tags"]) == ["blue", "red"]
    admin.openstack("network", "unset", "--tag", "red", "TAGGED")
    for words, names in ((("--tags", "blue"), ["TAGGED"]), (("--any-tags", "red,green"), [])):
        assert [each["Name"] for each in admin.openstack("network", "list", *words)] == names
    servers = ("--dns-nameserver", "10.0.0.3")
    given = ("--network", "TAGGED", "--subnet-range", "10.7.0.0/24", *servers, "CLEARED")
    assert admin.openstack("subnet", "create", *given)["dns_nameservers"] == ["10.0.0.3"]
    admin("neutron", "subnet-update", "CLEARED", "--dns-nameservers", "action=clear")
    assert admin.openstack("subnet", "show", "CLEARED")["dns_nameservers"] == []
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(server.state / "clouds.yaml"))
    with openstack.connect(cloud="evener") as cloud:
        ports = [{"network_id": made["id"], "name": name} for name in ("one", "two")]
        found = list(cloud.network.create_ports(ports))
        assert [port.name for port in found] == ["one", "two"]
        for port in found:
            cloud.network.delete_port(port)
    admin.openstack("network", "delete", "TAGGED")


@pytest.fixture(scope="module")
def demonstration(admin: Shell, subnet: dict[str, Any]) -> dict[str, Any]:
    """Build the demonstration's load balancer with neutron, and return what it showed."""
    if shutil.which("neutron") is None:
        pytest.skip("there is no neutron command here: from Debian 13 on it is a library only")
    neutron = admin.neutron
    below = ("--loadbalancer", "LB_WEB", "--protocol", "HTTP", "--name")
    made = {"lb": neutron("lbaas-loadbalancer-create", "--name", "LB_WEB", "PROJECT_SUBNET")}
    made["pool"] = neutron("lbaas-pool-create", *below, "POOL_WEB", "--lb-algorithm", "ROUND_ROBIN")
    for name, address in (("web1", "192.168.200.9"), ("web2", "192.168.200.7")):
        words = ("--subnet", "PROJECT_SUBNET", "--address", address, "--protocol-port", "80")
        made[name] = neutron("lbaas-member-create", "--name", name, *words, "POOL_WEB")
    checks = ("--delay", "5", "--timeout", "4", "--max-retries", "3", "--type", "TCP", "--pool", "POOL_WEB")
    made["monitor"] = neutron("lbaas-healthmonitor-create", "--name", "MONITOR_WEB", *checks)
    front = ("--protocol-port", "80", "--default-pool", "POOL_WEB")
    made["listener"] = neutron("lbaas-listener-create", *below, "LISTENER_WEB", *front)
    return made


def test_neutron_builds_the_demonstration(admin: Shell, demonstration: dict[str, Any]) -> None:
    neutron, made = admin.neutron, demonstration

    def active() -> bool:
        return bool(neutron("lbaas-loadbalancer-show", "LB_WEB")["provisioning_status"] == "ACTIVE")

    eventually(active)
    assert [each["name"] for each in neutron("lbaas-loadbalancer-list")] == ["LB_WEB"]
    assert {each["name"] for each in neutron("lbaas-member-list", "POOL_WEB")} == {"web1", "web2"}
    for kind in ("listener", "pool", "healthmonitor"):
        assert len(neutron(f"lbaas-{kind}-list")) == 1
    shown = neutron("lbaas-pool-show", "POOL_WEB")
    assert shown["healthmonitor_id"] == made["monitor"]["id"]
    status = json.loads(admin.neutron("lbaas-loadbalancer-status", "LB_WEB"))["loadbalancer"]
    assert status["provisioning_status"] == "ACTIVE"
    assert [each["name"] for each in status["listeners"][0]["pools"][0]["members"]] == ["web1", "web2"]
    stats = neutron("lbaas-loadbalancer-stats", "LB_WEB")
    assert set(stats) == {
        "active_connections",
        "bytes_in",
        "bytes_out",
        "request_errors",
        "total_connections",
    }


def test_neutron_changes_each_kind(admin: Shell, demonstration: dict[str, Any]) -> None:
    neutron, made = admin.neutron, demonstration
    neutron("lbaas-member-update", "--weight", "7", "web1", "POOL_WEB")
    assert neutron("lbaas-member-show", "web1", "POOL_WEB")["weight"] == 7
    neutron("lbaas-pool-update", "--lb-algorithm", "LEAST_CONNECTIONS", "POOL_WEB")
    neutron("lbaas-listener-update", "--connection-limit", "100", "LISTENER_WEB")
    neutron("lbaas-healthmonitor-update", "--delay", "6", made["monitor"]["id"])
    neutron("lbaas-loadbalancer-update", "--name", "LB_NEW", "LB_WEB")
    assert neutron("lbaas-listener-show", "LISTENER_WEB")["connection_limit"] == 100
    assert neutron("lbaas-healthmonitor-show", made["monitor"]["id"])["delay"] == 6
    neutron("lbaas-loadbalancer-update", "--name", "LB_WEB", "LB_NEW")
    refused = admin.run("neutron", "lbaas-loadbalancer-delete", "LB_WEB")
    assert refused.returncode != 0
    assert "in use" in refused.stderr


def test_openstack_and_neutron_put_a_vip_into_a_security_group(
    admin: Shell, demonstration: dict[str, Any]
) -> None:
    openstack, vip = admin.openstack, demonstration["lb"]["vip_port_id"]
    assert openstack("port", "show", vip)["security_group_ids"] == []
    web = openstack("security", "group", "create", "--description", "the web", "web")
    assert str(web["rules"]).count("egress") == 2
    assert {each["Name"] for each in openstack("security", "group", "list")} == {"default", "web"}
    where = ("--remote-ip", "192.168.200.0/24", "--protocol", "tcp", "--dst-port", "80:81", "web")
    made = openstack("security", "group", "rule", "create", *where)
    assert (made["port_range_min"], made["port_range_max"]) == (80, 81)
    again = admin.run("openstack", "security", "group", "rule", "create", *where)
    assert again.returncode != 0
    assert made["id"] in again.stderr
    listed = openstack("security", "group", "rule", "list", "--ingress", "--ethertype", "IPv4", "web")
    assert [(each["ID"], each["IP Range"], each["Port Range"]) for each in listed] == [
        (made["id"], "192.168.200.0/24", "80:81")
    ]
    openstack("port", "set", "--security-group", "web", vip)
    assert openstack("port", "show", vip)["security_group_ids"] == [web["id"]]
    in_use = admin.run("openstack", "security", "group", "delete", "web")
    assert in_use.returncode != 0
    assert "in use" in in_use.stderr
    openstack("port", "unset", "--security-group", "web", vip)
    admin.neutron("port-update", "--security-group", "web", vip)
    assert admin.neutron("port-show", vip)["security_groups"] == [web["id"]]
    assert {each["name"] for each in admin.neutron("security-group-list")} == {"default", "web"}
    admin.neutron("port-update", "--no-security-groups", vip)
    openstack("security", "group", "rule", "delete", made["id"])
    openstack("security", "group", "delete", "web")


def test_a_second_project_sees_nothing_of_the_first(
    server: Standalone, admin: Shell, demonstration: dict[str, Any]
) -> None:
    admin.openstack("project", "create", "second")
    admin.openstack("user", "create", "--project", "second", "--password", "pass word", "ute")
    admin.openstack("role", "add", "--project", "second", "--user", "ute", "member")
    login = {"OS_USERNAME": "ute", "OS_PASSWORD": "pass word", "OS_PROJECT_NAME": "second"}
    domains = {"OS_USER_DOMAIN_ID": "default", "OS_PROJECT_DOMAIN_ID": "default"}
    ute = Shell(
        server.state, OS_AUTH_URL=f"{server.url}/identity/v3", OS_IDENTITY_API_VERSION="3", **login, **domains
    )
    assert ute.openstack("network", "list") == []
    assert ute.neutron("lbaas-pool-list") in ([], "")
    for name in (demonstration["lb"]["id"], "LB_WEB"):
        refused = ute.run("neutron", "lbaas-loadbalancer-show", name)
        assert refused.returncode != 0
        assert name in refused.stderr
    refused = ute.run(
        "neutron", "lbaas-loadbalancer-create", "--name", "x", demonstration["lb"]["vip_subnet_id"]
    )
    assert refused.returncode != 0


def test_openstacksdk_finds_networks_subnets_and_ports_by_name(
    server: Standalone, demonstration: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(server.state / "clouds.yaml"))
    with openstack.connect(cloud="evener") as cloud:
        network = cloud.network.find_network("PROJECT_NET")
        assert network is not None
        found = cloud.network.find_subnet("PROJECT_SUBNET")
        assert found is not None
        assert found.id in network.subnet_ids
        vip = demonstration["lb"]["vip_port_id"]
        assert vip in [port.id for port in cloud.network.ports(network_id=network.id)]
        port = cloud.network.create_port(network_id=network.id, name="sdk")
        assert cloud.network.find_port("sdk").mac_address == port.mac_address
        assert cloud.network.update_port(port, description="d").description == "d"
        cloud.network.delete_port(port)
        assert cloud.network.find_port("sdk") is None
        assert [each.id for each in cloud.network.networks(name="PROJECT_NET")] == [network.id]
        paged = [each.id for each in cloud.network.subnets(limit=1)]
        assert paged == [found.id]
        assert {each.alias for each in cloud.network.extensions()} >= {"lbaasv2", "shared_pools"}
        assert cloud.network.find_network("NOTHING") is None


def test_neutron_takes_it_all_down(admin: Shell, demonstration: dict[str, Any]) -> None:
    neutron = admin.neutron
    neutron("lbaas-listener-delete", "LISTENER_WEB")
    neutron("lbaas-healthmonitor-delete", demonstration["monitor"]["id"])
    neutron("lbaas-member-delete", "web2", "POOL_WEB")
    neutron("lbaas-pool-delete", "POOL_WEB")
    neutron("lbaas-loadbalancer-delete", "LB_WEB")
    eventually(lambda: neutron("lbaas-loadbalancer-list") in ([], ""))
    admin.openstack("network", "delete", "PROJECT_NET")
    assert admin.openstack("subnet", "list") == []
