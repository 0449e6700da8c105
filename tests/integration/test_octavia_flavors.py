"""Providers, flavors and flavor profiles as Octavia has them, on the tables of LBaaS v2's flavors."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from api_cloud import HOST, Cloud, User

from evener.dataplane.haproxy.cgroup import limits_of
from evener.dataplane.haproxy.render import render
from evener.dataplane.haproxy.settings import Settings
from evener.host.cgroups import Limits
from evener.resources.graph import Graph

Json = dict[str, Any]
SINGLE = '{"loadbalancer_topology": "SINGLE"}'


class Operator:
    """Who makes flavors, and who asks for load balancers of them."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud, self.admin, self.ann = cloud, cloud.admin.octavia, cloud.ann.octavia

    def profile(self, data: str = SINGLE, provider: str = "amphora") -> Json:
        body = {"name": "p", "provider_name": provider, "flavor_data": data}
        return dict(self.admin.ok("POST", "/flavorprofiles", {"flavorprofile": body})["flavorprofile"])

    def flavor(self, name: str = "gold", data: str = SINGLE, **more: Any) -> Json:
        body = {"name": name, "flavor_profile_id": self.profile(data)["id"], **more}
        return dict(self.admin.ok("POST", "/flavors", {"flavor": body})["flavor"])

    def balancer(self, **values: Any) -> Json:
        body = {"vip_subnet_id": self.cloud.subnet()["id"], **values}
        return dict(self.ann.ok("POST", "/loadbalancers", {"loadbalancer": body})["loadbalancer"])

    def graph(self, balancer_id: str) -> Graph:
        graph = self.cloud.controller.graph(HOST, balancer_id, self.cloud.asker)
        assert graph is not None
        return graph


@pytest.fixture
def operator(cloud: Cloud) -> Operator:
    return Operator(cloud)


def says(user: User, method: str, path: str, body: Any, status: int) -> str:
    answer = user.send(method, path, body)
    assert answer.status_code == status, answer.text
    return str(answer.json["faultstring"])


def test_the_default_provider_has_the_names_that_clients_ask_for(operator: Operator) -> None:
    found = operator.ann.ok("GET", "/providers")["providers"]
    assert [each["name"] for each in found] == ["haproxy", "amphora", "octavia"]
    assert all(each.keys() == {"name", "description"} for each in found)
    for name in ("amphora", "octavia", "haproxy"):
        made = operator.balancer(provider=name)
        assert made["provider"] == name, "as it was asked for"
        assert operator.cloud.ann.show("loadbalancer", made["id"])["provider"] == name
    assert operator.balancer()["provider"] == "haproxy"
    body = {"loadbalancer": {"vip_subnet_id": operator.cloud.subnet()["id"], "provider": "nope"}}
    assert says(operator.ann, "POST", "/loadbalancers", body, 400) == "Provider 'nope' is not enabled."


def test_lbaas_knows_the_declared_names_only(operator: Operator) -> None:
    body = {"loadbalancer": {"vip_subnet_id": operator.cloud.subnet()["id"], "provider": "amphora"}}
    assert operator.cloud.ann.send("POST", "/lbaas/loadbalancers", body).status_code == 400


def test_a_provider_says_what_profiles_can_ask_of_it(operator: Operator) -> None:
    for kind, name in (("flavor", "maxconn"), ("availability_zone", "compute_zone")):
        path = f"/providers/amphora/{kind}_capabilities"
        found = operator.admin.ok("GET", path)[f"{kind}_capabilities"]
        assert name in [each["name"] for each in found]
        one = operator.admin.ok("GET", path, query_string=f"name={name}")[f"{kind}_capabilities"]
        assert [each["name"] for each in one] == [name]
        assert operator.ann.send("GET", path).status_code == 403
    assert says(operator.admin, "GET", "/providers/nope/flavor_capabilities", None, 400)
    assert operator.admin.send("GET", "/providers/amphora").status_code in (404, 405)


