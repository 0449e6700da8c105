"""Members that are pinged: out and back by echo replies, whatever their ports do."""

import contextlib
import socket
import subprocess
import threading
import time
from collections import Counter
from dataclasses import replace

import pytest

import haproxy_graphs as g
from evener.dataplane.haproxy.ping_targets import Target, targets
from evener.dataplane.haproxy.pings import Pinger
from evener.host import netns
from haproxy_rig import VIP, member_of
from waiting import eventually

pytestmark = pytest.mark.root
ADDRESSES = {"w1": "10.9.9.1", "w2": "2001:db8:9::2"}


def ip(rig, *words):
    subprocess.run(["ip", "-n", rig.namespace, *words], check=True)


def reach(rig, name, *, reached=True):
    address = ADDRESSES[name]
    ip(rig, "address", "add" if reached else "del", f"{address}/{128 if ':' in address else 32}", "dev", "lo")


@pytest.fixture
def pinger():
    pinger = Pinger()
    yield pinger
    pinger.stop()


def graph_of(rig, **monitor):
    pool = g.pool(id=g.nth(2))
    members = [member_of(web, id=g.nth(10 + n)) for n, web in enumerate(rig.webs.values(), 1)]
    checks = g.monitor(type="PING", delay=1, timeout=1, **monitor)
    listener = g.listener(id=g.nth(3), default_pool_id=pool.id)
    return g.graph(id=g.nth(1), listeners=[listener], pools=[(pool, members, checks)], addresses=[VIP])


def apply(rig, pinger, graph, out=()):
    rig.instance.apply(graph)
    pinger.watch(g.nth(1), rig.namespace, rig.instance.paths.socket, targets(graph), out)


def statuses(rig):
    return [health for _, health in sorted(rig.health().items())]


def test_a_member_is_out_while_it_answers_no_ping_and_only_then(rig, pinger):
    for name, address in ADDRESSES.items():
        reach(rig, name)
        rig.web(name, address=address)
    graph = graph_of(rig, max_retries=2)
    apply(rig, pinger, graph)
    assert statuses(rig) == ["ONLINE", "ONLINE"]
    assert rig.spread(4) == {"w1": 2, "w2": 2}

    for name, expected in (("w2", ["ONLINE", "OFFLINE"]), ("w1", ["OFFLINE", "OFFLINE"])):
        reach(rig, name, reached=False)
        eventually(lambda expected=expected: statuses(rig) == expected)
    reach(rig, "w2")
    eventually(lambda: statuses(rig) == ["OFFLINE", "ONLINE"])
    assert rig.spread(4) == {"w2": 4}

    # A reload, a start anew and an agent anew leave out who is out, before any ping.
    changed = graph.model_copy(
        update={"listeners": (graph.listeners[0].model_copy(update={"protocol_port": 81}),)}
    )
    apply(rig, pinger, changed)
    assert statuses(rig) == ["OFFLINE", "ONLINE"]
    rig.instance.stop()
    apply(rig, pinger, changed)
    assert statuses(rig) == ["OFFLINE", "ONLINE"]
    pinger.forget(g.nth(1))
    assert statuses(rig) == ["OFFLINE", "ONLINE"]
    apply(rig, pinger, changed, out=[g.nth(11)])

    reach(rig, "w1")
    eventually(lambda: statuses(rig) == ["ONLINE", "ONLINE"])
    assert rig.spread(4, port=81) == {"w1": 2, "w2": 2}


def test_a_closed_port_does_not_matter_to_a_ping_and_without_the_monitor_nothing_is_out(rig, pinger):
    reach(rig, "w1")
    rig.web("w1", address=ADDRESSES["w1"])
    graph = graph_of(rig, max_retries=1)
    rig.webs["w1"].stop()
    apply(rig, pinger, graph)
    assert list(statuses(rig)) == ["ONLINE"]
    reach(rig, "w1", reached=False)
    eventually(lambda: statuses(rig) == ["OFFLINE"])
    (node,) = graph.pools
    apply(
        rig,
        pinger,
        g.graph(
            id=g.nth(1), listeners=graph.listeners, pools=[(node.pool, node.members, None)], addresses=[VIP]
        ),
    )
    assert statuses(rig) == ["NO_MONITOR"]
    reach(rig, "w1")
    rig.webs.pop("w1")
    rig.web("w1", address=ADDRESSES["w1"], port=graph.pools[0].members[0].protocol_port)
    assert rig.spread(2) == {"w1": 2}


@contextlib.contextmanager
def requests_seen(namespace):
    """Count the echo requests that come to each address of a namespace, as its kernel sees them."""
    seen = Counter()
    with netns.inside(namespace):
        channel = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    channel.settimeout(0.05)
    ended = threading.Event()

    def count():
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                packet = channel.recv(2048)
                if packet[20] == 8:
                    seen[socket.inet_ntoa(packet[16:20])] += 1

    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()
        channel.close()


