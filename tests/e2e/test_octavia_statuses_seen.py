"""Octavia's operating statuses of load balancers that run: what HAProxy and agents find, end to end."""

from collections.abc import Iterator

import pytest
from standalone import Balancer, Cloud, Host, Thing, ip

from waiting import eventually

pytestmark = pytest.mark.root
OCTAVIA = "/load-balancer/v2/lbaas"


@pytest.fixture
def balancer(cloud: Cloud) -> Iterator[Balancer]:
    made = cloud.balancer("statuses")
    yield made
    cloud.delete(made)


def status(cloud: Cloud, path: str) -> str:
    answer = cloud.api.request("GET", f"{OCTAVIA}{path}")
    assert answer.ok, answer.text
    (shown,) = answer.json().values()
    return str(shown["operating_status"])


def wait_for(cloud: Cloud, balancer: Balancer, **expected: str) -> None:
    members = {
        name: f"/pools/{balancer.pool['id']}/members/{each['id']}" for name, each in balancer.members.items()
    }
    paths = {
        "lb": f"/loadbalancers/{balancer.lb['id']}",
        "listener": f"/listeners/{balancer.listener['id']}",
        "pool": f"/pools/{balancer.pool['id']}",
        **members,
    }

    def found() -> dict[str, str]:
        return {name: status(cloud, paths[name]) for name in expected}

    eventually(lambda: found() == expected, 15.0, found)


def host_of(cloud: Cloud, web: str) -> Host:
    return next(host for host in cloud.hosts for each in host.webs if each.name == web)


WELL = dict.fromkeys(("lb", "listener", "pool", "web1", "web2"), "ONLINE")


def test_members_that_die_are_an_error_and_with_the_last_their_pool_and_load_balancer(
    cloud: Cloud, balancer: Balancer
) -> None:
    wait_for(cloud, balancer, **WELL)
    one, two = host_of(cloud, "web1"), host_of(cloud, "web2")
    try:
        ip(f"link set {one.link} down")
        wait_for(cloud, balancer, **{**WELL, "web1": "ERROR", "pool": "DEGRADED", "lb": "DEGRADED"})
        ip(f"link set {two.link} down")
        wait_for(cloud, balancer, **dict.fromkeys(WELL, "ERROR") | {"listener": "ONLINE"})
    finally:
        for host in (one, two):
            ip(f"link set {host.link} up")
    wait_for(cloud, balancer, **WELL)


def test_a_drained_member_says_so_and_one_that_is_disabled_is_offline(
    cloud: Cloud, balancer: Balancer
) -> None:
    wait_for(cloud, balancer, **WELL)
    cloud.api.update(balancer.members["web1"], weight=0)
    wait_for(cloud, balancer, **{**WELL, "web1": "DRAINING"})
    cloud.api.update(balancer.members["web1"], weight=1, admin_state_up=False)
    wait_for(cloud, balancer, **{**WELL, "web1": "OFFLINE"})


def test_a_load_balancer_without_a_listener_and_a_listener_without_a_pool_are_online(cloud: Cloud) -> None:
    made: Thing = cloud.api.have("loadbalancer", "bare", vip_subnet_id=cloud.subnet["id"])
    cloud.api.wait_active(made)
    eventually(lambda: status(cloud, f"/loadbalancers/{made['id']}") == "ONLINE")
    values = {"loadbalancer_id": made["id"], "protocol": "TCP", "protocol_port": 81}
    listener = cloud.api.create("listener", **values)
    cloud.api.wait_active(made)
    eventually(lambda: status(cloud, f"/listeners/{listener['id']}") == "ONLINE")
    cloud.api.delete(listener)
    cloud.api.delete(made)
    cloud.api.wait_gone(made)
