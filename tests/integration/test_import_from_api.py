"""Load balancers out of an Octavia API, read by openstacksdk: here Evener's own, page by page."""

import pytest
from octavia_site import OctaviaSite

from evener.control.takeover import Foreign
from evener.importing import octavia, octavia_api
from evener.importing.found import foreign
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.member import Member
from evener.resources.pool import Pool

pytestmark = pytest.mark.root


def test_all_that_an_api_shows_of_a_load_balancer_comes_with_its_ids(
    site: OctaviaSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(site.state / "clouds.yaml"))
    monkeypatch.setattr(octavia_api, "_PAGE", 2)

    def make(path: str, kind: str, **values: object) -> str:
        return str(site.ok("POST", path, {kind: values})["id"])

    balancer = site.balancer("LB")
    below = {"loadbalancer_id": balancer, "protocol": "HTTP"}
    pools = [make("pools", "pool", **below, lb_algorithm="ROUND_ROBIN") for _ in range(3)]
    members = {
        make(f"pools/{pools[0]}/members", "member", address=f"10.9.9.{last}", protocol_port=80, backup=True)
        for last in range(1, 6)
    }
    monitor = make(
        "healthmonitors", "healthmonitor", pool_id=pools[0], type="TCP", delay=5, timeout=4, max_retries=3
    )
    headers = {"X-Forwarded-For": "true"}
    listener = make(
        *("listeners", "listener"),
        **below,
        protocol_port=80,
        default_pool_id=pools[0],
        insert_headers=headers,
    )
    policy = make("l7policies", "l7policy", listener_id=listener, redirect_pool_id=pools[1],
                  action="REDIRECT_TO_POOL")  # fmt: skip
    rule = make(f"l7policies/{policy}/rules", "rule", type="PATH", compare_type="EQUAL_TO", value="/a")

    source = octavia.found(octavia_api.shown("evener"))
    (found,) = [each for each in source.balancers if each.id == balancer]
    read = foreign(source, found)
    assert isinstance(read, Foreign), read
    ids = {cls: {each["id"] for each in read.below[cls]} for cls in read.below}
    assert ids == {
        Pool: set(pools),
        Member: members,
        HealthMonitor: {monitor},
        Listener: {listener},
        L7Policy: {policy},
        L7Rule: {rule},
    }
    assert all(each["pool_id"] == pools[0] and each["backup"] for each in read.below[Member])
    assert read.below[Listener][0]["insert_headers"] == headers
    assert read.vip_port_id == site.ok("GET", f"loadbalancers/{balancer}")["vip_port_id"]
    assert source.left == []
