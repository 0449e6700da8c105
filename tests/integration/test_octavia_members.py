"""Members through Octavia's API: without a subnet, and all of a pool in one request."""

import pytest
from api_cloud import NOBODYS, Cloud, Json, Tree


def members(cloud: Cloud, pool: str) -> list[Json]:
    found: list[Json] = cloud.ann.octavia.ok("GET", f"/pools/{pool}/members")["members"]
    return found


def add(cloud: Cloud, tree: Tree, **values: object) -> Json:
    given = {"address": "10.0.0.20", "protocol_port": 80, **values}
    made: Json = cloud.ann.octavia.ok("POST", f"/pools/{tree.pool}/members", {"member": given})["member"]
    return made


def test_a_member_needs_no_subnet(cloud: Cloud) -> None:
    tree = cloud.tree()
    assert add(cloud, tree)["subnet_id"] is None
    assert add(cloud, tree, address="10.0.0.21", subnet_id=None)["subnet_id"] is None
    assert add(cloud, tree, address="192.0.2.7")["address"] == "192.0.2.7"
    subnets = {each["address"]: each["subnet_id"] for each in members(cloud, tree.pool)}
    assert subnets == {"10.0.0.9": tree.subnet, "10.0.0.20": None, "10.0.0.21": None, "192.0.2.7": None}


def test_lbaas_still_asks_for_a_subnet(cloud: Cloud) -> None:
    tree = cloud.tree()
    body = {"member": {"address": "10.0.0.20", "protocol_port": 80}}
    path = f"/lbaas/pools/{tree.pool}/members"
    cloud.refuses(cloud.ann, "POST", path, body, status=400, kind="HTTPBadRequest", says="subnet_id")


def test_a_member_of_the_other_ip_version_gets_a_way_from_the_vips_network(cloud: Cloud) -> None:
    tree = cloud.tree()
    cloud.ann.create("subnet", network_id=tree.network, cidr="2001:db8::/64", ip_version=6)
    add(cloud, tree, address="2001:db8:1::9")
    port = cloud.ann.show("loadbalancer", tree.loadbalancer)["vip_port_id"]
    addresses = [each["ip_address"] for each in cloud.ann.show("port", port)["fixed_ips"]]
    assert any(":" in each for each in addresses)


def test_a_member_without_a_subnet_is_not_the_load_balancer_itself(cloud: Cloud) -> None:
    tree = cloud.tree()
    vip = cloud.ann.show("loadbalancer", tree.loadbalancer)["vip_address"]
    body = {"member": {"address": vip, "protocol_port": 80}}
    path = f"/pools/{tree.pool}/members"
    with cloud.unchanged():
        refused = cloud.ann.octavia.send("POST", path, body)
    assert refused.status_code == 409, refused.text
    assert add(cloud, tree, address=vip, protocol_port=81)["protocol_port"] == 81


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"subnet_id": NOBODYS}, f"Subnet {NOBODYS} not found."),
        ({"address": "169.254.169.254"}, "reserved"),
        ({"address": "127.0.0.1"}, "loopback"),
        ({"address": "nowhere"}, "address"),
        ({"protocol_port": 0}, "protocol_port"),
        ({"protocol_port": 65536}, "protocol_port"),
        ({"weight": 257}, "weight"),
        ({"subnet_id": "x"}, "subnet_id"),
        ({"bogus": 1}, "Unknown attribute"),
    ],
)
def test_a_wrong_member_is_refused(cloud: Cloud, values: Json, says: str) -> None:
    tree = cloud.tree()
    with cloud.unchanged():
        body = {"member": {"address": "10.0.0.20", "protocol_port": 80, **values}}
        refused = cloud.ann.octavia.send("POST", f"/pools/{tree.pool}/members", body)
    assert refused.status_code == 400, refused.text
    assert says in refused.json["faultstring"]
