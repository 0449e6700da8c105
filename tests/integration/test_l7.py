"""L7 policies and rules on the assembled application."""

from typing import Any

import pytest
from api_cloud import HOST, NOBODYS, Cloud, Tree

POLICIES = "/lbaas/l7policies"


def policy(cloud: Cloud, listener_id: str, **values: Any) -> dict[str, Any]:
    body = {"listener_id": listener_id, "action": "REJECT", **values}
    return dict(cloud.ann.ok("POST", POLICIES, {"l7policy": body})["l7policy"])


def rule(cloud: Cloud, policy_id: str, **values: Any) -> dict[str, Any]:
    body = {"type": "PATH", "compare_type": "EQUAL_TO", "value": "/x", **values}
    return dict(cloud.ann.ok("POST", f"{POLICIES}/{policy_id}/rules", {"rule": body})["rule"])


def names_in_order(cloud: Cloud) -> list[str]:
    found = cloud.ann.entries(POLICIES, "sort_key=position")
    assert [each["position"] for each in found] == list(range(1, len(found) + 1))
    return [each["name"] for each in found]


@pytest.fixture
def tree(cloud: Cloud) -> Tree:
    return cloud.tree()


def test_positions_close_ranks_on_creation_move_and_deletion(cloud: Cloud, tree: Tree) -> None:
    ids = {name: policy(cloud, tree.listener, name=name)["id"] for name in "abc"}
    ids["d"] = policy(cloud, tree.listener, name="d", position=2)["id"]
    ids["e"] = policy(cloud, tree.listener, name="e", position=99)["id"]
    assert names_in_order(cloud) == ["a", "d", "b", "c", "e"]
    for name, position, order in (("e", 1, "eadbc"), ("e", 4, "adbec"), ("a", 2147483647, "dbeca")):
        cloud.ann.ok("PUT", f"{POLICIES}/{ids[name]}", {"l7policy": {"position": position}})
        assert names_in_order(cloud) == list(order)
    cloud.ann.ok("DELETE", f"{POLICIES}/{ids['b']}")
    cloud.applied(tree.loadbalancer)
    assert names_in_order(cloud) == ["d", "e", "c", "a"]


def test_policies_come_to_the_agent_in_order_with_their_rules(cloud: Cloud, tree: Tree) -> None:
    second = policy(cloud, tree.listener, name="second")["id"]
    first = policy(cloud, tree.listener, name="first", position=1)["id"]
    kept, going = rule(cloud, second, value="/a")["id"], rule(cloud, second, value="/b")["id"]
    cloud.ann.ok("DELETE", f"{POLICIES}/{second}/rules/{going}")
    graph = cloud.controller.graph(HOST, tree.loadbalancer)
    assert graph is not None
    assert [node.policy.id for node in graph.policies_of(tree.listener)] == [first, second]
    assert [each.id for each in graph.policies_of(tree.listener)[1].rules] == [kept]
    assert [each["id"] for each in cloud.ann.show("listener", tree.listener)["l7policies"]] == [second, first]


def test_statuses_show_policies_and_rules(cloud: Cloud, tree: Tree) -> None:
    made = policy(cloud, tree.listener)["id"]
    rule_id = rule(cloud, made)["id"]
    cloud.applied(tree.loadbalancer)
    statuses = cloud.ann.ok("GET", f"/lbaas/loadbalancers/{tree.loadbalancer}/statuses")["statuses"]
    (shown,) = statuses["loadbalancer"]["listeners"][0]["l7policies"]
    assert (shown["id"], shown["action"], shown["provisioning_status"]) == (made, "REJECT", "ACTIVE")
    assert shown["rules"] == [{"id": rule_id, "type": "PATH", "provisioning_status": "ACTIVE"}]


