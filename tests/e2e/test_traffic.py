"""What clients, members and operators see of load balancers that run, end to end."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from standalone import Balancer, Cloud, Standalone, Traffic, ip, traces

from again import again
from evener.host import netns
from waiting import eventually, patience

pytestmark = pytest.mark.root

COUNTERS = ("total_connections", "bytes_in", "bytes_out")


@pytest.fixture
def balancer(cloud: Cloud) -> Iterator[Balancer]:
    made = cloud.balancer("traffic")
    yield made
    cloud.delete(made)
    assert traces(made.lb["id"], made.lb["vip_port_id"]) == []


def statuses(cloud: Cloud, balancer: Balancer) -> dict[str, str]:
    """Return the operating statuses by name."""
    found = cloud.api.operating(balancer.lb)
    things = {"lb": balancer.lb, "listener": balancer.listener, "pool": balancer.pool, **balancer.members}
    return {name: found[thing["id"]] for name, thing in things.items()}


def wait_for(cloud: Cloud, balancer: Balancer, within_s: float = 15.0, **expected: str) -> None:
    def reached() -> bool:
        return expected.items() <= statuses(cloud, balancer).items()

    eventually(reached, within_s, lambda: statuses(cloud, balancer))


def reason(cloud: Cloud, balancer: Balancer) -> str:
    """Return why the one member is out that is."""
    (only,) = cloud.api.operating(balancer.lb, "operating_reason").values()
    return only


ALL_ONLINE = dict.fromkeys(("lb", "listener", "pool", "web1", "web2"), "ONLINE")


def test_a_member_that_is_pinged_is_out_while_its_host_does_not_answer(
    cloud: Cloud, balancer: Balancer
) -> None:
    cloud.api.delete(balancer.monitor)
    ping = {"type": "PING", "delay": 1, "timeout": 1, "max_retries": 2}
    monitor = cloud.api.create("healthmonitor", balancer.pool["id"], **ping)
    cloud.api.wait_active(balancer.lb)
    host = next(host for host in cloud.hosts if cloud.webs[0] in host.webs)
    ip(f"link set {host.link} down")
    wait_for(
        cloud,
        balancer,
        **{**ALL_ONLINE, "lb": "DEGRADED", "listener": "DEGRADED", "pool": "DEGRADED", "web1": "OFFLINE"},
    )
    assert cloud.client.spread(balancer.vip, 4) == Counter(web2=4)
    assert reason(cloud, balancer).startswith("PING: no answer, since 20")
    ip(f"link set {host.link} up")
    wait_for(cloud, balancer, **ALL_ONLINE)
    cloud.api.delete(monitor)


@pytest.mark.parametrize("retries", [2, 3])
def test_a_member_is_out_after_exactly_max_retries_failed_checks(
    cloud: Cloud, standalone: Standalone, retries: int
) -> None:
    balancer = cloud.balancer("counted", retries=retries)
    monitor = {"type": "HTTP", "delay": 1, "timeout": 1, "max_retries": retries}
    cloud.api.delete(balancer.monitor)
    web1, _web2 = cloud.webs
    http = cloud.api.create("healthmonitor", balancer.pool["id"], **monitor)
    cloud.api.wait_active(balancer.lb)
    wait_for(cloud, balancer, **ALL_ONLINE)

    @again  # a check that is answered late has failed too, and others come before a late look
    def is_out_after_as_many() -> None:
        web1.status = 200
        wait_for(cloud, balancer, **ALL_ONLINE)
        # A server that was never checked goes out at its first failure; one that is known to be well, at the last.
        unknown = len(web1.checks())
        eventually(lambda: len(web1.checks()) > unknown)
        time.sleep(0.3)  # until it is answered, and the next is far off
        before = len(web1.checks())
        web1.status = 500
        wait_for(
            cloud,
            balancer,
            lb="DEGRADED",
            listener="DEGRADED",
            pool="DEGRADED",
            web1="OFFLINE",
            web2="ONLINE",
        )
        failed = len(web1.checks()) - before
        # One check may have been answered well just before, or have come between the last and our look.
        assert retries <= failed <= retries + 1
        assert reason(cloud, balancer).startswith("HTTP check: answered 500 instead of 200, since 20")

    is_out_after_as_many()
    assert cloud.client.spread(balancer.vip, 10) == Counter(web2=10)
    log = (standalone.directory_of(balancer.lb) / "haproxy.log").read_text()
    assert f"{balancer.members['web1']['id']} is DOWN" in log

    web1.status = 200
    wait_for(cloud, balancer, **ALL_ONLINE)
    assert cloud.client.spread(balancer.vip, 10) == Counter(web1=5, web2=5)
    cloud.api.delete(http)
    cloud.delete(balancer)


def test_all_members_out_is_offline_and_members_gone_is_offline(cloud: Cloud, balancer: Balancer) -> None:
    lone = cloud.hosts[0].web("lone", 8081)
    for member in balancer.members.values():
        cloud.api.delete(member)
    member = cloud.member(balancer.pool, lone)
    cloud.api.wait_active(balancer.lb)
    shown = Balancer(balancer.lb, balancer.listener, balancer.pool, balancer.monitor, {"lone": member})
    wait_for(cloud, shown, lone="ONLINE", pool="ONLINE", lb="ONLINE")

    lone.stop()
    cloud.hosts[0].webs.remove(lone)

    wait_for(cloud, shown, lone="OFFLINE", pool="OFFLINE", listener="DEGRADED", lb="DEGRADED")


@pytest.mark.parametrize("level", ["lb", "listener", "pool", "web1"])
def test_what_is_disabled_gets_no_traffic_and_says_so(cloud: Cloud, balancer: Balancer, level: str) -> None:
    thing = {**vars(balancer), **balancer.members}[level]
    wait_for(cloud, balancer, **ALL_ONLINE)

    cloud.api.update(thing, admin_state_up=False)
    cloud.api.wait_active(balancer.lb)

    below = {
        "lb": ["lb", "listener", "pool", "web1", "web2"],
        "listener": ["listener"],
        "pool": ["pool", "web1", "web2"],
        "web1": ["web1"],
    }
    expected = {name: "DISABLED" if name in below[level] else "ONLINE" for name in ALL_ONLINE}
    wait_for(cloud, balancer, **expected)
    if level == "web1":
        assert cloud.client.spread(balancer.vip, 10) == Counter(web2=10)
    else:
        eventually(lambda: not cloud.client.answers(balancer.vip))

    cloud.api.update(thing, admin_state_up=True)
    cloud.api.wait_active(balancer.lb)
    wait_for(cloud, balancer, **ALL_ONLINE)
    assert set(cloud.client.spread(balancer.vip, 10)) == {"web1", "web2"}


def test_weights_share_the_traffic(cloud: Cloud, balancer: Balancer) -> None:
    cloud.api.update(balancer.members["web1"], weight=3)
    cloud.api.wait_active(balancer.lb)
    assert cloud.client.spread(balancer.vip, 40) == Counter(web1=30, web2=10)

    cloud.api.update(balancer.members["web2"], weight=0)
    cloud.api.wait_active(balancer.lb)
    assert cloud.client.spread(balancer.vip, 10) == Counter(web1=10)


def test_members_come_and_go_under_load_without_a_failed_request(cloud: Cloud, balancer: Balancer) -> None:
    extra = cloud.hosts[0].web("extra", 8082)
    with Traffic(cloud.client, balancer.vip) as one, Traffic(cloud.client, balancer.vip) as other:
        for _ in range(3):
            member = cloud.member(balancer.pool, extra)
            cloud.api.wait_active(balancer.lb)
            eventually(lambda: "extra" in cloud.client.spread(balancer.vip, 6))
            eventually(lambda: one.bodies["extra"] and other.bodies["extra"])
            cloud.api.delete(member)
            cloud.api.wait_active(balancer.lb)
        assert "extra" not in cloud.client.spread(balancer.vip, 10)
    for traffic in (one, other):
        traffic.assert_unharmed()


def test_counters_grow_and_never_fall(cloud: Cloud, balancer: Balancer, standalone: Standalone) -> None:
    last: dict[str, int] = dict.fromkeys(COUNTERS, 0)

    def read() -> dict[str, int]:
        nonlocal last
        stats = cloud.api.stats(balancer.lb)
        assert all(stats[name] >= last[name] for name in COUNTERS), (last, stats)
        last = stats
        return stats

    def counted(requests: int) -> None:
        base = read()["total_connections"]
        cloud.client.spread(balancer.vip, requests)
        eventually(lambda: read()["total_connections"] >= base + requests)

    def look(seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            read()
            time.sleep(0.05)

    counted(10)
    cloud.api.update(balancer.pool, lb_algorithm="LEAST_CONNECTIONS")  # a reload
    cloud.api.wait_active(balancer.lb)
    counted(10)
    standalone.restart()
    counted(10)
    standalone.kill()
    standalone.start()
    look(2.5)
    counted(10)
    cloud.api.delete(balancer.listener)
    cloud.api.wait_active(balancer.lb)
    look(2.5)
    eventually(lambda: read()["total_connections"] >= 40 and last["active_connections"] == 0, why=read)


def test_stats_in_detail_tell_listeners_and_members_apart(cloud: Cloud, balancer: Balancer) -> None:
    cloud.client.spread(balancer.vip, 20)

    def by_member() -> list[int]:
        stats = cloud.api.detailed_stats(balancer.lb)
        return sorted(each["total_connections"] for each in stats["members"].values())

    eventually(lambda: len(by_member()) == 2 and min(by_member()) >= 10, why=by_member)
    listeners = cloud.api.detailed_stats(balancer.lb)["listeners"]
    assert listeners[balancer.listener["id"]]["bytes_out"] > 0


def test_two_load_balancers_on_two_networks_serve_their_own_members(cloud: Cloud, balancer: Balancer) -> None:
    subnet = cloud.make_subnet("other", "192.168.200.0/24")  # even the same addresses are another network
    client, server = cloud.host("o-client", subnet), cloud.host("o-web", subnet).web("o-web")
    other = cloud.balancer("other", subnet=subnet, webs=[server])

    assert client.spread(other.vip, 10) == Counter({"o-web": 10})
    assert set(cloud.client.spread(balancer.vip, 10)) == {"web1", "web2"}

    cloud.delete(other)
    assert traces(other.lb["id"], other.lb["vip_port_id"]) == []
    assert set(cloud.client.spread(balancer.vip, 10)) == {"web1", "web2"}


def test_an_ipv6_load_balancer_serves(cloud: Cloud) -> None:
    subnet = cloud.make_subnet("six", "fd00:6::/64")
    client, host = cloud.host("six-client", subnet), cloud.host("six-web", subnet)
    webs = [host.web("six1", 80), host.web("six2", 81)]
    balancer = cloud.balancer("six", subnet=subnet, webs=webs)

    # Members that were checked before the address could be used are back at their next check.
    eventually(lambda: client.shares(balancer.vip, {"six1": 5, "six2": 5}))
    cloud.delete(balancer)
    assert traces(balancer.lb["id"], balancer.lb["vip_port_id"]) == []


@pytest.mark.parametrize("vip_version", [4, 6])
def test_members_of_another_ip_version_than_the_vip_serve_from_beginning_to_end(
    cloud: Cloud, vip_version: int
) -> None:
    four = cloud.make_subnet(f"both-{vip_version}", f"10.{40 + vip_version}.0.0/24")
    six = cloud.api.create(
        "subnet", network_id=four["network_id"], cidr=f"fd00:4{vip_version}::/64", ip_version=6
    )
    front, other = (four, six) if vip_version == 4 else (six, four)
    client = cloud.host(f"client-{vip_version}", front)
    webs = [
        cloud.host(f"{vip_version}-on-{n}", subnet).web(f"on{n}") for n, subnet in ((1, front), (2, other))
    ]
    balancer = cloud.balancer(f"both-{vip_version}", subnet=front, webs=webs[:1])
    member = cloud.member(balancer.pool, webs[1], other)
    cloud.api.wait_active(balancer.lb)
    eventually(lambda: client.shares(balancer.vip, {"on1": 5, "on2": 5}))
    eventually(lambda: cloud.api.operating(balancer.lb)[member["id"]] == "ONLINE")
    cloud.api.delete(member)
    cloud.delete(balancer)
    assert traces(balancer.lb["id"], balancer.lb["vip_port_id"]) == []


def test_fifty_members_posted_by_ten_threads_at_once_all_serve(cloud: Cloud, balancer: Balancer) -> None:
    host = cloud.host("fifty")
    webs = [host.web(f"m{number}", 9000 + number) for number in range(50)]
    gate = threading.Barrier(10)

    def post(tenth: int) -> list[Any]:
        gate.wait()
        return [cloud.post_member(balancer.pool, web) for web in webs[tenth::10]]

    with ThreadPoolExecutor(10) as threads:
        answers = [answer for part in threads.map(post, range(10)) for answer in part]

    assert [answer.status_code for answer in answers] == [201] * 50
    cloud.api.wait_active(balancer.lb)
    expected = dict.fromkeys(["web1", "web2", *(web.name for web in webs)], 2)
    eventually(lambda: cloud.client.shares(balancer.vip, expected))
    for answer in answers:
        cloud.api.request(
            "DELETE", f"{cloud.api.collection('member', balancer.pool['id'])}/{answer.json()['member']['id']}"
        )
    cloud.api.wait_active(balancer.lb)


def test_health_is_told_within_a_second_while_another_load_balancer_is_being_changed(
    cloud: Cloud, balancer: Balancer, standalone: Standalone
) -> None:
    slow = cloud.hosts[0].web("slow", 8088)
    slow.delay_s = 30
    other = cloud.balancer("busy", webs=[slow])
    checks = {"type": "HTTP", "delay": 1, "timeout": 1, "max_retries": 1}
    cloud.api.delete(balancer.monitor)
    monitor = cloud.api.create("healthmonitor", balancer.pool["id"], **checks)
    wait_for(cloud, balancer, **ALL_ONLINE)
    time.sleep(1.5)
    log, member = standalone.directory_of(balancer.lb) / "haproxy.log", balancer.members["web1"]["id"]

    @again
    def is_told() -> None:
        cloud.webs[0].status = 200
        cloud.api.update(other.lb, admin_state_up=True)
        cloud.api.wait_active(other.lb)
        wait_for(cloud, balancer, **ALL_ONLINE)
        with netns.inside(cloud.client.namespace):
            channel = socket.create_connection((other.vip, 80), 5)
        with channel:
            channel.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.3)
            before = log.stat().st_size
            # HAProxy waits for the request's end, as long as it may: about as long as the checks here need.
            cloud.api.update(other.lb, admin_state_up=False)
            cloud.webs[0].status = 500
            eventually(lambda: f"{member} is DOWN".encode() in log.read_bytes()[before:])
            told = time.monotonic()
            eventually(lambda: cloud.api.operating(balancer.lb)[member] == "OFFLINE", 5)
            assert time.monotonic() - told < patience()

    try:
        is_told()
    finally:
        cloud.webs[0].status = 200
        slow.delay_s = 0
        cloud.api.delete(monitor)
        cloud.delete(other)


def test_changes_that_arrive_together_are_applied_together(
    cloud: Cloud, balancer: Balancer, standalone: Standalone
) -> None:
    def reloads() -> int:
        return (
            (standalone.state / "evener.log").read_text().count(f"Load balancer {balancer.lb['id']}: Reload")
        )

    before = reloads()
    with Traffic(cloud.client, balancer.vip) as traffic:
        for number in range(40):
            algorithm = ("LEAST_CONNECTIONS", "ROUND_ROBIN")[number % 2]
            cloud.api.update(balancer.pool, lb_algorithm=algorithm)
        cloud.api.wait_active(balancer.lb)
    traffic.assert_unharmed()
    assert 1 <= reloads() - before <= 20
