"""Statuses in Octavia's words: on every object, in lists, filters and the tree; made by one API, seen by the other."""

import itertools
import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from api_cloud import Cloud, Tree, User, counted
from scrambled_trees import everything, scramble, served_by_two
from sqlalchemy import update

from evener.api.dialects.octavia import OCTAVIA
from evener.control.statuses import AGENT_DOWN_AFTER
from evener.resources.caller import Caller
from evener.resources.facts import Counters, Failure
from evener.resources.types import OperatingStatus, ProvisioningStatus
from evener.store.database import now
from evener.store.schema import (
    agents,
)

Json = dict[str, Any]
# What a wait ends with; nothing else may be seen meanwhile.
PROVISIONING = {"PENDING_CREATE", "PENDING_UPDATE", "PENDING_DELETE", "ACTIVE", "ERROR"}
OPERATING = {"ONLINE", "OFFLINE", "DEGRADED", "ERROR", "DRAINING", "NO_MONITOR"}


@pytest.fixture
def tree(cloud: Cloud) -> Tree:
    return cloud.tree()


def paths(user: User) -> dict[str, str]:
    """Return the path of every collection that there is, by kind; those below others for each of these."""
    found = {f"/{kind}s": kind for kind in ("loadbalancer", "listener", "pool", "healthmonitor")}
    found |= {"/l7policies": "l7policy"}
    found |= {f"/pools/{each}/members": "member" for each in user.ids("/pools")}
    found |= {f"/l7policies/{each}/rules": "rule" for each in user.ids("/l7policies")}
    return found


def shown(user: User) -> dict[str, tuple[str, str]]:
    """Return both statuses of all there is, by id, as lists show them."""
    entries = (each for path in paths(user) for each in user.entries(path))
    return {each["id"]: (each["provisioning_status"], each["operating_status"]) for each in entries}


def operating(cloud: Cloud, tree: Tree) -> dict[str, str]:
    """Return the operating statuses of one object of each kind."""
    found = shown(cloud.ann.octavia)
    kinds = ("loadbalancer", "listener", "pool", "member", "healthmonitor")
    return {kind: found[getattr(tree, kind)][1] for kind in kinds}


def see(cloud: Cloud, tree: Tree, **seen: str) -> None:
    """Report what `seen` says of the member, and that all is applied."""
    cloud.applied(tree.loadbalancer)
    cloud.seen(tree.loadbalancer, [(tree.member, OperatingStatus(each)) for each in seen.values()])


def second(cloud: Cloud, tree: Tree) -> str:
    """Return a second member of the pool."""
    values = {"subnet_id": tree.subnet, "address": "10.0.0.10", "protocol_port": 80}
    made: str = cloud.ann.create("member", in_pool=tree.pool, **values)["id"]
    return made


def unused(cloud: Cloud, tree: Tree) -> None:
    cloud.ann.update("listener", tree.listener, default_pool_id=None)
    see(cloud, tree, member="ONLINE")


def redirected(cloud: Cloud, tree: Tree) -> None:
    cloud.ann.update("listener", tree.listener, default_pool_id=None)
    values = {"listener_id": tree.listener, "action": "REDIRECT_TO_POOL", "redirect_pool_id": tree.pool}
    cloud.ann.ok("POST", "/lbaas/l7policies", {"l7policy": values})
    see(cloud, tree, member="ONLINE")


def switched_off(kind: str) -> Callable[[Cloud, Tree], None]:
    def off(cloud: Cloud, tree: Tree) -> None:
        path = f"/lbaas/pools/{tree.pool}/members/{tree.member}"
        path = path if kind == "member" else f"/lbaas/{kind}s/{getattr(tree, kind)}"
        cloud.ann.ok("PUT", path, {kind: {"admin_state_up": False}})
        see(cloud, tree, member="ONLINE")

    return off


def some_out(cloud: Cloud, tree: Tree) -> None:
    other = second(cloud, tree)
    cloud.applied(tree.loadbalancer)
    cloud.seen(tree.loadbalancer, {tree.member: OperatingStatus.OFFLINE, other: OperatingStatus.ONLINE})


