"""Filters by what has no column of its own: objects above and below, and the statuses of load balancers."""

import pytest
from api_cloud import NOBODYS, Cloud

from evener.api.collections import Served
from evener.api.networking import V2
from evener.api.schemas import filters
from evener.resources.types import OperatingStatus, ProvisioningStatus
from evener_cloud.network.http.networking import NETWORKING

BALANCERS = "/lbaas/loadbalancers"


def test_lists_are_filtered_by_what_is_above_and_below(any_cloud: Cloud) -> None:
    ann, one, other = any_cloud.ann, any_cloud.tree(), any_cloud.tree()
    assert one != other
    for path, query, found in (
        (BALANCERS, f"listeners={one.listener}", [one.loadbalancer]),
        (BALANCERS, f"pools={one.pool}", [one.loadbalancer]),
        ("/lbaas/listeners", f"loadbalancers={one.loadbalancer}", [one.listener]),
        ("/lbaas/listeners", f"loadbalancer_id={one.loadbalancer}", [one.listener]),
        ("/lbaas/listeners", f"default_pool_id={one.pool}", [one.listener]),
        ("/lbaas/pools", f"loadbalancers={one.loadbalancer}", [one.pool]),
        ("/lbaas/pools", f"listeners={one.listener}", [one.pool]),
        ("/lbaas/pools", f"members={one.member}", [one.pool]),
        ("/lbaas/pools", f"healthmonitor_id={one.healthmonitor}", [one.pool]),
        ("/lbaas/healthmonitors", f"pools={one.pool}", [one.healthmonitor]),
        ("/networks", f"subnets={one.subnet}", [one.network]),
    ):
        assert ann.ids(path, query) == found, query
        name = query.partition("=")[0]
        assert ann.ids(path, f"{name}={NOBODYS}") == []
        assert ann.ids(path, f"{query}&id={NOBODYS}") == []
        assert any_cloud.bob.ids(path, query) == []
    both = ann.ids("/lbaas/pools", f"members={one.member}&members={other.member}&sort_key=created_at")
    assert both == [one.pool, other.pool]


def test_lists_are_filtered_by_the_value_that_is_shown(any_cloud: Cloud) -> None:
    tree = any_cloud.tree()
    path = "/lbaas/healthmonitors"
    assert any_cloud.ann.show("healthmonitor", tree.healthmonitor)["max_retries_down"] == 3
    assert any_cloud.ann.ids(path, "max_retries_down=3") == [tree.healthmonitor]
    any_cloud.ann.update("healthmonitor", tree.healthmonitor, max_retries_down=5)
    assert any_cloud.ann.ids(path, "max_retries_down=3") == []
    assert any_cloud.ann.ids(path, "max_retries_down=5") == [tree.healthmonitor]


def in_every_state(cloud: Cloud) -> None:
    """Make load balancers in all states that a report, or its lack, can bring about."""
    ann = cloud.ann
    cloud.balancer(name="new")
    cloud.failed(cloud.balancer(name="never came up")["id"], "no")
    for name in ("well", "changed", "refused", "off", "going"):
        balancer = cloud.balancer(name=name)["id"]
        cloud.applied(balancer)
        if name == "off":
            ann.update("loadbalancer", balancer, admin_state_up=False)
            cloud.applied(balancer)
        if name in ("changed", "refused"):
            ann.update("loadbalancer", balancer, description="x")
        if name == "refused":
            cloud.failed(balancer, "no")
        if name == "going":
            ann.delete("loadbalancer", balancer)
    for status in (None, OperatingStatus.OFFLINE, OperatingStatus.ONLINE):
        tree = cloud.tree()
        cloud.applied(tree.loadbalancer)
        if status is not None:
            cloud.seen(tree.loadbalancer, {tree.member: status})


