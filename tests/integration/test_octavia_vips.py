"""The VIP in Octavia's API: by a port of the user's, a network or a subnet."""

from typing import Any

import pytest
from api_cloud import NOBODYS, Cloud, Json

LOADBALANCERS = "/loadbalancers"


def post(cloud: Cloud, **values: Any) -> Json:
    made: Json = cloud.ann.octavia.ok("POST", LOADBALANCERS, {"loadbalancer": values})["loadbalancer"]
    return made


def refused(cloud: Cloud, status: int, says: str, **values: Any) -> None:
    with cloud.unchanged():
        answer = cloud.ann.octavia.send("POST", LOADBALANCERS, {"loadbalancer": values})
    assert answer.status_code == status, answer.text
    assert says in answer.json["faultstring"]


def a_port(cloud: Cloud, subnet: Json, *addresses: str, **values: Any) -> Json:
    wishes = [{"subnet_id": subnet["id"], "ip_address": each} for each in addresses]
    given = {"network_id": subnet["network_id"], "fixed_ips": wishes, "name": "mine", **values}
    return cloud.ann.create("port", **given)


def test_a_port_that_no_device_has_is_the_vips_and_stays_when_the_load_balancer_goes(cloud: Cloud) -> None:
    port = a_port(cloud, cloud.subnet(), "10.0.0.50", device_owner="compute:nova")
    made = post(cloud, vip_port_id=port["id"])
    assert made["vip_port_id"] == port["id"]
    assert made["vip_address"] == "10.0.0.50"
    assert made["vip_network_id"] == port["network_id"]
    assert made["vip_subnet_id"] == port["fixed_ips"][0]["subnet_id"]
    assert len(cloud.ann.ids("/ports")) == 1
    cloud.ann.octavia.ok("DELETE", f"{LOADBALANCERS}/{made['id']}")
    cloud.report(made["id"], gone=True)
    assert cloud.ann.octavia.send("GET", f"{LOADBALANCERS}/{made['id']}").status_code == 404
    assert cloud.ann.show("port", port["id"]) == port
    assert post(cloud, vip_port_id=port["id"])["vip_address"] == "10.0.0.50"


def test_while_the_load_balancer_has_it_the_port_is_not_to_be_changed_or_deleted(cloud: Cloud) -> None:
    port = a_port(cloud, cloud.subnet(), "10.0.0.50")
    post(cloud, vip_port_id=port["id"])
    path = f"/ports/{port['id']}"
    cloud.refuses(cloud.ann, "DELETE", path, status=409, kind="ServicePortInUse")
    for change in ({"device_id": ""}, {"fixed_ips": []}, {"device_owner": "compute:nova"}):
        cloud.refuses(cloud.ann, "PUT", path, {"port": change}, status=409, kind="ServicePortInUse")
    refused(cloud, 400, "in use by device", vip_port_id=port["id"])


def test_a_port_of_another_device_is_refused(cloud: Cloud) -> None:
    subnet = cloud.subnet()
    port = a_port(cloud, subnet, "10.0.0.50", device_id="a-server")
    refused(cloud, 400, "in use by device a-server", vip_port_id=port["id"])
    other = post(cloud, vip_subnet_id=subnet["id"])
    refused(cloud, 400, "in use by device", vip_port_id=other["vip_port_id"])


def test_which_of_several_addresses_is_the_vip_is_said_by_subnet_or_address(cloud: Cloud) -> None:
    subnet = cloud.subnet()
    port = a_port(cloud, subnet, "10.0.0.50", "10.0.0.51")
    refused(cloud, 400, "more than one address", vip_port_id=port["id"])
    refused(cloud, 400, "more than one address", vip_port_id=port["id"], vip_subnet_id=subnet["id"])
    refused(cloud, 400, "no address", vip_port_id=port["id"], vip_address="10.0.0.52")
    refused(cloud, 400, "no address", vip_port_id=port["id"], vip_subnet_id=NOBODYS)
    assert post(cloud, vip_port_id=port["id"], vip_address="10.0.0.51")["vip_address"] == "10.0.0.51"
    bare = a_port(cloud, subnet)
    refused(cloud, 400, "no address", vip_port_id=bare["id"])


