"""openstacksdk's load balancer proxy: what it makes, finds, lists, changes and deletes, of every kind that it knows."""

import json
from collections.abc import Iterator
from typing import Any

import openstack
import pytest
from octavia_site import OctaviaSite
from openstack import exceptions
from openstack.connection import Connection

pytestmark = pytest.mark.root
COUNTS = ("active_connections", "bytes_in", "bytes_out", "request_errors", "total_connections")


@pytest.fixture(scope="module")
def cloud(site: OctaviaSite) -> Iterator[Connection]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OS_CLIENT_CONFIG_FILE", str(site.state / "clouds.yaml"))
        with openstack.connect(cloud="evener") as connected:
            yield connected


@pytest.fixture(scope="module")
def balancer(site: OctaviaSite, cloud: Connection) -> Any:
    made = cloud.load_balancer.create_load_balancer(name="LB", vip_subnet_id=site.subnet["id"])
    return cloud.load_balancer.wait_for_load_balancer(made.id, interval=0.1)


@pytest.fixture(scope="module")
def pool(cloud: Connection, balancer: Any) -> Any:
    values = {"loadbalancer_id": balancer.id, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    return cloud.load_balancer.create_pool(name="P", **values)


@pytest.fixture(scope="module")
def listener(cloud: Connection, balancer: Any) -> Any:
    values = {"load_balancer_id": balancer.id, "protocol": "HTTP", "protocol_port": 80}
    return cloud.load_balancer.create_listener(name="L", **values)


def check(found: Any, **expected: Any) -> None:
    """Expect these values of an object."""
    assert {name: getattr(found, name) for name in expected} == expected


def ids(objects: Any) -> set[str]:
    return {each.id for each in objects}


def test_load_balancers(site: OctaviaSite, cloud: Connection, balancer: Any) -> None:
    octavia = cloud.load_balancer
    check(balancer, provisioning_status="ACTIVE", vip_network_id=site.network["id"], is_admin_state_up=True)
    other = octavia.create_load_balancer(
        name="OTHER", vip_network_id=site.network["id"], is_admin_state_up=False, tags=["a", "b"]
    )
    assert octavia.find_load_balancer("OTHER").id == octavia.find_load_balancer(other.id).id == other.id
    assert octavia.find_load_balancer("NOBODY") is None
    with pytest.raises(exceptions.NotFoundException, match="Load Balancer nobody not found"):
        octavia.get_load_balancer("nobody")
    everything = {balancer.id, other.id}
    for query, expected in (
        ({}, everything),
        ({"limit": 1}, everything),
        ({"name": "OTHER"}, {other.id}),
        ({"is_admin_state_up": False}, {other.id}),
        ({"vip_address": other.vip_address}, {other.id}),
        ({"vip_port_id": other.vip_port_id}, {other.id}),
        ({"vip_subnet_id": site.subnet["id"]}, everything),
        ({"project_id": balancer.project_id}, everything),
        ({"tags": "a,b"}, {other.id}),
        ({"any_tags": "b,c"}, {other.id}),
        ({"not_tags": "a"}, {balancer.id}),
        ({"not_any_tags": "b,c"}, {balancer.id}),
    ):
        assert ids(octavia.load_balancers(**query)) == expected, query
    octavia.wait_for_load_balancer(other.id, interval=0.1)
    values = {"name": "O", "description": "d", "is_admin_state_up": True, "tags": ["c"]}
    check(octavia.update_load_balancer(other.id, **values), **values)
    octavia.wait_for_load_balancer(other.id, interval=0.1)
    check(octavia.get_load_balancer(other.id), **values)
    assert octavia.get_load_balancer(other.id).updated_at[10] == "T"
    octavia.failover_load_balancer(other.id)
    octavia.wait_for_load_balancer(other.id, interval=0.1)
    statistics = octavia.get_load_balancer_statistics(other.id)
    check(statistics, **dict.fromkeys(COUNTS, 0))
    octavia.create_listener(load_balancer_id=other.id, protocol="TCP", protocol_port=1)
    with pytest.raises(exceptions.BadRequestException, match="it has children"):
        octavia.delete_load_balancer(other.id)
    gone = octavia.get_load_balancer(other.id)
    octavia.delete_load_balancer(other.id, cascade=True)
    octavia.wait_for_delete(gone, interval=0.1)
    octavia.delete_load_balancer(other.id)
    with pytest.raises(exceptions.NotFoundException):
        octavia.delete_load_balancer(other.id, ignore_missing=False)


def test_a_load_balancer_with_all_that_is_below_it(site: OctaviaSite, cloud: Connection) -> None:
    monitor = {"type": "HTTP", "delay": 5, "timeout": 3, "max_retries": 2}
    members = [{"address": "10.7.0.90", "protocol_port": 80, "weight": 3}]
    pool = {"name": "web", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    whole = {**pool, "members": members, "healthmonitor": monitor}
    rules = [{"type": "PATH", "compare_type": "EQUAL_TO", "value": "/a"}]
    policy = {"action": "REDIRECT_TO_POOL", "redirect_pool": {"name": "web"}, "rules": rules}
    listener = {"protocol": "HTTP", "protocol_port": 80, "default_pool": whole, "l7policies": [policy]}
    octavia = cloud.load_balancer
    made = octavia.create_load_balancer(name="WHOLE", vip_subnet_id=site.subnet["id"], listeners=[listener])
    assert made.listeners[0]["l7policies"][0]["rules"][0]["value"] == "/a"
    octavia.wait_for_load_balancer(made.id, interval=0.1)
    (found,) = octavia.pools(loadbalancer_id=made.id)
    check(found, name="web", health_monitor_id=next(octavia.health_monitors(pool_id=found.id)).id)
    assert [each.weight for each in octavia.members(found.id)] == [3]
    assert octavia.find_listener(found.listeners[0]["id"]).default_pool_id == found.id
    octavia.delete_load_balancer(made.id, cascade=True)
    octavia.wait_for_delete(made, interval=0.1)


def test_listeners(cloud: Connection, balancer: Any, pool: Any, listener: Any) -> None:
    octavia = cloud.load_balancer
    values = {
        "name": "M",
        "description": "d",
        "protocol": "HTTP",
        "protocol_port": 81,
        "connection_limit": 5,
        "default_pool_id": pool.id,
        "insert_headers": {"X-Forwarded-For": "true"},
        "timeout_client_data": 1,
        "timeout_member_connect": 2,
        "timeout_member_data": 3,
        "timeout_tcp_inspect": 4,
        "allowed_cidrs": ["10.0.0.0/8"],
        "is_admin_state_up": False,
        "tags": ["a"],
    }
    made = octavia.create_listener(load_balancer_id=balancer.id, **values)
    check(octavia.get_listener(made.id), **values, load_balancers=[{"id": balancer.id}])
    assert octavia.find_listener("M").id == made.id
    for query in (
        {"load_balancer_id": balancer.id, "protocol_port": 81},
        {"default_pool_id": pool.id},
        {"timeout_client_data": 1},
        {"connection_limit": 5, "protocol": "HTTP"},
        {"is_admin_state_up": False},
        {"tags": ["a"]},
    ):
        assert ids(octavia.listeners(**query)) == {made.id}, query
    assert ids(octavia.listeners(load_balancer_id=balancer.id)) == {made.id, listener.id}
    changed = {
        "insert_headers": {},
        "timeout_client_data": None,
        "connection_limit": None,
        "allowed_cidrs": None,
        "default_pool_id": None,
        "is_admin_state_up": True,
    }
    octavia.update_listener(made.id, **changed)
    usual = {**changed, "timeout_client_data": 50_000, "connection_limit": -1}
    check(
        octavia.get_listener(made.id), **{name: value for name, value in usual.items() if value is not None}
    )
    check(octavia.get_listener_statistics(made.id), **dict.fromkeys(COUNTS, 0))
    octavia.delete_listener(made.id)
    octavia.wait_for_delete(made, interval=0.1)
    assert octavia.find_listener(made.id) is None


def test_pools_and_members(site: OctaviaSite, cloud: Connection, balancer: Any, pool: Any) -> None:
    octavia = cloud.load_balancer
    values = {"description": "d", "lb_algorithm": "LEAST_CONNECTIONS", "tags": ["x"]}
    octavia.update_pool(pool.id, **values, session_persistence={"type": "HTTP_COOKIE"})
    found = octavia.find_pool("P")
    check(found, **values, loadbalancers=[{"id": balancer.id}])
    assert found.session_persistence["type"] == "HTTP_COOKIE"
    octavia.update_pool(pool.id, session_persistence=None)
    assert octavia.get_pool(pool.id).session_persistence is None
    assert ids(octavia.pools(lb_algorithm="LEAST_CONNECTIONS", tags="x")) == {pool.id}
    values = {"address": "10.7.0.91", "protocol_port": 80, "weight": 4, "backup": True, "monitor_port": 81}
    made = octavia.create_member(pool.id, name="m", subnet_id=site.subnet["id"], **values)
    check(octavia.get_member(made.id, pool.id), **values, operating_status="NO_MONITOR")
    assert octavia.find_member("m", pool.id).id == made.id
    check(octavia.update_member(made.id, pool.id, weight=0, backup=False), weight=0, backup=False)
    assert ids(octavia.members(pool.id, address="10.7.0.91", weight=0)) == {made.id}
    batch = [{"address": "10.7.0.91", "protocol_port": 80}, {"address": "10.7.0.92", "protocol_port": 80}]
    path = f"/lbaas/pools/{pool.id}/members"
    assert octavia.put(path, json={"members": batch}).status_code == 202
    found = {each.address: each for each in octavia.members(pool.id)}
    assert (found["10.7.0.91"].id, found["10.7.0.91"].weight, len(found)) == (made.id, 1, 2)
    octavia.delete_member(found["10.7.0.92"].id, pool.id)
    octavia.delete_member(made.id, pool.id)
    octavia.wait_for_delete(found["10.7.0.91"], interval=0.1)
    assert list(octavia.members(pool.id)) == []


def test_health_monitors(cloud: Connection, pool: Any) -> None:
    octavia = cloud.load_balancer
    values = {"type": "HTTP", "delay": 5, "timeout": 6, "max_retries": 3, "max_retries_down": 2}
    asks = {"http_method": "HEAD", "url_path": "/a", "expected_codes": "200-204"}
    made = octavia.create_health_monitor(pool_id=pool.id, name="H", **values, **asks)
    check(octavia.get_health_monitor(made.id), **values, **asks, pools=[{"id": pool.id}])
    assert octavia.find_health_monitor("H").id == made.id
    check(octavia.update_health_monitor(made.id, delay=9, url_path="/b"), delay=9, url_path="/b")
    assert ids(octavia.health_monitors(type="HTTP", delay=9, pool_id=pool.id)) == {made.id}
    with pytest.raises(exceptions.ConflictException, match=r"(?i)health monitor"):
        octavia.create_health_monitor(pool_id=pool.id, **values)
    octavia.delete_health_monitor(made.id)
    octavia.wait_for_delete(made, interval=0.1)
    assert octavia.find_health_monitor("H") is None


def test_l7_policies_and_rules(cloud: Connection, pool: Any, listener: Any) -> None:
    octavia = cloud.load_balancer
    values = {"action": "REDIRECT_TO_POOL", "redirect_pool_id": pool.id}
    made = octavia.create_l7_policy(listener_id=listener.id, name="R", **values)
    check(octavia.get_l7_policy(made.id), **values, position=1, listener_id=listener.id)
    octavia.update_l7_policy(made.id, action="REDIRECT_TO_URL", redirect_url="http://a.example/")
    check(octavia.find_l7_policy("R"), redirect_pool_id=None, redirect_url="http://a.example/")
    assert ids(octavia.l7_policies(listener_id=listener.id, action="REDIRECT_TO_URL")) == {made.id}
    values = {"type": "HEADER", "key": "X-A", "compare_type": "CONTAINS", "rule_value": "v", "invert": True}
    rule = octavia.create_l7_rule(made.id, **values)
    check(octavia.get_l7_rule(rule.id, made.id), **values)
    check(octavia.update_l7_rule(rule.id, made.id, rule_value="w"), rule_value="w")
    assert octavia.find_l7_rule(rule.id, made.id).id == rule.id
    assert ids(octavia.l7_rules(made.id, key="X-A", type="HEADER")) == {rule.id}
    assert octavia.get_l7_policy(made.id).rules == [{"id": rule.id}]
    octavia.delete_l7_rule(rule.id, made.id)
    octavia.delete_l7_policy(made.id)
    octavia.wait_for_delete(made, interval=0.1)
    assert list(octavia.l7_policies()) == []


def test_quotas(cloud: Connection, balancer: Any) -> None:
    octavia, project = cloud.load_balancer, balancer.project_id
    usual = octavia.get_quota_default()
    limits = {"load_balancers": 7, "listeners": 8, "pools": 9, "health_monitors": 10, "members": 11}
    octavia.update_quota(project, **limits)
    check(octavia.get_quota(project), **limits)
    check(next(each for each in octavia.quotas() if each.project_id == project), **limits)
    octavia.delete_quota(project)
    check(octavia.get_quota(project), **{name: getattr(usual, name) for name in limits})


def test_providers_and_what_they_can(cloud: Connection) -> None:
    octavia = cloud.load_balancer
    assert {"haproxy", "amphora", "octavia"} <= {each.name for each in octavia.providers()}
    assert "connection_limit" in {each.name for each in octavia.provider_flavor_capabilities("haproxy")}


def test_flavors(site: OctaviaSite, cloud: Connection) -> None:
    octavia = cloud.load_balancer
    data = json.dumps({"loadbalancer_topology": "SINGLE"})
    profile = octavia.create_flavor_profile(name="FP", provider_name="haproxy", flavor_data=data)
    check(octavia.find_flavor_profile("FP"), id=profile.id, flavor_data=data)
    octavia.update_flavor_profile(profile.id, name="FQ")
    assert [each.name for each in octavia.flavor_profiles(provider_name="haproxy")] == ["FQ"]
    flavor = octavia.create_flavor(name="F", flavor_profile_id=profile.id, is_enabled=True, description="d")
    check(octavia.find_flavor("F"), id=flavor.id, description="d", is_enabled=True)
    octavia.update_flavor(flavor.id, name="G", description="e")
    assert [each.name for each in octavia.flavors(is_enabled=True)] == ["G"]
    values = {"vip_subnet_id": site.subnet["id"], "flavor_id": flavor.id}
    made = octavia.create_load_balancer(name="FLAVORED", **values)
    assert ids(octavia.load_balancers(flavor_id=flavor.id)) == {made.id}
    with pytest.raises(exceptions.ConflictException, match="in use"):
        octavia.delete_flavor(flavor.id)
    octavia.delete_load_balancer(made.id)
    octavia.wait_for_delete(made, interval=0.1)
    octavia.delete_flavor(flavor.id)
    octavia.delete_flavor_profile(profile.id)
    assert list(octavia.flavors()) == list(octavia.flavor_profiles()) == []


def test_availability_zones(cloud: Connection) -> None:
    octavia = cloud.load_balancer
    values = {"provider_name": "haproxy", "availability_zone_data": json.dumps({"compute_zone": "east"})}
    profile = octavia.create_availability_zone_profile(name="ZP", **values)
    check(octavia.find_availability_zone_profile("ZP"), id=profile.id, **values)
    octavia.update_availability_zone_profile(profile.id, name="ZQ")
    assert [each.name for each in octavia.availability_zone_profiles()] == ["ZQ"]
    zone = octavia.create_availability_zone(name="east", availability_zone_profile_id=profile.id)
    check(octavia.get_availability_zone("east"), availability_zone_profile_id=profile.id, is_enabled=True)
    octavia.update_availability_zone(zone.name, description="where the sun rises", is_enabled=False)
    (found,) = octavia.availability_zones(is_enabled=False)
    check(found, name="east", description="where the sun rises")
    octavia.delete_availability_zone("east")
    octavia.delete_availability_zone_profile(profile.id)
    assert list(octavia.availability_zones()) == list(octavia.availability_zone_profiles()) == []


def test_amphorae_are_the_places_where_load_balancers_are_served(cloud: Connection, balancer: Any) -> None:
    octavia = cloud.load_balancer
    (found,) = octavia.amphorae(loadbalancer_id=balancer.id)
    check(found, role="STANDALONE", status="ALLOCATED", compute_id=None)
    assert octavia.get_amphora(found.id).loadbalancer_id == balancer.id
    assert octavia.find_amphora(found.id).id == found.id
    octavia.configure_amphora(found.id)
    octavia.failover_amphora(found.id)
    octavia.wait_for_load_balancer(balancer.id, interval=0.1)
