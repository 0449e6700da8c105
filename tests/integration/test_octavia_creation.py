"""Whole load balancers, and parts of them, in one request in Octavia's form."""

import copy
from typing import Any

import pytest
from api_cloud import NOBODYS, Cloud, Json
from network_service import statements

MONITOR = {"type": "HTTP", "delay": 5, "timeout": 4, "max_retries": 3}
RULE = {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/api"}


def a_pool(name: str, *addresses: str, **values: Any) -> Json:
    members = [{"address": each, "protocol_port": 80} for each in addresses]
    return {"name": name, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": members, **values}


def a_listener(**values: Any) -> Json:
    return {"protocol": "HTTP", "protocol_port": 80, **values}


def whole(subnet: str) -> Json:
    to_api = {"action": "REDIRECT_TO_POOL", "redirect_pool": {"name": "api"}, "rules": [RULE]}
    to_own = {"action": "REDIRECT_TO_POOL", "redirect_pool": a_pool("own", "10.0.0.8"), "position": 1}
    first = a_listener(
        default_pool=a_pool("web", "10.0.0.9", healthmonitor=MONITOR), l7policies=[to_api, to_own]
    )
    second = a_listener(protocol_port=81, default_pool={"name": "api"})
    return {
        "name": "whole",
        "vip_subnet_id": subnet,
        "listeners": [first, second],
        "pools": [a_pool("api", "10.0.0.10"), a_pool("spare")],
    }


def post(cloud: Cloud, given: Json) -> Json:
    made: Json = cloud.ann.octavia.ok("POST", "/loadbalancers", {"loadbalancer": given})["loadbalancer"]
    return made


def refused(cloud: Cloud, path: str, body: Any, status: int, says: str) -> None:
    with cloud.unchanged():
        answer = cloud.ann.octavia.send("POST", path, body)
    assert answer.status_code == status, answer.text
    assert says in answer.json["faultstring"]


def test_one_request_makes_it_whole_at_the_first_generation_and_answers_whole(cloud: Cloud) -> None:
    made = post(cloud, whole(cloud.subnet()["id"]))
    first, second = made["listeners"]
    pools = {each["name"]: each for each in made["pools"]}
    assert set(pools) == {"web", "own", "api", "spare"}
    assert first["default_pool_id"] == pools["web"]["id"]
    assert second["default_pool_id"] == pools["api"]["id"]
    targets = [each["redirect_pool_id"] for each in first["l7policies"]]
    assert targets == [pools["own"]["id"], pools["api"]["id"]]
    assert [each["position"] for each in first["l7policies"]] == [1, 2]
    assert [[rule["value"] for rule in each["rules"]] for each in first["l7policies"]] == [[], ["/api"]]
    assert pools["web"]["healthmonitor"]["type"] == "HTTP"
    assert pools["spare"]["healthmonitor"] is None
    assert pools["api"]["listeners"] == [{"id": second["id"]}]
    assert [each["address"] for each in pools["web"]["members"]] == ["10.0.0.9"]
    assert cloud.applied(made["id"]) == 1
    assert cloud.ann.show("loadbalancer", made["id"])["provisioning_status"] == "ACTIVE"
    for each in (*made["listeners"], *made["pools"]):
        assert not {"loadbalancers", "healthmonitor_id"} & each.keys()
    assert "pools" not in pools["web"]["healthmonitor"]


def test_what_it_answers_is_what_each_object_shows(cloud: Cloud) -> None:
    made = post(cloud, whole(cloud.subnet()["id"]))
    inside = {"loadbalancers", "l7policies", "members", "healthmonitor_id", "healthmonitor"}
    for kind in ("listener", "pool"):
        for each in made[f"{kind}s"]:
            alone = cloud.ann.octavia.ok("GET", f"/{kind}s/{each['id']}")[kind]
            ours = {name: value for name, value in each.items() if name not in inside}
            assert ours == {name: value for name, value in alone.items() if name not in inside}


def test_nothing_inside_is_answered_as_nothing(cloud: Cloud) -> None:
    subnet = cloud.subnet()["id"]
    for inside in ({}, {"listeners": [], "pools": []}, {"listeners": None, "pools": None}):
        made = post(cloud, {"vip_subnet_id": subnet, **inside})
        assert (made["listeners"], made["pools"]) == ([], [])


def test_it_costs_as_many_statements_with_many_members_as_with_one(cloud: Cloud) -> None:
    cloud.unlimited("ann")

    def costs(members: int) -> int:
        subnet = cloud.subnet()["id"]
        addresses = [f"10.0.0.{last}" for last in range(20, 20 + members)]
        with statements(cloud.database) as sent:
            post(
                cloud,
                {"vip_subnet_id": subnet, "listeners": [a_listener(default_pool=a_pool("a", *addresses))]},
            )
        return len(sent)

    assert costs(50) == costs(2)


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"pools": [{"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}]}, 400, "Pools must be named"),
        ({"pools": [a_pool("a"), a_pool("a")]}, 400, "Pool names must be unique"),
        (
            {"pools": [{"name": "a", "lb_algorithm": "ROUND_ROBIN"}]},
            400,
            "missing required attribute: protocol",
        ),
        ({"pools": [{"name": "a", "protocol": "HTTP"}]}, 400, "missing required attribute: lb_algorithm"),
        ({"listeners": [a_listener(default_pool={"name": "zz"})]}, 400, "Pool 'zz' was referenced"),
        ({"listeners": [a_listener(default_pool={})]}, 400, "Pools must be named"),
        ({"listeners": [a_listener(default_pool={"name": {}})]}, 400, "must be named"),
        ({"listeners": [a_listener(default_pool={"name": None})]}, 400, "must be named"),
        ({"listeners": [a_listener(default_pool_id=NOBODYS)]}, 400, "default_pool_id"),
        ({"listeners": [a_listener(loadbalancer_id=NOBODYS)]}, 400, "loadbalancer_id"),
        ({"listeners": [a_listener(bogus=1)]}, 400, "Unknown attribute"),
        ({"listeners": [a_listener(), a_listener()]}, 409, "protocol_port"),
        ({"listeners": [a_listener(protocol="UDP")]}, 501, "UDP"),
        ({"listeners": [a_listener(protocol="SCTP")]}, 501, "SCTP"),
        ({"listeners": [a_listener(default_pool=a_pool("a", protocol="TCP"))]}, 400, "compatible"),
        ({"listeners": [a_listener(protocol="TCP", l7policies=[{"action": "REJECT"}])]}, 400, "L7"),
        ({"listeners": [a_listener(l7policies=[{"action": "REDIRECT_TO_POOL"}])]}, 400, "Redirect pool"),
        ({"pools": [a_pool("a", "10.0.0.9", "10.0.0.9")]}, 409, "already present"),
        ({"pools": [a_pool("a", "169.254.169.254")]}, 400, "reserved"),
        ({"pools": [a_pool("a", members=3)]}, 400, "members"),
        ({"pools": [a_pool("a", members=[3])]}, 400, "members[0]"),
        ({"pools": [a_pool("a", healthmonitor=[])]}, 400, "healthmonitor"),
        ({"pools": [a_pool("a", healthmonitor={})]}, 400, "healthmonitor"),
        ({"pools": [a_pool("a", healthmonitor={**MONITOR, "pool_id": NOBODYS})]}, 400, "pool_id"),
        ({"pools": 3}, 400, "pools"),
        ({"pools": "abc"}, 400, "pools"),
        ({"listeners": {}, "pools": [[]]}, 400, "pools"),
        ({"listeners": {"a": 1}}, 400, "listeners"),
        ({"listeners": [[]]}, 400, "listeners[0]"),
        ({"listeners": [a_listener(l7policies={"a": 1})]}, 400, "l7policies"),
        ({"listeners": [a_listener(l7policies=[{"action": "REJECT", "rules": [None]}])]}, 400, "rules[0]"),
    ],
)
def test_what_is_wrong_anywhere_makes_nothing(cloud: Cloud, change: Json, status: int, says: str) -> None:
    given = {"vip_subnet_id": cloud.subnet()["id"], **copy.deepcopy(change)}
    refused(cloud, "/loadbalancers", {"loadbalancer": given}, status, says)


def test_quotas_are_for_the_sums(cloud: Cloud) -> None:
    subnet = cloud.subnet()["id"]
    cloud.admin.ok("PUT", "/quotas/ann", {"quota": {"pool": 3}})
    refused(cloud, "/loadbalancers", {"loadbalancer": whole(subnet)}, 403, "")


def test_a_pool_may_be_given_with_its_members_and_monitor(cloud: Cloud) -> None:
    tree = cloud.tree()
    generation = cloud.applied(tree.loadbalancer)
    given = a_pool("new", "10.0.0.30", "10.0.0.31", loadbalancer_id=tree.loadbalancer, healthmonitor=MONITOR)
    pool = cloud.ann.octavia.ok("POST", "/pools", {"pool": given})["pool"]
    assert len(pool["members"]) == 2
    assert pool["healthmonitor_id"]
    assert cloud.applied(tree.loadbalancer) == generation + 1


def test_a_listener_may_be_given_with_its_pool_and_policies(cloud: Cloud) -> None:
    tree = cloud.tree()
    policies = [
        {"action": "REJECT", "rules": [RULE]},
        {"action": "REDIRECT_TO_POOL", "redirect_pool": a_pool("other", "10.0.0.40")},
    ]
    values = {"loadbalancer_id": tree.loadbalancer, "protocol_port": 81}
    given = a_listener(**values, default_pool=a_pool("", "10.0.0.30"), l7policies=policies)
    listener = cloud.ann.octavia.ok("POST", "/listeners", {"listener": given})["listener"]
    assert len(listener["l7policies"]) == 2
    pool = cloud.ann.octavia.ok("GET", f"/pools/{listener['default_pool_id']}")["pool"]
    assert (len(pool["members"]), pool["listeners"]) == (1, [{"id": listener["id"]}])
    given = a_listener(**{**values, "protocol_port": 82}, default_pool_id=tree.pool, l7policies=policies[:1])
    listener = cloud.ann.octavia.ok("POST", "/listeners", {"listener": given})["listener"]
    assert listener["default_pool_id"] == tree.pool


def test_a_policy_may_be_given_with_its_rules_and_pool(cloud: Cloud) -> None:
    tree = cloud.tree()
    given = {
        "listener_id": tree.listener,
        "action": "REDIRECT_TO_POOL",
        "redirect_pool": a_pool("p"),
        "rules": [RULE],
    }
    policy = cloud.ann.octavia.ok("POST", "/l7policies", {"l7policy": given})["l7policy"]
    assert policy["redirect_pool_id"]
    assert len(policy["rules"]) == 1


@pytest.mark.parametrize(
    ("path", "kind", "given", "status"),
    [
        ("/listeners", "listener", {"default_pool": {"name": "zz"}}, 400),
        ("/listeners", "listener", {"default_pool": 3}, 400),
        ("/listeners", "listener", {"default_pool": a_pool("a"), "default_pool_id": NOBODYS}, 400),
        ("/listeners", "listener", {"l7policies": [{}]}, 400),
        ("/listeners", "listener", {"protocol_port": 80, "l7policies": [{"action": "REJECT"}]}, 409),
        ("/pools", "pool", {"members": [{"address": "10.0.0.9"}]}, 400),
        ("/pools", "pool", {"members": "all", "healthmonitor": None}, 400),
        ("/pools", "pool", {"loadbalancer_id": NOBODYS, "members": []}, 404),
        ("/pools", "pool", {"loadbalancer_id": None, "members": []}, 400),
        ("/l7policies", "l7policy", {"rules": {"a": 1}}, 400),
        ("/l7policies", "l7policy", {"rules": [3]}, 400),
        ("/l7policies", "l7policy", {"listener_id": NOBODYS, "rules": []}, 404),
    ],
)
def test_a_part_that_is_wrong_makes_nothing(
    cloud: Cloud, path: str, kind: str, given: Json, status: int
) -> None:
    tree = cloud.tree()
    usual: dict[str, Json] = {
        "listener": a_listener(loadbalancer_id=tree.loadbalancer, protocol_port=81),
        "pool": {"loadbalancer_id": tree.loadbalancer, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"},
        "l7policy": {"listener_id": tree.listener, "action": "REJECT"},
    }
    refused(cloud, path, {kind: {**usual[kind], **given}}, status, "")


@pytest.mark.parametrize("path", ["/loadbalancers", "/listeners", "/pools", "/l7policies"])
@pytest.mark.parametrize("inner", [None, [], {}, 3, "a", {"listeners": [[[]]]}])
def test_an_envelope_with_nothing_of_use_is_refused(cloud: Cloud, path: str, inner: Any) -> None:
    kind = {"l7policies": "l7policy"}.get(path[1:], path[1:-1])
    refused(cloud, path, {kind: inner}, 400, "")


def test_who_only_reads_makes_nothing_nested(cloud: Cloud) -> None:
    body = {"loadbalancer": whole(cloud.subnet()["id"])}
    with cloud.unchanged():
        assert cloud.reader.octavia.send("POST", "/loadbalancers", body).status_code == 403
