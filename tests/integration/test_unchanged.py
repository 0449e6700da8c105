"""A PUT that changes nothing: it is answered as any other, and nothing happens."""

import pytest
from api_cloud import Cloud, Json, Tree, User, counted

from evener.api.collections import Served
from evener.api.networking import LBAAS_COLLECTIONS
from evener.api.octavia import COLLECTIONS
from evener.resources.describe import Attr, descriptors
from evener.resources.wire import on_wire

SERVED = [*LBAAS_COLLECTIONS, *COLLECTIONS[: len(LBAAS_COLLECTIONS)]]
MONITOR = {"type": "HTTP", "delay": 5, "timeout": 4, "max_retries": 3, "url_path": "/up"}


def made(cloud: Cloud, tree: Tree) -> dict[str, str]:
    """Return the path of one object of each kind, below the prefix of its API."""
    ann = cloud.ann
    ann.delete("healthmonitor", tree.healthmonitor)
    ann.update("pool", tree.pool, session_persistence={"type": "APP_COOKIE", "cookie_name": "c"})
    monitor = ann.create("healthmonitor", pool_id=tree.pool, **MONITOR)["id"]
    policy = {"listener_id": tree.listener, "action": "REDIRECT_TO_POOL", "redirect_pool_id": tree.pool}
    policies = [ann.ok("POST", "/lbaas/l7policies", {"l7policy": policy})["l7policy"]["id"] for _ in range(3)]
    rules = f"/l7policies/{policies[1]}/rules"
    rule = {"type": "HEADER", "key": "k", "compare_type": "EQUAL_TO", "value": "v", "invert": True}
    return {
        "loadbalancer": f"/loadbalancers/{tree.loadbalancer}",
        "listener": f"/listeners/{tree.listener}",
        "pool": f"/pools/{tree.pool}",
        "member": f"/pools/{tree.pool}/members/{tree.member}",
        "healthmonitor": f"/healthmonitors/{monitor}",
        "l7policy": f"/l7policies/{policies[1]}",
        "rule": f"{rules}/{ann.ok('POST', f'/lbaas{rules}', {'rule': rule})['rule']['id']}",
    }


def changeable(served: Served, shown: Json) -> Json:
    """Return what a PUT may give, of what is shown."""
    names = on_wire(served.cls, served.dialect.form)
    marks = {names[name]: mark for name, (_, mark) in descriptors(served.cls).items() if name in names}
    return {
        name: shown[name]
        for name, mark in marks.items()
        if isinstance(mark, Attr) and mark.update and name in shown
    }


@pytest.mark.parametrize("served", SERVED, ids=lambda served: f"{served.prefix[1:4]}-{served.cls.KIND}")
def test_what_is_there_already_raises_no_generation_and_reaches_no_agent(
    cloud: Cloud, served: Served
) -> None:
    kind = served.cls.KIND
    path = made(cloud, cloud.tree())[kind]
    user = User(cloud.client, cloud.ann.token, "ann", served.prefix)
    shown = user.ok("GET", path)[kind]
    values = changeable(served, shown)
    assert len(values) > 2
    # What nobody has said is shown as it is in force, and null says what that is: now it is said.
    if kind in ("healthmonitor", "listener", "pool"):
        shown = user.ok("PUT", path, {kind: values})[kind]
    with cloud.unchanged():
        assert user.ok("PUT", path, {kind: values})[kind] == shown
        assert user.ok("PUT", path, {kind: {}})[kind] == shown
    changed = user.ok("PUT", path, {kind: {**values, "admin_state_up": False}})[kind]
    assert changed["admin_state_up"] is False
    with cloud.unchanged():
        assert user.ok("PUT", path, {kind: {"admin_state_up": False}})[kind] == changed


def test_the_same_tags_are_no_news(cloud: Cloud) -> None:
    ann, tree = cloud.ann.octavia, cloud.tree()
    for kind, path in made(cloud, tree).items():
        tagged = ann.ok("PUT", path, {kind: {"tags": ["b", "a"]}})[kind]
        with cloud.unchanged():
            assert ann.ok("PUT", path, {kind: {"tags": ["b", "a", "b"]}})[kind] == tagged
        assert ann.ok("PUT", path, {kind: {"tags": None}})[kind]["tags"] == []


def test_a_position_behind_the_last_is_the_last(cloud: Cloud) -> None:
    ann, tree = cloud.ann, cloud.tree()
    path = "/lbaas" + made(cloud, tree)["l7policy"]
    assert ann.ok("PUT", path, {"l7policy": {"position": 100}})["l7policy"]["position"] == 3
    with cloud.unchanged():
        assert ann.ok("PUT", path, {"l7policy": {"position": 100}})["l7policy"]["position"] == 3
    assert ann.ok("PUT", path, {"l7policy": {"position": 1}})["l7policy"]["position"] == 1
    assert ann.ok("PUT", path, {"l7policy": {"position": 2}})["l7policy"]["position"] == 2


def test_what_may_not_be_is_refused_though_it_is_there_already(cloud: Cloud) -> None:
    ann, tree = cloud.ann.octavia, cloud.tree()
    path = f"/healthmonitors/{tree.healthmonitor}"
    with cloud.unchanged():
        assert ann.send("PUT", path, {"healthmonitor": {"http_method": "GET"}}).status_code == 400
        cloud.bob.send("PUT", f"/lbaas{path}", {"healthmonitor": {"delay": 5}})
        assert cloud.bob.octavia.send("PUT", path, {"healthmonitor": {"delay": 5}}).status_code == 403


def test_what_is_on_its_way_out_is_not_the_same_as_before(cloud: Cloud) -> None:
    made_one = cloud.balancer()
    cloud.ann.delete("loadbalancer", made_one["id"])
    path, body = f"/lbaas/loadbalancers/{made_one['id']}", {"loadbalancer": {"name": ""}}
    cloud.refuses(cloud.ann, "PUT", path, body, status=409, kind="StateInvalid")


def test_to_see_that_something_changes_costs_no_statement(cloud: Cloud) -> None:
    tree = cloud.tree()
    costs = {}
    for kind, path in made(cloud, tree).items():
        with counted(cloud.database) as sent:
            cloud.ann.ok("PUT", f"/lbaas{path}", {kind: {"admin_state_up": False}})
        costs[kind] = len(sent)
    # Locked, read, changed, noted as an event, agents asked for, and shown: with what is below, and of a load balancer
    # its statuses.
    few, some = (
        dict.fromkeys(("member", "healthmonitor", "rule"), 6),
        dict.fromkeys(("listener", "pool", "l7policy"), 7),
    )
    assert costs == {"loadbalancer": 8, **some, **few}
