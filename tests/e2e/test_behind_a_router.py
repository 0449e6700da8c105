"""A load balancer called from outside over a router of the API: what is broken by hand or by a kill comes back."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from site_behind import Site, behind_a_router
from standalone import Cloud, Standalone, ip, ip_in

from evener.host import netns, nftables
from waiting import eventually

pytestmark = pytest.mark.root
REPAIRED_WITHIN_S = 5.0


@pytest.fixture(scope="module")
def site(cloud: Cloud) -> Iterator[Site]:
    with behind_a_router(cloud) as made:
        yield made


def lose_rules(site: Site) -> None:
    nftables._run(site.namespace, ("delete", [{"delete": {"table": nftables.TABLE}}]))


def lose_the_balancers_port(site: Site) -> None:
    place = {"family": "inet", "table": "evener", "name": "input"}
    nftables._run(site.balancer.namespace, ("flush", [{"flush": {"chain": place}}]))


DRIFTS: dict[str, Callable[[Site], object]] = {
    "the router's rules are missing": lose_rules,
    "the load balancer's rules are missing": lose_the_balancers_port,
    "the namespace's name is missing": lambda site: netns.delete(site.namespace),
    "the inner interface is down": lambda site: ip_in(
        site.namespace, f"link set {site.interface('qr-')} down"
    ),
    "the outer interface was deleted": lambda site: ip_in(
        site.namespace, f"link delete {site.interface('qg-')}"
    ),
    "the tap of the outer interface was deleted": lambda site: ip(
        f"link delete tap{site.interface('qg-')[3:]}"
    ),
    "the floating address is missing": lambda site: ip_in(
        site.namespace, f"address delete {site.address}/32 dev {site.interface('qg-')}"
    ),
}


@pytest.mark.parametrize("drift", DRIFTS.values(), ids=DRIFTS.keys())
def test_what_someone_broke_on_the_way_from_outside_is_repaired_within_five_seconds(
    site: Site, drift: Callable[[Site], object]
) -> None:
    eventually(site.answers)
    logged = len(site.cloud.standalone.warnings())
    drift(site)

    def repaired() -> bool:
        # That it noticed, which it says in one way or another, and then that it works.
        return bool(site.cloud.standalone.warnings()[logged:]) and site.answers()

    eventually(repaired, REPAIRED_WITHIN_S, lambda: site.cloud.standalone.warnings()[logged:])


def test_traffic_from_outside_goes_on_while_the_server_is_dead_and_after_it_has_come_back(
    site: Site, standalone: Standalone
) -> None:
    standalone.kill()
    eventually(site.answers)
    ip_in(site.namespace, f"address delete {site.address}/32 dev {site.interface('qg-')}")
    standalone.start()
    eventually(site.answers)


def test_a_security_group_says_who_comes_in_and_its_removal_opens_the_listeners_again(site: Site) -> None:
    api, port = site.cloud.api, site.cloud.api.collection("port") + "/" + site.balancer.lb["vip_port_id"]
    path = api.collection("network").removesuffix("networks")

    def bind(*groups: str) -> None:
        assert api.request("PUT", port, {"port": {"security_groups": list(groups)}}).ok

    group = api._good("POST", f"{path}security-groups", {"security_group": {"name": "closed"}})
    group_id = group["security_group"]["id"]
    bind(group_id)
    eventually(lambda: not site.answers())
    assert not site.cloud.client.answers(site.balancer.vip)
    rule = {"security_group_id": group_id, "direction": "ingress", "protocol": "tcp"}
    rule |= {"port_range_min": 80, "port_range_max": 80, "remote_ip_prefix": f"{site.outside.address}/32"}
    assert api.request("POST", f"{path}security-group-rules", {"security_group_rule": rule}).ok
    eventually(site.answers)
    assert not site.cloud.client.answers(site.balancer.vip)
    bind()
    eventually(lambda: site.cloud.client.answers(site.balancer.vip))
    assert api.request("DELETE", f"{path}security-groups/{group_id}").ok


def test_haproxy_listens_on_the_listeners_port_alone_and_its_own_sockets_are_in_no_members_namespace(
    site: Site,
) -> None:
    def table(namespace: str, name: str) -> list[list[str]]:
        with netns.inside(namespace):
            return [line.split() for line in Path(f"/proc/thread-self/net/{name}").read_text().splitlines()]

    rows = table(site.balancer.namespace, "tcp")[1:] + table(site.balancer.namespace, "tcp6")[1:]
    assert {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A"} == {80}  # LISTEN

    def listening(namespace: str) -> set[str]:
        return {row[6] for row in table(namespace, "unix")[1:] if row[3] == "00010000"}  # inodes

    own = listening(site.balancer.namespace)
    assert own
    assert not own & set.union(*(listening(host.namespace) for host in site.cloud.hosts))
