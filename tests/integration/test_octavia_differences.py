"""What the two APIs see differently of one object: each goes in by one of them, and is looked at by the other."""

import inspect
import sys
from pathlib import Path
from typing import Any

import pytest
from api_cloud import Cloud
from secret_service import User as SecretUser

from dialect_table import DIFFERENCES
from evener.store.database import Database
from evener_cloud.secrets.builtin import BuiltinSecrets
from made_certificates import served

Json = dict[str, Any]


def make(cloud: Cloud, path: str, kind: str, **values: Any) -> Json:
    """Make an object by Octavia's API."""
    return dict(cloud.ann.octavia.ok("POST", path, {kind: values})[kind])


def status(cloud: Cloud, api: str, method: str, path: str, body: Any = None) -> int:
    """Return what an API answers; paths are below `/lbaas` in both."""
    user = cloud.ann.octavia if api == "octavia" else cloud.ann
    answer = user.send(method, path if api == "octavia" else f"/lbaas{path}", body)
    return answer.status_code


def both(cloud: Cloud, method: str, path: str, body: Any = None) -> tuple[int, int]:
    """Return what LBaaS v2 and Octavia answer."""
    return status(cloud, "lbaas", method, path, body), status(cloud, "octavia", method, path, body)


def test_every_row_of_the_page_has_a_test() -> None:
    tests = {
        name.removeprefix("test_")
        for name, _ in inspect.getmembers(sys.modules[__name__], inspect.isfunction)
    }
    assert {each.test for each in DIFFERENCES} <= tests


def test_rise_and_fall(cloud: Cloud) -> None:
    balancer = cloud.balancer()["id"]
    pool, other = (cloud.pool(balancer)["id"] for _ in range(2))
    given = {"type": "TCP", "delay": 5, "timeout": 4, "max_retries": 4}
    ours = cloud.ann.create("healthmonitor", pool_id=pool, **given)
    shown = cloud.ann.octavia.ok("GET", f"/healthmonitors/{ours['id']}")["healthmonitor"]
    assert (shown["max_retries"], shown["max_retries_down"]) == (4, 4)
    theirs = make(cloud, "/healthmonitors", "healthmonitor", pool_id=other, **given)
    there = cloud.ann.show("healthmonitor", theirs["id"])
    assert (there["max_retries"], there["max_retries_down"]) == (4, 3)


def test_timeout_above_delay(cloud: Cloud) -> None:
    pool = cloud.pool(cloud.balancer()["id"])["id"]
    given = {"type": "TCP", "delay": 0, "timeout": 7, "max_retries": 1}
    assert (
        status(cloud, "lbaas", "POST", "/healthmonitors", {"healthmonitor": {**given, "pool_id": pool}})
        == 400
    )
    made = make(cloud, "/healthmonitors", "healthmonitor", pool_id=pool, **given)
    assert cloud.ann.show("healthmonitor", made["id"])["delay"] == 0
    assert cloud.ann.update("healthmonitor", made["id"], max_retries=2)["delay"] == 0


def test_limit_of_zero(cloud: Cloud) -> None:
    given = {
        "loadbalancer_id": cloud.balancer()["id"],
        "protocol": "TCP",
        "protocol_port": 80,
        "connection_limit": 0,
    }
    assert status(cloud, "lbaas", "POST", "/listeners", {"listener": given}) == 400
    made = make(cloud, "/listeners", "listener", **given)
    assert cloud.ann.show("listener", made["id"])["connection_limit"] == 0
    assert cloud.ann.update("listener", made["id"], name="web")["connection_limit"] == 0


def test_sni_alone(database: Database, tmp_path: Path) -> None:
    cloud = Cloud(database, BuiltinSecrets(database, tmp_path / "secrets.key"))
    ref = SecretUser(cloud.client, "keeper:ann:member").store(served().p12())
    given = {"protocol": "TERMINATED_HTTPS", "protocol_port": 443, "sni_container_refs": [ref]}
    given["loadbalancer_id"] = cloud.balancer()["id"]
    assert status(cloud, "lbaas", "POST", "/listeners", {"listener": given}) == 400
    made = make(cloud, "/listeners", "listener", **given)
    assert cloud.ann.update("listener", made["id"], name="web")["default_tls_container_ref"] is None


def test_cookies_on_tcp_pools(cloud: Cloud) -> None:
    given = {"loadbalancer_id": cloud.balancer()["id"], "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN"}
    given["session_persistence"] = {"type": "HTTP_COOKIE"}
    assert status(cloud, "lbaas", "POST", "/pools", {"pool": given}) == 400
    made = make(cloud, "/pools", "pool", **given)
    assert cloud.ann.show("pool", made["id"])["session_persistence"]["type"] == "HTTP_COOKIE"
    assert cloud.ann.update("pool", made["id"], name="web")["session_persistence"]["type"] == "HTTP_COOKIE"


def test_protocols_of_a_listeners_pool(cloud: Cloud) -> None:
    balancer = cloud.balancer()["id"]
    pool = cloud.pool(balancer)["id"]
    given = {"loadbalancer_id": balancer, "protocol": "TCP", "protocol_port": 80, "default_pool_id": pool}
    assert status(cloud, "lbaas", "POST", "/listeners", {"listener": given}) == 409
    made = make(cloud, "/listeners", "listener", **given)
    assert cloud.ann.show("listener", made["id"])["default_pool_id"] == pool
    assert cloud.ann.update("listener", made["id"], name="web")["default_pool_id"] == pool
    wrong = {**given, "protocol_port": 81, "protocol": "HTTPS"}
    assert both(cloud, "POST", "/listeners", {"listener": wrong}) == (409, 400)