def test_another_projects_port_is_none(cloud: Cloud) -> None:
    theirs = cloud.subnet(cloud.bob)
    port = cloud.bob.create("port", network_id=theirs["network_id"])
    refused(cloud, 400, f"Port {port['id']} not found.", vip_port_id=port["id"])


def test_a_port_lets_in_what_its_load_balancer_listens_for_whatever_groups_it_is_in(cloud: Cloud) -> None:
    port = a_port(cloud, cloud.subnet(), "10.0.0.50")
    assert port["security_groups"], "the default group lets nobody in from outside"
    post(cloud, vip_port_id=port["id"])
    found = cloud.network.vip_port(port["id"], "host")
    assert found is not None
    assert found.security is None


def test_lbaas_knows_no_vip_port_in_a_post(cloud: Cloud) -> None:
    port = a_port(cloud, cloud.subnet(), "10.0.0.50")
    body = {"loadbalancer": {"vip_port_id": port["id"]}}
    path = "/lbaas/loadbalancers"
    cloud.refuses(
        cloud.ann, "POST", path, body, status=400, kind="HTTPBadRequest", says="not allowed in POST"
    )


def test_a_network_gives_its_first_subnet_with_a_free_address_those_of_ipv4_first(cloud: Cloud) -> None:
    network = cloud.ann.create("network")["id"]
    given = {"network_id": network}
    six = cloud.ann.create("subnet", **given, cidr="2001:db8::/64", ip_version=6)["id"]
    full = cloud.ann.create("subnet", **given, cidr="10.0.0.0/30", ip_version=4)["id"]
    four = cloud.ann.create("subnet", **given, cidr="10.0.1.0/24", ip_version=4)["id"]
    found = [post(cloud, vip_network_id=network)["vip_subnet_id"] for _ in range(3)]
    assert found == [full, four, four]
    assert post(cloud, vip_network_id=network, vip_address="2001:db8::50")["vip_subnet_id"] == six
    assert post(cloud, vip_network_id=network, vip_subnet_id=six)["vip_subnet_id"] == six


def test_a_subnet_gives_its_network(cloud: Cloud) -> None:
    subnet = cloud.subnet()
    made = post(cloud, vip_subnet_id=subnet["id"], vip_network_id=None, vip_port_id=None, vip_address=None)
    assert made["vip_network_id"] == subnet["network_id"]


@pytest.mark.parametrize(
    ("values", "status", "says"),
    [
        ({}, 400, "VIP must contain one of: vip_port_id, vip_network_id, vip_subnet_id."),
        ({"vip_subnet_id": None, "vip_network_id": None}, 400, "VIP must contain one of"),
        ({"vip_address": "10.0.0.9"}, 400, "VIP must contain one of"),
        ({"vip_subnet_id": NOBODYS}, 400, f"Subnet {NOBODYS} not found."),
        ({"vip_network_id": NOBODYS}, 400, f"Network {NOBODYS} not found."),
        ({"vip_port_id": NOBODYS}, 400, f"Port {NOBODYS} not found."),
        ({"vip_port_id": "x"}, 400, "vip_port_id"),
        ({"vip_subnet_id": {}}, 400, "vip_subnet_id"),
        ({"vip_network_id": []}, 400, "vip_network_id"),
        ({"vip_port_id": 3}, 400, "vip_port_id"),
    ],
)
def test_a_vip_that_is_nowhere_is_refused(cloud: Cloud, values: Json, status: int, says: str) -> None:
    refused(cloud, status, says, **values)