def test_a_flavor_has_one_profile_and_comes_back_as_it_was_given(operator: Operator) -> None:
    data = '{"loadbalancer_topology":   "SINGLE"}'
    profile = operator.profile(data)
    assert profile == {"id": profile["id"], "name": "p", "provider_name": "amphora", "flavor_data": data}
    body = {"name": "gold", "description": "all of it", "flavor_profile_id": profile["id"]}
    flavor = operator.admin.ok("POST", "/flavors", {"flavor": body})["flavor"]
    assert flavor == {**body, "id": flavor["id"], "enabled": True}
    assert operator.ann.ok("GET", f"/flavors/{flavor['id']}")["flavor"] == flavor
    found = operator.ann.ok("GET", "/flavors", query_string=f"flavor_profile_id={profile['id']}")
    assert found["flavors"] == [flavor]
    changed = operator.admin.ok("PUT", f"/flavors/{flavor['id']}", {"flavor": {"enabled": False}})
    assert changed["flavor"] == {**flavor, "enabled": False}


def test_lbaas_shows_the_same_flavors_and_profiles_in_its_words(operator: Operator) -> None:
    flavor = operator.flavor()
    shown = operator.cloud.admin.ok("GET", f"/flavors/{flavor['id']}")["flavor"]
    assert shown["service_profiles"] == [flavor["flavor_profile_id"]]
    assert "flavor_profile_id" not in shown
    profile = operator.cloud.admin.ok("GET", f"/service_profiles/{flavor['flavor_profile_id']}")
    assert profile["service_profile"]["driver"] == "evener"
    assert profile["service_profile"]["metainfo"] == SINGLE
    made = operator.cloud.admin.ok(
        "POST", "/service_profiles", {"service_profile": {"driver": "evener", "metainfo": "free text"}}
    )["service_profile"]
    found = operator.admin.ok("GET", f"/flavorprofiles/{made['id']}")["flavorprofile"]
    assert (found["provider_name"], found["flavor_data"]) == ("haproxy", "free text")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ("", 400),
        ("gold", 400),
        ("[]", 400),
        ('{"maxconn": "many"}', 400),
        ('{"maxconn": 0}', 400),
        ('{"colour": "red"}', 501),
        ('{"sriov_vip": true}', 501),
        ('{"compute_flavor": "m1", "amp_image_tag": "x"}', 201),
        ('{"connection_limit": 100, "cpu_weight": 200, "memory_max_mb": 512}', 201),
    ],
)
def test_what_a_provider_is_told_is_checked(operator: Operator, data: str, status: int) -> None:
    body = {"flavorprofile": {"name": "p", "provider_name": "octavia", "flavor_data": data}}
    assert operator.admin.send("POST", "/flavorprofiles", body).status_code == status


def test_names_profiles_and_providers_are_looked_up(operator: Operator) -> None:
    operator.flavor("gold")
    body = {"flavor": {"name": "gold", "flavor_profile_id": operator.profile()["id"]}}
    assert says(operator.admin, "POST", "/flavors", body, 409) == "A flavor of gold already exists."
    body = {"flavor": {"name": "silver", "flavor_profile_id": str(uuid.uuid4())}}
    assert "Invalid flavor_profile_id" in says(operator.admin, "POST", "/flavors", body, 400)
    for lacking in ({"name": "x"}, {"flavor_profile_id": operator.profile()["id"]}):
        assert "Mandatory field missing" in says(operator.admin, "POST", "/flavors", {"flavor": lacking}, 400)
    profile = {"name": "p", "provider_name": "nope", "flavor_data": "{}"}
    refused = says(operator.admin, "POST", "/flavorprofiles", {"flavorprofile": profile}, 400)
    assert refused == "Provider 'nope' is not enabled."
    zero = "00000000-0000-0000-0000-000000000000"
    assert says(operator.admin, "GET", f"/flavors/{zero}", None, 404) == f"Flavor {zero} not found."


