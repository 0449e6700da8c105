"""Routers on the real kernel: what passes, under which address, and what does not; packets between namespaces."""

import socket

import pytest
from router_rig import (
    FLOATING_1,
    FLOATING_2,
    OUTER,
    PATIENCE_S,
    Project,
    changed,
    echoes,
    fixed,
    floating,
    new_id,
    port,
    route,
    run,
    site,
)

from evener.host import netns
from evener.resources.wiring import Route

__all__ = ["site"]
pytestmark = pytest.mark.root


@pytest.fixture
def project(site) -> Project:
    made = Project(site)
    made.apply()
    return made


def test_what_has_no_floating_address_leaves_under_the_routers_own(project):
    assert project.other.hears("198.51.100.1") == f"outside {OUTER}"


def test_a_floating_address_stands_for_its_host_in_both_directions(project):
    assert project.outside.hears(FLOATING_1) == "web1 198.51.100.1"
    assert project.outside.hears(FLOATING_2) == "web2 198.51.100.1"
    assert project.web1.hears("198.51.100.1") == f"outside {FLOATING_1}"


@pytest.mark.parametrize(
    ("caller", "seen"), [("web1", FLOATING_1), ("web2", FLOATING_2), ("other", OUTER)], ids=str
)
def test_a_floating_address_is_reached_from_inside_even_by_a_neighbour_and_by_itself(project, caller, seen):
    assert getattr(project, caller).hears(FLOATING_2) == f"web2 {seen}"


def test_between_the_routers_own_subnets_nothing_is_translated(project):
    assert project.other.hears("192.168.200.9") == "web1 10.20.0.9"
    assert project.web1.hears("10.20.0.9") == "other 192.168.200.9"


def test_nobody_outside_reaches_an_inner_address_of_a_router_that_translates(project):
    route(project.outside, "192.168.200.0/24", OUTER)
    assert not project.outside.reaches("192.168.200.9")
    assert project.outside.hears(FLOATING_1) == "web1 198.51.100.1"


def test_without_snat_a_router_routes_and_floating_addresses_still_work(project):
    project.apply(snat=False)
    route(project.outside, "10.20.0.0/24", OUTER)
    assert project.other.hears("198.51.100.1") == "outside 10.20.0.9"
    assert project.outside.hears("10.20.0.9") == "other 198.51.100.1"
    assert project.outside.hears(FLOATING_1) == "web1 198.51.100.1"
    assert project.other.hears(FLOATING_1) == f"web1 {OUTER}"


def test_ipv6_is_routed_and_not_translated(project):
    run("ip", "-n", "outside", "-6", "route", "add", "fd00:200::/64", "via", "fd00:51::50")
    assert project.outside.hears("fd00:200::9") == "web1 fd00:51::1"
    assert project.web1.hears("fd00:51::1") == "outside fd00:200::9"


def test_a_disabled_router_passes_nothing_until_it_is_enabled(project):
    with project.other.call("192.168.200.9") as open_before:
        assert open_before.recv(100)
        project.apply(enabled=False)
        open_before.settimeout(0.5)
        assert not echoes(open_before)
    assert not project.outside.reaches(FLOATING_1)
    assert not project.web1.reaches("198.51.100.1")
    assert not project.web1.reaches("10.20.0.9")
    project.apply(enabled=True)
    assert project.outside.hears(FLOATING_1) == "web1 198.51.100.1"


def test_routes_of_the_user_are_followed_and_a_next_hop_on_no_subnet_has_no_effect(project):
    run("ip", "-n", "web2", "address", "add", "172.30.0.1/32", "dev", "lo")
    project.apply(
        routes=(
            Route(destination="172.30.0.0/16", nexthop="192.168.200.7"),
            Route(destination="172.31.0.0/16", nexthop="172.16.0.1"),
        )
    )
    assert project.other.hears("172.30.0.1") == "web2 10.20.0.9"
    assert "172.31" not in project.ip("route")
    project.apply(routes=())
    assert not project.other.reaches("172.30.0.1")


