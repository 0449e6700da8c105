"""When a member that is pinged goes out and comes back, and what is sent to find out."""

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import haproxy_graphs as g
from evener.dataplane.haproxy.ping_targets import Verdict, targets
from evener.dataplane.haproxy.render import render
from evener.dataplane.haproxy.settings import Settings
from evener.host import icmp
from evener.host.announce import checksum

ANSWERS = st.lists(st.booleans(), max_size=60)


def after(answers: list[bool], fall: int = 3, rise: int = 2) -> Verdict:
    verdict = Verdict()
    for answered in answers:
        verdict = verdict.after(answered=answered, fall=fall, rise=rise)
    return verdict


@given(ANSWERS, st.integers(1, 5), st.integers(1, 5))
def test_who_is_known_to_be_well_goes_out_at_the_last_failure_of_a_row_and_comes_back_alike(
    answers: list[bool], fall: int, rise: int
) -> None:
    well = after([*answers, *[True] * rise], fall, rise)
    assert well.up
    assert after([*answers, *[True] * rise, *[False] * (fall - 1)], fall, rise).up
    out = [*answers, *[True] * rise, *[False] * fall]
    assert not after(out, fall, rise).up
    assert not after([*out, *[True] * (rise - 1)], fall, rise).up
    assert after([*out, *[True] * rise], fall, rise).up


def test_who_was_never_seen_well_goes_out_at_the_first_failure() -> None:
    assert after([]).up
    assert not after([False]).up


def test_failures_count_in_a_row_only() -> None:
    assert after([True, False, False, True, False, False]).up


@pytest.mark.parametrize("version", [4, 6])
@given(identifier=st.integers(0, 65535), sequence=st.integers(0, 65535))
def test_an_answer_to_our_request_is_known_by_its_numbers(
    version: icmp.IPVersion, identifier: int, sequence: int
) -> None:
    request = icmp.echo_request(version, identifier, sequence)
    header = bytes([0x45]) + bytes(19) if version == 4 else b""
    assert icmp.echo_reply(version, header + request) is None
    reply = bytes([0 if version == 4 else 129]) + request[1:]
    assert icmp.echo_reply(version, header + reply) == (identifier, sequence)
    if version == 4:
        assert checksum(request) == 0


@pytest.mark.parametrize("version", [4, 6])
@given(packet=st.binary(max_size=40))
def test_no_packet_is_too_odd_to_be_read(version: icmp.IPVersion, packet: bytes) -> None:
    icmp.echo_reply(version, packet)


def test_only_enabled_members_of_enabled_ping_monitors_are_pinged(tmp_path) -> None:
    pools = [g.pool() for _ in range(3)]
    monitors = [g.monitor(type="PING", delay=5, timeout=2, max_retries=4), g.monitor(type="TCP")]
    monitors.append(g.monitor(type="PING", admin_state_up=False))
    nodes = []
    for pool, monitor in zip(pools, monitors, strict=True):
        members = [g.member(address="10.0.0.1"), g.member(address="2001:db8::1", admin_state_up=False)]
        nodes.append((pool, members, monitor))
    graph = g.graph(listeners=[g.listener(default_pool_id=pools[0].id)], pools=nodes)
    (target,) = targets(graph)
    assert ipaddress.ip_address(target.address) == ipaddress.ip_address("10.0.0.1")
    assert (target.pool_id, target.delay_s, target.timeout_s, target.fall, target.rise) == (
        pools[0].id,
        5,
        2,
        4,
        1,
    )
    backend = render(graph, tmp_path, Settings(version=(2, 6, 12))).backends_by_name[pools[0].id]
    assert [(server.checked, server.pinged) for server in backend.servers] == [(False, True)] * 2
    assert not any("check" in line for line in backend.lines)


def test_a_member_is_pinged_where_it_says_and_each_backend_that_it_is_in_is_told() -> None:
    pool = g.pool(protocol="PROXY")
    member = g.member(address="10.0.0.1", monitor_address="10.0.0.2")
    fronts = [
        g.listener(protocol=each, protocol_port=port, default_pool_id=pool.id)
        for each, port in (("TCP", 80), ("HTTP", 81))
    ]
    both = g.graph(listeners=fronts, pools=[(pool, [member], g.monitor(type="PING"))])
    (target,) = targets(both)
    assert (target.address, target.backends) == ("10.0.0.2", (pool.id, f"{pool.id}-tcp"))
    backends = render(both, Path("/lb"), Settings()).backends_by_name
    assert set(target.backends) == backends.keys()
    (target,) = targets(g.altered(both, listeners=tuple(fronts[:1])))
    assert target.backends == (pool.id,)
