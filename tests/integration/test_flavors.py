"""Providers, flavors and service profiles over HTTP, on the assembled application."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from api_cloud import MAX_BODY, NOBODYS, V2, Cloud, Tokens, User
from falcon import testing

from evener import config
from evener.api.answer_cache import AnswerCache
from evener.api.app import make_app
from evener.api.networking import add_routes
from evener.api.policy import Policy
from evener.control.administration import administration
from evener.control.operations import LoadBalancing
from evener.resources import provider
from evener_cloud.network.http.networking import NETWORKING, behind

OTHER_NAME = "neutron_lbaas.drivers.haproxy.plugin_driver.HaproxyOnHostPluginDriver"
Json = dict[str, Any]


def flavor(cloud: Cloud, **values: Any) -> str:
    given = {"name": "gold", "service_type": "LOADBALANCERV2", **values}
    return str(cloud.admin.ok("POST", "/flavors", {"flavor": given})["flavor"]["id"])


def profile(cloud: Cloud, **values: Any) -> str:
    given = {"driver": "evener", **values}
    return str(
        cloud.admin.ok("POST", "/service_profiles", {"service_profile": given})["service_profile"]["id"]
    )


def join(cloud: Cloud, flavor_id: str, profile_id: str) -> Any:
    body = {"service_profile": {"id": profile_id}}
    return cloud.admin.ok("POST", f"/flavors/{flavor_id}/service_profiles", body)


def gold(cloud: Cloud, **values: Any) -> str:
    """Make a flavor with one profile."""
    made = flavor(cloud, **values)
    join(cloud, made, profile(cloud))
    return made


def declared(cloud: Cloud, *declarations: str) -> User:
    """Return a member of a cloud on the same database with other providers."""
    providers = provider.parse(declarations)
    app = make_app(Tokens(), lambda: None, "http://evener.test:9876")
    policy = Policy(config.load([], "evener-test"), NETWORKING.kinds, NETWORKING.rules)
    add_routes(
        app,
        LoadBalancing(cloud.database, cloud.network, cloud.bus, providers),
        administration(cloud.database, cloud.network, cloud.bus, providers, limited=NETWORKING.kinds),
        policy,
        MAX_BODY,
        AnswerCache(cloud.database.version),
        Tokens(),
        NETWORKING,
        behind(cloud.network, policy, MAX_BODY),
    )
    return User(testing.TestClient(app), "ann:ann:member", "ann")


def test_a_flavor_is_shown_to_everybody_and_made_by_administrators(cloud: Cloud) -> None:
    body = {"flavor": {"name": "gold", "service_type": "LOADBALANCERV2", "description": "fast"}}
    made = cloud.admin.ok("POST", "/flavors", body)["flavor"]
    assert made == {**body["flavor"], "id": made["id"], "enabled": True, "service_profiles": []}
    path = f"/flavors/{made['id']}"
    change = {"flavor": {"enabled": False}}
    for user in (cloud.ann, cloud.reader):
        assert user.ok("GET", path)["flavor"] == made
        assert user.entries("/flavors", "name=gold&enabled=true&service_type=LOADBALANCERV2") == [made]
        for method, where, given in (
            ("POST", "/flavors", body),
            ("PUT", path, change),
            ("DELETE", path, None),
        ):
            cloud.refuses(user, method, where, given, status=403, kind="PolicyNotAuthorized")
    assert cloud.admin.ok("PUT", path, change)["flavor"] == {**made, "enabled": False}
    cloud.admin.ok("DELETE", path)
    for method, given in (("GET", None), ("PUT", change), ("DELETE", None)):
        cloud.refuses(cloud.admin, method, path, given, status=404, kind="FlavorNotFound")


def test_a_service_profile_is_for_administrators_only(cloud: Cloud) -> None:
    body = {"service_profile": {"driver": "evener", "description": "d", "metainfo": "{}"}}
    made = cloud.admin.ok("POST", "/service_profiles", body)["service_profile"]
    assert made == {**body["service_profile"], "id": made["id"], "enabled": True}
    path = f"/service_profiles/{made['id']}"
    assert cloud.ann.entries("/service_profiles") == []
    cloud.refuses(cloud.ann, "GET", path, status=404, kind="ServiceProfileNotFound")
    for method, where in (("POST", "/service_profiles"), ("PUT", path), ("DELETE", path)):
        given = None if method == "DELETE" else body
        cloud.refuses(cloud.ann, method, where, given, status=403, kind="PolicyNotAuthorized")
    change = {"service_profile": {"enabled": False, "driver": OTHER_NAME}}
    expected = {**made, **change["service_profile"]}
    assert cloud.admin.ok("PUT", path, change)["service_profile"] == expected
    assert cloud.admin.entries("/service_profiles", "enabled=false") == [expected]
    cloud.admin.ok("DELETE", path)
    cloud.refuses(cloud.admin, "GET", path, status=404, kind="ServiceProfileNotFound")


@pytest.mark.parametrize(
    ("path", "kind", "given", "status", "error"),
    [
        ("/flavors", "flavor", {}, 400, "HTTPBadRequest"),
        ("/flavors", "flavor", {"service_type": "VPN"}, 400, "InvalidServiceType"),
        ("/flavors", "flavor", {"service_type": "LOADBALANCERV2", "name": "n" * 256}, 400, "HTTPBadRequest"),
        ("/flavors", "flavor", {"service_type": "LOADBALANCERV2", "x": 1}, 400, "HTTPBadRequest"),
        ("/service_profiles", "service_profile", {}, 400, "ServiceProfileEmpty"),
        ("/service_profiles", "service_profile", {"driver": "f5"}, 404, "ServiceProfileDriverNotFound"),
        ("/service_profiles", "service_profile", {"metainfo": {}}, 400, "HTTPBadRequest"),
    ],
)
def test_what_means_nothing_is_refused(
    cloud: Cloud, path: str, kind: str, given: Json, status: int, error: str
) -> None:
    cloud.refuses(cloud.admin, "POST", path, {kind: given}, status=status, kind=error)


def test_a_flavor_has_service_profiles(cloud: Cloud) -> None:
    one = flavor(cloud)
    profiles = [profile(cloud), profile(cloud, driver="", metainfo="x")]
    for wanted in profiles:
        assert join(cloud, one, wanted) == {"service_profile": {"id": wanted}}
    assert cloud.ann.ok("GET", f"/flavors/{one}")["flavor"]["service_profiles"] == profiles
    assert cloud.ann.entries("/flavors")[0]["service_profiles"] == profiles
    again = {"service_profile": {"id": profiles[0]}}
    path, error = f"/flavors/{one}/service_profiles", "FlavorServiceProfileBindingExists"
    cloud.refuses(cloud.admin, "POST", path, again, status=409, kind=error)
    cloud.refuses(cloud.ann, "POST", path, again, status=403, kind="PolicyNotAuthorized")
    gone = f"{path}/{profiles[0]}"
    cloud.refuses(cloud.ann, "DELETE", gone, status=403, kind="PolicyNotAuthorized")
    cloud.admin.ok("DELETE", gone)
    error = "FlavorServiceProfileBindingNotFound"
    cloud.refuses(cloud.admin, "DELETE", gone, status=404, kind=error)
    assert cloud.ann.ok("GET", f"/flavors/{one}")["flavor"]["service_profiles"] == profiles[1:]


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"service_profile": {}}, {"service_profile": {"id": "x"}}, {"service_profile": {"id": 1}}],
)
def test_a_profile_is_named_by_its_id(cloud: Cloud, body: Any) -> None:
    answer = cloud.admin.send("POST", f"/flavors/{flavor(cloud)}/service_profiles", body)
    assert answer.status_code == 400, answer.text


def test_only_what_exists_is_joined(cloud: Cloud) -> None:
    body = {"service_profile": {"id": NOBODYS}}
    path = f"/flavors/{flavor(cloud)}/service_profiles"
    cloud.refuses(cloud.admin, "POST", path, body, status=404, kind="ServiceProfileNotFound")
    path = f"/flavors/{NOBODYS}/service_profiles"
    cloud.refuses(cloud.admin, "POST", path, body, status=404, kind="FlavorNotFound")


def test_what_is_in_use_stays(cloud: Cloud) -> None:
    one, used = flavor(cloud), profile(cloud)
    join(cloud, one, used)
    path = f"/service_profiles/{used}"
    change = {"service_profile": {"enabled": False}}
    cloud.refuses(cloud.admin, "DELETE", path, status=409, kind="ServiceProfileInUse")
    cloud.refuses(cloud.admin, "PUT", path, change, status=409, kind="ServiceProfileInUse")
    balancer = cloud.balancer(flavor_id=one)["id"]
    cloud.refuses(cloud.admin, "DELETE", f"/flavors/{one}", status=409, kind="FlavorInUse")
    cloud.ann.delete("loadbalancer", balancer)
    cloud.report(balancer, gone=True)
    cloud.admin.ok("DELETE", f"/flavors/{one}")
    cloud.admin.ok("DELETE", path)


def test_a_load_balancer_of_a_flavor_gets_its_provider_and_shows_both(cloud: Cloud) -> None:
    one = gold(cloud)
    made = cloud.balancer(flavor_id=one)
    assert (made["provider"], made["flavor_id"]) == ("haproxy", one)
    assert cloud.ann.show("loadbalancer", made["id"])["flavor_id"] == one
    assert cloud.ann.ids("/lbaas/loadbalancers", f"flavor_id={one}") == [made["id"]]


def refused(cloud: Cloud, status: int, error: str, **values: Any) -> None:
    body = {"loadbalancer": {"vip_subnet_id": cloud.subnet()["id"], **values}}
    cloud.refuses(cloud.ann, "POST", "/lbaas/loadbalancers", body, status=status, kind=error)


def test_a_flavor_that_leads_to_no_provider_is_refused(cloud: Cloud) -> None:
    one = flavor(cloud)
    refused(cloud, 404, "FlavorNotFound", flavor_id=NOBODYS)
    refused(cloud, 404, "FlavorServiceProfileBindingNotFound", flavor_id=one)
    join(cloud, one, profile(cloud, enabled=False))
    refused(cloud, 503, "ServiceProfileDisabled", flavor_id=one)
    join(cloud, one, profile(cloud, driver="", metainfo="x"))
    refused(cloud, 404, "ServiceProfileDriverNotFound", flavor_id=one)
    refused(cloud, 503, "FlavorDisabled", flavor_id=gold(cloud, enabled=False))
    refused(cloud, 409, "ProviderFlavorConflict", flavor_id=one, provider="haproxy")


def test_the_first_enabled_profile_of_a_flavor_counts(cloud: Cloud) -> None:
    one = flavor(cloud)
    join(cloud, one, profile(cloud, enabled=False))
    join(cloud, one, profile(cloud, driver=OTHER_NAME))
    join(cloud, one, profile(cloud, driver="evener"))
    user = declared(cloud, "LOADBALANCERV2:new:evener:default", f"LOADBALANCERV2:old:{OTHER_NAME}")
    assert cloud.balancer(user, flavor_id=one)["provider"] == "old"


def test_providers_are_listed_to_everybody(cloud: Cloud) -> None:
    ours = {"service_type": "LOADBALANCERV2", "name": "haproxy", "default": True}
    assert cloud.reader.ok("GET", "/service-providers") == {"service_providers": [ours]}
    user = declared(cloud, f"LOADBALANCERV2:b:{OTHER_NAME}", "LOADBALANCERV2:a:evener:default")

    def names(query: str) -> list[str]:
        found = user.ok("GET", "/service-providers", query_string=query)["service_providers"]
        return [entry["name"] for entry in found]

    assert names("") == ["b", "a"]
    assert names("name=a") == ["a"]
    assert names("default=False") == ["b"]
    assert names("service_type=VPN") == []
    assert names("sort_key=name&sort_dir=asc") == ["a", "b"]
    answer = user.ok("GET", "/service-providers", query_string="fields=name&name=a")
    assert answer == {"service_providers": [{"name": "a"}]}


def test_a_load_balancer_names_its_provider_or_gets_the_default(cloud: Cloud) -> None:
    assert cloud.balancer()["provider"] == "haproxy"
    assert cloud.balancer(provider="HAProxy")["provider"] == "haproxy"
    refused(cloud, 400, "ServiceProviderNotFound", provider="octavia")
    user = declared(cloud, "LOADBALANCERV2:only:evener")
    assert cloud.balancer(user, provider="only")["provider"] == "only"
    body = {"loadbalancer": {"vip_subnet_id": cloud.subnet(user)["id"]}}
    kind = "DefaultServiceProviderNotFound"
    cloud.refuses(user, "POST", "/lbaas/loadbalancers", body, status=400, kind=kind)


def test_a_flavor_is_never_deleted_under_a_new_load_balancer(any_cloud: Cloud) -> None:
    subnet = any_cloud.subnet()["id"]
    used = profile(any_cloud)
    for _ in range(5):
        one = flavor(any_cloud)
        join(any_cloud, one, used)
        body = {"loadbalancer": {"vip_subnet_id": subnet, "flavor_id": one}}
        with ThreadPoolExecutor(2) as clients:
            came = clients.submit(any_cloud.ann.send, "POST", "/lbaas/loadbalancers", body)
            went = clients.submit(any_cloud.admin.send, "DELETE", f"/flavors/{one}")
        assert (came.result().status_code, went.result().status_code) in {(201, 409), (404, 204)}


def test_the_extensions_that_are_listed_have_their_routes(cloud: Cloud) -> None:
    listed = {entry["alias"] for entry in cloud.ann.ok("GET", "/extensions")["extensions"]}
    routes = {
        "quotas": "/quotas/ann",
        "quota_details": "/quotas/ann/details",
        "agent": "/agents",
        "service-type": "/service-providers",
        "flavors": "/flavors",
    }
    assert routes.keys() | {"lbaas_agent_schedulerv2", "quota-check-limit"} <= listed
    for path in routes.values():
        cloud.admin.ok("GET", path)


def test_the_url_of_every_collection_is_found_at_the_top(cloud: Cloud) -> None:
    found = {entry["collection"] for entry in cloud.ann.ok("GET", "/")["resources"]}
    assert {"agents", "flavors", "service_profiles", "loadbalancers", "networks"} <= found
    assert Path(V2).name == "v2.0"


def test_a_flavor_of_neutron_s_core_is_told_to_be_none_of_load_balancing_s(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusal() -> str:
        body = {"loadbalancer": {"vip_subnet_id": cloud.subnet()["id"], "flavor_id": NOBODYS}}
        answer = cloud.ann.send("POST", "/lbaas/loadbalancers", body)
        assert answer.status_code == 404
        return str(answer.json["NeutronError"]["message"])

    assert refusal() == f"Flavor {NOBODYS} could not be found."
    monkeypatch.setattr(cloud.network, "has_flavor", lambda flavor_id: flavor_id == NOBODYS)
    assert "openstack loadbalancer flavor create" in refusal()
