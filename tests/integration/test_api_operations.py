"""Every operation of every kind over HTTP, on the assembled application."""

from typing import Any

import pytest
from api_cloud import HOST, PATHS, V2, Cloud, check_refusal

LBAAS = ("loadbalancer", "listener", "pool", "member", "healthmonitor")


def test_a_load_balancer_gets_a_port_an_address_and_an_agent(cloud: Cloud) -> None:
    subnet = cloud.subnet()
    made = cloud.ann.create("loadbalancer", vip_subnet_id=subnet["id"], name="web", description="d")
    port = cloud.ann.show("port", made["vip_port_id"])
    assert port["fixed_ips"] == [{"subnet_id": subnet["id"], "ip_address": made["vip_address"]}]
    assert (port["device_owner"], port["device_id"]) == ("neutron:LOADBALANCERV2", made["id"])
    assert port["project_id"] == "ann"
    assert made == {
        "id": made["id"],
        "name": "web",
        "description": "d",
        "project_id": "ann",
        "tenant_id": "ann",
        "vip_subnet_id": subnet["id"],
        "vip_address": made["vip_address"],
        "vip_port_id": made["vip_port_id"],
        "provider": "haproxy",
        "flavor_id": None,
        "admin_state_up": True,
        "listeners": [],
        "pools": [],
        "provisioning_status": "PENDING_CREATE",
        "operating_status": "OFFLINE",
    }
    assert cloud.agent.looked == [made["id"]]
    assert cloud.controller.assigned(HOST) == {made["id"]: 1}


def test_what_belongs_together_refers_to_each_other(cloud: Cloud) -> None:
    tree = cloud.tree()
    balancer = cloud.ann.show("loadbalancer", tree.loadbalancer)
    assert balancer["listeners"] == [{"id": tree.listener}]
    assert balancer["pools"] == [{"id": tree.pool}]
    listener = cloud.ann.show("listener", tree.listener)
    assert listener["loadbalancers"] == [{"id": tree.loadbalancer}]
    assert listener["default_pool_id"] == tree.pool
    pool = cloud.ann.show("pool", tree.pool)
    assert pool["members"] == [{"id": tree.member}]
    assert pool["listeners"] == [{"id": tree.listener}]
    assert pool["loadbalancers"] == [{"id": tree.loadbalancer}]
    assert pool["healthmonitor_id"] == tree.healthmonitor
    assert cloud.ann.show("healthmonitor", tree.healthmonitor)["pools"] == [{"id": tree.pool}]


CHANGES: dict[str, dict[str, Any]] = {
    "loadbalancer": {"name": "n", "description": "d", "admin_state_up": False},
    "listener": {
        "name": "n",
        "description": "d",
        "admin_state_up": False,
        "connection_limit": 7,
        "default_pool_id": None,
        "default_tls_container_ref": "http://x",
        "sni_container_refs": ["a", "b"],
    },
    "pool": {
        "name": "n",
        "description": "d",
        "admin_state_up": False,
        "lb_algorithm": "LEAST_CONNECTIONS",
        "session_persistence": {"type": "APP_COOKIE", "cookie_name": "c"},
    },
    "member": {"name": "n", "weight": 0, "admin_state_up": False},
    "healthmonitor": {
        "name": "n",
        "delay": 9,
        "timeout": 9,
        "max_retries": 9,
        "max_retries_down": 2,
        "admin_state_up": False,
    },
    "network": {"name": "n", "description": "d", "admin_state_up": False, "mtu": 1400},
    "subnet": {"name": "n", "description": "d", "enable_dhcp": False},
}


@pytest.mark.parametrize("kind", [*LBAAS, "network", "subnet"])
def test_what_is_changed_is_answered_shown_and_listed(cloud: Cloud, kind: str) -> None:
    tree = cloud.tree()
    path = tree.paths()[kind]
    before = cloud.ann.ok("GET", path)[kind]
    cloud.agent.looked.clear()
    generation = cloud.generation(tree.loadbalancer)
    changed = cloud.ann.ok("PUT", path, {kind: CHANGES[kind]})[kind]
    assert {**before, **CHANGES[kind]} == {
        **changed,
        **{name: before[name] for name in before if "status" in name},
    }
    assert cloud.ann.ok("GET", path)[kind] == changed
    assert cloud.ann.entries(path.rpartition("/")[0]) == [changed]
    if kind in LBAAS:
        assert cloud.generation(tree.loadbalancer) == generation + 1
        assert cloud.agent.looked == [tree.loadbalancer]
        assert cloud.controller.graph(HOST, tree.loadbalancer) is not None


def test_a_port_is_changed_and_deleted(cloud: Cloud) -> None:
    subnet = cloud.subnet()
    port = cloud.ann.create("port", network_id=subnet["network_id"])
    assert cloud.ann.update("port", port["id"], name="n", device_id="x")["name"] == "n"
    cloud.ann.delete("port", port["id"])
    check_refusal(cloud.ann.send("GET", f"/ports/{port['id']}"), 404, "PortNotFound")


def test_everything_is_deleted_from_below_once_the_agent_let_go(cloud: Cloud) -> None:
    tree = cloud.tree()
    paths = tree.paths()
    for kind in ("healthmonitor", "member", "listener", "pool"):
        cloud.ann.ok("DELETE", paths[kind])
        assert cloud.ann.ok("GET", paths[kind])[kind]["id"] == getattr(tree, kind)
        cloud.applied(tree.loadbalancer)
        cloud.refuses(cloud.ann, "GET", paths[kind], status=404, kind="EntityNotFound")
    cloud.ann.ok("DELETE", paths["loadbalancer"])
    assert cloud.controller.graph(HOST, tree.loadbalancer) is None
    shown = cloud.ann.show("loadbalancer", tree.loadbalancer)
    assert shown["provisioning_status"] == "PENDING_DELETE"
    cloud.report(tree.loadbalancer, gone=True)
    cloud.refuses(cloud.ann, "GET", paths["loadbalancer"], status=404, kind="EntityNotFound")
    assert cloud.ann.entries("/ports") == []
    assert cloud.controller.assigned(HOST) == {}
    cloud.ann.ok("DELETE", paths["subnet"])
    cloud.ann.ok("DELETE", paths["network"])
    left = {name: rows for name, rows in cloud.contents().items() if rows}
    assert left.keys() == {"agents", "database_identity", "departures", "events"}, "and nothing is counted"


