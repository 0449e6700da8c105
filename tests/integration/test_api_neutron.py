"""What Evener's API does for its plugin in Neutron's server: links that are Neutron's, and news of ports."""

from urllib.parse import urlsplit

import pytest
from api_cloud import NOBODYS, SECRETS, V2, Cloud, User, check_refusal

from evener.store.database import Database

NEUTRON = "https://cloud.example:9696/net/v2.0"


def next_page(user: User, neutron: str | None, path: str = "/lbaas/pools") -> str:
    headers = {} if neutron is None else {"X-Neutron-Url": neutron}
    page = user.ok("GET", path, query_string="limit=1", headers=headers)
    links = page[f"{path.rsplit('/', 1)[1]}_links"]
    return next(str(link["href"]) for link in links if link["rel"] == "next")


@pytest.fixture
def trusting(any_cloud: Cloud, database: Database) -> User:
    """Return a user of a cloud whose API believes what Neutron says, with two pools."""
    user = Cloud(database, trust_neutron_url=True).ann
    balancer = user.create("loadbalancer", vip_subnet_id=any_cloud.subnet()["id"])
    for name in ("a", "b"):
        any_cloud.pool(balancer["id"], user, name=name)
    return user


def test_links_are_those_of_the_neutron_that_was_asked(trusting: User) -> None:
    href = next_page(trusting, NEUTRON)
    assert href.startswith(f"{NEUTRON}/lbaas/pools?limit=1&marker=")
    # Who asks elsewhere is not given what was remembered for another.
    assert next_page(trusting, "http://other/v2.0").startswith("http://other/v2.0/lbaas/pools?")
    assert next_page(trusting, None).startswith(f"{SECRETS}{V2}/lbaas/pools?")
    page = trusting.ok("GET", "/lbaas/pools", query_string=urlsplit(href).query)
    assert len(page["pools"]) == 1


@pytest.mark.parametrize(
    "said", ["", "evil", "javascript://x", "http://a b", "http://x/" + "y" * 600, "http://é/"]
)
def test_what_is_no_url_is_in_no_link(trusting: User, said: str) -> None:
    assert next_page(trusting, said.encode("utf-8").decode("latin-1")).startswith(
        f"{SECRETS}{V2}/lbaas/pools?"
    )


def test_octavia_s_links_are_never_neutron_s(trusting: User) -> None:
    href = next_page(trusting.octavia, NEUTRON, "/pools")
    assert href.startswith(f"{SECRETS}/load-balancer/")


def test_nobody_is_believed_where_settings_do_not_say_so(cloud: Cloud) -> None:
    balancer = cloud.balancer()
    for name in ("a", "b"):
        cloud.pool(balancer["id"], name=name)
    assert next_page(cloud.ann, NEUTRON).startswith(f"{SECRETS}{V2}/lbaas/pools?")


def neutron_tells(user: User, body: object) -> int:
    headers = {"X-Auth-Token": user.token}
    return int(user.client.simulate_post("/neutron/ports", json=body, headers=headers).status_code)


def test_agents_look_at_load_balancers_whose_ports_have_changed(any_cloud: Cloud) -> None:
    one, other = any_cloud.balancer(), any_cloud.balancer()
    any_cloud.agent.looked.clear()
    service = any_cloud.user("service", "service")
    assert neutron_tells(service, {"ports": [one["vip_port_id"], NOBODYS]}) == 204
    assert any_cloud.agent.looked == [one["id"]]
    ports = [one["vip_port_id"], other["vip_port_id"]]
    assert neutron_tells(any_cloud.admin, {"ports": ports * 2}) == 204
    assert sorted(map(str, any_cloud.agent.looked[1:])) == sorted([one["id"], other["id"]])
    assert neutron_tells(service, {"ports": []}) == 204


def test_only_services_tell_of_ports(cloud: Cloud) -> None:
    balancer = cloud.balancer()
    with cloud.unchanged():
        for user in (cloud.ann, cloud.reader):
            assert neutron_tells(user, {"ports": [balancer["vip_port_id"]]}) == 403
        assert cloud.client.simulate_post("/neutron/ports", json={"ports": []}).status_code == 401


@pytest.mark.parametrize("body", [[], {}, {"ports": "x"}, {"ports": ["x"]}, {"ports": [1]}, {"ports": {}}])
def test_what_names_no_ports_is_refused(cloud: Cloud, body: object) -> None:
    headers = {"X-Auth-Token": cloud.admin.token}
    with cloud.unchanged():
        answer = cloud.client.simulate_post("/neutron/ports", json=body, headers=headers)
    check_refusal(answer, 400, "HTTPBadRequest", "ports")
