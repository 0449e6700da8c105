"""The rules that tie objects together: each refused with Neutron's status and type, and nothing changes."""

from datetime import timedelta
from typing import Any

import pytest
from api_cloud import HOST, NOBODYS, Cloud, Tree

from evener.store.database import now
from evener.store.schema import agents

HTTP = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}


@pytest.fixture
def tree(cloud: Cloud) -> Tree:
    return cloud.tree()


def refuses(cloud: Cloud, method: str, path: str, body: Any, status: int, kind: str, says: str = "") -> None:
    cloud.refuses(cloud.ann, method, path, body, status=status, kind=kind, says=says)


def test_one_listener_per_port_of_a_load_balancer(cloud: Cloud, tree: Tree) -> None:
    body = {"listener": {"loadbalancer_id": tree.loadbalancer, "protocol": "TCP", "protocol_port": 80}}
    name = "LoadBalancerListenerProtocolPortExists"
    refuses(cloud, "POST", "/lbaas/listeners", body, 409, name, "protocol_port of 80")
    cloud.ann.delete("listener", tree.listener)
    cloud.ann.ok("POST", "/lbaas/listeners", body)


def test_a_listener_needs_a_load_balancer_or_a_pool(cloud: Cloud) -> None:
    body = {"listener": {"protocol": "TCP", "protocol_port": 80}}
    refuses(cloud, "POST", "/lbaas/listeners", body, 400, "ListenerMustHaveLoadbalancer")
    refuses(cloud, "POST", "/lbaas/pools", {"pool": HTTP}, 400, "PoolMustHaveLoadbalancer")


@pytest.mark.parametrize(
    ("listener", "pool"),
    [(one, two) for one in ("TCP", "HTTP", "HTTPS") for two in ("TCP", "HTTP", "HTTPS") if one != two],
)
def test_listener_and_pool_speak_protocols_that_go_together(cloud: Cloud, listener: str, pool: str) -> None:
    balancer = cloud.balancer()["id"]
    pool_id = cloud.pool(balancer, protocol=pool)["id"]
    given = {"loadbalancer_id": balancer, "protocol": listener, "protocol_port": 80}
    body = {"listener": {**given, "default_pool_id": pool_id}}
    refuses(cloud, "POST", "/lbaas/listeners", body, 409, "ListenerPoolProtocolMismatch")
    listener_id = cloud.ann.create("listener", **given)["id"]
    change = {"listener": {"default_pool_id": pool_id}}
    refuses(cloud, "PUT", f"/lbaas/listeners/{listener_id}", change, 409, "ListenerPoolProtocolMismatch")
    other = {"pool": {"protocol": pool, "lb_algorithm": "SOURCE_IP", "listener_id": listener_id}}
    refuses(cloud, "POST", "/lbaas/pools", other, 409, "ListenerPoolProtocolMismatch")


def test_listener_and_pool_are_on_one_load_balancer(cloud: Cloud, tree: Tree) -> None:
    other = cloud.balancer()["id"]
    name = "ListenerAndPoolMustBeOnSameLoadbalancer"
    foreign = cloud.pool(other)["id"]
    listener = {
        "loadbalancer_id": other,
        "protocol": "HTTP",
        "protocol_port": 1,
        "default_pool_id": tree.pool,
    }
    refuses(cloud, "POST", "/lbaas/listeners", {"listener": listener}, 400, name)
    change = {"listener": {"default_pool_id": foreign}}
    refuses(cloud, "PUT", f"/lbaas/listeners/{tree.listener}", change, 400, name)
    pool = {**HTTP, "loadbalancer_id": other, "listener_id": tree.listener}
    refuses(cloud, "POST", "/lbaas/pools", {"pool": pool}, 400, name)


def test_a_listener_has_one_default_pool(cloud: Cloud, tree: Tree) -> None:
    body = {"pool": {**HTTP, "listener_id": tree.listener}}
    refuses(cloud, "POST", "/lbaas/pools", body, 409, "ListenerDefaultPoolAlreadySet", tree.pool)


def test_terminated_https_needs_a_secret_service(cloud: Cloud, tree: Tree) -> None:
    given = {"loadbalancer_id": tree.loadbalancer, "protocol": "TERMINATED_HTTPS", "protocol_port": 443}
    for more in ({}, {"default_tls_container_ref": "http://x"}):
        answer = cloud.ann.send("POST", "/lbaas/listeners", {"listener": {**given, **more}})
        assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("limit", [0, "0"])
