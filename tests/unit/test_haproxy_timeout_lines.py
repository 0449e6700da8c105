"""How long nothing may happen, as listeners that share a pool say it."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import haproxy_graphs as g
from evener.dataplane.haproxy.render import render
from evener.dataplane.haproxy.settings import Settings
from evener.resources.types import MonitorType

NAMES = ("timeout_client_data", "timeout_member_data", "timeout_member_connect")
USUAL = dict(zip(NAMES, (50_000, 50_000, 5_000), strict=True))
MS = st.sampled_from([0, 1, 700, 5_000, 50_000, 60_000, 2_073_600_000])
SAID = st.lists(st.fixed_dictionaries(dict.fromkeys(NAMES, MS)), min_size=1, max_size=4)


def rendered(protocol, said, monitor=None):
    pool = g.pool(id=g.nth(1), protocol=protocol)
    listeners = [
        g.listener(id=g.nth(port), protocol=protocol, protocol_port=port, default_pool_id=pool.id, **each)
        for port, each in enumerate(said, 80)
    ]
    graph = g.graph(id=g.nth(2), listeners=listeners, pools=[(pool, [], monitor)])
    return render(graph, Path("/lb"), Settings())


def said_of(lines, word):
    return [int(line.split()[2].removesuffix("ms")) for line in lines if line.startswith(f"timeout {word} ")]


@given(st.sampled_from(["TCP", "HTTP"]), st.integers(1, 4))
def test_the_defaults_and_nothing_say_nothing(protocol, number):
    usual, zero = rendered(protocol, [USUAL] * number), rendered(protocol, [dict.fromkeys(NAMES, 0)] * number)
    assert usual == zero == rendered(protocol, [{}] * number)
    lines = [line for part in (*usual.frontends, *usual.backends) for line in part.lines]
    assert not [line for line in lines if "timeout" in line or "inspect" in line]


@given(st.sampled_from(["TCP", "HTTP"]), SAID)
def test_no_connection_ends_before_its_listener_says(protocol, said):
    config = rendered(protocol, said)
    (backend,) = config.backends
    for name, word in (("timeout_member_data", "server"), ("timeout_member_connect", "connect")):
        longest = max(each[name] or USUAL[name] for each in said)
        assert (said_of(backend.lines, word) or [USUAL[name]]) == [longest]
    for frontend, each in zip(config.frontends, said, strict=True):
        assert (said_of(frontend.lines, "client") or [50_000]) == [each["timeout_client_data"] or 50_000]


@given(SAID)
def test_each_listener_of_requests_has_its_own(said):
    (backend,) = rendered("HTTP", said).backends
    longest = max(each["timeout_member_data"] or 50_000 for each in said)
    for port, each in enumerate(said, 80):
        own_ms = each["timeout_member_data"] or 50_000
        rule = f'http-request set-timeout server {own_ms}ms if "{{" fe_name -m str {g.nth(port)} "}}"'
        assert (rule in backend.lines) is (own_ms != longest)


def test_a_monitors_timeout_bounds_connecting_unless_a_listener_does():
    monitor = g.monitor(type=MonitorType.TCP, timeout=2, delay=5)
    assert "timeout connect 2s" in rendered("HTTP", [{}], monitor).backends[0].lines
    lines = rendered("HTTP", [{"timeout_member_connect": 9_000}], monitor).backends[0].lines
    assert [line for line in lines if line.startswith("timeout connect")] == ["timeout connect 9000ms"]
