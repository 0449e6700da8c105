"""Tags of what Octavia's API has: given, shown, found by, and gone with the object; on every database."""

import itertools
from typing import Any
from unittest.mock import patch

import pytest
from api_cloud import HOST, Cloud, Json, counted
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from evener.resources.loadbalancer import LoadBalancer
from evener.store import rows
from evener.store.schema import TAGS

WORDS = ("red", "Red", "blue", "a b", "größe", "100%", "x_y", "red ", "'", '"', "", "\U0001f600")


@pytest.fixture
def cloud(any_cloud: Cloud) -> Cloud:
    return any_cloud


def bodies(cloud: Cloud) -> dict[str, tuple[str, str, Json]]:
    """Return for each kind where it is made, what it is called, and what is sent for one."""
    tree = cloud.tree()
    reject = {"l7policy": {"listener_id": tree.listener, "action": "REJECT"}}
    policy = cloud.ann.octavia.ok("POST", "/l7policies", reject)["l7policy"]["id"]
    bare = cloud.pool(tree.loadbalancer)["id"]
    balancer = {"loadbalancer_id": tree.loadbalancer, "protocol": "HTTP"}
    monitor = {"pool_id": bare, "type": "TCP", "delay": 5, "timeout": 4, "max_retries": 3}
    rule = {"type": "PATH", "compare_type": "EQUAL_TO", "value": "/"}
    return {
        "loadbalancers": ("/loadbalancers", "loadbalancer", {"vip_subnet_id": tree.subnet}),
        "listeners": ("/listeners", "listener", {**balancer, "protocol_port": 81}),
        "pools": ("/pools", "pool", {**balancer, "lb_algorithm": "ROUND_ROBIN"}),
        "members": (f"/pools/{tree.pool}/members", "member", {"address": "10.0.0.77", "protocol_port": 8}),
        "healthmonitors": ("/healthmonitors", "healthmonitor", monitor),
        "l7policies": ("/l7policies", "l7policy", {"listener_id": tree.listener, "action": "REJECT"}),
        "rules": (f"/l7policies/{policy}/rules", "rule", rule),
    }


def test_each_kind_has_tags_that_are_set_changed_and_taken_away(cloud: Cloud) -> None:
    ann = cloud.ann.octavia
    for path, kind, values in bodies(cloud).values():
        body = {kind: {**values, "tags": ["b", "a", "b"]}}
        made = ann.ok("POST", path, body)[kind]
        assert made["tags"] == ["b", "a"], kind
        one = f"{path}/{made['id']}"
        assert ann.ok("GET", one)[kind]["tags"] == ["b", "a"]
        assert [each["id"] for each in ann.entries(path, "tags=a,b")] == [made["id"]]
        assert ann.ok("PUT", one, {kind: {"tags": ["c"]}})[kind]["tags"] == ["c"]
        assert ann.entries(path, "tags-any=a,b") == []
        assert [each["tags"] for each in ann.entries(path, "tags=c")] == [["c"]]
        assert ann.ok("PUT", one, {kind: {"admin_state_up": False}})[kind]["tags"] == ["c"]
        assert ann.ok("PUT", one, {kind: {"tags": None}})[kind]["tags"] == []
        assert ann.entries(path, "tags=c") == []


@pytest.mark.parametrize("tags", ["a", ["x" * 256], [1], [None], [f"n{n}" for n in range(51)], ["\x00"]])
def test_what_is_no_list_of_tags_is_refused(cloud: Cloud, tags: Any) -> None:
    subnet = cloud.subnet()["id"]
    with cloud.unchanged():
        body = {"loadbalancer": {"vip_subnet_id": subnet, "tags": tags}}
        assert cloud.ann.octavia.send("POST", "/loadbalancers", body).status_code == 400


def test_lbaas_knows_no_tags(cloud: Cloud) -> None:
    balancer = cloud.balancer()["id"]
    cloud.ann.octavia.ok("PUT", f"/loadbalancers/{balancer}", {"loadbalancer": {"tags": ["a"]}})
    assert "tags" not in cloud.ann.show("loadbalancer", balancer)
    for name in ("tags", "tags-any", "not-tags", "not-tags-any"):
        assert cloud.ann.send("GET", "/lbaas/loadbalancers", query_string=f"{name}=a").status_code == 400
    path, body = f"/lbaas/loadbalancers/{balancer}", {"loadbalancer": {"tags": ["b"]}}
    cloud.refuses(cloud.ann, "PUT", path, body, status=400, kind="HTTPBadRequest", says="tags")