def test_load_balancers_are_filtered_by_the_statuses_that_they_are_shown_with(any_cloud: Cloud) -> None:
    in_every_state(any_cloud)
    ann = any_cloud.ann
    everyone = ann.entries(BALANCERS)
    seen = set()
    for name, statuses in (
        ("provisioning_status", ProvisioningStatus),
        ("operating_status", OperatingStatus),
    ):
        for status in statuses:
            found = {entry["id"] for entry in everyone if entry[name] == status}
            seen |= {(name, status.value)} if found else set()
            assert set(ann.ids(BALANCERS, f"{name}={status}")) == found, status
    assert {status for name, status in seen if name == "provisioning_status"} == set(ProvisioningStatus)
    assert {status for name, status in seen if name == "operating_status"} == {
        "ONLINE",
        "OFFLINE",
        "DEGRADED",
        "DISABLED",
    }
    both = "provisioning_status=ACTIVE&provisioning_status=ERROR&operating_status=ONLINE"
    assert set(ann.ids(BALANCERS, both)) == {
        entry["id"]
        for entry in everyone
        if entry["provisioning_status"] in ("ACTIVE", "ERROR") and entry["operating_status"] == "ONLINE"
    }
    for nothing in ("provisioning_status=active", "operating_status=", "operating_status=a%00"):
        assert ann.ids(BALANCERS, nothing) == []


def test_load_balancers_are_sorted_by_the_statuses_that_they_are_shown_with(any_cloud: Cloud) -> None:
    in_every_state(any_cloud)
    ann = any_cloud.ann
    for name in ("provisioning_status", "operating_status"):
        for way in ("asc", "desc"):
            query = f"sort_key={name}&sort_dir={way}"
            found = ann.entries(BALANCERS, query)
            statuses = [entry[name] for entry in found]
            assert statuses == sorted(statuses, reverse=way == "desc")
            marker, ids = None, []
            while page := ann.ids(BALANCERS, f"{query}&limit=3" + (f"&marker={marker}" if marker else "")):
                marker = page[-1]
                ids += page
            assert ids == [entry["id"] for entry in found]


def test_monitors_are_sorted_and_filtered_by_what_they_mean(any_cloud: Cloud) -> None:
    ann, path = any_cloud.ann, "/lbaas/healthmonitors"
    tree = any_cloud.tree()
    plain = tree.healthmonitor
    web = ann.create(
        "healthmonitor",
        pool_id=any_cloud.pool(tree.loadbalancer)["id"],
        type="HTTP",
        delay=5,
        timeout=4,
        max_retries=3,
        max_retries_down=2,
    )["id"]
    assert ann.show("healthmonitor", plain)["http_method"] is None
    assert ann.ids(path, "http_method=GET") == [web]
    for query, ids in (
        ("sort_key=http_method", [plain, web]),
        ("sort_key=http_method&sort_dir=desc", [web, plain]),
        ("sort_key=max_retries_down", [web, plain]),
        ("sort_key=max_retries_down&sort_dir=desc", [plain, web]),
        (f"sort_key=max_retries_down&limit=1&marker={web}", [plain]),
    ):
        assert ann.ids(path, query) == ids, query


def test_pages_filtered_by_a_status_go_on_though_the_marker_has_left_it(any_cloud: Cloud) -> None:
    for _ in range(4):
        any_cloud.applied(any_cloud.balancer()["id"])
    ann, query = any_cloud.ann, "provisioning_status=ACTIVE&limit=2"
    first = ann.ids(BALANCERS, query)
    ann.update("loadbalancer", first[-1], description="x")
    second = ann.ids(BALANCERS, f"{query}&marker={first[-1]}")
    assert len({*first, *second}) == 4


@pytest.mark.parametrize("served", NETWORKING.collections, ids=lambda served: served.cls.__name__)
def test_every_filter_of_the_description_is_taken_and_no_other(cloud: Cloud, served: Served) -> None:
    tree = cloud.tree()
    policy = {"listener_id": tree.listener, "action": "REJECT"}
    parents = {"pools": tree.pool, "l7policies": "", "loadbalancers": tree.loadbalancer}
    if served.parent is not None and not parents[served.parent.PLURAL]:
        made = cloud.ann.ok("POST", "/lbaas/l7policies", {"l7policy": policy})
        parents["l7policies"] = made["l7policy"]["id"]
    path = served.path.removeprefix(V2)
    if served.parent is not None:
        path = path.replace("{object_id}", parents[served.parent.PLURAL])
    known = filters(served.cls, served.dialect.form)
    for name in known:
        value = "ip_address=10.0.0.1" if name == "fixed_ips" else "1"
        assert cloud.admin.send("GET", path, query_string=f"{name}={value}").status_code == 200, name
    unknown = {"generation", "created_generation", "changed_generation", "nonsense", "provisioning_error"}
    for name in unknown - known.keys():
        assert cloud.admin.send("GET", path, query_string=f"{name}=1").status_code == 400, name