def test_a_route_to_everywhere_wins_over_the_gateway_and_gives_way_to_it_again(project):
    project.apply(routes=(Route(destination="0.0.0.0/0", nexthop="192.168.200.7"),))
    assert "via 192.168.200.7" in project.ip("route", "show", "default")
    project.apply(routes=())
    assert "via 198.51.100.1" in project.ip("route", "show", "default")


def test_a_floating_address_that_moves_takes_open_flows_with_it(project):
    for host in (project.web1, project.web2):
        host.serve_datagrams()
    with project.outside.open(socket.SOCK_DGRAM) as flow:
        flow.settimeout(PATIENCE_S)
        flow.connect((FLOATING_1, 53))

        def answered_by() -> bytes:
            flow.send(b"who?")
            return flow.recv(100).split()[0]

        assert answered_by() == b"web1"
        project.apply(floating_ips=floating((FLOATING_1, "192.168.200.7")))
        assert answered_by() == b"web2"
        project.apply(floating_ips=())
    assert not project.outside.reaches(FLOATING_1)


def test_changes_to_a_router_cost_no_connection_but_those_of_what_has_gone(project):
    calls = [
        project.outside.call(FLOATING_1),
        project.other.call("198.51.100.1"),
        project.web2.call("10.20.0.9"),
    ]
    assert all(call.recv(100) for call in calls)
    third = new_id()
    project.site.host("third", third, "10.30.0.9/24", "10.30.0.1").serve()
    more = port(third, fixed("10.30.0.1/24"), prefix="qr-")
    project.apply(
        ports=(*project.spec.ports, more),
        floating_ips=floating(
            (FLOATING_1, "192.168.200.9"), ("198.51.100.63", "10.20.0.9"), ("198.51.100.64", "10.30.0.9")
        ),
    )
    assert project.outside.hears("198.51.100.64") == "third 198.51.100.1"
    project.apply(ports=project.spec.ports[:2], floating_ips=project.spec.floating_ips[:2])
    project.site.agent_anew()
    project.apply()
    assert all(echoes(call) for call in calls)
    for call in calls:
        call.close()


def test_a_floating_address_is_announced_when_it_comes(project):
    with netns.inside("outside"):
        heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
    with heard:
        heard.settimeout(PATIENCE_S)
        project.apply(
            floating_ips=(*project.spec.floating_ips, *floating(("198.51.100.77", "192.168.200.7")))
        )
        wanted = socket.inet_aton("198.51.100.77")
        while True:
            frame = heard.recv(100)
            if frame[28:32] == wanted == frame[38:42]:
                break
    assert frame[6:12].hex(":") == project.spec.gateway.mac_address


def test_a_gateway_that_goes_takes_its_interface_and_its_translation_with_it(project):
    project.apply(gateway=None, floating_ips=())
    assert "qg-" not in project.ip("link")
    assert not project.web1.reaches("198.51.100.1")
    assert project.other.hears("192.168.200.9") == "web1 10.20.0.9"


def test_two_projects_with_the_same_addresses_on_one_outer_network_never_meet(site):
    one = Project(site)
    one.apply()
    inner = new_id()
    mine = site.host("mine", inner, "192.168.200.5/24", "192.168.200.1").serve()
    theirs = changed(
        one.spec,
        id=new_id(),
        ports=(port(inner, fixed("192.168.200.1/24"), prefix="qr-"),),
        gateway=port(one.outer_network, fixed("198.51.100.70/24", "198.51.100.1"), prefix="qg-"),
        floating_ips=floating(("198.51.100.71", "192.168.200.5")),
        # A project may say so: the next hop is on its router's outer subnet.
        routes=(Route(destination="10.20.0.0/24", nexthop=OUTER),),
    )
    site.apply(one.spec, theirs)
    assert one.outside.hears("198.51.100.71") == "mine 198.51.100.1"
    assert one.web1.hears("198.51.100.71") == f"mine {FLOATING_1}"
    assert mine.hears(FLOATING_1) == "web1 198.51.100.71"
    assert not mine.reaches("192.168.200.9")
    assert not mine.reaches("10.20.0.9")
    assert not one.web1.reaches("192.168.200.5")