@pytest.mark.parametrize(
    ("values", "status", "kind"),
    [
        ({"action": "REDIRECT_TO_POOL"}, 409, "L7PolicyRedirectPoolIdMissing"),
        ({"action": "REDIRECT_TO_URL"}, 409, "L7PolicyRedirectUrlMissing"),
        ({"action": "REDIRECT_TO_POOL", "redirect_pool_id": NOBODYS}, 404, "EntityNotFound"),
        ({"action": "REDIRECT_TO_URL", "redirect_url": "ftp://x"}, 400, "HTTPBadRequest"),
        ({"action": "REDIRECT_TO_URL", "redirect_url": "http://x/\nuser root"}, 400, "HTTPBadRequest"),
        ({"position": 0}, 400, "HTTPBadRequest"),
        ({"listener_id": NOBODYS}, 404, "EntityNotFound"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(
    cloud: Cloud, tree: Tree, values: dict[str, Any], status: int, kind: str
) -> None:
    body = {"l7policy": {"listener_id": tree.listener, "action": "REJECT", **values}}
    cloud.refuses(cloud.ann, "POST", POLICIES, body, status=status, kind=kind)


def test_a_policy_goes_with_http_listeners_and_pools_of_the_same_load_balancer(
    cloud: Cloud, tree: Tree
) -> None:
    tcp = cloud.ann.create("listener", loadbalancer_id=tree.loadbalancer, protocol="TCP", protocol_port=81)
    tcp_pool = cloud.pool(tree.loadbalancer, protocol="TCP")
    other = cloud.pool(cloud.balancer()["id"])
    for values, status, kind in (
        ({"listener_id": tcp["id"]}, 409, "ListenerProtocolMismatch"),
        (
            {"action": "REDIRECT_TO_POOL", "redirect_pool_id": tcp_pool["id"]},
            409,
            "ListenerPoolProtocolMismatch",
        ),
        (
            {"action": "REDIRECT_TO_POOL", "redirect_pool_id": other["id"]},
            400,
            "ListenerAndPoolMustBeOnSameLoadbalancer",
        ),
    ):
        body = {"l7policy": {"listener_id": tree.listener, "action": "REJECT", **values}}
        cloud.refuses(cloud.ann, "POST", POLICIES, body, status=status, kind=kind)


def test_what_a_policy_uses_is_not_deleted(cloud: Cloud, tree: Tree) -> None:
    pool = cloud.pool(tree.loadbalancer)["id"]
    made = policy(cloud, tree.listener, action="REDIRECT_TO_POOL", redirect_pool_id=pool)["id"]
    for path in (f"/lbaas/pools/{pool}", f"/lbaas/listeners/{tree.listener}"):
        cloud.refuses(cloud.ann, "DELETE", path, status=409, kind="EntityInUse", says=made)
    rule(cloud, made)
    cloud.ann.ok("DELETE", f"{POLICIES}/{made}")
    for path in (f"/lbaas/pools/{pool}", f"/lbaas/listeners/{tree.listener}"):
        cloud.ann.ok("DELETE", path)
    cloud.applied(tree.loadbalancer)
    assert cloud.ann.ids(POLICIES) == []


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"type": "HEADER"}, "L7RuleKeyMissing"),
        ({"type": "COOKIE", "key": "a b"}, "L7RuleInvalidKey"),
        ({"type": "COOKIE", "key": "c", "value": "a;b"}, "L7RuleInvalidCookieValue"),
        ({"type": "FILE_TYPE", "compare_type": "CONTAINS"}, "L7RuleUnsupportedCompareType"),
        ({"compare_type": "REGEX", "value": "("}, "L7RuleInvalidRegex"),
        ({"compare_type": "REGEX", "value": r"(a)\1"}, "L7RuleInvalidRegex"),
        ({"value": "a\nuser root"}, "HTTPBadRequest"),
        ({"value": ""}, "HTTPBadRequest"),
        ({"compare_type": "NEAR"}, "HTTPBadRequest"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    cloud: Cloud, tree: Tree, values: dict[str, Any], kind: str
) -> None:
    path = f"{POLICIES}/{policy(cloud, tree.listener)['id']}/rules"
    body = {"rule": {"type": "PATH", "compare_type": "EQUAL_TO", "value": "/x", **values}}
    cloud.refuses(cloud.ann, "POST", path, body, status=400, kind=kind)


def test_policies_and_rules_of_others_are_not_there(cloud: Cloud, tree: Tree) -> None:
    made = policy(cloud, tree.listener)["id"]
    rule_id = rule(cloud, made)["id"]
    for method, path in (
        ("GET", f"{POLICIES}/{made}"),
        ("DELETE", f"{POLICIES}/{made}"),
        ("GET", f"{POLICIES}/{made}/rules"),
        ("GET", f"{POLICIES}/{made}/rules/{rule_id}"),
    ):
        cloud.refuses(cloud.bob, method, path, status=404, kind="EntityNotFound")
    other = policy(cloud, tree.listener)["id"]
    cloud.refuses(cloud.ann, "GET", f"{POLICIES}/{other}/rules/{rule_id}", status=404, kind="EntityNotFound")
