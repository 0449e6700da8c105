"""Members that are pinged: out and back by echo replies, whatever their ports do."""

import subprocess

import pytest

import haproxy_graphs as g
from evener.dataplane.haproxy.pings import Pinger, targets
from haproxy_rig import VIP, eventually, member_of

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
