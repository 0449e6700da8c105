"""What Octavia's API says of listeners that the other one made, or knows nothing of, end to end."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from standalone import ANSWER_S, Balancer, Cloud, Thing, haproxies, settled

from evener.host import netns
from waiting import eventually

pytestmark = pytest.mark.root
LISTENERS = "/load-balancer/v2/lbaas/listeners"


@pytest.fixture(scope="module")
def balancer(cloud: Cloud) -> Iterator[Balancer]:
    made = cloud.balancer("listeners")
    yield made
    cloud.delete(made)


def put(cloud: Cloud, balancer: Balancer, listener: Thing, **values: Any) -> dict[str, Any]:
    answer = cloud.api.request("PUT", f"{LISTENERS}/{listener['id']}", {"listener": values})
    assert answer.ok, answer.text
    cloud.api.wait_active(balancer.lb)
    return dict(answer.json()["listener"])


def test_who_may_connect_changes_without_a_reload_and_cuts_no_connection(
    cloud: Cloud, balancer: Balancer
) -> None:
    client, other = cloud.client, next(each for each in cloud.hosts if each is not cloud.client)
    eventually(lambda: client.answers(balancer.vip))
    processes = settled(balancer.lb["id"])
    with netns.inside(client.namespace):
        call = socket.create_connection((balancer.vip, 80), ANSWER_S)
    with call:
        shown = put(cloud, balancer, balancer.listener, allowed_cidrs=[other.address, "203.0.113.7/24"])
        assert shown["allowed_cidrs"] == [f"{other.address}/32", "203.0.113.0/24"]
        eventually(lambda: other.answers(balancer.vip))
        assert not client.answers(balancer.vip)
        call.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert call.recv(100).startswith(b"HTTP/1.1 200")
    shown = put(cloud, balancer, balancer.listener, allowed_cidrs=[])
    assert shown["allowed_cidrs"] is None
    eventually(lambda: client.answers(balancer.vip))
    assert haproxies(balancer.lb["id"]) == processes


def test_a_listener_of_lbaas_inserts_what_it_always_has_and_one_of_octavia_what_it_says(
    cloud: Cloud, balancer: Balancer
) -> None:
    def heard(port: int) -> set[str]:
        for web in cloud.webs:
            web.requests.clear()
        cloud.client.get(balancer.vip, port)
        (request,) = (each for web in cloud.webs for each in web.requests)
        return {name for name in request[2] if name.startswith("x-")}

    always = {"x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"}
    assert heard(80) == always
    values = {"loadbalancer_id": balancer.lb["id"], "protocol": "HTTP", "protocol_port": 81}
    answer = cloud.api.request(
        "POST", LISTENERS, {"listener": {**values, "default_pool_id": balancer.pool["id"]}}
    )
    made = answer.json()["listener"]
    assert made["insert_headers"] == {}
    cloud.api.wait_active(balancer.lb)
    assert heard(81) == set()
    inserted = {"X-Forwarded-Port": "true", "X-Forwarded-For": "false"}
    assert put(cloud, balancer, made, insert_headers=inserted)["insert_headers"] == inserted
    assert heard(81) == {"x-forwarded-port"}
    assert put(cloud, balancer, balancer.listener, name="new")["insert_headers"].keys() == {
        "X-Forwarded-For",
        "X-Forwarded-Port",
        "X-Forwarded-Proto",
    }
    assert heard(80) == always
    assert put(cloud, balancer, balancer.listener, insert_headers=None)["insert_headers"] == {}
    assert heard(80) == set()
    assert cloud.api.request("DELETE", f"{LISTENERS}/{made['id']}").ok