def watched(addresses, **given):
    times = {"delay_s": 1, "timeout_s": 1, "fall": 1, "rise": 1} | given
    return [Target(g.nth(2), g.nth(1000 + n), address, **times) for n, address in enumerate(addresses)]


def frozen_haproxy(tmp_path):
    """A socket that takes connections and never answers."""
    path = tmp_path / "frozen.sock"
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(1)
    return server, path


@pytest.fixture
def quiet(tmp_path):
    netns.ensure("qlbaas-quiet")
    yield "qlbaas-quiet", tmp_path / "nobody.sock"
    netns.delete("qlbaas-quiet")


def test_members_with_one_address_share_its_requests_whatever_their_number_and_monitors(quiet, pinger):
    namespace, path = quiet
    one, other = watched(["127.0.0.5"] * 2000), watched(["127.0.0.5"] * 50, timeout_s=0.5, fall=3)
    other = [replace(each, member_id=g.nth(5000 + n)) for n, each in enumerate(other)]
    begin = time.monotonic()
    with requests_seen(namespace) as seen:
        pinger.watch("lb", namespace, path, [*one, *other])
        eventually(lambda: seen["127.0.0.5"] >= 3)
    # Each asks once a second; two that are not in step may ask apart.
    assert seen["127.0.0.5"] <= 2 * (time.monotonic() - begin) + 2


def test_a_project_has_a_rate_of_requests_and_another_ones_members_are_seen_in_time_all_the_same(quiet):
    namespace, path = quiet
    pinger = Pinger(rate=40)
    many = [f"127.1.{n // 250}.{n % 250 + 1}" for n in range(1000)]
    try:
        begin = time.monotonic()
        with requests_seen(namespace) as seen:
            pinger.watch("lb-1", namespace, path, watched(many[:500]), project="greedy")
            pinger.watch("lb-2", namespace, path, watched(many[500:]), project="greedy")
            pinger.watch("lb-3", namespace, path, watched(["127.9.9.9"]), project="modest")
            eventually(lambda: seen["127.9.9.9"] >= 3 and seen.total() > 80)
        took_s = time.monotonic() - begin
        assert seen.pop("127.9.9.9") <= took_s + 2
        assert seen.total() <= 40 * took_s + 40 * 0.1 + 10
        assert seen.total() < len(
            many
        )  # with them in one row, another one's would have come thrice after all of these
    finally:
        pinger.stop()


def test_an_haproxy_that_does_not_answer_keeps_no_other_from_being_told(rig, pinger, tmp_path, quiet):
    reach(rig, "w1")
    rig.web("w1", address=ADDRESSES["w1"])
    graph = graph_of(rig, max_retries=1)
    frozen = [frozen_haproxy(tmp_path_of(tmp_path, n)) for n in range(5)]
    try:
        apply(rig, pinger, graph)
        eventually(lambda: statuses(rig) == ["ONLINE"])
        watchers = [
            threading.Thread(
                target=pinger.watch, args=(f"lb-{n}", quiet[0], path, watched(["10.255.255.1"] * 200))
            )
            for n, (_, path) in enumerate(frozen)
        ]
        for each in watchers:
            each.start()
        for _ in range(2):
            reach(rig, "w1", reached=False)
            eventually(lambda: statuses(rig) == ["OFFLINE"], 4)
            reach(rig, "w1")
            eventually(lambda: statuses(rig) == ["ONLINE"], 4)
        for each in watchers:
            each.join()
    finally:
        for server, _ in frozen:
            server.close()


def tmp_path_of(tmp_path, number):
    directory = tmp_path / str(number)
    directory.mkdir()
    return directory


def test_a_thousand_members_that_go_out_at_once_are_all_told(rig, pinger):
    pool = g.pool(id=g.nth(2))
    reach(rig, "w1")
    members = [
        g.member(id=g.nth(1000 + n), address=ADDRESSES["w1"], protocol_port=1000 + n) for n in range(1000)
    ]
    checks = g.monitor(type="PING", delay=1, timeout=1, max_retries=1)
    listener = g.listener(id=g.nth(3), default_pool_id=pool.id)
    apply(
        rig,
        pinger,
        g.graph(id=g.nth(1), listeners=[listener], pools=[(pool, members, checks)], addresses=[VIP]),
    )
    for reached, status in ((False, "OFFLINE"), (True, "ONLINE")):
        reach(rig, "w1", reached=reached)
        eventually(lambda status=status: set(statuses(rig)) == {status})