def test_what_is_in_use_stays_as_it_is(operator: Operator) -> None:
    flavor = operator.flavor()
    profile = f"/flavorprofiles/{flavor['flavor_profile_id']}"
    operator.balancer(flavor_id=flavor["id"])
    refused = says(operator.admin, "DELETE", f"/flavors/{flavor['id']}", None, 409)
    assert refused == f"Flavor {flavor['id']} is in use and cannot be modified."
    says(operator.admin, "DELETE", profile, None, 409)
    for name, value in (("flavor_data", "{}"), ("provider_name", "octavia")):
        says(operator.admin, "PUT", profile, {"flavorprofile": {name: value}}, 409)
    changed = operator.admin.ok("PUT", profile, {"flavorprofile": {"name": "q"}})["flavorprofile"]
    assert changed["name"] == "q"


def test_a_load_balancer_that_goes_holds_no_flavor(operator: Operator) -> None:
    flavor = operator.flavor()
    balancer = operator.balancer(flavor_id=flavor["id"])["id"]
    operator.ann.ok("DELETE", f"/loadbalancers/{balancer}")
    operator.admin.ok("DELETE", f"/flavors/{flavor['id']}")


def test_what_nobody_uses_goes(operator: Operator) -> None:
    flavor = operator.flavor()
    operator.admin.ok("DELETE", f"/flavors/{flavor['id']}")
    operator.admin.ok("DELETE", f"/flavorprofiles/{flavor['flavor_profile_id']}")
    assert operator.admin.ok("GET", "/flavorprofiles")["flavorprofiles"] == []


def test_a_load_balancer_names_a_flavor_that_there_is_for_its_provider(operator: Operator) -> None:
    flavor = operator.flavor()
    made = operator.balancer(flavor_id=flavor["id"])
    assert (made["flavor_id"], made["provider"]) == (flavor["id"], "amphora")
    assert operator.balancer(flavor_id=flavor["id"], provider="octavia")["provider"] == "octavia"
    subnet = operator.cloud.subnet()["id"]
    body: Json = {"loadbalancer": {"vip_subnet_id": subnet, "flavor_id": str(uuid.uuid4())}}
    assert "Invalid flavor_id" in says(operator.ann, "POST", "/loadbalancers", body, 400)
    off = operator.flavor("off", enabled=False)
    body["loadbalancer"]["flavor_id"] = off["id"]
    refused = says(operator.ann, "POST", "/loadbalancers", body, 400)
    assert refused == f"The selected flavor is not allowed in this deployment: {off['id']}"


@pytest.mark.parametrize("make", ["octavia", "lbaas"])
def test_a_flavor_says_how_many_connections_and_how_much_of_the_machine(
    operator: Operator, tmp_path: Path, make: str
) -> None:
    data = json.dumps({"maxconn": 123, "cpu_weight": 200, "memory_max_mb": 512})
    flavor = operator.flavor(data=data)["id"]
    makers: dict[str, Callable[[], Json]] = {
        "octavia": lambda: operator.balancer(flavor_id=flavor),
        "lbaas": lambda: operator.cloud.balancer(flavor_id=flavor),
    }
    balancer = makers[make]()["id"]
    listener = {"loadbalancer_id": balancer, "protocol": "HTTP", "protocol_port": 80}
    operator.ann.ok("POST", "/listeners", {"listener": {**listener, "connection_limit": 5000}})
    graph = operator.graph(balancer)
    config = render(graph, tmp_path, Settings())
    assert "maxconn 123" in [each.strip() for each in config.global_lines]
    assert [each.limit for each in config.frontends] == [123]
    limits = limits_of(Limits(), graph.loadbalancer.flavor_data)
    assert (limits.cpu_weight, limits.memory_max) == (200, 512 * 1024 * 1024)


def test_a_load_balancer_without_a_flavor_is_served_as_the_agent_says(
    operator: Operator, tmp_path: Path
) -> None:
    balancer = operator.balancer()["id"]
    listener = {"loadbalancer_id": balancer, "protocol": "HTTP", "protocol_port": 80}
    operator.ann.ok("POST", "/listeners", {"listener": listener})
    graph = operator.graph(balancer)
    assert "maxconn 8000" in [each.strip() for each in render(graph, tmp_path, Settings()).global_lines]
    assert limits_of(Limits(), graph.loadbalancer.flavor_data) == Limits()
