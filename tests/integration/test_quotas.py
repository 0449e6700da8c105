"""Quotas over HTTP, on the assembled application: shown, set, reset, and never exceeded."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from api_cloud import Cloud, User, counted
from sqlalchemy import func, select

from evener.api.dialects.lbaas import LBAAS
from evener.resources.quota import default_limits
from evener.store.schema import metadata, quotas
from evener_cloud.network.http.networking import NETWORKING

LIMITS = default_limits(cls for cls in NETWORKING.kinds if cls not in LBAAS.form.unlimited)
TABLES = {cls.KIND: cls.table() for cls in NETWORKING.kinds}


def limit(cloud: Cloud, project: str = "ann", **limits: int) -> Any:
    return cloud.admin.ok("PUT", f"/quotas/{project}", {"quota": limits})["quota"]


def used(cloud: Cloud, project: str = "ann") -> dict[str, int]:
    """Return what is counted of each kind, having compared it with the rows there are."""
    with cloud.database.read() as tx:
        rows = tx.execute(select(quotas).where(quotas.c.project_id == project)).all()
        for row in rows:
            table = metadata.tables[TABLES[row.resource]]
            mine = [table.c.project_id == project]
            if "deleted_generation" in table.c:
                mine.append(table.c.deleted_generation.is_(None))
            there = tx.scalar(select(func.count()).select_from(table).where(*mine))
            assert row.used == there, row.resource
    return {row.resource: row.used for row in rows if row.used}


def over(kind: str) -> str:
    return f"Quota exceeded for resources: ['{kind}']."


def test_a_project_sees_its_limits(cloud: Cloud) -> None:
    limit(cloud, pool=3, member=5)
    assert cloud.reader.ok("GET", "/quotas/ann") == {"quota": {**LIMITS, "pool": 3, "member": 5}}
    assert cloud.reader.ok("GET", "/quotas/ann/default") == {"quota": LIMITS}
    assert cloud.bob.ok("GET", "/quotas/bob") == {"quota": LIMITS}


def test_clients_ask_which_project_they_are_in(cloud: Cloud) -> None:
    assert cloud.ann.ok("GET", "/quotas/tenant") == {"tenant": {"tenant_id": "ann"}}
    assert cloud.ann.ok("GET", "/quotas/project") == {"project": {"project_id": "ann"}}


def test_a_list_names_the_projects_with_limits_of_their_own(cloud: Cloud) -> None:
    cloud.tree()  # counts, but sets no limit
    assert cloud.admin.ok("GET", "/quotas") == {"quotas": []}
    limit(cloud, "bob", port=1)
    limit(cloud, "ann", pool=3)
    entries = cloud.admin.ok("GET", "/quotas")["quotas"]
    assert entries == [
        {**LIMITS, "pool": 3, "project_id": "ann", "tenant_id": "ann"},
        {**LIMITS, "port": 1, "project_id": "bob", "tenant_id": "bob"},
    ]


def test_only_administrators_change_limits_and_see_others(cloud: Cloud) -> None:
    body = {"quota": {"pool": 1}}
    for user in (cloud.ann, cloud.reader, cloud.bob):
        for method, path, given in (
            ("GET", "/quotas", None),
            ("GET", "/quotas/cloud", None),
            ("GET", "/quotas/cloud/default", None),
            ("GET", "/quotas/cloud/details", None),
            ("PUT", f"/quotas/{user.project}", body),
            ("DELETE", f"/quotas/{user.project}", None),
        ):
            cloud.refuses(user, method, path, given, status=403, kind="PolicyNotAuthorized")
    assert limit(cloud, "anybody", pool=1)["pool"] == 1


def test_a_project_that_nobody_knows_gets_no_limits_but_is_shown_and_reset(cloud: Cloud) -> None:
    path, body = "/quotas/unknown-1", {"quota": {"pool": 1}}
    cloud.refuses(cloud.admin, "PUT", path, body, status=404, kind="TenantQuotaNotFound", says="unknown-1")
    cloud.refuses(cloud.admin, "PUT", path, {"quota": {"x": 1}}, status=400, kind="HTTPBadRequest")
    cloud.refuses(cloud.ann, "PUT", path, body, status=403, kind="PolicyNotAuthorized")
    assert cloud.admin.ok("GET", path) == {"quota": LIMITS}
    with cloud.database.write() as tx:  # as it was before its project went
        tx.execute(quotas.insert().values(project_id="unknown-1", resource="pool", used=0, hard_limit=1))
    cloud.admin.ok("DELETE", path)
    assert cloud.admin.ok("GET", "/quotas") == {"quotas": []}


def test_a_reset_gives_the_defaults_back(cloud: Cloud) -> None:
    cloud.tree()
    limit(cloud, pool=3)
    cloud.admin.ok("DELETE", "/quotas/ann")
    assert cloud.ann.ok("GET", "/quotas/ann") == {"quota": LIMITS}
    cloud.refuses(cloud.admin, "DELETE", "/quotas/ann", status=404, kind="TenantQuotaNotFound")
    assert used(cloud)["pool"] == 1


def test_a_bad_change_changes_nothing(cloud: Cloud) -> None:
    for quota in ({"pool": 1, "vip": 1}, {"pool": 1, "port": -2}, {"pool": 1, "port": "x"}):
        cloud.refuses(cloud.admin, "PUT", "/quotas/ann", {"quota": quota}, status=400, kind="HTTPBadRequest")
    assert cloud.ann.ok("GET", "/quotas/ann") == {"quota": LIMITS}


def test_details_show_what_there_is(cloud: Cloud) -> None:
    cloud.tree()
    details = cloud.ann.ok("GET", "/quotas/ann/details")["quota"]
    assert details["pool"] == {"limit": 10, "used": 1, "reserved": 0}
    assert details["l7policy"] == {"limit": -1, "used": 0, "reserved": 0}
    assert cloud.ann.ok("GET", "/quotas/ann/details.json")["quota"] == details


def test_a_limit_below_what_there_is_takes_nothing_away_unless_asked_to_look(cloud: Cloud) -> None:
    tree = cloud.tree()
    body = {"quota": {"pool": 0, "check_limit": True}}
    cloud.refuses(cloud.admin, "PUT", "/quotas/ann", body, status=400, kind="HTTPBadRequest")
    assert limit(cloud, pool=0)["pool"] == 0
    assert cloud.ann.show("pool", tree.pool)["id"] == tree.pool


NEW: dict[str, Callable[[Cloud, Any], tuple[str, dict[str, Any]]]] = {
    "loadbalancer": lambda _, tree: ("/lbaas/loadbalancers", {"vip_subnet_id": tree.subnet}),
    "listener": lambda _, tree: (
        "/lbaas/listeners",
        {"loadbalancer_id": tree.loadbalancer, "protocol": "TCP", "protocol_port": 9},
    ),
    "pool": lambda _, tree: (
        "/lbaas/pools",
        {"loadbalancer_id": tree.loadbalancer, "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN"},
    ),
    "member": lambda _, tree: (
        f"/lbaas/pools/{tree.pool}/members",
        {"subnet_id": tree.subnet, "address": "10.0.0.77", "protocol_port": 80},
    ),
    "healthmonitor": lambda cloud, tree: (
        "/lbaas/healthmonitors",
        {
            "pool_id": cloud.pool(tree.loadbalancer)["id"],
            "type": "TCP",
            "delay": 5,
            "timeout": 4,
            "max_retries": 3,
        },
    ),
    "l7policy": lambda _, tree: ("/lbaas/l7policies", {"listener_id": tree.listener, "action": "REJECT"}),
    "network": lambda *_: ("/networks", {}),
    "subnet": lambda _, tree: (
        "/subnets",
        {"network_id": tree.network, "cidr": "10.9.0.0/24", "ip_version": 4},
    ),
    "port": lambda _, tree: ("/ports", {"network_id": tree.network}),
    "router": lambda *_: ("/routers", {}),
    "floatingip": lambda cloud, _: ("/floatingips", {"floating_network_id": cloud.outside()["network_id"]}),
    "security_group": lambda *_: ("/security-groups", {"name": "web"}),
    "security_group_rule": lambda cloud, _: (
        "/security-group-rules",
        {"security_group_id": cloud.ann.create("security_group")["id"], "direction": "ingress"},
    ),
}

# A group comes with two rules.
COUNTS = {"security_group": 3}


def test_every_kind_with_a_limit_is_tried_below() -> None:
    assert NEW.keys() == LIMITS.keys()


@pytest.mark.parametrize("kind", NEW)
def test_what_would_exceed_a_limit_is_refused_and_changes_nothing(cloud: Cloud, kind: str) -> None:
    tree = cloud.tree()
    path, values = NEW[kind](cloud, tree)
    limit(cloud, **{kind: used(cloud).get(kind, 0)})
    message = cloud.refuses(cloud.ann, "POST", path, {kind: values}, status=409, kind="OverQuota")
    assert message == over(kind)
    limit(cloud, **{kind: used(cloud).get(kind, 0) + 1})
    made = cloud.ann.ok("POST", path, {kind: values})[kind]["id"]
    used(cloud)
    cloud.ann.ok("DELETE", f"{path}/{made}")
    used(cloud)


def test_a_load_balancer_needs_room_for_its_port_too(cloud: Cloud) -> None:
    tree = cloud.tree()
    limit(cloud, port=1)
    body = {"loadbalancer": {"vip_subnet_id": tree.subnet}}
    assert cloud.refuses(
        cloud.ann, "POST", "/lbaas/loadbalancers", body, status=409, kind="OverQuota"
    ) == over("port")
    assert used(cloud)["loadbalancer"] == 1


def test_what_an_administrator_makes_counts_for_the_project_it_is_made_for(cloud: Cloud) -> None:
    tree = cloud.tree()
    limit(cloud, pool=1, loadbalancer=1)
    pool = {"loadbalancer_id": tree.loadbalancer, "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN"}
    cloud.refuses(cloud.admin, "POST", "/lbaas/pools", {"pool": pool}, status=409, kind="OverQuota")
    balancer = {"vip_subnet_id": tree.subnet, "tenant_id": "ann"}
    body = {"loadbalancer": balancer}
    cloud.refuses(cloud.admin, "POST", "/lbaas/loadbalancers", body, status=409, kind="OverQuota")
    cloud.tree(cloud.bob)


def test_what_is_on_its_way_out_does_not_count(cloud: Cloud) -> None:
    tree = cloud.tree()
    assert used(cloud) == {
        **dict.fromkeys(("loadbalancer", "listener", "pool", "member", "healthmonitor"), 1),
        **dict.fromkeys(("network", "subnet", "port"), 1),
    }
    cloud.ann.delete("healthmonitor", tree.healthmonitor)
    cloud.ann.delete("pool", tree.pool)
    assert cloud.ann.show("pool", tree.pool)["id"] == tree.pool
    limit(cloud, pool=1, member=1)
    other = cloud.pool(tree.loadbalancer)["id"]
    member = {"subnet_id": tree.subnet, "address": "10.0.0.9", "protocol_port": 80}
    cloud.ann.create("member", in_pool=other, **member)
    cloud.applied(tree.loadbalancer)
    assert used(cloud)["pool"] == used(cloud)["member"] == 1


def test_a_vip_counts_as_a_port_until_the_agent_let_go(cloud: Cloud) -> None:
    balancer = cloud.balancer()["id"]
    cloud.ann.delete("loadbalancer", balancer)
    assert used(cloud) == {"network": 1, "subnet": 1, "port": 1}
    cloud.report(balancer, gone=True)
    assert used(cloud) == {"network": 1, "subnet": 1}


def test_a_network_gives_back_the_subnets_of_all_projects(cloud: Cloud) -> None:
    network = cloud.ann.create("network")["id"]
    for number, user in enumerate((cloud.ann, cloud.ann, cloud.admin)):
        user.create("subnet", network_id=network, cidr=f"10.{number}.0.0/24", ip_version=4)
    assert (used(cloud)["subnet"], used(cloud, "cloud")["subnet"]) == (2, 1)
    cloud.ann.delete("network", network)
    assert (used(cloud), used(cloud, "cloud")) == ({}, {})


def test_what_a_whole_load_balancer_needs_is_there_or_nothing_is_made(cloud: Cloud) -> None:
    subnet = cloud.subnet()["id"]
    pool = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": []}
    listeners = [{"protocol": "HTTP", "protocol_port": port, "default_pool": pool} for port in (80, 81)]
    body = {"graph": {"loadbalancer": {"vip_subnet_id": subnet, "listeners": listeners}}}
    limit(cloud, pool=1)
    assert cloud.refuses(cloud.ann, "POST", "/lbaas/graphs", body, status=409, kind="OverQuota") == over(
        "pool"
    )
    assert used(cloud) == {"network": 1, "subnet": 1}
    limit(cloud, pool=2)
    cloud.ann.ok("POST", "/lbaas/graphs", body)
    assert (used(cloud)["pool"], used(cloud)["listener"]) == (2, 2)


@pytest.mark.parametrize("kind", [kind for kind in NEW if kind != "loadbalancer"])
def test_counting_costs_a_creation_one_statement(cloud: Cloud, kind: str) -> None:
    tree = cloud.tree()
    path, values = NEW[kind](cloud, tree)
    if kind in ("l7policy", "port", "router", "floatingip", "security_group"):
        cloud.ann.ok("POST", path, {kind: values})  # the first one of a project costs more
    with counted(cloud.database) as statements:
        cloud.ann.ok("POST", path, {kind: values})
    assert len([sent for sent in statements if "quotas" in sent]) == COUNTS.get(kind, 1)


def test_what_is_there_before_the_first_count_is_counted(any_cloud: Cloud) -> None:
    any_cloud.tree()
    with any_cloud.database.write() as tx:
        tx.execute(quotas.delete())
    any_cloud.balancer()
    assert (used(any_cloud)["loadbalancer"], used(any_cloud)["port"]) == (2, 2)
    network = any_cloud.ann.create("network")["id"]
    with any_cloud.database.write() as tx:
        tx.execute(quotas.delete())
    any_cloud.ann.delete("network", network)
    assert used(any_cloud) == {"network": 2}


def test_of_twenty_clients_at_once_as_many_succeed_as_there_is_room_for(any_cloud: Cloud) -> None:
    subnet = any_cloud.subnet()["id"]
    body = {"loadbalancer": {"vip_subnet_id": subnet}}

    def create(_: int) -> int:
        return any_cloud.ann.send("POST", "/lbaas/loadbalancers", body).status_code

    with ThreadPoolExecutor(20) as clients:
        assert Counter(clients.map(create, range(20))) == {201: 10, 409: 10}
    assert used(any_cloud)["loadbalancer"] == used(any_cloud)["port"] == 10
    assert len(any_cloud.ann.ids("/lbaas/loadbalancers")) == 10


def test_the_count_stays_true_while_clients_come_and_go(any_cloud: Cloud) -> None:
    balancers = [any_cloud.balancer()["id"] for _ in range(2)]
    limit(any_cloud, pool=6, network=8)

    def client(number: int) -> set[int]:
        chance, user, own, answers = random.Random(number), any_cloud.ann, [], set()
        for _ in range(6):
            if own and chance.random() < 0.5:
                answers.add(user.send("DELETE", own.pop()).status_code)
                continue
            path, body = chance.choice(_creations(balancers))
            answer = user.send("POST", path, body)
            answers.add(answer.status_code)
            if answer.status_code == 201:
                own.append(f"{path}/{next(iter(answer.json.values()))['id']}")
        return answers

    with ThreadPoolExecutor(20) as clients:
        answers = set().union(*clients.map(client, range(20)))
    assert answers <= {201, 204, 409}
    counted_now = used(any_cloud)
    assert counted_now.get("pool", 0) <= 6
    assert counted_now["network"] <= 8


def _creations(balancers: list[str]) -> list[tuple[str, Any]]:
    pool = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    return [
        *(("/lbaas/pools", {"pool": {**pool, "loadbalancer_id": balancer}}) for balancer in balancers),
        ("/networks", {"network": {}}),
    ]


def test_a_project_is_told_apart_from_the_next(cloud: Cloud) -> None:
    def names(user: User) -> list[str]:
        return user.ids("/networks")

    limit(cloud, "ann", network=1)
    cloud.ann.create("network")
    cloud.bob.create("network")
    cloud.refuses(cloud.ann, "POST", "/networks", {"network": {}}, status=409, kind="OverQuota")
    assert len(names(cloud.ann)) == len(names(cloud.bob)) == 1