def test_protocols_that_one_does_not_know(cloud: Cloud) -> None:
    balancer = cloud.balancer()["id"]
    given = {"loadbalancer_id": balancer, "protocol": "PROXYV2", "lb_algorithm": "ROUND_ROBIN"}
    assert status(cloud, "lbaas", "POST", "/pools", {"pool": given}) == 400
    pool = make(cloud, "/pools", "pool", **given)["id"]
    assert cloud.ann.show("pool", pool)["protocol"] == "PROXYV2"
    listener = {"loadbalancer_id": balancer, "protocol": "PROMETHEUS", "protocol_port": 9000}
    assert status(cloud, "lbaas", "POST", "/listeners", {"listener": listener}) == 400
    made = make(cloud, "/listeners", "listener", **listener)["id"]
    assert [each["protocol"] for each in cloud.ann.entries("/lbaas/listeners")] == ["PROMETHEUS"]
    cloud.ann.delete("listener", made)


def test_a_member_without_a_subnet(cloud: Cloud) -> None:
    pool = cloud.pool(cloud.balancer()["id"])["id"]
    given = {"address": "10.0.0.9", "protocol_port": 80}
    assert status(cloud, "lbaas", "POST", f"/pools/{pool}/members", {"member": given}) == 400
    made = make(cloud, f"/pools/{pool}/members", "member", **given)
    (there,) = cloud.ann.entries(f"/lbaas/pools/{pool}/members")
    assert (there["id"], there["subnet_id"]) == (made["id"], None)


def test_deletion_of_what_has_children(cloud: Cloud) -> None:
    tree = cloud.tree()
    path = f"/loadbalancers/{tree.loadbalancer}"
    assert both(cloud, "DELETE", path) == (409, 400)
    assert cloud.ann.octavia.send("DELETE", path, query_string="cascade=True").status_code == 204
    shown = cloud.ann.show("loadbalancer", tree.loadbalancer)
    assert shown["provisioning_status"] == "PENDING_DELETE"


def test_deletion_with_parts(cloud: Cloud) -> None:
    tree = cloud.tree()
    policy = {"listener_id": tree.listener, "action": "REJECT"}
    make(cloud, "/l7policies", "l7policy", **policy)
    assert both(cloud, "DELETE", f"/listeners/{tree.listener}") == (409, 204)
    assert both(cloud, "DELETE", f"/pools/{tree.pool}") == (409, 204)


def test_another_projects_object(cloud: Cloud) -> None:
    tree = cloud.tree(cloud.bob)
    for path in (
        f"/pools/{tree.pool}",
        f"/pools/{tree.pool}/members/{tree.member}",
        f"/listeners/{tree.listener}",
    ):
        assert both(cloud, "GET", path) == (404, 403)


def test_over_quota(cloud: Cloud) -> None:
    balancer = cloud.balancer()["id"]
    cloud.admin.ok("PUT", "/quotas/ann", {"quota": {"pool": 0}})
    given = {"loadbalancer_id": balancer, "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN"}
    assert both(cloud, "POST", "/pools", {"pool": given}) == (409, 403)


def test_a_policy_without_its_target(cloud: Cloud) -> None:
    given = {"listener_id": cloud.tree().listener, "action": "REDIRECT_TO_URL"}
    assert both(cloud, "POST", "/l7policies", {"l7policy": given}) == (409, 400)


def test_an_unknown_subnet(cloud: Cloud) -> None:
    given = {"vip_subnet_id": "00000000-0000-4000-8000-00000000dead"}
    assert both(cloud, "POST", "/loadbalancers", {"loadbalancer": given}) == (404, 400)


def test_no_free_address(cloud: Cloud) -> None:
    subnet = cloud.subnet(cidr="10.9.0.0/30")
    cloud.ann.create("loadbalancer", vip_subnet_id=subnet["id"])
    for given in ({"vip_subnet_id": subnet["id"]}, {"vip_network_id": subnet["network_id"]}):
        assert both(cloud, "POST", "/loadbalancers", {"loadbalancer": given}) == (409, 400)


def test_quotas(cloud: Cloud) -> None:
    ours = cloud.ann.ok("GET", "/quotas/ann")["quota"]
    theirs = cloud.ann.octavia.ok("GET", "/quotas/ann")["quota"]
    for kind in ("loadbalancer", "listener", "pool", "member", "healthmonitor", "l7policy"):
        assert ours[kind] == theirs[kind]
    cloud.admin.octavia.send("PUT", "/quotas/ann", {"quota": {"load_balancer": 3}})
    assert cloud.ann.ok("GET", "/quotas/ann")["quota"]["loadbalancer"] == 3


def test_a_port_that_is_taken(cloud: Cloud) -> None:
    tree = cloud.tree()
    given = {"loadbalancer_id": tree.loadbalancer, "protocol": "TCP", "protocol_port": 80}
    assert both(cloud, "POST", "/listeners", {"listener": given}) == (409, 409)


@pytest.mark.parametrize("provider", ["haproxy", "amphora", "octavia"])
def test_providers(cloud: Cloud, provider: str) -> None:
    made = make(
        cloud, "/loadbalancers", "loadbalancer", vip_subnet_id=cloud.subnet()["id"], provider=provider
    )
    assert made["provider"] == provider
    assert cloud.ann.show("loadbalancer", made["id"])["provider"] == provider


def test_null(cloud: Cloud) -> None:
    subnet = cloud.subnet()["id"]
    given = {"vip_subnet_id": subnet, "description": None}
    assert both(cloud, "POST", "/loadbalancers", {"loadbalancer": given}) == (400, 201)
