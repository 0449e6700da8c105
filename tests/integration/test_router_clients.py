"""Clients that know nothing of Evener make routers and floating IPs: openstack, neutron, openstacksdk."""

import shutil
from collections.abc import Iterator
from typing import Any

import openstack
import pytest
from client_shell import Shell

from e2e.standalone import Standalone

pytestmark = pytest.mark.root
PORT = 18977


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
def cloud(server: Standalone) -> Iterator[Any]:
    """Log openstacksdk in."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("OS_CLIENT_CONFIG_FILE", str(server.state / "clouds.yaml"))
        with openstack.connect(cloud="evener") as connected:
            yield connected


@pytest.fixture(scope="module")
def outside(cloud: Any) -> Any:
    """Make the external network, where the client gives the port of a load balancer a floating IP."""
    network = cloud.network.create_network(name="GATEWAY_NET", is_router_external=True)
    pool = [{"start": "198.51.100.10", "end": "198.51.100.99"}]
    given = {"name": "GATEWAY_SUBNET", "cidr": "198.51.100.0/24", "ip_version": 4, "allocation_pools": pool}
    cloud.network.create_subnet(network_id=network.id, **given)
    return network


@pytest.fixture(scope="module")
def inside(cloud: Any) -> Any:
    network = cloud.network.create_network(name="PROJECT_NET")
    return cloud.network.create_subnet(
        network_id=network.id, name="PROJECT_SUBNET", cidr="192.168.200.0/24", ip_version=4
    )


def test_openstack_leads_a_subnet_outside_and_gives_a_port_a_floating_ip(
    admin: Shell, outside: Any, inside: Any
) -> None:
    run = admin.openstack
    assert [each["Name"] for each in run("network", "list", "--external")] == ["GATEWAY_NET"]
    router = run("router", "create", "ROUTER1")
    run("router", "add", "subnet", "ROUTER1", "PROJECT_SUBNET")
    run("router", "set", "--external-gateway", "GATEWAY_NET", "--route", *ROUTE, "ROUTER1")
    shown = run("router", "show", "ROUTER1")
    assert shown["external_gateway_info"]["network_id"] == outside.id
    assert shown["external_gateway_info"]["external_fixed_ips"][0]["ip_address"] == "198.51.100.10"
    assert shown["interfaces_info"][0]["ip_address"] == "192.168.200.1"
    assert [each["nexthop"] for each in shown["routes"]] == ["192.168.200.9"]
    run("port", "create", "--network", "PROJECT_NET", "web1")
    made = run("floating", "ip", "create", "--port", "web1", "GATEWAY_NET")
    assert (made["floating_ip_address"], made["router_id"]) == ("198.51.100.11", router["id"])
    listed = run("floating", "ip", "list", "--router", "ROUTER1")
    assert [each["Fixed IP Address"] for each in listed] == [made["fixed_ip_address"]]
    refused = admin.run("openstack", "router", "remove", "subnet", "ROUTER1", "PROJECT_SUBNET")
    assert refused.returncode != 0
    assert "required by one or more floating IPs" in refused.stderr
    run("floating", "ip", "unset", "--port", "198.51.100.11")
    run("floating", "ip", "set", "--port", "web1", "198.51.100.11")
    run("floating", "ip", "delete", "198.51.100.11")
    run("router", "unset", "--external-gateway", "--route", *ROUTE, "ROUTER1")
    run("router", "remove", "subnet", "ROUTER1", "PROJECT_SUBNET")
    run("router", "delete", "ROUTER1")
    run("port", "delete", "web1")


ROUTE = ("destination=10.9.0.0/16,gateway=192.168.200.9",)


def test_neutron_does_the_same(admin: Shell, outside: Any, inside: Any) -> None:
    if shutil.which("neutron") is None:
        pytest.skip("there is no neutron command here: from Debian 13 on it is a library only")
    run = admin.neutron
    assert [each["name"] for each in run("net-external-list")] == ["GATEWAY_NET"]
    run("router-create", "ROUTER2")
    run("router-gateway-set", "ROUTER2", "GATEWAY_NET")
    run("router-interface-add", "ROUTER2", "PROJECT_SUBNET")
    assert len(run("router-port-list", "ROUTER2")) == 2
    port = run("port-create", "PROJECT_NET", "--name", "web2")
    made = run("floatingip-create", "GATEWAY_NET")
    run("floatingip-associate", made["id"], port["id"])
    assert run("floatingip-show", made["id"])["port_id"] == port["id"]
    run("floatingip-disassociate", made["id"])
    run("router-update", "ROUTER2", "--route", "destination=10.9.0.0/16,nexthop=192.168.200.9")
    run("router-update", "ROUTER2", "--no-routes")
    run("floatingip-delete", made["id"])
    run("router-gateway-clear", "ROUTER2")
    run("router-interface-delete", "ROUTER2", "PROJECT_SUBNET")
    run("router-delete", "ROUTER2")
    assert run("router-list") in ([], "")
    run("port-delete", "web2")


def test_openstacksdk_does_the_same(cloud: Any, outside: Any, inside: Any) -> None:
    net = cloud.network
    gateway = {"network_id": outside.id, "enable_snat": False}
    router = net.create_router(name="ROUTER3", external_gateway_info=gateway)
    assert (router.is_distributed, router.is_ha, router.status) == (False, False, "ACTIVE")
    assert router.external_gateway_info["enable_snat"] is False
    added = net.add_interface_to_router(router, subnet_id=inside.id)
    assert added["subnet_ids"] == [inside.id]
    ways = {"routes": [{"destination": "10.9.0.0/16", "nexthop": "192.168.200.9"}]}
    assert net.add_extra_routes_to_router(router, {"router": ways}).routes == ways["routes"]
    assert net.remove_extra_routes_from_router(router, {"router": ways}).routes == []
    port = net.create_port(network_id=inside.network_id)
    made = net.create_ip(floating_network_id=outside.id, port_id=port.id)
    assert made.port_details["network_id"] == inside.network_id
    assert net.find_ip(made.floating_ip_address).id == made.id
    assert net.update_ip(made, port_id=None).status == "DOWN"
    assert [each.id for each in net.ips(status="DOWN")] == [made.id]
    assert net.find_available_ip().id == made.id
    net.delete_ip(made)
    net.delete_port(port)
    net.remove_interface_from_router(router, subnet_id=inside.id)
    assert net.update_router(router, external_gateway_info={}).external_gateway_info is None
    net.delete_router(router)
    assert list(net.routers()) == []
