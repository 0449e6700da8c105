"""Amphorae, which are the places where load balancers are served, and failover between them."""

import uuid
from dataclasses import replace
from typing import Any

import pytest
from api_cloud import HOST, Cloud, User
from sqlalchemy import select

from evener.api.dialects.octavia_paths import V2
from evener.resources.facts import Asker, Counters, Observation, Report
from evener.store.schema import agents

OTHER = "node-2"
Json = dict[str, Any]
ATTRIBUTES = {
    *(
        "id",
        "loadbalancer_id",
        "compute_id",
        "lb_network_ip",
        "vrrp_ip",
        "ha_ip",
        "vrrp_port_id",
        "ha_port_id",
    ),
    *("cert_expiration", "cert_busy", "role", "status", "vrrp_interface", "vrrp_id", "vrrp_priority"),
    *("cached_zone", "image_id", "compute_flavor", "created_at", "updated_at"),
    "load",
}


def operator(cloud: Cloud) -> User:
    """Return the administrator, with the paths of amphorae."""
    return replace(cloud.admin.octavia, below=f"{V2}/octavia")


def amphorae(cloud: Cloud, query: str = "") -> list[Json]:
    return list(operator(cloud).ok("GET", "/amphorae", query_string=query)["amphorae"])


def put(user: User, path: str) -> None:
    answer = user.send("PUT", path)
    assert (answer.status_code, answer.content) == (202, b""), answer.text


def status(cloud: Cloud, balancer: str) -> str:
    shown = cloud.ann.octavia.ok("GET", f"/loadbalancers/{balancer}")["loadbalancer"]
    return str(shown["provisioning_status"])


def report(cloud: Cloud, host: str, balancer: str) -> None:
    with cloud.database.read() as tx:
        asker = Asker(run=tx.scalar(select(agents.c.run).where(agents.c.host == host)))
    generation = cloud.controller.assigned(host, asker)[balancer]
    cloud.controller.report(host, Report(loadbalancer_id=balancer, applied_generation=generation), asker)


def test_there_is_one_for_each_load_balancer_on_its_agent(any_cloud: Cloud) -> None:
    cloud = any_cloud
    cloud.controller.heartbeat(HOST, {"availability_zone": "east"})
    balancer = cloud.balancer()
    (found,) = amphorae(cloud)
    assert found.keys() == ATTRIBUTES
    assert found["loadbalancer_id"] == balancer["id"]
    assert (found["role"], found["status"]) == ("STANDALONE", "ALLOCATED")
    assert (found["lb_network_ip"], found["cached_zone"]) == (HOST, "east")
    assert (found["ha_ip"], found["ha_port_id"]) == (balancer["vip_address"], balancer["vip_port_id"])
    assert found["compute_id"] is None
    assert "T" in found["created_at"]
    assert found["updated_at"] is not None
    shown = operator(cloud).ok("GET", f"/amphorae/{found['id']}")["amphora"]
    assert shown == found
    missing = operator(cloud).send("GET", f"/amphorae/{uuid.uuid4()}")
    assert missing.status_code == 404
    assert missing.json["faultstring"].startswith("Amphora ")


def test_the_load_is_of_members_and_of_connections_at_that_agent(any_cloud: Cloud) -> None:
    cloud, tree = any_cloud, any_cloud.tree()
    assert [each["load"] for each in amphorae(cloud)] == [1.05]
    cloud.seen(tree.loadbalancer, **{tree.listener: Counters(active_connections=300, total_connections=900)})
    (found,) = amphorae(cloud)
    assert found["load"] == 2.55
    assert operator(cloud).ok("GET", f"/amphorae/{found['id']}")["amphora"] == found
    assert amphorae(cloud, "load=2.55") == amphorae(cloud, "load=1&load=2.550") == [found]
    for other in ("2.5501", "2.5", "1e300", "-1e300"):
        assert amphorae(cloud, f"load={other}") == []
    for none in ("inf", "nan", "much", "1e999", ""):
        answer = operator(cloud).send("GET", "/amphorae", query_string=f"load={none}")
        assert (answer.status_code, "is not a number" in answer.text) == (400, True), answer.text


def test_they_are_found_by_whatever_they_show(any_cloud: Cloud) -> None:
    cloud = any_cloud
    balancers = [cloud.balancer() for _ in range(2)]
    found = {each["loadbalancer_id"]: each for each in amphorae(cloud)}
    assert found.keys() == {each["id"] for each in balancers}
    one = found[balancers[0]["id"]]
    for name in ("id", "loadbalancer_id", "ha_port_id", "vrrp_port_id"):
        assert amphorae(cloud, f"{name}={one[name]}") == [one], name
    for name in ("role", "status", "lb_network_ip", "cert_busy"):
        assert len(amphorae(cloud, f"{name}={one[name]}")) == 2, name
    for query in ("status=ERROR", "role=MASTER", "lb_network_ip=nowhere", "compute_id=x", "cached_zone=x"):
        assert amphorae(cloud, query) == [], query


def test_nobody_but_administrators_sees_any(cloud: Cloud) -> None:
    cloud.balancer()
    (found,) = amphorae(cloud)
    for role in ("member", "reader", "load-balancer_member", "load-balancer_global_observer"):
        user = replace(cloud.user("ann", role).octavia, below=f"{V2}/octavia")
        for method, path in (
            ("GET", "/amphorae"),
            ("GET", f"/amphorae/{found['id']}"),
            ("GET", f"/amphorae/{found['id']}/stats"),
            ("PUT", f"/amphorae/{found['id']}/failover"),
            ("PUT", f"/amphorae/{found['id']}/config"),
            ("DELETE", f"/amphorae/{found['id']}"),
        ):
            assert user.send(method, path).status_code == 403, (role, method, path)
        path = f"/loadbalancers/{found['loadbalancer_id']}/failover"
        assert cloud.user("ann", role).octavia.send("PUT", path).status_code == 403