def drained(cloud: Cloud, tree: Tree) -> None:
    cloud.ann.ok("PUT", f"/lbaas/pools/{tree.pool}/members/{tree.member}", {"member": {"weight": 0}})
    see(cloud, tree, member="ONLINE")


def unwatched(cloud: Cloud, tree: Tree) -> None:
    cloud.ann.delete("healthmonitor", tree.healthmonitor)
    cloud.applied(tree.loadbalancer)


def full(cloud: Cloud, tree: Tree) -> None:
    cloud.ann.update("listener", tree.listener, connection_limit=5)
    see(cloud, tree, member="ONLINE")
    seen = {tree.listener: Counters(active_connections=5)}
    cloud.seen(tree.loadbalancer, {tree.member: OperatingStatus.ONLINE}, **seen)


def not_served(cloud: Cloud, tree: Tree) -> None:
    see(cloud, tree, member="ONLINE")
    failure = Failure(generation=cloud.generation(tree.loadbalancer), reason="no", objects=(tree.listener,))
    cloud.report(tree.loadbalancer, failure=failure)


def silent(cloud: Cloud, tree: Tree) -> None:
    see(cloud, tree, member="OFFLINE")
    with cloud.database.write() as tx:
        tx.execute(update(agents).values(heartbeat_at=now() - 2 * AGENT_DOWN_AFTER))


WELL = {
    "loadbalancer": "ONLINE",
    "listener": "ONLINE",
    "pool": "ONLINE",
    "member": "ONLINE",
    "healthmonitor": "ONLINE",
}
NOTHING = dict.fromkeys(WELL, "OFFLINE")
NO_MEMBER = {**WELL, "member": "OFFLINE"}


IDS = (
    *("new", "applied", "well", "error", "some-out", "drained", "unused", "redirected"),
    *("member-off", "pool-off", "listener-off", "monitor-off", "all-off", "full", "not-served", "silent"),
)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (lambda *_: None, NOTHING),
        (lambda cloud, tree: cloud.applied(tree.loadbalancer), NO_MEMBER),
        (lambda cloud, tree: see(cloud, tree, member="ONLINE"), WELL),
        (
            lambda cloud, tree: see(cloud, tree, member="OFFLINE"),
            {**WELL, "member": "ERROR", "pool": "ERROR", "loadbalancer": "ERROR"},
        ),
        (some_out, {**WELL, "member": "ERROR", "pool": "DEGRADED", "loadbalancer": "DEGRADED"}),
        (drained, {**WELL, "member": "DRAINING"}),
        (unused, {**WELL, "pool": "OFFLINE"}),
        (redirected, WELL),
        (switched_off("member"), NO_MEMBER),
        (switched_off("pool"), {**NO_MEMBER, "pool": "OFFLINE"}),
        (switched_off("listener"), {**WELL, "listener": "OFFLINE"}),
        (switched_off("healthmonitor"), {**WELL, "healthmonitor": "OFFLINE", "member": "NO_MONITOR"}),
        (switched_off("loadbalancer"), {**NOTHING, "healthmonitor": "ONLINE"}),
        (full, {**WELL, "listener": "DEGRADED", "loadbalancer": "DEGRADED"}),
        (not_served, {**WELL, "listener": "ERROR", "loadbalancer": "ERROR"}),
        (silent, NOTHING),
    ],
    ids=IDS,
)
def test_how_an_object_is_follows_the_table(
    cloud: Cloud, tree: Tree, what: Callable[[Cloud, Tree], None], expected: Mapping[str, str]
) -> None:
    what(cloud, tree)
    assert operating(cloud, tree) == expected


def test_members_without_a_monitor_are_not_judged(cloud: Cloud, tree: Tree) -> None:
    unwatched(cloud, tree)
    found = shown(cloud.ann.octavia)
    assert [found[each][1] for each in (tree.member, tree.pool, tree.loadbalancer)] == [
        "NO_MONITOR",
        "ONLINE",
        "ONLINE",
    ]
    path = f"/pools/{tree.pool}/members/{tree.member}"
    assert cloud.ann.octavia.ok("GET", path)["member"]["operating_status"] == "NO_MONITOR"


