"""Quotas as Octavia shows and sets them, on the counters that LBaaS v2 counts with."""

from typing import Any

import pytest
from api_cloud import Cloud, Tree
from sqlalchemy import select

from evener.control.quotas import Quotas
from evener.store.schema import quotas as table

KINDS = ("loadbalancer", "listener", "member", "pool", "healthmonitor", "l7policy", "l7rule")
BOTH = {"load_balancer": "loadbalancer", "health_monitor": "healthmonitor"}


def quota(cloud: Cloud, project: str = "ann") -> dict[str, Any]:
    return dict(cloud.admin.octavia.ok("GET", f"/quotas/{project}")["quota"])


def put(cloud: Cloud, project: str = "ann", **limits: Any) -> dict[str, Any]:
    answer = cloud.admin.octavia.send("PUT", f"/quotas/{project}", {"quota": limits})
    assert answer.status_code == 202, answer.text
    return dict(answer.json["quota"])


def test_each_limit_is_shown_by_all_its_names(cloud: Cloud) -> None:
    shown = quota(cloud)
    assert shown.keys() == {*KINDS, *BOTH, "project_id", "tenant_id"}
    assert shown["project_id"] == shown["tenant_id"] == "ann"
    assert all(shown[second] == shown[first] for second, first in BOTH.items())
    assert shown["l7rule"] == -1
    of_lbaas = cloud.admin.ok("GET", "/quotas/ann")["quota"]
    assert {kind: shown[kind] for kind in KINDS if kind != "l7rule"} == {
        kind: of_lbaas[kind] for kind in KINDS if kind != "l7rule"
    }
    assert "l7rule" not in of_lbaas, "LBaaS v2 knows no such limit"


@pytest.mark.parametrize(
    ("name", "kind"), [*BOTH.items(), ("loadbalancer", "loadbalancer"), ("l7rule", "l7rule")]
)
def test_a_limit_is_set_by_either_name(cloud: Cloud, name: str, kind: str) -> None:
    assert put(cloud, **{name: 3})[kind] == 3
    assert put(cloud, **{name: "4"})[kind] == 4, "a number may be written as a string"
    assert put(cloud, **{name: -1})[kind] == -1
    default = cloud.admin.octavia.ok("GET", "/quotas/defaults")["quota"][kind]
    assert put(cloud, **{name: None})[kind] == default, "null is the default again"
    if kind != "l7rule":
        assert cloud.admin.ok("GET", "/quotas/ann")["quota"][kind] == default


def test_what_one_sets_the_other_shows_and_both_keep_to_it(cloud: Cloud) -> None:
    cloud.admin.ok("PUT", "/quotas/ann", {"quota": {"loadbalancer": 1}})
    assert quota(cloud)["load_balancer"] == 1
    subnet = cloud.subnet()["id"]
    body = {"loadbalancer": {"vip_subnet_id": subnet}}
    cloud.ann.create("loadbalancer", vip_subnet_id=subnet)
    refused = cloud.ann.octavia.send("POST", "/loadbalancers", body)
    assert refused.status_code == 403
    assert refused.json["faultstring"] == "Quota has been met for resources: Load Balancer"
    put(cloud, load_balancer=2)
    cloud.ann.octavia.ok("POST", "/loadbalancers", body)
    cloud.refuses(
        cloud.ann, "POST", "/lbaas/loadbalancers", body, status=409, kind="OverQuota", says="loadbalancer"
    )


def rejecting(cloud: Cloud, tree: Tree) -> str:
    body = {"l7policy": {"listener_id": tree.listener, "action": "REJECT"}}
    return str(cloud.ann.octavia.ok("POST", "/l7policies", body)["l7policy"]["id"])