def test_a_listener_that_takes_no_connection_is_refused(cloud: Cloud, tree: Tree, limit: Any) -> None:
    body = {"listener": {"connection_limit": limit}}
    refuses(
        cloud, "PUT", f"/lbaas/listeners/{tree.listener}", body, 400, "HTTPBadRequest", "connection_limit"
    )
    new = {"loadbalancer_id": tree.loadbalancer, "protocol": "TCP", "protocol_port": 1}
    body = {"listener": {**new, "connection_limit": limit}}
    refuses(cloud, "POST", "/lbaas/listeners", body, 400, "HTTPBadRequest", "connection_limit")


@pytest.mark.parametrize(
    ("protocol", "persistence"),
    [
        ("HTTP", {"type": "APP_COOKIE"}),
        ("HTTP", {"type": "SOURCE_IP", "cookie_name": "c"}),
        ("HTTP", {"type": "HTTP_COOKIE", "cookie_name": "c"}),
        ("TCP", {"type": "HTTP_COOKIE"}),
        ("HTTPS", {"type": "APP_COOKIE", "cookie_name": "c"}),
    ],
)
def test_session_persistence_fits_itself_and_its_pool(
    cloud: Cloud, protocol: str, persistence: dict[str, str]
) -> None:
    balancer = cloud.balancer()["id"]
    name = "SessionPersistenceConfigurationInvalid"
    given = {"loadbalancer_id": balancer, "protocol": protocol, "lb_algorithm": "ROUND_ROBIN"}
    body = {"pool": {**given, "session_persistence": persistence}}
    refuses(cloud, "POST", "/lbaas/pools", body, 400, name)
    pool = cloud.pool(balancer, protocol=protocol, session_persistence={"type": "SOURCE_IP"})
    change = {"pool": {"session_persistence": persistence}}
    refuses(cloud, "PUT", f"/lbaas/pools/{pool['id']}", change, 400, name)
    for nothing in ({}, None):
        assert (
            cloud.ann.update("pool", pool["id"], session_persistence=nothing)["session_persistence"] is None
        )


def test_a_pool_has_one_health_monitor(cloud: Cloud, tree: Tree) -> None:
    body = {
        "healthmonitor": {"pool_id": tree.pool, "type": "TCP", "delay": 5, "timeout": 4, "max_retries": 3}
    }
    name = "OneHealthMonitorPerPool"
    refuses(cloud, "POST", "/lbaas/healthmonitors", body, 409, name, tree.healthmonitor)
    cloud.ann.delete("healthmonitor", tree.healthmonitor)
    cloud.ann.ok("POST", "/lbaas/healthmonitors", body)


def test_a_monitor_may_wait_longer_than_it_pauses(cloud: Cloud, tree: Tree) -> None:
    changed = cloud.ann.update("healthmonitor", tree.healthmonitor, timeout=6)
    assert (changed["delay"], changed["timeout"]) == (5, 6)
    pool = cloud.pool(tree.loadbalancer)["id"]
    given = {"pool_id": pool, "type": "TCP", "delay": 1, "timeout": 60, "max_retries": 3}
    assert cloud.ann.create("healthmonitor", **given)["timeout"] == 60


def test_a_range_of_codes_runs_forwards(cloud: Cloud, tree: Tree) -> None:
    path = f"/lbaas/healthmonitors/{tree.healthmonitor}"
    body = {"healthmonitor": {"expected_codes": "299-200"}}
    refuses(cloud, "PUT", path, body, 400, "HTTPBadRequest", "expected_codes")


def test_an_address_and_port_is_one_member_of_a_pool(cloud: Cloud, tree: Tree) -> None:
    given = {"subnet_id": tree.subnet, "address": "10.0.0.9", "protocol_port": 80}
    path = f"/lbaas/pools/{tree.pool}/members"
    refuses(cloud, "POST", path, {"member": given}, 409, "MemberExists", "10.0.0.9")
    cloud.ann.create("member", in_pool=tree.pool, **{**given, "protocol_port": 81})
    cloud.ann.create("member", in_pool=cloud.pool(tree.loadbalancer)["id"], **given)
    cloud.ann.ok("DELETE", f"{path}/{tree.member}")
    cloud.ann.create("member", in_pool=tree.pool, **given)


