"""A listener's limit of connections, in a real HAProxy: what it keeps out, and how it changes."""

import contextlib
from dataclasses import replace

import pytest

import haproxy_graphs as g
from evener.dataplane.haproxy import process, runtime, stats
from evener.dataplane.haproxy.plan import Reload, SetLimit
from evener.dataplane.haproxy.settings import most_files
from haproxy_rig import VIP, Rig, member_of

pytestmark = [pytest.mark.root, pytest.mark.each_haproxy]


@pytest.fixture
def rig(rig):
    rig.web("web")
    return rig


def limited(rig: Rig, limit: int) -> list[type]:
    pool = g.pool(id=g.nth(5), protocol="TCP")
    front = g.listener(id=g.nth(6), protocol="TCP", default_pool_id=pool.id, connection_limit=limit)
    nodes = [(pool, [member_of(rig.webs["web"], id=g.nth(10))], None)]
    graph = g.graph(id=g.nth(1), listeners=[front], pools=nodes, addresses=[VIP])
    return [type(step) for step in rig.instance.apply(graph).steps]


def test_a_limit_is_lowered_and_raised_at_run_time_where_haproxy_can_and_the_file_says_the_same(rig):
    limited(rig, 5)
    raised = [SetLimit if rig.settings.raises_limits else Reload]
    for limit, steps in (
        (4, [SetLimit]),
        (1, [SetLimit]),
        (2, raised),
        (-1, raised),
        (3, [SetLimit]),
        (3, []),
    ):
        before = process.workers(rig.instance.paths).current
        assert limited(rig, limit) == steps
        assert (process.workers(rig.instance.paths).current == before) is (Reload not in steps)
        expected = rig.settings.maxconn if limit == -1 else limit
        (row,) = stats.rows(runtime.ask(rig.instance.paths.socket, "show stat -1 1 -1"))
        assert int(row["slim"]) == expected
        assert f"maxconn {expected}\n" in rig.instance.paths.conf.read_text().partition("frontend")[2]


def test_who_waits_for_a_higher_limit_is_served_once_it_is_there(rig):
    limited(rig, 2)
    limited(rig, 1)
    with rig.socket() as first, rig.socket() as second:
        second.sendall(b"GET / HTTP/1.0\r\n\r\n")
        second.settimeout(0.3)
        with pytest.raises(TimeoutError):
            second.recv(1)
        limited(rig, 2)
        second.settimeout(30)
        assert second.recv(4).startswith(b"HTTP")
        first.sendall(b"GET / HTTP/1.0\r\n\r\n")
        first.settimeout(30)
        assert first.recv(4).startswith(b"HTTP")
    assert rig.instance.check()


def test_a_limit_above_the_usual_is_kept_as_far_as_there_are_files(rig):
    rig.instance.settings = replace(rig.settings, maxconn=20, files=most_files())
    for limit, expected in ((30, 30), (20, 20), (45, 45), (-1, 20)):
        limited(rig, limit)
        (row,) = stats.rows(runtime.ask(rig.instance.paths.socket, "show stat -1 1 -1"))
        assert int(row["slim"]) == expected
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(rig.socket()) for _ in range(expected)]
            for client in clients:
                client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert client.recv(4096).startswith(b"HTTP/1.1 200")
    limited(rig, 10_000_000)  # started all the same
    most = int(stats.rows(runtime.ask(rig.instance.paths.socket, "show stat -1 1 -1"))[0]["slim"])
    assert 0.4 * most_files() < most < 0.5 * most_files()