def test_rules_are_counted_and_go_with_their_policies(cloud: Cloud) -> None:
    tree = cloud.tree()
    put(cloud, l7rule=2)
    policy = rejecting(cloud, tree)
    path = f"/l7policies/{policy}/rules"
    rule = {"rule": {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/a"}}
    first = cloud.ann.octavia.ok("POST", path, rule)["rule"]["id"]
    cloud.ann.ok("POST", f"/lbaas{path}", rule)
    refused = cloud.ann.octavia.send("POST", path, rule)
    assert (refused.status_code, refused.json["faultstring"]) == (
        403,
        "Quota has been met for resources: L7 Rule",
    )
    cloud.ann.ok("DELETE", f"/lbaas{path}/{first}")
    cloud.ann.octavia.ok("POST", path, rule)
    cloud.ann.ok("DELETE", f"/lbaas/l7policies/{policy}")
    for _ in range(2):
        cloud.ann.octavia.ok("POST", f"/l7policies/{rejecting(cloud, tree)}/rules", rule)


@pytest.mark.parametrize("whole", ["listener", "load balancer"])
def test_what_a_deletion_takes_along_is_counted_no_more(cloud: Cloud, whole: str) -> None:
    tree = cloud.tree()
    rule = {"rule": {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/a"}}
    cloud.ann.octavia.ok("POST", f"/l7policies/{rejecting(cloud, tree)}/rules", rule)
    quotas = Quotas(cloud.database)
    assert (quotas.usage("ann")["l7policy"].used, quotas.usage("ann")["l7rule"].used) == (1, 1)
    if whole == "listener":
        cloud.ann.octavia.ok("DELETE", f"/listeners/{tree.listener}")
    else:
        path = f"/loadbalancers/{tree.loadbalancer}"
        cloud.ann.octavia.ok("DELETE", path, query_string="cascade=true")
    used = {kind: quota.used for kind, quota in quotas.usage("ann").items()}
    with cloud.database.read() as tx:
        counted = {row.resource: row.used for row in tx.execute(select(table)) if row.project_id == "ann"}
    assert {kind: counted.get(kind, 0) for kind in used} == used
    assert (used["l7policy"], used["l7rule"], used["listener"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"quota": {"pool": "x"}}, "Invalid input for field/attribute pool. Value: 'x'."),
        ({"quota": {"pool": True}}, "not an integer"),
        ({"quota": {"pool": -2}}, "greater or equal to -1"),
        ({"quota": {"pool": 2_000_000_001}}, "lower or equal to 2000000000"),
        ({"quota": {"port": 1}}, "Unknown attribute for argument quota: 'port'"),
        ({"quota": {"loadbalancer": 1, "load_balancer": 2}}, "with different values"),
        ({}, "'quota'"),
        ({"quota": None}, "'quota'"),
        ([], "'quota'"),
    ],
)
def test_what_is_no_limit_is_refused(cloud: Cloud, body: Any, says: str) -> None:
    refused = cloud.admin.octavia.send("PUT", "/quotas/ann", body)
    assert refused.status_code == 400
    assert says in refused.json["faultstring"]


def test_limits_that_are_taken_away_are_the_defaults_again(cloud: Cloud) -> None:
    put(cloud, pool=3)
    answer = cloud.admin.octavia.send("DELETE", "/quotas/ann")
    assert (answer.status_code, answer.content) == (202, b"")
    assert quota(cloud)["pool"] == quota(cloud, "defaults")["pool"]
    missing = cloud.admin.octavia.send("DELETE", "/quotas/nobody")
    assert (missing.status_code, missing.json["faultstring"]) == (404, "Quotas nobody not found.")


def test_projects_that_have_anything_are_listed_with_what_holds_for_them(cloud: Cloud) -> None:
    cloud.balancer()
    put(cloud, "bob", pool=3)
    found = cloud.admin.octavia.ok("GET", "/quotas")
    assert found["quotas_links"] == []
    by_project = {each["project_id"]: each for each in found["quotas"]}
    assert by_project.keys() == {"ann", "bob"}
    assert by_project["bob"]["pool"] == 3
    assert by_project["ann"]["pool"] == quota(cloud, "defaults")["pool"]
    own = cloud.ann.octavia.ok("GET", "/quotas")["quotas"]
    assert [each["project_id"] for each in own] == ["ann"]


def pages(cloud: Cloud, query: str, rel: str = "next") -> list[str]:
    """Return the projects on the pages that links lead to, from the one that `query` asks for."""
    found: list[str] = []
    while True:
        answer = cloud.admin.octavia.ok("GET", "/quotas", query_string=query)
        page = [each["project_id"] for each in answer["quotas"]]
        found = [*found, *page] if rel == "next" else [*page, *found]
        href = {each["rel"]: each["href"] for each in answer["quotas_links"]}.get(rel)
        if href is None:
            return found
        query = href.partition("?")[2]


def test_quotas_are_sorted_and_paged_by_everything_that_is_shown(any_cloud: Cloud) -> None:
    cloud = any_cloud
    for number, project in enumerate(("d", "b", "c", "a", "e")):
        put(cloud, project, pool=number // 2, member=7 - number, **({"listener": 3} if number else {}))
    answer = cloud.admin.octavia.ok("GET", "/quotas")
    assert [each["project_id"] for each in answer["quotas"]] == ["a", "b", "c", "d", "e"]
    assert answer["quotas_links"] == []
    entries = {each["project_id"]: each for each in answer["quotas"]}
    assert entries["d"]["listener"] == quota(cloud, "defaults")["listener"]
    for key in entries["a"]:
        for way, down in (("asc", False), ("desc", True)):
            ids = pages(cloud, f"limit=2&sort={key}:{way}")
            values = [entries[each][key] for each in ids]
            assert values == sorted(values, reverse=down), (key, way)
            assert sorted(ids) == ["a", "b", "c", "d", "e"]
            back = f"limit=2&sort={key}:{way}&marker={ids[-1]}&page_reverse=True"
            assert pages(cloud, back, "previous") == ids[:-1]
    assert pages(cloud, "sort_key=pool,member&sort_dir=desc,asc&limit=1") == ["e", "a", "c", "b", "d"]


def test_quotas_are_filtered_and_shown_in_part(any_cloud: Cloud) -> None:
    cloud = any_cloud
    for project, limit in (("bob", 3), ("ann", 4), ("eve", 3)):
        put(cloud, project, load_balancer=limit, pool=1)
    for query, found in (
        ("load_balancer=3", ["bob", "eve"]),
        ("loadbalancer=3&loadbalancer=4", ["ann", "bob", "eve"]),
        ("tenant_id=bob&project_id=ann&loadbalancer=3", ["bob"]),
        ("pool=many", []),
        ("pool=99999999999999999999", []),
        ("project_id=nobody", []),
        ("project_id=%00", []),
        ("name=bob", []),
        ("load_balancer=3&marker=ann", ["bob", "eve"]),
    ):
        assert pages(cloud, query) == found, query
    fields = "fields=load_balancer&fields=tenant_id&fields=bogus&limit=1"
    answer = cloud.admin.octavia.ok("GET", "/quotas", query_string=fields)
    assert answer["quotas"] == [{"load_balancer": 4, "tenant_id": "ann"}]
    assert [each["rel"] for each in answer["quotas_links"]] == ["next"]
    for query in (
        "bogus=1",
        "sort=bogus",
        "sort=pool:up",
        "marker=nobody",
        "marker=%00",
        "limit=x",
        "id=ann",
    ):
        refused = cloud.admin.octavia.send("GET", "/quotas", query_string=query)
        assert (refused.status_code, refused.json["faultcode"]) == (400, "Client"), query
    own = cloud.user("ann", "member").octavia
    assert [each["project_id"] for each in own.ok("GET", "/quotas", query_string="sort=pool")["quotas"]] == [
        "ann"
    ]
    assert own.send("GET", "/quotas", query_string="marker=bob").status_code == 400


def test_projects_read_their_own_and_administrators_all(cloud: Cloud) -> None:
    for path in ("/quotas/ann", "/quotas/defaults", "/quotas/ann/default"):
        assert cloud.reader.octavia.send("GET", path).status_code == 200
    for path, query in (("/quotas/bob", ""), ("/quotas", "project_id=bob")):
        assert cloud.ann.octavia.send("GET", path, query_string=query).status_code == 403
    for role, reads, writes in (
        ("load-balancer_quota_admin", 200, 202),
        ("load-balancer_global_observer", 200, 403),
        ("load-balancer_observer", 403, 403),
        ("member", 403, 403),
    ):
        user = cloud.user("ann", role).octavia
        assert user.send("GET", "/quotas/bob").status_code == reads, role
        assert user.send("PUT", "/quotas/bob", {"quota": {"pool": 5}}).status_code == writes, role
        assert user.send("DELETE", "/quotas/bob").status_code == writes, role
