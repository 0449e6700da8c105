"""Octavia's API on the objects of LBaaS v2: what is made in one is seen, changed and deleted in the other."""

from typing import Any

import pytest
from api_cloud import Cloud
from falcon import testing

BASE = "http://evener.test:9876"


def raw(cloud: Cloud, method: str, path: str, token: str | None = None, **more: Any) -> testing.Result:
    headers = {"X-Auth-Token": token} if token else {}
    return cloud.client.simulate_request(method, path, headers=headers, **more)


def test_every_version_is_listed_without_a_token_and_the_last_is_current(cloud: Cloud) -> None:
    for path in ("/load-balancer", "/load-balancer/"):
        versions = raw(cloud, "GET", path).json["versions"]
        assert [each["id"] for each in versions] == [f"v2.{minor}" for minor in range(31)]
        assert [each["id"] for each in versions if each["status"] == "CURRENT"] == ["v2.30"]
        assert {each["links"][0]["href"] for each in versions} == {f"{BASE}/load-balancer/v2"}


def test_who_has_no_token_is_told_so_in_keystones_words_everywhere_else(cloud: Cloud) -> None:
    for path in ("/load-balancer/v2", "/load-balancer/v2/lbaas/pools", "/load-balancer/nowhere"):
        refused = raw(cloud, "GET", path)
        assert refused.status_code == 401
        assert refused.json["error"]["code"] == 401
        assert refused.headers["WWW-Authenticate"].startswith("Keystone uri=")


@pytest.mark.parametrize("version", ["v2", "v2.0"])
@pytest.mark.parametrize("middle", ["", "/lbaas"])
@pytest.mark.parametrize("end", ["", "/", ".json"])
def test_each_collection_has_all_its_addresses(cloud: Cloud, version: str, middle: str, end: str) -> None:
    balancer = cloud.balancer()["id"]
    found = raw(cloud, "GET", f"/load-balancer/{version}{middle}/loadbalancers{end}", cloud.ann.token)
    assert [each["id"] for each in found.json["loadbalancers"]] == [balancer]


def test_a_fault_has_octavias_form(cloud: Cloud) -> None:
    ann = cloud.ann.octavia
    missing = ann.send("GET", "/pools/xyz")
    assert missing.status_code == 404
    assert missing.json == {"faultcode": "Client", "faultstring": "Pool xyz not found.", "debuginfo": None}
    nowhere = ann.send("GET", "/nothing")
    assert (nowhere.status_code, nowhere.json["faultcode"]) == (404, "Client")
    assert ann.send("PATCH", "/pools/xyz").status_code == 405


def test_what_one_makes_the_other_shows_changes_and_deletes(cloud: Cloud) -> None:
    subnet = cloud.subnet()["id"]
    ann = cloud.ann.octavia
    made = ann.ok("POST", "/loadbalancers", {"loadbalancer": {"vip_subnet_id": subnet, "name": "web"}})
    balancer = made["loadbalancer"]
    assert balancer["project_id"] == balancer["tenant_id"] == "ann"
    assert cloud.ann.show("loadbalancer", balancer["id"])["name"] == "web"
    cloud.ann.update("loadbalancer", balancer["id"], name="other")
    shown = ann.ok("GET", f"/loadbalancers/{balancer['id']}")["loadbalancer"]
    assert shown["name"] == "other"
    listener = ann.ok(
        "POST",
        "/listeners",
        {"listener": {"loadbalancer_id": balancer["id"], "protocol": "HTTP", "protocol_port": 80}},
    )["listener"]
    assert listener["loadbalancers"] == [{"id": balancer["id"]}]
    there = cloud.ann.show("listener", listener["id"])
    assert there["protocol_port"] == 80
    assert not {"insert_headers", "timeout_client_data", "allowed_cidrs"} & there.keys()
    cloud.ann.delete("listener", listener["id"])


def test_another_projects_object_is_forbidden(cloud: Cloud) -> None:
    balancer = cloud.balancer(cloud.bob)["id"]
    for method, body in (("GET", None), ("PUT", {"loadbalancer": {"name": "mine"}}), ("DELETE", None)):
        refused = cloud.ann.octavia.send(method, f"/loadbalancers/{balancer}", body)
        assert refused.status_code == 403
        assert refused.json["faultstring"] == "Policy does not allow this request to be performed."


