"""The plugin in a real Neutron server: what it announces, passes on, guards, tells and counts."""

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cloud.neutron_server import (
    INSTALLED,
    OWNER,
    Answering,
    Neutron,
    answering,
    credentials,
    install_plugin,
    json_of,
    make_port,
    told,
)
from evener.api.networking import EXTENSIONS
from integration.api_front import free_port
from waiting import eventually

pytestmark = pytest.mark.skipif(not INSTALLED, reason="Neutron (python3-neutron) is not installed")
# What Neutron's core announces by itself.
CORES = {"agent", "flavors", "pagination", "project-id", "quota-check-limit", "quota_details", "quotas"}
CORES |= {"service-type", "sorting"}
PATIENCE_S = 5  # of the plugin, for an answer of Evener's


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_plugin(tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture(scope="module")
def neutron(
    tmp_path_factory: pytest.TempPathFactory, plugin: Path, ports: tuple[int, int]
) -> Iterator[Neutron]:
    found = Neutron(tmp_path_factory.mktemp("neutron"), plugin, ports[0])
    found.configure(
        f"endpoint = http://127.0.0.1:{ports[1]}\nanswer_timeout = {PATIENCE_S}\n{credentials(ports[1])}"
    )
    with found.serving():
        yield found


@pytest.fixture
def evener(ports: tuple[int, int]) -> Iterator[Answering]:
    with answering(ports[1]) as found:
        yield found


def test_neutron_announces_what_evener_has_beside_what_it_has_itself(neutron: Neutron) -> None:
    announced = json_of(neutron.ask("GET", "/extensions"))["extensions"]
    assert {each["alias"] for each in announced} >= set(EXTENSIONS)
    ours = {
        each["alias"]: (each["name"], each["description"])
        for each in announced
        if each["alias"] in EXTENSIONS.keys() - CORES
    }
    assert ours == {alias: EXTENSIONS[alias] for alias in EXTENSIONS.keys() - CORES}
    assert "filter-validation" in {each["alias"] for each in announced}


@pytest.mark.parametrize(
    ("method", "path", "target"),
    [
        (
            "GET",
            "/lbaas/pools?name=a%20b&fields=id&fields=name",
            "/lbaas/pools?name=a%20b&fields=id&fields=name",
        ),
        ("POST", "/lbaas/loadbalancers", "/lbaas/loadbalancers"),
        ("GET", "/lbaas/pools.json?x=1", "/lbaas/pools?x=1"),
        ("PUT", "/lbaas/pools/P/members/M", "/lbaas/pools/P/members/M"),
        ("DELETE", "/lbaas/l7policies/P/rules/R", "/lbaas/l7policies/P/rules/R"),
        ("PATCH", "/lbaas/a/b/c/d/e", "/lbaas/a/b/c/d/e"),
        ("GET", "/lbaas/pools/caf%C3%A9%20%25", "/lbaas/pools/caf%C3%A9%20%25"),
        ("GET", "/agents/A/agent-loadbalancers", "/agents/A/agent-loadbalancers"),
    ],
)
def test_a_request_is_passed_on_as_it_came(
    neutron: Neutron, evener: Answering, method: str, path: str, target: str
) -> None:
    body = b"{not JSON, \xff" if method != "GET" else b""
    neutron.ask(method, path, data=body, headers={"Content-Type": "text/odd", "X-Service-Token": "service"})
    (asked,) = evener.asked
    assert (asked.method, asked.target, asked.body) == (method, f"/networking/v2.0{target}", body)
    assert asked.headers["x-auth-token"] == "token of ann"
    assert asked.headers["x-service-token"] == "service"
    assert asked.headers["content-type"] == "text/odd"
    assert asked.headers["x-neutron-url"] == neutron.url


def test_a_body_of_no_kind_stays_one(neutron: Neutron, evener: Answering) -> None:
    neutron.ask("POST", "/lbaas/pools", data=b"{}")
    (asked,) = evener.asked
    assert "content-type" not in asked.headers


def test_what_neutron_knows_of_the_caller_is_not_passed_on(neutron: Neutron, evener: Answering) -> None:
    neutron.ask("GET", "/lbaas/pools")
    (asked,) = evener.asked
    assert not {"x-roles", "x-user-id", "x-user-name", "x-project-id", "connection"} & asked.headers.keys()


def test_a_request_keeps_its_id(neutron: Neutron, evener: Answering) -> None:
    given = "req-01234567-89ab-4def-8123-456789abcdef"
    neutron.ask("GET", "/lbaas/pools", headers={"X-OpenStack-Request-Id": given})
    answer = neutron.ask("GET", "/lbaas/pools")
    first, second = (asked.headers["x-openstack-request-id"] for asked in evener.asked)
    assert (first, second) == (given, answer.headers["X-OpenStack-Request-Id"])


@pytest.mark.parametrize(
    ("status", "reason", "kind", "body"),
    [
        (200, "OK", "application/json", b'{"pools": []}'),
        (207, "Odd", "text/odd", bytes(range(256)) * 4096),
        (404, "Not Found", "application/json", b'{"NeutronError": {}}'),
        (302, "Found", "text/plain", b""),
        (500, "Broken", "text/plain", b"broken"),
    ],
)
def test_an_answer_comes_back_as_it_was(
    neutron: Neutron, evener: Answering, status: int, reason: str, kind: str, body: bytes
) -> None:
    evener.status, evener.reason, evener.body = status, reason, body
    evener.headers = {
        "Content-Type": kind,
        "X-Odd": "1",
        "Location": "http://127.0.0.1:1/",
        "X-OpenStack-Request-Id": "req-x",
    }
    answer = neutron.ask("GET", "/lbaas/pools", allow_redirects=False)
    assert (answer.status_code, answer.reason, answer.content) == (status, reason, body)
    assert {name: answer.headers[name] for name in evener.headers} == evener.headers


def test_an_answer_without_a_body_has_none(neutron: Neutron, evener: Answering) -> None:
    evener.status, evener.reason, evener.body = 204, "No Content", b""
    answer = neutron.ask("DELETE", "/lbaas/pools/P")
    assert (answer.status_code, answer.content) == (204, b"")


def test_head_answers_what_get_would_without_the_body(neutron: Neutron, evener: Answering) -> None:
    evener.body = b'{"pools": []}'
    for path in ("/lbaas/pools", "/lbaas/pools/P", "/lbaas/loadbalancers/L/loadbalancer-hosting-agent"):
        answer = neutron.ask("HEAD", path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["Content-Length"] == str(len(evener.body))
        assert (evener.asked[-1].method, evener.asked[-1].target) == ("HEAD", f"/networking/v2.0{path}")


def test_connections_are_kept(neutron: Neutron, evener: Answering) -> None:
    for _ in range(5):
        neutron.ask("GET", "/lbaas/pools")
    assert len({asked.peer for asked in evener.asked}) == 1


def test_a_kept_connection_that_has_ended_costs_no_request(neutron: Neutron, ports: tuple[int, int]) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        with answering(ports[1]):
            assert neutron.ask(method, "/lbaas/pools").status_code == 200


def test_links_name_neutron_as_the_client_reached_it(neutron: Neutron, evener: Answering) -> None:
    neutron.ask("GET", "/lbaas/pools", headers={"Host": "cloud.example:443", "X-Forwarded-Proto": "https"})
    (asked,) = evener.asked
    assert asked.headers["x-neutron-url"] == "https://cloud.example:443/v2.0"


def test_who_finds_no_evener_is_told_so_at_once(neutron: Neutron) -> None:
    began = time.monotonic()
    answer = neutron.ask("POST", "/lbaas/pools", {"pool": {}})
    assert time.monotonic() - began < 20
    error = json_of(answer, 503)["NeutronError"]
    assert error["type"] == "ServiceUnavailable"
    assert "nothing was done" in error["message"]


def test_who_is_not_answered_is_told_so_in_time(neutron: Neutron, evener: Answering) -> None:
    evener.delay_s = 3 * PATIENCE_S
    error = json_of(neutron.ask("POST", "/lbaas/pools", {"pool": {}}), 504)["NeutronError"]
    assert "may have done" in error["message"]
    assert len(evener.asked) == 1


def test_neutron_goes_on_without_evener(neutron: Neutron) -> None:
    assert neutron.ask("GET", "/networks").status_code == 200


def test_haproxy_is_the_provider_where_none_is_named(neutron: Neutron) -> None:
    providers = json_of(neutron.ask("GET", "/service-providers"))["service_providers"]
    assert {"service_type": "LOADBALANCERV2", "name": "haproxy", "default": True} in providers


def test_quotas_of_load_balancing_are_among_neutron_s(neutron: Neutron, evener: Answering) -> None:
    quota = json_of(neutron.ask("GET", "/quotas/ann"))["quota"]
    kinds = ("loadbalancer", "listener", "pool", "member", "healthmonitor", "l7policy")
    assert [quota[kind] for kind in kinds] == [10, -1, 10, -1, -1, -1]
    evener.body = json.dumps({"quota": {kind: {"used": 3, "limit": 9} for kind in kinds}}).encode()
    changed = neutron.ask("PUT", "/quotas/bob", {"quota": {"loadbalancer": 5, "port": 7}})
    assert json_of(changed)["quota"]["loadbalancer"] == 5
    details = json_of(neutron.ask("GET", "/quotas/bob/details"))["quota"]
    assert (details["loadbalancer"]["limit"], details["loadbalancer"]["used"]) == (5, 3)
    asked = evener.asked[-1]
    assert asked.target == "/networking/v2.0/quotas/bob/details"
    assert asked.headers["x-auth-token"] == "of the plugin"


def test_what_nobody_can_count_is_no_fault_of_neutron_s(neutron: Neutron) -> None:
    assert neutron.ask("GET", "/quotas/ann/details").status_code in {200, 501}  # by Neutron's version
    assert neutron.ask("GET", "/quotas/ann").status_code == 200


def agent_of(neutron: Neutron, host: str, kind: str = "Loadbalancerv2 agent") -> str:
    """Have an agent in Neutron's list, as if it had reported, and return its id there."""
    found, now = str(uuid4()), "2026-01-01 00:00:00.000000"
    row = {"id": found, "agent_type": kind, "binary": "x", "topic": "x", "host": host, "admin_state_up": 1}
    row |= {
        "created_at": now,
        "started_at": now,
        "heartbeat_timestamp": now,
        "configurations": "{}",
        "load": 0,
    }
    names = ", ".join(f"`{name}`" for name in row)
    with sqlite3.connect(neutron.directory / "neutron.sqlite") as database:
        database.execute(
            f"INSERT INTO agents ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values())
        )
    return found


def test_an_agent_is_known_by_its_id_in_neutron_s_list(neutron: Neutron, evener: Answering) -> None:
    agent_of(neutron, "node.1", "L3 agent")
    agent = agent_of(neutron, "node.1")
    evener.body = b'{"agents": [{"id": "evener-s"}]}'
    assert neutron.ask("GET", f"/agents/{agent}/agent-loadbalancers?fields=id").content == evener.body
    assert [asked.target for asked in evener.asked] == [
        "/networking/v2.0/agents?host=node.1&fields=id",
        "/networking/v2.0/agents/evener-s/agent-loadbalancers?fields=id",
    ]
    assert {asked.headers["x-auth-token"] for asked in evener.asked} == {"token of ann"}
    evener.body = b'{"agent": {"id": "evener-s", "host": "node.1", "alive": true}}'
    shown = json_of(neutron.ask("GET", "/lbaas/loadbalancers/L/loadbalancer-hosting-agent"))
    assert shown == {"agent": {"id": agent, "host": "node.1", "alive": True}}


def test_who_may_not_see_agents_is_told_so_by_evener(neutron: Neutron, evener: Answering) -> None:
    agent = agent_of(neutron, "node-2")
    evener.status, evener.reason, evener.body = 403, "Forbidden", b'{"NeutronError": {}}'
    assert neutron.ask("GET", f"/agents/{agent}/agent-loadbalancers").status_code == 403
    assert neutron.ask("GET", "/lbaas/loadbalancers/L/loadbalancer-hosting-agent").status_code == 403


@pytest.mark.parametrize("body", [b'{"agent": {"id": "x", "host": "unknown"}}', b'{"agent": {"id": "x"}}'])
def test_an_agent_that_neutron_does_not_know_is_shown_as_it_is(
    neutron: Neutron, evener: Answering, body: bytes
) -> None:
    evener.body = body
    assert neutron.ask("GET", "/lbaas/loadbalancers/L/loadbalancer-hosting-agent").content == body


def test_evener_forgets_an_agent_that_is_deleted_in_neutron(neutron: Neutron, evener: Answering) -> None:
    agent, other = agent_of(neutron, "node-3"), agent_of(neutron, "node-3", "L3 agent")
    evener.body = b'{"agents": [{"id": "evener-s"}]}'
    assert neutron.ask("DELETE", f"/agents/{agent}").status_code == 204
    assert [(asked.method, asked.target) for asked in evener.asked] == [
        ("GET", "/networking/v2.0/agents?host=node-3&fields=id"),
        ("DELETE", "/networking/v2.0/agents/evener-s"),
    ]
    assert {asked.headers["x-auth-token"] for asked in evener.asked} == {"token of ann"}
    assert neutron.ask("GET", f"/agents/{agent}").status_code == 404
    assert neutron.ask("DELETE", f"/agents/{other}").status_code == 204
    assert len(evener.asked) == 2


def test_an_agent_that_evener_keeps_is_kept_by_neutron_in_evener_s_words(
    neutron: Neutron, evener: Answering
) -> None:
    agent = agent_of(neutron, "node-4")
    evener.status, evener.reason = 409, "Conflict"
    evener.body = b'{"NeutronError": {"type": "AgentInUse", "message": "it serves 3", "detail": ""}}'
    refused = json_of(neutron.ask("DELETE", f"/agents/{agent}"), 409)
    assert "it serves 3" in refused["NeutronError"]["message"]
    assert neutron.ask("GET", f"/agents/{agent}").status_code == 200


def test_no_agent_is_deleted_while_evener_does_not_answer(neutron: Neutron) -> None:
    agent = agent_of(neutron, "node-5")
    refused = json_of(neutron.ask("DELETE", f"/agents/{agent}"), 503)
    assert "was not deleted" in refused["NeutronError"]["message"]
    assert neutron.ask("GET", f"/agents/{agent}").status_code == 200


@pytest.fixture(scope="module")
def network(neutron: Neutron) -> str:
    network = json_of(neutron.ask("POST", "/networks", {"network": {}}), 201)["network"]
    subnet = {"network_id": network["id"], "ip_version": 4, "cidr": "192.0.2.0/24"}
    json_of(neutron.ask("POST", "/subnets", {"subnet": subnet}), 201)
    return str(network["id"])


@pytest.mark.parametrize("roles", ["admin", "member"])
def test_nobody_deletes_the_port_of_a_load_balancer(neutron: Neutron, network: str, roles: str) -> None:
    port = make_port(neutron, network, project_id="ann")
    refused = json_of(neutron.ask("DELETE", f"/ports/{port['id']}", roles=roles), 409)
    assert "load balancer lb-1" in refused["NeutronError"]["message"]
    assert neutron.ask("DELETE", f"/ports/{port['id']}", user="evener", roles="member").status_code in {
        404,
        409,
    }
    assert neutron.ask("GET", f"/ports/{port['id']}").status_code == 200


def test_evener_deletes_the_port_of_a_load_balancer(neutron: Neutron, network: str) -> None:
    port = make_port(neutron, network)
    assert neutron.ask("DELETE", f"/ports/{port['id']}", user="evener").status_code == 204


def test_who_takes_the_port_from_its_load_balancer_may_delete_it(neutron: Neutron, network: str) -> None:
    port = make_port(neutron, network)
    json_of(neutron.ask("PUT", f"/ports/{port['id']}", {"port": {"device_owner": ""}}))
    assert neutron.ask("DELETE", f"/ports/{port['id']}").status_code == 204


def test_other_ports_are_deleted_as_ever(neutron: Neutron, network: str) -> None:
    for more in ({"device_owner": "compute:nova"}, {"device_id": ""}):
        port = make_port(neutron, network, **more)
        assert neutron.ask("DELETE", f"/ports/{port['id']}").status_code == 204
    assert neutron.ask("DELETE", "/ports/00000000-0000-4000-8000-000000000000").status_code == 404


def test_evener_hears_of_ports_that_others_change_or_delete(
    neutron: Neutron, network: str, evener: Answering
) -> None:
    port = make_port(neutron, network)
    path = f"/ports/{port['id']}"
    neutron.ask("PUT", path, {"port": {"name": "x"}})
    eventually(lambda: told(evener, port) == 1)
    neutron.ask("PUT", path, {"port": {"device_owner": ""}})
    eventually(lambda: told(evener, port) == 2)
    neutron.ask("PUT", path, {"port": {"name": "nobody's now"}})
    neutron.ask("PUT", path, {"port": {"device_owner": OWNER, "device_id": ""}})
    eventually(lambda: told(evener, port) == 3)
    neutron.ask("DELETE", path)
    eventually(lambda: told(evener, port) == 4)
    assert {asked.headers["x-auth-token"] for asked in evener.asked} == {"of the plugin"}


def test_evener_is_not_told_of_what_it_does_itself(neutron: Neutron, network: str, evener: Answering) -> None:
    port, other = make_port(neutron, network), make_port(neutron, network)
    neutron.ask("PUT", f"/ports/{port['id']}", {"port": {"admin_state_up": False}}, user="evener")
    neutron.ask("DELETE", f"/ports/{port['id']}", user="evener")
    neutron.ask("PUT", f"/ports/{other['id']}", {"port": {"admin_state_up": False}})
    eventually(lambda: told(evener, other) == 1)
    assert told(evener, port) == 0


def test_changes_of_ports_wait_for_nobody(neutron: Neutron, network: str) -> None:
    port = make_port(neutron, network)
    began = time.monotonic()
    for number in range(10):
        json_of(neutron.ask("PUT", f"/ports/{port['id']}", {"port": {"name": str(number)}}))
    assert time.monotonic() - began < 60
    eventually(lambda: said_after_a_change(neutron, port))


def said_after_a_change(neutron: Neutron, port: dict[str, Any]) -> bool:
    """Change a port, and return whether Neutron's log says that Evener was not told of an earlier change."""
    json_of(neutron.ask("PUT", f"/ports/{port['id']}", {"port": {"name": str(time.monotonic())}}))
    return "has not been told" in neutron.log
