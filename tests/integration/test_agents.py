"""Agents over HTTP, on the assembled application: what administrators see of them, and change."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from api_cloud import HOST, NOBODYS, Cloud

from evener.store.database import now
from evener.store.schema import agents

CONFIGURATIONS = {"device_drivers": ["haproxy_ns"], "interface_driver": "linuxbridge"}
STARTED = "2026-01-02T03:04:05.678901"


@contextmanager
def silent(cloud: Cloud, host: str, seconds: int = 76) -> Iterator[None]:
    """Let an agent not have been heard of for a while."""
    with cloud.database.write() as tx:
        values = {"heartbeat_at": now() - timedelta(seconds=seconds)}
        tx.execute(agents.update().where(agents.c.host == host).values(**values))
    yield
    cloud.controller.heartbeat(host, {})


def agent_of(cloud: Cloud, host: str = HOST) -> dict[str, Any]:
    return next(entry for entry in cloud.admin.entries("/agents") if entry["host"] == host)


def test_an_agent_is_shown_as_neutron_shows_it(cloud: Cloud) -> None:
    before = now().replace(microsecond=0)
    cloud.controller.heartbeat("node-2", {**CONFIGURATIONS, "started_at": STARTED})
    found = agent_of(cloud, "node-2")
    moments = {name: found.pop(name) for name in ("created_at", "heartbeat_timestamp")}
    assert found == {
        "id": found["id"],
        "agent_type": "Loadbalancerv2 agent",
        "binary": "neutron-lbaasv2-agent",
        "topic": "n-lbaasv2_agent",
        "host": "node-2",
        "availability_zone": None,
        "admin_state_up": True,
        "alive": True,
        "description": None,
        "configurations": CONFIGURATIONS,
        "started_at": "2026-01-02 03:04:05",
    }
    for moment in moments.values():
        assert before <= datetime.strptime(moment, "%Y-%m-%d %H:%M:%S") <= now()  # noqa: DTZ007
    assert cloud.admin.ok("GET", f"/agents/{found['id']}")["agent"] == {**found, **moments}


def test_a_heartbeat_moves_the_moment_and_nothing_else(cloud: Cloud) -> None:
    cloud.admin.ok("PUT", f"/agents/{agent_of(cloud)['id']}", {"agent": {"description": "rack 4"}})
    with silent(cloud, HOST, 40):
        before = agent_of(cloud)
    after = agent_of(cloud)
    assert after["heartbeat_timestamp"] > before["heartbeat_timestamp"]
    assert {**after, "heartbeat_timestamp": 0} == {**before, "heartbeat_timestamp": 0}


@pytest.mark.parametrize(("seconds", "alive"), [(55, True), (76, False)])
def test_an_agent_that_is_not_heard_of_is_not_alive(cloud: Cloud, seconds: int, *, alive: bool) -> None:
    with silent(cloud, HOST, seconds):
        assert agent_of(cloud)["alive"] is alive


@pytest.mark.parametrize(
    ("query", "hosts"),
    [
        ("", {HOST, "node-2"}),
        ("host=node-2", {"node-2"}),
        ("host=node-2&host=node-1", {HOST, "node-2"}),
        ("agent_type=Loadbalancerv2%20agent", {HOST, "node-2"}),
        ("agent_type=L3%20agent", set()),
        ("binary=neutron-lbaasv2-agent&host=node-1", {HOST}),
        ("alive=True", {"node-2"}),
        ("alive=false", {HOST}),
        ("alive=true&alive=false", {HOST, "node-2"}),
        ("alive=true&host=node-1", set()),
        ("admin_state_up=False", {"node-2"}),
        ("description=rack", {"node-2"}),
        ("limit=1&sort_key=host&sort_dir=desc", {"node-2"}),
        ("limit=1&sort_key=alive", {HOST}),
        ("limit=1&sort_key=alive&sort_dir=desc", {"node-2"}),
    ],
)
def test_agents_are_found_by_their_attributes(cloud: Cloud, query: str, hosts: set[str]) -> None:
    cloud.controller.heartbeat("node-2", {})
    body = {"agent": {"admin_state_up": False, "description": "rack"}}
    cloud.admin.ok("PUT", f"/agents/{agent_of(cloud, 'node-2')['id']}", body)
    with silent(cloud, HOST):
        assert {entry["host"] for entry in cloud.admin.entries("/agents", query)} == hosts


def test_a_filter_that_makes_no_sense_is_refused(cloud: Cloud) -> None:
    for query in ("alive=perhaps", "started_at=2026", "load=1"):
        assert cloud.admin.send("GET", "/agents", query_string=query).status_code == 400


def test_nobody_but_administrators_sees_or_changes_agents(cloud: Cloud) -> None:
    path = f"/agents/{agent_of(cloud)['id']}"
    balancer = cloud.balancer()["id"]
    for user in (cloud.ann, cloud.reader):
        assert user.entries("/agents") == []
        cloud.refuses(user, "GET", path, status=404, kind="AgentNotFound")
        body = {"agent": {"admin_state_up": False}}
        cloud.refuses(user, "PUT", path, body, status=403, kind="PolicyNotAuthorized")
        cloud.refuses(user, "DELETE", path, status=403, kind="PolicyNotAuthorized")
        for below in (
            f"{path}/agent-loadbalancers",
            f"/lbaas/loadbalancers/{balancer}/loadbalancer-hosting-agent",
        ):
            cloud.refuses(user, "GET", below, status=403, kind="PolicyNotAuthorized")


def test_an_agent_that_is_down_keeps_what_it_has_and_gets_nothing_new(cloud: Cloud) -> None:
    balancer = cloud.balancer()
    path = f"/agents/{agent_of(cloud)['id']}"
    changed = cloud.admin.ok("PUT", path, {"agent": {"admin_state_up": False}})["agent"]
    assert changed["admin_state_up"] is False
    body = {"loadbalancer": {"vip_subnet_id": balancer["vip_subnet_id"]}}
    cloud.refuses(cloud.ann, "POST", "/lbaas/loadbalancers", body, status=409, kind="NoActiveLbaasAgent")
    assert cloud.controller.assigned(HOST) == {balancer["id"]: 1}
    cloud.controller.heartbeat("node-2", {})
    other = cloud.balancer()["id"]
    assert cloud.controller.assigned("node-2").keys() == {other}
    cloud.controller.heartbeat(HOST, {})
    assert agent_of(cloud)["admin_state_up"] is False


@pytest.mark.parametrize(
    "body",
    [
        {"host": "x"},
        {"alive": True},
        {"configurations": {}},
        {"id": NOBODYS},
        {"admin_state_up": "perhaps"},
        {"description": "d" * 256},
        {"heartbeat_timestamp": "2026-01-01 00:00:00"},
    ],
)
def test_what_an_agent_says_of_itself_stays(cloud: Cloud, body: dict[str, Any]) -> None:
    path = f"/agents/{agent_of(cloud)['id']}"
    cloud.refuses(cloud.admin, "PUT", path, {"agent": body}, status=400, kind="HTTPBadRequest")


def test_agents_are_not_made_by_hand(cloud: Cloud) -> None:
    assert cloud.admin.send("POST", "/agents", {"agent": {"host": "x"}}).status_code == 405


def test_an_agent_goes_when_it_serves_nothing(cloud: Cloud) -> None:
    path = f"/agents/{agent_of(cloud)['id']}"
    balancer = cloud.balancer()["id"]
    assert "1 load balancers" in cloud.refuses(cloud.admin, "DELETE", path, status=409, kind="AgentInUse")
    cloud.ann.delete("loadbalancer", balancer)
    cloud.report(balancer, gone=True)
    cloud.admin.ok("DELETE", path)
    cloud.refuses(cloud.admin, "GET", path, status=404, kind="AgentNotFound")
    cloud.refuses(cloud.admin, "DELETE", path, status=404, kind="AgentNotFound")
    cloud.controller.heartbeat(HOST, {})
    assert agent_of(cloud)["id"] not in path


def test_an_agent_and_its_load_balancers_find_each_other(cloud: Cloud) -> None:
    first = cloud.balancer(name="first")
    agent = agent_of(cloud)
    cloud.admin.ok("PUT", f"/agents/{agent['id']}", {"agent": {"admin_state_up": False}})
    cloud.controller.heartbeat("node-2", {})
    second = cloud.balancer(cloud.bob, name="second")
    other = agent_of(cloud, "node-2")
    for node, balancer in ((agent, first), (other, second)):
        served = cloud.admin.ok("GET", f"/agents/{node['id']}/agent-loadbalancers")["loadbalancers"]
        assert served == [cloud.admin.show("loadbalancer", balancer["id"])]
        path = f"/lbaas/loadbalancers/{balancer['id']}/loadbalancer-hosting-agent"
        hosting = cloud.admin.ok("GET", path)["agent"]
        assert (hosting["id"], hosting["host"], hosting["alive"]) == (node["id"], node["host"], True)
    found = cloud.admin.ok("GET", f"/agents/{agent['id']}/agent-loadbalancers", query_string="fields=name")
    assert found == {"loadbalancers": [{"name": "first"}]}


def test_what_does_not_exist_serves_nothing(cloud: Cloud) -> None:
    for path, kind in (
        (f"/agents/{NOBODYS}/agent-loadbalancers", "AgentNotFound"),
        (f"/lbaas/loadbalancers/{NOBODYS}/loadbalancer-hosting-agent", "EntityNotFound"),
        ("/agents/%00", "AgentNotFound"),
    ):
        cloud.refuses(cloud.admin, "GET", path, status=404, kind=kind)