def test_a_pool_goes_with_its_members_and_leaves_its_listener(cloud: Cloud) -> None:
    tree = cloud.tree()
    cloud.ann.delete("healthmonitor", tree.healthmonitor)
    cloud.ann.delete("pool", tree.pool)
    graph = cloud.controller.graph(HOST, tree.loadbalancer)
    assert graph is not None
    assert graph.pools == ()
    assert [listener.default_pool_id for listener in graph.listeners] == [None]
    cloud.applied(tree.loadbalancer)
    assert cloud.ann.entries("/lbaas/pools") == []
    assert cloud.ann.show("listener", tree.listener)["default_pool_id"] is None


def test_a_graph_holds_everything_at_its_generation(cloud: Cloud) -> None:
    tree = cloud.tree()
    graph = cloud.controller.graph(HOST, tree.loadbalancer)
    assert graph is not None
    assert graph.generation == graph.loadbalancer.generation == 5
    assert [listener.id for listener in graph.listeners] == [tree.listener]
    (node,) = graph.pools
    assert (node.pool.id, [member.id for member in node.members]) == (tree.pool, [tree.member])
    assert node.healthmonitor is not None
    assert node.healthmonitor.id == tree.healthmonitor
    assert graph.vip_port.id == cloud.ann.show("loadbalancer", tree.loadbalancer)["vip_port_id"]


def test_a_pool_made_for_a_listener_becomes_its_default_pool(cloud: Cloud) -> None:
    balancer = cloud.balancer()
    listener = cloud.ann.create("listener", loadbalancer_id=balancer["id"], protocol="TCP", protocol_port=1)
    pool = cloud.ann.create("pool", listener_id=listener["id"], protocol="TCP", lb_algorithm="SOURCE_IP")
    assert pool["listeners"] == [{"id": listener["id"]}]
    assert cloud.ann.show("listener", listener["id"])["default_pool_id"] == pool["id"]


def test_a_listener_made_for_a_pool_is_on_the_pool_s_load_balancer(cloud: Cloud) -> None:
    balancer = cloud.balancer()
    pool = cloud.pool(balancer["id"])
    listener = cloud.ann.create("listener", default_pool_id=pool["id"], protocol="HTTP", protocol_port=1)
    assert listener["loadbalancers"] == [{"id": balancer["id"]}]


def test_names_need_not_be_unique_and_hold_any_text(cloud: Cloud) -> None:
    subnet = cloud.subnet()
    name = " '\"\\%_é☃𝄞 " + "x" * 240
    description = f"\n\t{name}"
    for _ in range(2):
        given = {"vip_subnet_id": subnet["id"], "name": name, "description": description}
        made = cloud.ann.create("loadbalancer", **given)
        assert (made["name"], made["description"]) == (name, description)
    assert len(cloud.ann.entries("/lbaas/loadbalancers")) == 2


def test_the_vip_has_the_address_that_was_asked_for(cloud: Cloud) -> None:
    subnet = cloud.subnet(cidr="2001:db8::/64")
    made = cloud.ann.create("loadbalancer", vip_subnet_id=subnet["id"], vip_address="2001:DB8::0:77")
    assert made["vip_address"] == "2001:db8::77"


def test_the_api_says_what_it_serves(cloud: Cloud) -> None:
    versions = cloud.client.simulate_get("/networking/").json["versions"]
    assert [version["id"] for version in versions] == ["v2.0"]
    served = {entry["collection"] for entry in cloud.ann.ok("GET", "/")["resources"]}
    assert served >= {path.rpartition("/")[2] for path in PATHS.values()}
    aliases = {entry["alias"] for entry in cloud.ann.ok("GET", "/extensions")["extensions"]}
    assert aliases >= {
        "lbaasv2",
        "net-mtu-writable",
        "shared_pools",
        "hm_max_retries_down",
        "pagination",
        "sorting",
    }
    for alias in aliases:
        assert cloud.ann.ok("GET", f"/extensions/{alias}")["extension"]["alias"] == alias
    cloud.refuses(cloud.ann, "GET", "/extensions/x", status=404, kind="ExtensionNotFound")
    assert cloud.client.simulate_get("/healthcheck").text == "OK\n"


def test_without_a_valid_token_nothing_is_served(cloud: Cloud) -> None:
    for headers in ({}, {"X-Auth-Token": "forged"}):
        with cloud.unchanged():
            answer = cloud.client.simulate_get(f"{V2}/lbaas/pools", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Keystone uri=")


def test_every_answer_carries_a_request_id(cloud: Cloud) -> None:
    given = "req-00000000-0000-0000-0000-000000000001"
    answer = cloud.ann.send("GET", "/lbaas/pools", headers={"X-Openstack-Request-Id": given})
    assert answer.headers["X-Openstack-Request-Id"] == given
    for hostile in ("req-x", "x\ty", ""):
        answer = cloud.ann.send("GET", "/lbaas/pools", headers={"X-Openstack-Request-Id": hostile})
        assert answer.headers["X-Openstack-Request-Id"] not in ("", hostile)
