"""Many objects in one request, in Neutron's form: all of them or none."""

from typing import Any

import pytest
from api_cloud import Cloud, path_of

from evener.api.networking import LBAAS_COLLECTIONS
from evener_cloud.network.http.networking import COLLECTIONS as NETWORK_COLLECTIONS


def given(cloud: Cloud) -> dict[str, list[dict[str, Any]]]:
    """Return what to ask for of each kind, three each."""
    subnet, outside = cloud.subnet(), cloud.outside()
    network = subnet["network_id"]
    group = cloud.ann.create("security_group", name="group")["id"]
    rule = {"security_group_id": group, "direction": "ingress", "protocol": "tcp"}
    names = [f"n{number}" for number in range(3)]
    return {
        "network": [{"name": name} for name in names],
        "subnet": [{"network_id": network, "cidr": f"10.{n}.0.0/24", "ip_version": 4} for n in (1, 2, 3)],
        "port": [{"network_id": network, "name": name} for name in names],
        "router": [{"name": name} for name in names],
        "floatingip": [{"floating_network_id": outside["network_id"], "description": name} for name in names],
        "security_group": [{"name": name} for name in names],
        "security_group_rule": [
            {**rule, "port_range_min": port, "port_range_max": port} for port in (80, 443, 22)
        ],
    }


def test_every_collection_of_the_networking_api_takes_many_and_shows_them_in_order(cloud: Cloud) -> None:
    asked = given(cloud)
    assert asked.keys() == {served.cls.KIND for served in NETWORK_COLLECTIONS}
    for kind, each in asked.items():
        found = cloud.ann.ok("POST", path_of(kind), {f"{kind}s": each})
        assert list(found) == [f"{kind}s"]
        shown = [
            {name: entry[name] for name in one} for one, entry in zip(each, found[f"{kind}s"], strict=True)
        ]
        assert shown == each
        for entry in found[f"{kind}s"]:
            assert entry == cloud.ann.ok("GET", f"{path_of(kind)}/{entry['id']}")[kind]


def test_one_that_is_refused_leaves_none_and_says_which_it_is(cloud: Cloud) -> None:
    for kind, each in given(cloud).items():
        body = {f"{kind}s": [*each[:2], {**each[2], "nonsense": 1}]}
        says = f"{kind}s[2]: Unrecognized attribute(s) 'nonsense'"
        cloud.refuses(cloud.ann, "POST", path_of(kind), body, status=400, kind="HTTPBadRequest", says=says)
    asked = given(cloud)["security_group_rule"]
    body, kind = {"security_group_rules": [*asked, asked[0]]}, "SecurityGroupRuleExists"
    cloud.refuses(cloud.ann, "POST", "/security-group-rules", body, status=409, kind=kind)
    cloud.admin.ok("PUT", "/quotas/ann", {"quota": {"network": 3}})
    body = {"networks": [{}] * 3}
    cloud.refuses(cloud.ann, "POST", "/networks", body, status=409, kind="OverQuota")


@pytest.mark.parametrize(
    "body",
    [
        {"networks": []},
        {"networks": {}},
        {"networks": [{}], "network": {}},
        {"networks": [1]},
        {"networks": None},
    ],
)
def test_what_is_no_list_of_objects_is_refused(cloud: Cloud, body: dict[str, Any]) -> None:
    cloud.refuses(cloud.ann, "POST", "/networks", body, status=400, kind="HTTPBadRequest", says="required")


def test_so_many_objects_as_the_operator_allows_and_no_more(cloud: Cloud) -> None:
    bound = cloud.balancing.bounds.objects_per_request
    cloud.unlimited("ann")
    body = {"networks": [{}] * (bound + 1)}
    says = "[limits] objects_per_request"
    cloud.refuses(cloud.ann, "POST", "/networks", body, status=409, kind="OverQuota", says=says)


def test_load_balancing_takes_one_at_a_time_as_the_original_does(cloud: Cloud) -> None:
    for served in LBAAS_COLLECTIONS:
        assert not served.bulk
    body = {"loadbalancers": [{"vip_subnet_id": cloud.subnet()["id"]}]}
    cloud.refuses(cloud.ann, "POST", "/lbaas/loadbalancers", body, status=400, kind="HTTPBadRequest")


def test_agents_are_told_once_of_many(cloud: Cloud) -> None:
    balancer = cloud.balancer()
    group = cloud.ann.create("security_group", name="web")["id"]
    cloud.ann.update("port", balancer["vip_port_id"], security_groups=[group])
    told = len(cloud.agent.looked)
    rule = {"security_group_id": group, "direction": "ingress", "protocol": "tcp"}
    rules = [{**rule, "port_range_min": port, "port_range_max": port} for port in range(1, 21)]
    cloud.ann.ok("POST", "/security-group-rules", {"security_group_rules": rules})
    assert cloud.agent.looked[told:] == [balancer["id"]]