def test_null_stands_for_what_is_not_given(cloud: Cloud) -> None:
    ann = cloud.ann.octavia
    balancer = cloud.balancer()["id"]
    values = {"loadbalancer_id": balancer, "protocol": "HTTP", "protocol_port": 80, "name": None}
    made = ann.ok(
        "POST", "/listeners", {"listener": {**values, "connection_limit": None, "timeout_client_data": 7}}
    )["listener"]
    assert (made["connection_limit"], made["name"], made["timeout_client_data"]) == (-1, "", 7)
    body = {"listener": {"timeout_client_data": None, "connection_limit": 5, "default_pool_id": None}}
    changed = ann.ok("PUT", f"/listeners/{made['id']}", body)["listener"]
    assert (changed["timeout_client_data"], changed["connection_limit"]) == (50_000, 5)
    body = {"listener": {"admin_state_up": None, "connection_limit": None}}
    changed = ann.ok("PUT", f"/listeners/{made['id']}", body)["listener"]
    assert (changed["admin_state_up"], changed["connection_limit"]) == (False, -1)


def test_a_wrong_value_is_refused_in_octavias_words(cloud: Cloud) -> None:
    balancer = cloud.balancer()["id"]
    values = {"loadbalancer_id": balancer, "protocol": "FOO", "protocol_port": 80}
    refused = cloud.ann.octavia.send("POST", "/listeners", {"listener": values})
    assert refused.status_code == 400
    assert refused.json["faultstring"].startswith(
        "Invalid input for field/attribute protocol. Value: 'FOO'. Value should be one of: TCP, HTTP"
    )
    refused = cloud.ann.octavia.send("POST", "/listeners", {"listener": {**values, "bogus": 1}})
    assert "Unknown attribute for argument listener: 'bogus'" in refused.json["faultstring"]
    refused = cloud.ann.octavia.send("POST", "/listeners", {"listener": {"loadbalancer_id": balancer}})
    assert "Mandatory field missing" in refused.json["faultstring"]


def test_what_a_policy_redirects_to_says_what_it_does(cloud: Cloud) -> None:
    ann, tree = cloud.ann.octavia, cloud.tree()
    made = ann.ok(
        "POST",
        "/l7policies",
        {
            "l7policy": {
                "listener_id": tree.listener,
                "action": "REDIRECT_TO_POOL",
                "redirect_pool_id": tree.pool,
            }
        },
    )["l7policy"]
    assert made["redirect_http_code"] is None
    path = f"/l7policies/{made['id']}"
    changed = ann.ok("PUT", path, {"l7policy": {"redirect_url": "http://a.example/"}})["l7policy"]
    assert (changed["action"], changed["redirect_pool_id"]) == ("REDIRECT_TO_URL", None)
    assert (changed["redirect_url"], changed["redirect_http_code"]) == ("http://a.example/", 302)
    for given, shown in ((308, 308), (None, 302)):
        body = {"l7policy": {"redirect_http_code": given}}
        assert ann.ok("PUT", path, body)["l7policy"]["redirect_http_code"] == shown
    changed = ann.ok("PUT", path, {"l7policy": {"action": "REJECT"}})["l7policy"]
    assert (changed["action"], changed["redirect_url"], changed["redirect_http_code"]) == (
        "REJECT",
        None,
        None,
    )


def test_what_nobody_serves_is_refused_as_that(cloud: Cloud) -> None:
    tree = cloud.tree()
    values = {"loadbalancer_id": tree.loadbalancer, "protocol": "UDP", "protocol_port": 53}
    refused = cloud.ann.octavia.send("POST", "/listeners", {"listener": values})
    assert refused.status_code == 501
    assert refused.json["faultcode"] == "Server"
    assert "does not support a requested option: protocol UDP" in refused.json["faultstring"]
    assert cloud.ann.ids("/lbaas/listeners") == [tree.listener]


def test_the_document_describes_this_dialect(cloud: Cloud) -> None:
    document = raw(cloud, "GET", "/load-balancer/v2.0/openapi.json").json
    assert document["openapi"] == "3.1.0"
    listener = document["components"]["schemas"]["ListenerCreate"]["properties"]
    assert {"insert_headers", "allowed_cidrs", "timeout_client_data"} <= listener.keys()
    fault = document["components"]["schemas"]["Error"]["properties"]
    assert fault.keys() == {"faultcode", "faultstring", "debuginfo"}
    assert "/load-balancer/v2/lbaas/pools/{object_id}/members" in document["paths"]