def test_a_load_balancer_without_a_listener_is_online_once_it_is_applied(cloud: Cloud) -> None:
    made = cloud.balancer()["id"]
    assert shown(cloud.ann.octavia)[made] == ("PENDING_CREATE", "OFFLINE")
    cloud.applied(made)
    assert shown(cloud.ann.octavia)[made] == ("ACTIVE", "ONLINE")


def requests(tree: Tree) -> dict[str, tuple[str, Json]]:
    """Return by kind where objects are made, and of what."""
    redirect = {"listener_id": tree.listener, "action": "REJECT"}
    return {
        "loadbalancer": ("/loadbalancers", {"vip_subnet_id": tree.subnet}),
        "listener": (
            "/listeners",
            {"loadbalancer_id": tree.loadbalancer, "protocol": "HTTP", "protocol_port": 81},
        ),
        "pool": (
            "/pools",
            {"loadbalancer_id": tree.loadbalancer, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"},
        ),
        "member": (
            f"/pools/{tree.pool}/members",
            {"address": "10.0.0.11", "protocol_port": 80, "subnet_id": tree.subnet},
        ),
        "l7policy": ("/l7policies", redirect),
    }


def test_what_is_made_and_changed_is_answered_with_its_statuses(cloud: Cloud, tree: Tree) -> None:
    ann = cloud.ann.octavia
    see(cloud, tree, member="ONLINE")
    made = {
        kind: (path, ann.ok("POST", path, {kind: values})[kind])
        for kind, (path, values) in requests(tree).items()
    }
    path = f"/l7policies/{made['l7policy'][1]['id']}/rules"
    rule = {"type": "PATH", "compare_type": "EQUAL_TO", "value": "/"}
    made["rule"] = (path, ann.ok("POST", path, {"rule": rule})["rule"])
    path, pool = "/healthmonitors", made["pool"][1]["id"]
    monitor = {"pool_id": pool, "type": "TCP", "delay": 5, "timeout": 4, "max_retries": 3}
    made["healthmonitor"] = (path, ann.ok("POST", path, {"healthmonitor": monitor})["healthmonitor"])
    for kind, (_, each) in made.items():
        assert (each["provisioning_status"], each["operating_status"]) == ("PENDING_CREATE", "OFFLINE"), kind
    assert shown(ann)[tree.loadbalancer][0] == "PENDING_UPDATE"
    cloud.applied(tree.loadbalancer)
    cloud.applied(made["loadbalancer"][1]["id"])
    for kind, (path, each) in made.items():
        one = f"{path}/{each['id']}"
        assert ann.ok("GET", one)[kind]["provisioning_status"] == "ACTIVE"
        changed = ann.ok("PUT", one, {kind: {"admin_state_up": False}})[kind]
        assert changed["provisioning_status"] == "PENDING_UPDATE", kind
        assert changed["operating_status"] == "OFFLINE", kind
        assert ann.ok("GET", one)[kind] == changed
        there = cloud.ann.ok("GET", f"/lbaas{one}")[kind]
        assert ("provisioning_status" in there) == (kind == "loadbalancer")


def test_what_is_deleted_is_pending_until_it_is_gone_and_then_not_found(cloud: Cloud, tree: Tree) -> None:
    ann = cloud.ann.octavia
    see(cloud, tree, member="ONLINE")
    path = f"/pools/{tree.pool}/members/{tree.member}"
    ann.ok("DELETE", path)
    assert ann.ok("GET", path)["member"]["provisioning_status"] == "PENDING_DELETE"
    assert shown(ann)[tree.loadbalancer] == ("PENDING_UPDATE", "ONLINE")
    cloud.applied(tree.loadbalancer)
    assert ann.send("GET", path).status_code == 404
    assert shown(ann)[tree.loadbalancer] == ("ACTIVE", "ONLINE")


def test_a_failure_is_that_of_the_objects_it_names_and_of_the_load_balancer(cloud: Cloud, tree: Tree) -> None:
    ann = cloud.ann.octavia
    not_served(cloud, tree)
    found = shown(ann)
    assert {key for key, (status, _) in found.items() if status == "ERROR"} == {
        tree.listener,
        tree.loadbalancer,
    }
    assert ann.ids("/listeners", "provisioning_status=ERROR") == [tree.listener]
    assert ann.ids("/pools", "provisioning_status=ERROR") == []


def own(tree_id: str, name: str, how: str = "ONLINE", **more: Any) -> Json:
    """Return what the tree shows of an object that is ACTIVE."""
    return {"id": tree_id, "name": name, "provisioning_status": "ACTIVE", "operating_status": how, **more}


def test_the_tree_has_pools_below_the_listeners_that_use_them_and_nowhere_else(
    cloud: Cloud, tree: Tree
) -> None:
    ann = cloud.ann.octavia
    other = cloud.pool(tree.loadbalancer, name="other")["id"]
    cloud.pool(tree.loadbalancer, name="unused")
    for target in (other, tree.pool):
        values = {"listener_id": tree.listener, "action": "REDIRECT_TO_POOL", "redirect_pool_id": target}
        ann.ok("POST", "/l7policies", {"l7policy": values})
    see(cloud, tree, member="OFFLINE")
    member = own(tree.member, "", "ERROR", address="10.0.0.9", protocol_port=80)
    monitor = own(tree.healthmonitor, "", type="TCP")
    pools = [
        own(tree.pool, "", "ERROR", members=[member], health_monitor=monitor),
        own(other, "other", members=[]),
    ]
    listener = own(tree.listener, "", pools=pools)
    expected = own(tree.loadbalancer, "web", "ERROR", listeners=[listener])
    for path in ("status", "statuses"):
        found = ann.ok("GET", f"/loadbalancers/{tree.loadbalancer}/{path}")
        assert found == {"statuses": {"loadbalancer": expected}}


def test_counters_are_five_and_those_of_a_load_balancer_the_sum_of_its_listeners(
    cloud: Cloud, tree: Tree
) -> None:
    ann = cloud.ann.octavia
    values = {"loadbalancer_id": tree.loadbalancer, "protocol": "TCP", "protocol_port": 81}
    other = ann.ok("POST", "/listeners", {"listener": values})["listener"]["id"]
    names = ("active_connections", "total_connections", "bytes_in", "bytes_out", "request_errors")
    paths = [f"/loadbalancers/{tree.loadbalancer}", f"/listeners/{tree.listener}", f"/listeners/{other}"]

    def stats() -> list[Json]:
        return [ann.ok("GET", f"{path}/stats")["stats"] for path in paths]

    assert stats() == [dict.fromkeys(names, 0)] * 3
    one, two = (dict(zip(names, range(1, 6), strict=True)), dict(zip(names, range(10, 60, 10), strict=True)))
    seen = {tree.listener: Counters(**one, requests=9), other: Counters(**two)}
    cloud.seen(tree.loadbalancer, (), **seen)
    assert stats() == [{name: one[name] + two[name] for name in names}, one, two]


def test_nobody_sees_statuses_and_counters_of_another_project(cloud: Cloud, tree: Tree) -> None:
    balancer = f"/loadbalancers/{tree.loadbalancer}"
    for path in (f"{balancer}/status", f"{balancer}/stats", f"/listeners/{tree.listener}/stats"):
        assert cloud.bob.octavia.send("GET", path).status_code == 403
        assert cloud.admin.octavia.send("GET", path).status_code == 200
    assert cloud.ann.octavia.send("GET", f"/listeners/{tree.pool}/stats").status_code == 404


def test_a_page_of_any_kind_costs_a_constant_number_of_statements(cloud: Cloud) -> None:
    cloud.unlimited("bob")
    costs = []
    for more in (2, 8):
        everything(cloud, more)
        cost: dict[tuple[bool, str], set[int]] = {}
        for path, kind in paths(cloud.bob.octavia).items():
            for user, limit in ((cloud.bob, 100), (cloud.bob.octavia, 100)):
                with counted(cloud.database) as sent:
                    user.entries(path if user is not cloud.bob else f"/lbaas{path}", f"limit={limit}")
                cost.setdefault((user is cloud.bob, kind), set()).add(len(sent))
        costs.append(cost)
    assert costs[0] == costs[1]
    for (plain, kind), few in costs[0].items():
        if not plain:
            (mine,), (theirs,) = few, costs[0][True, kind]
            assert mine - theirs == (kind != "loadbalancer"), kind


CALLER = Caller("bob", "bob", frozenset({"member"}))


def pages(user: User, path: str, query: str, rel: str) -> list[str]:
    """Return the ids on the pages that links lead to, from the one that `query` asks for."""
    ids: list[str] = []
    while True:
        answer = user.ok("GET", path, query_string=query)
        name = path.rpartition("/")[2]
        page = [each["id"] for each in answer[name]]
        ids = [*ids, *page] if rel == "next" else [*page, *ids]
        href = {each["rel"]: each["href"] for each in answer[f"{name}_links"]}.get(rel)
        if href is None:
            return ids
        query = href.partition("?")[2]


def test_lists_are_sorted_by_statuses_page_by_page_and_back(any_cloud: Cloud) -> None:
    cloud, ann = any_cloud, any_cloud.bob.octavia
    cloud.unlimited("bob")
    everything(cloud, 3)
    served_by_two(cloud)
    met = set()
    for seed in range(3):
        with cloud.database.write() as tx:
            scramble(tx, random.Random(seed))
        for path in (*list(paths(ann))[:6], list(paths(ann))[-1]):
            for name, up in itertools.product(("provisioning_status", "operating_status"), (True, False)):
                sort = f"sort={name}:{'asc' if up else 'desc'}"
                found = ann.entries(path, sort)
                shown_there = [each[name] for each in found]
                assert shown_there == sorted(shown_there, reverse=not up), (seed, path, sort)
                met |= set(shown_there)
                ids = [each["id"] for each in found]
                assert sorted(ids) == sorted(ann.ids(path))
                assert pages(ann, path, f"{sort}&limit=2", "next") == ids
                back = f"{sort}&limit=2&marker={ids[-1]}&page_reverse=True"
                assert pages(ann, path, back, "previous") == ids[:-1]
    assert met >= {"ACTIVE", "ERROR", "PENDING_UPDATE", "ONLINE", "OFFLINE"}


def test_a_page_sorted_by_a_status_costs_a_constant_number_of_statements(cloud: Cloud) -> None:
    costs = []
    cloud.unlimited("bob")
    for more in (2, 5):
        everything(cloud, more)
        marker = cloud.bob.octavia.ids("/loadbalancers")[0]
        with counted(cloud.database) as sent:
            cloud.bob.octavia.ids("/loadbalancers", f"sort=operating_status:desc&marker={marker}&limit=100")
        costs.append(len(sent))
    assert costs[0] == costs[1]


def test_lists_filters_and_the_tree_agree_whatever_has_happened(any_cloud: Cloud) -> None:
    """Lists and filters are worked out by the database, the tree by the pure functions."""
    cloud, ann = any_cloud, any_cloud.bob.octavia
    balancing = cloud.balancing.in_manner(OCTAVIA.manner)
    cloud.unlimited("bob")
    everything(cloud, 3)
    served_by_two(cloud)
    where, met = paths(ann), set()
    for seed in range(6):
        with cloud.database.write() as tx:
            scramble(tx, random.Random(seed))
        found = shown(ann)
        met |= {status for each in found.values() for status in each}
        for balancer in ann.ids("/loadbalancers"):
            tree = balancing.statuses(CALLER, balancer)
            for key, status in tree.operating.items():
                assert found[key] == (tree.provisioning[key], status), seed
        for path in (*list(where)[:6], list(where)[-1]):
            here = {each: found[each] for each in ann.ids(path)}
            for place, name, statuses in (
                (0, "provisioning_status", ProvisioningStatus),
                (1, "operating_status", OperatingStatus),
            ):
                for status in statuses:
                    expected = {key for key, each in here.items() if each[place] == status}
                    assert set(ann.ids(path, f"{name}={status}")) == expected, (seed, path, status)
    assert met == PROVISIONING | OPERATING
