"""What Octavia's API takes along with what it deletes, and what it refuses to delete."""

from typing import Any

import pytest
from api_cloud import Cloud, Tree
from network_service import statements

LOADBALANCER = "/loadbalancers/{}"


@pytest.fixture
def tree(cloud: Cloud) -> Tree:
    made = cloud.tree()
    values = {"listener_id": made.listener, "redirect_url": "http://a.example/"}
    policy = cloud.ann.octavia.ok(
        "POST", "/l7policies", {"l7policy": {**values, "action": "REDIRECT_TO_URL"}}
    )
    rule = {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/a"}
    cloud.ann.octavia.ok("POST", f"/l7policies/{policy['l7policy']['id']}/rules", {"rule": rule})
    return made


def everything(cloud: Cloud) -> set[str]:
    kinds = ("listeners", "pools", "healthmonitors", "l7policies")
    return {each for kind in kinds for each in cloud.ann.octavia.ids(f"/{kind}")}


def used(cloud: Cloud) -> dict[str, int]:
    """Return what the project has of each kind, as it is counted."""
    found = cloud.ann.ok("GET", "/quotas/ann/details")["quota"]
    return {kind: each["used"] for kind, each in found.items() if each["used"]}


def refused(cloud: Cloud, path: str, status: int, says: str, query: str = "") -> None:
    with cloud.unchanged():
        answer = cloud.ann.octavia.send("DELETE", path, query_string=query)
    assert answer.status_code == status, answer.text
    assert answer.json["faultstring"] == says


def test_a_load_balancer_with_children_is_refused_without_cascade(cloud: Cloud, tree: Tree) -> None:
    path = LOADBALANCER.format(tree.loadbalancer)
    says = f"Validation failure: Cannot delete Load Balancer {tree.loadbalancer} - it has children"
    for query in ("", "cascade=false", "cascade=False", "cascade=", "cascade=maybe"):
        refused(cloud, path, 400, says, query)
    cloud.refuses(cloud.ann, "DELETE", f"/lbaas{path}", status=409, kind="EntityInUse")
    lbaas = f"/lbaas{path}"
    cloud.refuses(cloud.ann, "DELETE", lbaas, status=409, kind="EntityInUse", query_string="cascade=true")


@pytest.mark.parametrize("word", ["true", "True", "1", "yes", "on", "TRUE"])
def test_cascade_takes_everything_along_at_one_generation(cloud: Cloud, tree: Tree, word: str) -> None:
    generation = cloud.generation(tree.loadbalancer)
    told = len(cloud.agent.looked)
    path = LOADBALANCER.format(tree.loadbalancer)
    cloud.ann.octavia.ok("DELETE", path, query_string=f"cascade={word}")
    assert cloud.agent.looked[told:] == [tree.loadbalancer]
    for each in cloud.contents()["members"]:
        assert generation + 1 in each
    assert used(cloud) == {kind: each for kind, each in used(cloud).items() if kind in CLOUDS}
    cloud.report(tree.loadbalancer, gone=True)
    assert cloud.ann.octavia.send("GET", path).status_code == 404
    assert not everything(cloud)


CLOUDS = {"network", "subnet", "port", "security_group", "security_group_rule"}


def test_cascade_costs_the_same_with_one_member_as_with_many(cloud: Cloud) -> None:
    def costs(members: int) -> int:
        made = cloud.tree()
        cloud.unlimited("ann")
        for last in range(100, 100 + members):
            member = {"address": f"10.0.0.{last}", "protocol_port": 80}
            cloud.ann.octavia.ok("POST", f"/pools/{made.pool}/members", {"member": member})
        with statements(cloud.database) as sent:
            path = LOADBALANCER.format(made.loadbalancer)
            cloud.ann.octavia.ok("DELETE", path, query_string="cascade=true")
        return len(sent)

    assert costs(20) == costs(1)


def test_a_listener_takes_its_policies_along_and_its_pool_stays(cloud: Cloud, tree: Tree) -> None:
    cloud.ann.octavia.ok("DELETE", f"/listeners/{tree.listener}")
    cloud.applied(tree.loadbalancer)
    assert everything(cloud) == {tree.pool, tree.healthmonitor}
    assert not cloud.contents()["l7rules"]


def test_in_lbaas_they_have_to_go_first(cloud: Cloud, tree: Tree) -> None:
    for kind, each in (("listener", tree.listener), ("pool", tree.pool)):
        cloud.refuses(cloud.ann, "DELETE", f"/lbaas/{kind}s/{each}", status=409, kind="EntityInUse")


def test_a_pool_takes_its_monitor_and_members_along_and_its_listener_stays(cloud: Cloud, tree: Tree) -> None:
    cloud.ann.octavia.ok("DELETE", f"/pools/{tree.pool}")
    listener = cloud.ann.octavia.ok("GET", f"/listeners/{tree.listener}")["listener"]
    assert listener["default_pool_id"] is None
    cloud.applied(tree.loadbalancer)
    assert tree.healthmonitor not in everything(cloud)
    assert not cloud.contents()["members"]


def test_a_pool_that_a_policy_redirects_to_stays(cloud: Cloud, tree: Tree) -> None:
    values: dict[str, Any] = {"listener_id": tree.listener, "redirect_pool_id": tree.pool}
    body = {"l7policy": {**values, "action": "REDIRECT_TO_POOL"}}
    policy = cloud.ann.octavia.ok("POST", "/l7policies", body)["l7policy"]["id"]
    refused(cloud, f"/pools/{tree.pool}", 409, f"Pool {tree.pool} is in use by L7 policy {policy}")
    cloud.ann.octavia.ok("DELETE", f"/l7policies/{policy}")
    cloud.ann.octavia.ok("DELETE", f"/pools/{tree.pool}")