def test_one_that_serves_stays(cloud: Cloud) -> None:
    cloud.balancer()
    (found,) = amphorae(cloud)
    assert operator(cloud).send("DELETE", f"/amphorae/{found['id']}").status_code == 409
    assert operator(cloud).send("DELETE", f"/amphorae/{uuid.uuid4()}").status_code == 404


def test_its_listeners_counters_are_shown(cloud: Cloud) -> None:
    tree = cloud.tree()
    shown = {
        "bytes_in": 1,
        "bytes_out": 2,
        "active_connections": 3,
        "total_connections": 4,
        "request_errors": 5,
    }
    counted = Counters(**shown, requests=6)
    cloud.report(tree.loadbalancer, observation=Observation(listeners={tree.listener: counted}))
    (found,) = amphorae(cloud)
    stats = operator(cloud).ok("GET", f"/amphorae/{found['id']}/stats")["amphora_stats"]
    about = {"id": found["id"], "loadbalancer_id": tree.loadbalancer, "listener_id": tree.listener}
    assert stats == [{**about, **shown}]


def test_its_agent_looks_again_when_told(cloud: Cloud) -> None:
    balancer = cloud.balancer()["id"]
    (found,) = amphorae(cloud)
    cloud.agent.looked.clear()
    put(operator(cloud), f"/amphorae/{found['id']}/config")
    assert cloud.agent.looked == [balancer]


@pytest.mark.parametrize("by", ["load balancer", "amphora"])
def test_a_load_balancer_goes_to_another_agent_that_there_is(any_cloud: Cloud, by: str) -> None:
    cloud = any_cloud
    everywhere = {"provider:network_type": "flat", "provider:physical_network": "wire", "shared": True}
    subnet = cloud.subnet(cloud.admin, **everywhere)["id"]
    balancer = cloud.ann.create("loadbalancer", vip_subnet_id=subnet)["id"]
    cloud.applied(balancer)
    assert status(cloud, balancer) == "ACTIVE"
    cloud.controller.heartbeat(OTHER, {})
    (before,) = amphorae(cloud)
    if by == "amphora":
        put(operator(cloud), f"/amphorae/{before['id']}/failover")
    else:
        put(cloud.admin.octavia, f"/loadbalancers/{balancer}/failover")
    (after,) = amphorae(cloud)
    assert after["lb_network_ip"] == OTHER
    assert after["id"] != before["id"]
    assert status(cloud, balancer) == "PENDING_UPDATE"
    assert cloud.controller.graph(HOST, balancer, cloud.asker) is None
    assert balancer in cloud.controller.departed(HOST, [balancer], cloud.asker), "who had it lets go"
    report(cloud, OTHER, balancer)
    assert status(cloud, balancer) == "ACTIVE"


def test_a_load_balancer_that_no_other_agent_can_take_is_served_anew_where_it_is(cloud: Cloud) -> None:
    balancer = cloud.tree().loadbalancer
    cloud.applied(balancer)
    graph = cloud.controller.graph(HOST, balancer, cloud.asker)
    (before,) = amphorae(cloud)
    put(cloud.admin.octavia, f"/loadbalancers/{balancer}/failover")
    (after,) = amphorae(cloud)
    assert after["lb_network_ip"] == HOST
    assert after["id"] != before["id"]
    assert status(cloud, balancer) == "PENDING_UPDATE"
    anew = cloud.controller.graph(HOST, balancer, cloud.asker)
    assert graph is not None
    assert anew is not None
    assert (graph.loadbalancer.failovers, anew.loadbalancer.failovers) == (0, 1)
    assert balancer in cloud.agent.looked
    cloud.applied(balancer)
    assert status(cloud, balancer) == "ACTIVE"


def test_it_stays_in_its_availability_zone(cloud: Cloud) -> None:
    cloud.controller.heartbeat(HOST, {"availability_zone": "east"})
    cloud.controller.heartbeat(OTHER, {"availability_zone": "west"})
    profile = {"name": "p", "provider_name": "amphora", "availability_zone_data": '{"compute_zone": "east"}'}
    made = cloud.admin.octavia.ok("POST", "/availabilityzoneprofiles", {"availability_zone_profile": profile})
    zone = {
        "name": "east",
        "availability_zone_profile_id": made["availability_zone_profile"]["id"],
    }
    cloud.admin.octavia.ok("POST", "/availabilityzones", {"availability_zone": zone})
    body = {"vip_subnet_id": cloud.subnet()["id"], "availability_zone": "east"}
    balancer = cloud.ann.octavia.ok("POST", "/loadbalancers", {"loadbalancer": body})["loadbalancer"]
    assert balancer["availability_zone"] == "east"
    put(cloud.admin.octavia, f"/loadbalancers/{balancer['id']}/failover")
    assert [each["lb_network_ip"] for each in amphorae(cloud)] == [HOST]


def test_what_is_nowhere_cannot_fail_over(cloud: Cloud) -> None:
    missing = cloud.admin.octavia.send("PUT", f"/loadbalancers/{uuid.uuid4()}/failover")
    assert missing.status_code == 404