def test_an_ipv6_address_is_one_member_however_it_is_written(cloud: Cloud, tree: Tree) -> None:
    subnet = cloud.subnet(cidr="2001:db8::/64")["id"]
    given = {"subnet_id": subnet, "address": "2001:db8::9", "protocol_port": 80}
    cloud.ann.create("member", in_pool=tree.pool, **given)
    body = {"member": {**given, "address": "2001:DB8:0:0::9"}}
    refuses(cloud, "POST", f"/lbaas/pools/{tree.pool}/members", body, 409, "MemberExists")


def test_a_member_s_address_is_of_its_subnet_s_version(cloud: Cloud, tree: Tree) -> None:
    body = {"member": {"subnet_id": tree.subnet, "address": "2001:db8::1", "protocol_port": 80}}
    name = "MemberAddressTypeSubnetTypeMismatch"
    refuses(cloud, "POST", f"/lbaas/pools/{tree.pool}/members", body, 400, name)


def addresses_of_vip_port(cloud: Cloud, tree: Tree) -> list[str]:
    balancer = cloud.ann.show("loadbalancer", tree.loadbalancer)
    return [each["ip_address"] for each in cloud.ann.show("port", balancer["vip_port_id"])["fixed_ips"]]


def test_a_load_balancer_s_port_gets_one_address_of_its_members_other_ip_version(
    cloud: Cloud, tree: Tree
) -> None:
    six = cloud.ann.create("subnet", network_id=tree.network, cidr="2001:db8::/64", ip_version=6)["id"]
    before = addresses_of_vip_port(cloud, tree)
    for number in (8, 9):
        given = {"subnet_id": six, "address": f"2001:db8::{number}", "protocol_port": 80}
        cloud.ann.create("member", in_pool=tree.pool, **given)
    first, second = addresses_of_vip_port(cloud, tree)
    assert [first] == before
    assert second.startswith("2001:db8::")
    assert cloud.ann.show("loadbalancer", tree.loadbalancer)["vip_address"] == first


def test_members_behind_a_router_need_a_subnet_of_their_ip_version_on_the_vip_s_network(
    cloud: Cloud, tree: Tree
) -> None:
    elsewhere = cloud.subnet(cidr="2001:db8:1::/64")["id"]
    given = {"subnet_id": elsewhere, "address": "2001:db8:1::8", "protocol_port": 80}
    cloud.ann.create("member", in_pool=tree.pool, **given)
    assert len(addresses_of_vip_port(cloud, tree)) == 1
    cloud.ann.create("subnet", network_id=tree.network, cidr="2001:db8::/64", ip_version=6)
    cloud.ann.create("member", in_pool=tree.pool, **{**given, "address": "2001:db8:1::9"})
    assert len(addresses_of_vip_port(cloud, tree)) == 2


def test_a_member_is_reached_below_its_own_pool_only(cloud: Cloud, tree: Tree) -> None:
    other = cloud.pool(tree.loadbalancer)["id"]
    path = f"/lbaas/pools/{other}/members/{tree.member}"
    refuses(cloud, "GET", path, None, 404, "EntityNotFound")
    refuses(cloud, "PUT", path, {"member": {"weight": 2}}, 404, "EntityNotFound")
    refuses(cloud, "DELETE", path, None, 404, "EntityNotFound")
    assert cloud.ann.entries(f"/lbaas/pools/{other}/members") == []


def test_what_is_used_is_not_deleted(cloud: Cloud, tree: Tree) -> None:
    refuses(cloud, "DELETE", f"/lbaas/loadbalancers/{tree.loadbalancer}", None, 409, "EntityInUse")
    refuses(cloud, "DELETE", f"/lbaas/pools/{tree.pool}", None, 409, "EntityInUse", tree.healthmonitor)
    refuses(cloud, "DELETE", f"/networks/{tree.network}", None, 409, "NetworkInUse")
    refuses(cloud, "DELETE", f"/subnets/{tree.subnet}", None, 409, "SubnetInUse")
    port = cloud.ann.show("loadbalancer", tree.loadbalancer)["vip_port_id"]
    refuses(cloud, "DELETE", f"/ports/{port}", None, 409, "ServicePortInUse")
    cloud.ann.delete("listener", tree.listener)
    refuses(cloud, "DELETE", f"/lbaas/loadbalancers/{tree.loadbalancer}", None, 409, "EntityInUse", tree.pool)


