"""Another dialect is a value in a file of its own, on the same objects: nothing else knows of it."""

from typing import Any

import pytest
from api_cloud import MAX_BODY, Cloud, Tokens, User
from falcon import testing

from evener import config
from evener.api.answer_cache import AnswerCache
from evener.api.app import make_app
from evener.api.collections import Collection, add_collection
from evener.api.policy import Policy
from second_dialect import COLLECTIONS, PREFIX, SECOND


class Second:
    """A client of the other dialect, next to those of LBaaS v2, on the objects of `cloud`."""

    def __init__(self, cloud: Cloud) -> None:
        app = make_app(Tokens(), lambda: None, "http://evener.test:9876")
        app.error_forms[SECOND.prefix] = SECOND.errors
        kinds = [served.cls for served in COLLECTIONS]
        policy = Policy(config.load([], "evener-test"), kinds, {}, SECOND)
        for served in COLLECTIONS:
            answers = AnswerCache(cloud.database.version)
            collection = Collection(served, cloud.balancing, policy, MAX_BODY, answers)
            add_collection(app, served, collection)
        self.client = testing.TestClient(app)

    def send(self, user: User, method: str, path: str, body: Any = None) -> testing.Result:
        """Send a request; what a link says goes as it is."""
        where, _, query = path.removeprefix("http://evener.test:9876").partition("?")
        where = where if where.startswith(PREFIX) else PREFIX + where
        headers = {"X-Auth-Token": user.token}
        return self.client.simulate_request(method, where, headers=headers, json=body, query_string=query)


@pytest.fixture
def second(cloud: Cloud) -> Second:
    return Second(cloud)


def test_an_attribute_has_its_names_of_that_dialect_in_bodies_answers_and_filters(
    cloud: Cloud, second: Second
) -> None:
    subnet = cloud.subnet()["id"]
    body = {"loadbalancer": {"vip_subnet_id": subnet, "address": "10.0.0.77", "owner": "ann"}}
    made = second.send(cloud.ann, "POST", "/loadbalancers", body)
    assert made.status_code == 201
    shown = made.json["loadbalancer"]
    assert (shown["address"], shown["owner"], shown["project_id"]) == ("10.0.0.77", "ann", "ann")
    assert not {"vip_address", "flavor_id", "tenant_id"} & shown.keys()
    assert cloud.ann.show("loadbalancer", shown["id"])["vip_address"] == "10.0.0.77"
    for query, found in (("address=10.0.0.77", 1), ("address=10.0.0.78", 0)):
        assert len(second.send(cloud.ann, "GET", f"/loadbalancers?{query}").json["loadbalancers"]) == found
    for unknown in ("vip_address", "flavor_id", "tenant_id"):
        refused = second.send(cloud.ann, "POST", "/loadbalancers", {"loadbalancer": {unknown: "x"}})
        assert refused.json["says"] == f"Unrecognized attribute(s) '{unknown}'"
    wrong = {"loadbalancer": {"vip_subnet_id": subnet, "address": "nowhere"}}
    assert (
        "Invalid input for address." in second.send(cloud.ann, "POST", "/loadbalancers", wrong).json["says"]
    )


def test_another_projects_object_is_forbidden_there_and_unknown_in_lbaas(
    cloud: Cloud, second: Second
) -> None:
    tree = cloud.tree(cloud.bob)
    own = {"loadbalancers": tree.loadbalancer, "pools": tree.pool, f"pools/{tree.pool}/members": tree.member}
    for path, object_id in own.items():
        kind = path.rpartition("/")[2].removesuffix("s")
        for method, body in (("GET", None), ("PUT", {kind: {"name": "mine"}}), ("DELETE", None)):
            refused = second.send(cloud.ann, method, f"/{path}/{object_id}", body)
            said = {"fault": "Forbidden", "says": "It is not yours", "code": 403}
            assert (refused.status_code, refused.json) == (403, said)
            there = cloud.ann.send(method, f"/lbaas/{path}/{object_id}", body)
            assert (there.status_code, there.json["NeutronError"]["type"]) == (404, "EntityNotFound")
        assert second.send(cloud.bob, "GET", f"/{path}/{object_id}").status_code == 200
    members = second.send(cloud.ann, "GET", f"/pools/{tree.pool}/members")
    assert members.status_code == 403
    nowhere = second.send(cloud.ann, "GET", "/pools/nowhere")
    assert (nowhere.status_code, nowhere.json["says"]) == (404, "No pool is called nowhere")


def test_the_same_refusal_has_that_dialects_status_and_words(cloud: Cloud, second: Second) -> None:
    tree = cloud.tree()
    refused = second.send(cloud.ann, "DELETE", f"/loadbalancers/{tree.loadbalancer}")
    assert (refused.status_code, refused.json["fault"]) == (400, "HasChildren")
    assert cloud.ann.send("DELETE", f"/lbaas/loadbalancers/{tree.loadbalancer}").status_code == 409
    forbidden = second.send(cloud.reader, "DELETE", f"/pools/{tree.pool}")
    assert forbidden.json["says"] == "rule:second:pools:delete is disallowed by policy"
    cloud.admin.ok("PUT", "/quotas/ann", {"quota": {"pool": 0}})
    body = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "loadbalancer_id": tree.loadbalancer}
    full = second.send(cloud.ann, "POST", "/pools", {"pool": body})
    assert (full.status_code, full.json["fault"]) == (403, "Full")


def test_its_lists_are_paged_in_its_own_way(cloud: Cloud, second: Second) -> None:
    balancer = cloud.balancer()["id"]
    for name in ("c", "a", "d", "b", "e"):
        cloud.pool(balancer, name=name)
    found, more, requests = [], "/pools?size=2&by=name", 0
    while more:
        page = second.send(cloud.ann, "GET", more).json
        found += [each["name"] for each in page["pools"]]
        more, requests = page["more"], requests + 1
    assert (found, requests) == (["a", "b", "c", "d", "e"], 3)
    assert not page.keys() - {"pools", "more"}
