"""A whole load balancer in one request, and a VIP by its network, on the assembled application."""

from typing import Any

import pytest
from api_cloud import NOBODYS, Cloud

GRAPHS = "/lbaas/graphs"


def a_pool(subnet_id: str, *addresses: str, **values: Any) -> dict[str, Any]:
    members = [{"address": each, "protocol_port": 80, "subnet_id": subnet_id} for each in addresses]
    return {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": members, **values}


def a_graph(subnet_id: str) -> dict[str, Any]:
    monitor = {"type": "HTTP", "delay": 5, "timeout": 4, "max_retries": 3}
    policy = {
        "action": "REDIRECT_TO_POOL",
        "redirect_pool": a_pool(subnet_id, "10.0.0.8", name="api"),
        "rules": [{"type": "PATH", "compare_type": "STARTS_WITH", "value": "/api"}],
    }
    reject = {
        "action": "REJECT",
        "position": 1,
        "rules": [{"type": "HEADER", "key": "X-Bad", "compare_type": "EQUAL_TO", "value": "1"}],
    }
    listener = {
        "protocol": "HTTP",
        "protocol_port": 80,
        "default_pool": a_pool(subnet_id, "10.0.0.9", "10.0.0.10", name="web", healthmonitor=monitor),
        "l7policies": [policy, reject],
    }
    return {"name": "whole", "vip_subnet_id": subnet_id, "listeners": [listener]}


def test_a_graph_makes_everything_at_once_at_the_first_generation(cloud: Cloud) -> None:
    subnet = cloud.subnet()["id"]
    made = cloud.ann.ok("POST", GRAPHS, {"graph": {"loadbalancer": a_graph(subnet)}})["graph"]["loadbalancer"]
    assert made["provisioning_status"] == "PENDING_CREATE"
    (listener,) = made["listeners"]
    assert {member["address"] for member in listener["default_pool"]["members"]} == {"10.0.0.9", "10.0.0.10"}
    assert listener["default_pool"]["healthmonitor"]["type"] == "HTTP"
    assert [policy["action"] for policy in listener["l7policies"]] == ["REJECT", "REDIRECT_TO_POOL"]
    assert listener["l7policies"][1]["redirect_pool"]["name"] == "api"
    assert [rule["value"] for policy in listener["l7policies"] for rule in policy["rules"]] == ["1", "/api"]
    assert cloud.applied(made["id"]) == 1
    assert cloud.ann.show("loadbalancer", made["id"])["provisioning_status"] == "ACTIVE"
    assert len(cloud.ann.ids("/lbaas/pools")) == 2


def test_what_a_graph_makes_is_what_single_requests_show(cloud: Cloud) -> None:
    body = {"graph": {"loadbalancer": a_graph(cloud.subnet()["id"])}}
    made = cloud.ann.ok("POST", GRAPHS, body)["graph"]["loadbalancer"]
    alone = cloud.ann.show("listener", made["listeners"][0]["id"])
    nested = made["listeners"][0]
    assert {name: nested[name] for name in alone if name != "l7policies"} == {
        name: value for name, value in alone.items() if name != "l7policies"
    }


@pytest.mark.parametrize(
    ("where", "change", "says"),
    [
        ((), {"listeners": 3}, "listeners"),
        ((), {"listeners": [3]}, "listeners[0]: an object is required"),
        ((), {"color": "red"}, "Unrecognized attribute(s) 'color'"),
        (("listeners", 0), {"protocol_port": 0}, "listeners[0]: Invalid input for protocol_port"),
        (("listeners", 0), {"loadbalancer_id": NOBODYS}, "nest the object instead"),
        (
            ("listeners", 0, "default_pool"),
            {"lb_algorithm": "X"},
            "listeners[0]: default_pool: Invalid input",
        ),
        (
            ("listeners", 0, "default_pool", "members", 1),
            {"address": "x"},
            "members[1]: Invalid input for address",
        ),
        (
            ("listeners", 0, "l7policies", 0, "rules", 0),
            {"type": "X"},
            "l7policies[0]: rules[0]: Invalid input",
        ),
    ],
)
def test_a_mistake_anywhere_is_named_by_its_place_and_makes_nothing(
    cloud: Cloud, where: tuple[Any, ...], change: dict[str, Any], says: str
) -> None:
    graph = a_graph(cloud.subnet()["id"])
    place: Any = graph
    for step in where:
        place = place[step]
    place.update(change)
    body = {"graph": {"loadbalancer": graph}}
    cloud.refuses(cloud.ann, "POST", GRAPHS, body, status=400, kind="HTTPBadRequest", says=says)


def test_a_rule_that_forbids_the_last_object_leaves_nothing_of_the_others(cloud: Cloud) -> None:
    graph = a_graph(cloud.subnet()["id"])
    members = graph["listeners"][0]["default_pool"]["members"]
    members.append(members[0])
    body = {"graph": {"loadbalancer": graph}}
    cloud.refuses(cloud.ann, "POST", GRAPHS, body, status=409, kind="MemberExists")
    for wrong in (None, [], {"graph": []}, {"graph": {"loadbalancer": 3}}, {"graph": {"x": 1}}):
        cloud.refuses(cloud.ann, "POST", GRAPHS, wrong or [], status=400, kind="HTTPBadRequest")


def test_a_reader_makes_no_graph(cloud: Cloud) -> None:
    body = {"graph": {"loadbalancer": a_graph(cloud.subnet()["id"])}}
    cloud.refuses(cloud.reader, "POST", GRAPHS, body, status=403, kind="PolicyNotAuthorized")


def test_a_vip_by_its_network_is_on_the_first_subnet_that_fits(cloud: Cloud) -> None:
    first = cloud.subnet()
    network_id = first["network_id"]
    second = cloud.ann.create("subnet", network_id=network_id, cidr="10.1.0.0/24", ip_version=4)
    six = cloud.ann.create("subnet", network_id=network_id, cidr="2001:db8::/64", ip_version=6)
    assert cloud.ann.create("loadbalancer", vip_network_id=network_id)["vip_subnet_id"] == first["id"]
    for address, subnet in (("10.1.0.77", second), ("2001:db8::77", six)):
        made = cloud.ann.create("loadbalancer", vip_network_id=network_id, vip_address=address)
        assert (made["vip_subnet_id"], made["vip_address"]) == (subnet["id"], address)


def test_a_vip_by_a_network_that_does_not_fit_is_refused(cloud: Cloud) -> None:
    subnet = cloud.subnet()
    empty = cloud.ann.create("network")["id"]
    foreign = cloud.subnet(cloud.bob)

    def refused(status: int, kind: str, **values: Any) -> None:
        body = {"loadbalancer": values}
        cloud.refuses(cloud.ann, "POST", "/lbaas/loadbalancers", body, status=status, kind=kind)

    refused(400, "VipNetworkInvalid", vip_network_id=empty)
    refused(400, "VipNetworkInvalid", vip_network_id=subnet["network_id"], vip_address="10.9.9.9")
    refused(400, "VipSubnetInvalid", vip_network_id=empty, vip_subnet_id=subnet["id"])
    refused(404, "NetworkNotFound", vip_network_id=foreign["network_id"])
    refused(400, "HTTPBadRequest", name="nowhere")