TAGS_OF = st.lists(st.sampled_from(WORDS), unique=True, max_size=4)
ASKED = st.dictionaries(
    st.sampled_from(["tags", "tags-any", "not-tags", "not-tags-any"]),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3),
    min_size=1,
)
TESTS = {
    "tags": lambda has, asked: asked <= has,
    "tags-any": lambda has, asked: bool(asked & has),
    "not-tags": lambda has, asked: not asked <= has,
    "not-tags-any": lambda has, asked: not asked & has,
}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TAGS_OF, min_size=1, max_size=4), ASKED, st.booleans(), st.sampled_from([1, 2, 1000]))
def test_lists_have_exactly_those_with_the_tags_however_many_have_them(
    cloud: Cloud, having: list[list[str]], asked: dict[str, list[str]], commas: bool, many: int
) -> None:
    cloud.unlimited("ann")
    ann = cloud.ann.octavia
    subnet = cloud.subnet()["id"]
    made = {}
    for tags in having:
        body = {"loadbalancer": {"vip_subnet_id": subnet, "tags": tags}}
        made[ann.ok("POST", "/loadbalancers", body)["loadbalancer"]["id"]] = set(tags)
    expected = [
        key for key, has in made.items() if all(TESTS[name](has, set(tags)) for name, tags in asked.items())
    ]
    query = {name: ",".join(tags) if commas else tags for name, tags in asked.items()}
    for more in ({"vip_subnet_id": subnet, "limit": 0}, {"limit": 0}, {"limit": len(made)}):
        with patch("evener.store.tags.MANY", many):
            answer = ann.send("GET", "/loadbalancers", params={**query, **more}, params_csv=False)
        assert [each["id"] for each in answer.json["loadbalancers"]] == expected, more
    for key in made:
        ann.ok("DELETE", f"/loadbalancers/{key}")
        cloud.report(key, gone=True)


def test_tags_are_gone_with_their_object(cloud: Cloud) -> None:
    ann, ids = cloud.ann.octavia, []
    for path, kind, values in bodies(cloud).values():
        made = ann.ok("POST", path, {kind: {**values, "tags": ["x", "y"]}})[kind]
        ids.append((path, made["id"]))

    def counts() -> list[int]:
        with cloud.database.read() as tx:
            return [tx.scalar(select(func.count()).select_from(table)) or 0 for table in TAGS.values()]

    assert counts() == [2] * 7
    for path, object_id in reversed(ids):
        ann.ok("DELETE", f"{path}/{object_id}")
    for balancer in cloud.ann.ids("/lbaas/loadbalancers", "admin_state_up=true"):
        if balancer != ids[0][1]:
            cloud.applied(balancer)
    with cloud.database.write() as tx:  # as when the agent has let go of it
        rows.delete(tx, LoadBalancer, [ids[0][1]])
    assert counts() == [0] * 7


def test_agents_are_told_no_tags_and_no_moments(cloud: Cloud) -> None:
    tree = cloud.tree()
    cloud.ann.octavia.ok("PUT", f"/listeners/{tree.listener}", {"listener": {"tags": ["secret-word"]}})
    graph = cloud.controller.graph(HOST, tree.loadbalancer, cloud.asker)
    assert graph is not None
    assert "secret-word" not in graph.model_dump_json()
    for part in (graph.loadbalancer, *graph.listeners, *(node.pool for node in graph.pools)):
        assert not {"tags", "created_at", "updated_at"} & part.model_dump().keys()


def test_tags_cost_a_constant_number_of_statements(cloud: Cloud) -> None:
    cloud.unlimited("ann")
    ann, subnet = cloud.ann.octavia, cloud.subnet()["id"]
    costs = []
    numbers = itertools.count(1)
    for _ in range(2):
        for _ in range(3):
            body = {"loadbalancer": {"vip_subnet_id": subnet, "tags": [f"t{next(numbers)}", "all"]}}
            ann.ok("POST", "/loadbalancers", body)
        with counted(cloud.database) as statements:
            assert ann.entries("/loadbalancers", "tags=all&not-tags-any=none")
        costs.append(len(statements))
    assert costs[0] == costs[1]