def test_what_nobody_serves_of_vips_is_refused_as_that(cloud: Cloud) -> None:
    subnet = cloud.subnet()["id"]
    for values in (
        {"additional_vips": [{"subnet_id": subnet}]},
        {"vip_qos_policy_id": NOBODYS},
    ):
        with cloud.unchanged():
            body = {"loadbalancer": {"vip_subnet_id": subnet, **values}}
            answer = cloud.ann.octavia.send("POST", LOADBALANCERS, body)
        assert answer.status_code in (400, 501), answer.text
    assert post(cloud, vip_subnet_id=subnet, additional_vips=[], vip_sg_ids=[], vip_qos_policy_id=None)


def groups_of(cloud: Cloud, port_id: str) -> list[str]:
    groups: list[str] = cloud.ann.show("port", port_id)["security_groups"]
    return sorted(groups)


def put(cloud: Cloud, balancer: Json, **values: Any) -> Any:
    path = f"{LOADBALANCERS}/{balancer['id']}"
    return cloud.ann.octavia.send("PUT", path, {"loadbalancer": values})


def test_the_vips_port_is_in_the_security_groups_that_the_load_balancer_names(cloud: Cloud) -> None:
    one, two = sorted(cloud.ann.create("security_group", name=name)["id"] for name in ("one", "two"))
    made = post(cloud, vip_subnet_id=cloud.subnet()["id"], vip_sg_ids=[one])
    port = made["vip_port_id"]
    assert made["vip_sg_ids"] == groups_of(cloud, port) == [one]
    found = cloud.network.vip_port(port, "host")
    assert found is not None
    assert found.security is not None
    assert put(cloud, made, vip_sg_ids=[one, two]).json["loadbalancer"]["vip_sg_ids"] == [one, two]
    assert groups_of(cloud, port) == [one, two]
    for nothing in (None, []):
        assert put(cloud, made, vip_sg_ids=nothing).json["loadbalancer"]["vip_sg_ids"] == []
        assert groups_of(cloud, port) == []
    found = cloud.network.vip_port(port, "host")
    assert found is not None
    assert found.security is None


def test_a_users_port_follows_the_groups_that_its_load_balancer_names(cloud: Cloud) -> None:
    group = cloud.ann.create("security_group", name="web")["id"]
    port = a_port(cloud, cloud.subnet(), "10.0.0.50")["id"]
    made = post(cloud, vip_port_id=port)
    vip = cloud.network.vip_port(port, "host")
    assert vip is not None
    assert vip.security is None
    put(cloud, made, vip_sg_ids=[group])
    vip = cloud.network.vip_port(port, "host")
    assert vip is not None
    assert vip.security is not None


def test_groups_that_nobody_knows_are_refused_and_change_nothing(cloud: Cloud) -> None:
    subnet = cloud.subnet()["id"]
    foreign = cloud.bob.create("security_group", name="foreign")["id"]
    for group in (NOBODYS, foreign):
        refused(cloud, 400, f"Security Group {group} not found.", vip_subnet_id=subnet, vip_sg_ids=[group])
    made = post(cloud, vip_subnet_id=subnet)
    for group in (NOBODYS, foreign):
        with cloud.unchanged():
            assert put(cloud, made, vip_sg_ids=[group]).status_code == 400


def test_groups_and_lists_of_callers_exclude_each_other(cloud: Cloud) -> None:
    group = cloud.ann.create("security_group", name="web")["id"]
    made = post(cloud, vip_subnet_id=cloud.subnet()["id"], vip_sg_ids=[group])
    listener = {"loadbalancer_id": made["id"], "protocol": "TCP", "protocol_port": 80}
    body = {"listener": {**listener, "allowed_cidrs": ["10.0.0.0/8"]}}
    assert cloud.ann.octavia.send("POST", "/listeners", body).status_code == 400
    assert put(cloud, made, vip_sg_ids=[]).status_code == 200
    cloud.ann.octavia.ok("POST", "/listeners", body)
    with cloud.unchanged():
        refusal = put(cloud, made, vip_sg_ids=[group])
    assert refusal.status_code == 400
    assert "exclude each other" in refusal.json["faultstring"]
    assert groups_of(cloud, made["vip_port_id"]) == []