def test_what_is_on_its_way_out_refuses_every_change(cloud: Cloud, tree: Tree) -> None:
    paths = tree.paths()
    for kind in ("healthmonitor", "member", "listener", "pool", "loadbalancer"):
        cloud.ann.ok("DELETE", paths[kind])
        change = {kind: {"name": "x"}}
        says = "PENDING_DELETE"
        refuses(cloud, "PUT", paths[kind], change, 409, "StateInvalid", says)
        refuses(cloud, "DELETE", paths[kind], None, 409, "StateInvalid", says)
    listener = {"loadbalancer_id": tree.loadbalancer, "protocol": "TCP", "protocol_port": 9}
    refuses(cloud, "POST", "/lbaas/listeners", {"listener": listener}, 409, "StateInvalid")


def test_a_pool_on_its_way_out_takes_nothing_new(cloud: Cloud, tree: Tree) -> None:
    cloud.ann.delete("healthmonitor", tree.healthmonitor)
    cloud.ann.delete("pool", tree.pool)
    member = {"subnet_id": tree.subnet, "address": "10.0.0.10", "protocol_port": 80}
    refuses(cloud, "POST", f"/lbaas/pools/{tree.pool}/members", {"member": member}, 404, "EntityNotFound")
    monitor = {"pool_id": tree.pool, "type": "TCP", "delay": 5, "timeout": 4, "max_retries": 3}
    refuses(cloud, "POST", "/lbaas/healthmonitors", {"healthmonitor": monitor}, 404, "EntityNotFound")
    listener = {"default_pool_id": tree.pool, "protocol": "HTTP", "protocol_port": 81}
    refuses(cloud, "POST", "/lbaas/listeners", {"listener": listener}, 404, "EntityNotFound")
    change = {"listener": {"default_pool_id": tree.pool}}
    refuses(cloud, "PUT", f"/lbaas/listeners/{tree.listener}", change, 404, "EntityNotFound")


@pytest.mark.parametrize(
    ("given", "status", "kind"),
    [
        ({"provider": "octavia"}, 400, "ServiceProviderNotFound"),
        ({"flavor_id": "x"}, 404, "FlavorNotFound"),
        ({"flavor_id": "x", "provider": "haproxy"}, 409, "ProviderFlavorConflict"),
        ({"vip_address": "10.0.1.1"}, 400, "InvalidIpForSubnet"),
        ({"vip_address": "2001:db8::1"}, 400, "InvalidIpForSubnet"),
        ({"vip_address": "10.0.0.0"}, 400, "InvalidIpForSubnet"),
        ({"vip_subnet_id": NOBODYS}, 404, "SubnetNotFound"),
    ],
)
def test_a_load_balancer_fits_its_subnet_and_its_provider(
    cloud: Cloud, given: dict[str, Any], status: int, kind: str
) -> None:
    subnet = cloud.subnet()
    body = {"loadbalancer": {"vip_subnet_id": subnet["id"], **given}}
    refuses(cloud, "POST", "/lbaas/loadbalancers", body, status, kind)


def test_a_vip_has_an_address_of_its_own(cloud: Cloud, tree: Tree) -> None:
    taken = cloud.ann.show("loadbalancer", tree.loadbalancer)["vip_address"]
    body = {"loadbalancer": {"vip_subnet_id": tree.subnet, "vip_address": taken}}
    refuses(cloud, "POST", "/lbaas/loadbalancers", body, 409, "IpAddressInUse")


def test_a_full_subnet_has_room_for_no_more(cloud: Cloud) -> None:
    subnet = cloud.subnet(cidr="10.0.0.0/30")["id"]
    cloud.ann.create("loadbalancer", vip_subnet_id=subnet)
    body = {"loadbalancer": {"vip_subnet_id": subnet}}
    refuses(cloud, "POST", "/lbaas/loadbalancers", body, 409, "IpAddressGenerationFailure")


def test_without_a_living_agent_there_is_no_new_load_balancer(cloud: Cloud) -> None:
    subnet = cloud.subnet()
    with cloud.database.write() as tx:
        tx.execute(agents.update().values(heartbeat_at=now() - timedelta(seconds=76)))
    body = {"loadbalancer": {"vip_subnet_id": subnet["id"]}}
    refuses(cloud, "POST", "/lbaas/loadbalancers", body, 409, "NoActiveLbaasAgent")
    assert (
        cloud.ann.octavia.send("POST", "/loadbalancers", body).status_code == 503
    )  # agents or the bus are away
    cloud.controller.heartbeat(HOST, {})
    cloud.ann.ok("POST", "/lbaas/loadbalancers", body)
