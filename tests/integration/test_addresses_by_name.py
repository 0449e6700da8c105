"""Who may have which address of a network by its name, over HTTP: load balancers, ports, floating IPs, gateways."""

from typing import Any

import pytest
from api_cloud import Cloud, User, path_of

SHARED, BLOCK = "shared", "10.0.0.0/24"
GATEWAY, POOLED, UNPOOLED = "10.0.0.1", "10.0.0.20", "10.0.0.200"
HOSTLESS = ("10.0.0.0", "10.0.0.255", "10.0.1.9", "fd00::9")
NAMED = {GATEWAY: "InvalidIpForSubnet", UNPOOLED: "PolicyNotAuthorized"}


def network(cloud: Cloud, owner: User, **values: Any) -> dict[str, Any]:
    """Create a network, by default one that all projects use, with a subnet that has a small pool."""
    made = cloud.admin.create("network", project_id=owner.project, **(values or {SHARED: True}))
    pools = [{"start": "10.0.0.10", "end": "10.0.0.99"}]
    given = {"network_id": made["id"], "cidr": BLOCK, "ip_version": 4, "allocation_pools": pools}
    return cloud.admin.create("subnet", project_id=owner.project, **given)


def ask(subnet: dict[str, Any], kind: str, address: str) -> dict[str, Any]:
    """Return what is asked for to have an address by its name."""
    if kind == "loadbalancer":
        return {kind: {"vip_subnet_id": subnet["id"], "vip_address": address}}
    if kind == "floatingip":
        return {kind: {"floating_network_id": subnet["network_id"], "floating_ip_address": address}}
    fixed = [{"subnet_id": subnet["id"], "ip_address": address}]
    if kind == "router":
        gateway = {"network_id": subnet["network_id"], "external_fixed_ips": fixed}
        return {kind: {"external_gateway_info": gateway}}
    return {kind: {"network_id": subnet["network_id"], "fixed_ips": fixed}}


@pytest.mark.parametrize("kind", ["loadbalancer", "port"])
def test_a_guest_has_the_pools_addresses_only(cloud: Cloud, kind: str) -> None:
    subnet = network(cloud, cloud.ann)
    for address in (GATEWAY, UNPOOLED, *HOSTLESS):
        with cloud.unchanged():
            answer = cloud.bob.send("POST", path_of(kind), ask(subnet, kind, address))
        assert answer.status_code == (403 if address == UNPOOLED else 400), answer.text
        assert address in answer.json["NeutronError"]["message"]
        assert NAMED.get(address) in (None, answer.json["NeutronError"]["type"])
    cloud.bob.ok("POST", path_of(kind), ask(subnet, kind, POOLED))


def test_a_port_of_a_guest_gets_no_other_address_later(cloud: Cloud) -> None:
    subnet = network(cloud, cloud.ann)
    port = cloud.bob.create("port", network_id=subnet["network_id"])
    for address, kind in NAMED.items():
        body = {"port": {"fixed_ips": [{"ip_address": address}]}}
        status = 403 if address == UNPOOLED else 400
        cloud.refuses(cloud.bob, "PUT", f"/ports/{port['id']}", body, status=status, kind=kind, says=address)
    moved = cloud.admin.update("port", port["id"], fixed_ips=[{"ip_address": UNPOOLED}])
    assert moved["fixed_ips"][0]["ip_address"] == UNPOOLED
    more = [{"ip_address": UNPOOLED}, {"ip_address": POOLED}]
    assert cloud.bob.update("port", port["id"], fixed_ips=more)["fixed_ips"], "it keeps what it was given"


def test_who_owns_a_network_has_all_of_it_and_no_load_balancer_is_its_gateway(cloud: Cloud) -> None:
    for owner, asking in ((cloud.ann, cloud.ann), (cloud.bob, cloud.admin)):
        subnet = network(cloud, owner)
        asking.ok("POST", path_of("loadbalancer"), ask(subnet, "loadbalancer", UNPOOLED))
        body = ask(subnet, "loadbalancer", GATEWAY)
        says = f"{GATEWAY} cannot be had"
        path = path_of("loadbalancer")
        cloud.refuses(asking, "POST", path, body, status=400, kind="InvalidIpForSubnet", says=says)
        gateway = asking.ok("POST", path_of("port"), ask(subnet, "port", GATEWAY))["port"]
        assert gateway["fixed_ips"][0]["ip_address"] == GATEWAY, "a router may come to it"


def test_nothing_outside_has_the_gateway_s_address(cloud: Cloud) -> None:
    subnet = network(cloud, cloud.admin, **{"router:external": True})
    for kind in ("floatingip", "router"):
        body = ask(subnet, kind, GATEWAY)
        with cloud.unchanged():
            answer = cloud.admin.send("POST", path_of(kind), body)
        assert answer.status_code == 400
        assert GATEWAY in answer.json["NeutronError"]["message"]
        cloud.admin.ok("POST", path_of(kind), ask(subnet, kind, POOLED if kind == "router" else UNPOOLED))


def test_a_guest_s_port_has_no_mac_address_by_its_name(cloud: Cloud) -> None:
    subnet = network(cloud, cloud.ann)
    body = {"port": {"network_id": subnet["network_id"], "mac_address": "fa:16:3e:00:00:01"}}
    says = "create_port:mac_address"
    cloud.refuses(cloud.bob, "POST", "/ports", body, status=403, kind="PolicyNotAuthorized", says=says)
    assert cloud.ann.ok("POST", "/ports", body)["port"]["mac_address"] == "fa:16:3e:00:00:01"


def test_a_network_s_next_subnet_gives_the_vip_when_the_first_is_full(cloud: Cloud) -> None:
    made = cloud.ann.create("network")
    for cidr, version in (("10.0.0.0/30", 4), ("10.7.0.0/30", 4), ("fd00::/64", 6)):
        cloud.ann.create("subnet", network_id=made["id"], cidr=cidr, ip_version=version)
    found = [cloud.ann.create("loadbalancer", vip_network_id=made["id"]) for _ in range(3)]
    assert [each["vip_address"] for each in found] == ["10.0.0.2", "10.7.0.2", "fd00::2"]
    subnets = [cloud.ann.show("subnet", each["vip_subnet_id"])["cidr"] for each in found]
    assert subnets == ["10.0.0.0/30", "10.7.0.0/30", "fd00::/64"]
    full = cloud.ann.create("network")
    cloud.ann.create("subnet", network_id=full["id"], cidr="10.9.0.0/31", ip_version=4)
    cloud.ann.create("port", network_id=full["id"])
    body = {"loadbalancer": {"vip_network_id": full["id"]}}
    kind = "IpAddressGenerationFailure"
    cloud.refuses(cloud.ann, "POST", "/lbaas/loadbalancers", body, status=409, kind=kind)


def test_lists_are_cleared_by_null(cloud: Cloud) -> None:
    subnet = cloud.subnet()
    values = {
        "dns_nameservers": ["10.0.0.3"],
        "host_routes": [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.4"}],
        "allocation_pools": [{"start": "10.0.0.9", "end": "10.0.0.9"}],
    }
    cloud.ann.update("subnet", subnet["id"], **values)
    assert cloud.ann.update("subnet", subnet["id"], **dict.fromkeys(values)) == subnet
    port = cloud.ann.create("port", network_id=subnet["network_id"])
    nulls = dict.fromkeys(("fixed_ips", "allowed_address_pairs", "security_groups"))
    changed = cloud.ann.update("port", port["id"], **nulls)
    assert [changed[name] for name in nulls] == [[], [], []]
