"""A load balancer that the agents of two machines serve, end to end: who answers, whatever is killed or cut off.

The second machine is a network namespace with a view of its own of what is mounted, on the same physical network.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from existing_bridge import BRIDGE
from node import HOST, Node
from standalone import Cloud, Standalone, Traffic
from test_failover import cloud, failed_over, node, settings
from two_machines import OCTAVIA, WITHIN_S, Caller, Pair, paired

from again import again
from waiting import eventually, patience

__all__ = ["cloud", "node", "settings"]
pytestmark = [pytest.mark.root, pytest.mark.timeout(400)]
LONGEST_S = 2.0  # that nobody answers while one is well, on a machine that does much else


@pytest.fixture(scope="module")
def made(cloud: Cloud, standalone: Standalone, node: Node) -> Iterator[Pair]:
    with paired(cloud, standalone, node) as found:
        yield found


@pytest.fixture
def pair(made: Pair) -> Pair:
    eventually(made.is_well, WITHIN_S)
    return made


def test_both_serve_it_and_both_are_shown(pair: Pair) -> None:
    path = f"{OCTAVIA}/octavia/amphorae?loadbalancer_id={pair.balancer.lb['id']}"

    def shown(name: str) -> set[str]:
        return {each[name] for each in pair.cloud.api.request("GET", path).json()["amphorae"]}

    eventually(lambda: shown("role") == {"MASTER", "BACKUP"}, WITHIN_S)
    assert shown("lb_network_ip") == {HOST, pair.standalone_host}
    eventually(lambda: set(pair.cloud.client.spread(pair.vip, 6)) == {"web1", "web2"}, WITHIN_S)


def test_its_counters_say_who_serves_it_in_which_role(pair: Pair) -> None:
    login = {"OS_CLIENT_CONFIG_FILE": str(pair.standalone.state / "clouds.yaml"), "OS_CLOUD": "evener"}
    command = [Path(sys.executable).with_name("evener"), "lbaas-loadbalancer-stats", pair.balancer.lb["id"]]

    def shown() -> dict[str, Any]:
        run = subprocess.run(
            [*command, "-f", "json"], env={**os.environ, **login}, capture_output=True, check=True, timeout=60
        )
        return json.loads(run.stdout)

    pair.have(HOST)
    said = f"MASTER {HOST}, BACKUP {pair.standalone_host}"
    eventually(lambda: shown()["served_by"] == said, WITHIN_S)
    assert set(shown()) == {*pair.cloud.api.stats(pair.balancer.lb), "served_by"}


@again
def test_a_killed_haproxy_costs_no_more_than_a_moment(pair: Pair) -> None:
    pair.have(HOST)
    with Caller(pair.cloud, pair.vip) as caller:
        pair.kill("haproxy", HOST)
        eventually(lambda: pair.owners() == [pair.standalone_host], 5)
    assert caller.longest_gap_s < LONGEST_S * patience()


def test_a_frozen_haproxy_gives_the_vip_away(pair: Pair) -> None:
    pair.have(HOST)
    with Caller(pair.cloud, pair.vip):
        pair.kill("haproxy", HOST, signal.SIGSTOP)
        eventually(lambda: pair.owners() == [pair.standalone_host], 10)


@again
def test_a_killed_agent_changes_nothing(pair: Pair) -> None:
    pair.have(HOST)
    before = pair.serving("haproxy"), pair.serving("keepalived")
    with Caller(pair.cloud, pair.vip) as caller:
        pair.node.kill()
        time.sleep(2)
        pair.node.start()
        time.sleep(1)
    assert (pair.serving("haproxy"), pair.serving("keepalived")) == before
    assert pair.owners() == [HOST]
    assert caller.longest_gap_s < LONGEST_S * patience()


@again
def test_a_failover_of_all_of_it_hands_the_vip_over_and_fails_no_request(pair: Pair) -> None:
    pair.have(HOST)
    before = {host: set(pids) for host, pids in pair.serving("haproxy").items()}
    with Traffic(pair.cloud.client, pair.vip) as traffic, Caller(pair.cloud, pair.vip) as caller:
        assert failed_over(pair.cloud, pair.balancer, pair.path) <= {"PENDING_UPDATE", "ACTIVE"}
        eventually(lambda: pair.owners() == [pair.standalone_host], 5)
        time.sleep(1.5)
    if traffic.failures:  # that is no matter of time, and not to be done again
        pytest.fail(f"Requests failed: {traffic.failures}")
    assert caller.longest_gap_s < LONGEST_S * patience()
    for host, pids in pair.serving("haproxy").items():
        assert set(pids) - before[host], "it has a new worker"


@again
def test_who_has_the_vip_waits_with_a_failover_until_the_other_is_ready(pair: Pair) -> None:
    pair.have(pair.standalone_host)
    with pair.node.frozen():
        pair.cloud.api.request("PUT", f"{OCTAVIA}/{pair.path}/failover")
        pair.cloud.api.update(pair.balancer.lb, description="told to both")
        time.sleep(1)
        assert pair.owners() == [pair.standalone_host]
    eventually(lambda: pair.owners() == [HOST], WITHIN_S)


def test_a_cut_link_moves_the_vip_and_one_has_it_when_it_is_healed(pair: Pair) -> None:
    pair.have(HOST)
    with Caller(pair.cloud, pair.vip) as caller:
        subprocess.run(["ip", "link", "set", "up1", "nomaster"], check=True)
        eventually(lambda: pair.standalone_host in pair.owners(), 5)
    assert caller.longest_gap_s < LONGEST_S * patience()
    subprocess.run(["ip", "link", "set", "up1", "master", BRIDGE], check=True)
    eventually(lambda: len(pair.owners()) == 1, 2)
    with Caller(pair.cloud, pair.vip):
        pass


@again
def test_a_host_that_dies_is_replaced_at_once_and_takes_nothing_when_it_is_back(pair: Pair) -> None:
    pair.have(HOST)
    with Caller(pair.cloud, pair.vip) as caller:
        subprocess.run(["ip", "link", "set", "up1", "down"], check=True)
        pair.node.kill()
        pair.kill("keepalived", HOST)
        pair.kill("haproxy", HOST)
        eventually(lambda: pair.owners() == [pair.standalone_host], 5)
    with Caller(pair.cloud, pair.vip) as later:
        subprocess.run(["ip", "link", "set", "up1", "up"], check=True)
        pair.node.start()
        eventually(pair.is_well, WITHIN_S)
        time.sleep(1)
    assert pair.owners() == [pair.standalone_host]
    assert max(caller.longest_gap_s, later.longest_gap_s) < LONGEST_S * patience()


def test_of_two_that_die_and_come_back_one_has_the_vip_again_and_both_serve(pair: Pair) -> None:
    for dead in (pair.standalone, pair.node):
        dead.kill()
    for host in (HOST, pair.standalone_host):
        for name in ("keepalived", "haproxy"):  # keepalived first: it would give the VIP away in order
            pair.kill(name, host)
    assert not any(pids for pids in pair.serving("haproxy").values())
    pair.standalone.start()
    pair.node.start()
    eventually(pair.is_well, WITHIN_S)
    with Caller(pair.cloud, pair.vip):
        pair.cloud.api.update(pair.balancer.lb, description="told to both that are back")
        pair.cloud.api.wait_active(pair.balancer.lb, WITHIN_S)
    assert len(pair.owners()) == 1


def test_what_is_changed_is_served_by_both(pair: Pair) -> None:
    pair.cloud.api.update(pair.balancer.members["web2"], weight=0)
    pair.cloud.api.wait_active(pair.balancer.lb, WITHIN_S)
    for host in (HOST, pair.standalone_host):
        pair.have(host)
        eventually(lambda: set(pair.cloud.client.spread(pair.vip, 6)) == {"web1"}, WITHIN_S)
    pair.cloud.api.update(pair.balancer.members["web2"], weight=1)


@again
def test_while_control_is_away_the_vip_moves_all_the_same(pair: Pair) -> None:
    pair.have(HOST)
    pair.standalone.kill()
    try:
        with Caller(pair.cloud, pair.vip) as caller:
            pair.kill("haproxy", HOST)
            eventually(lambda: pair.owners() == [pair.standalone_host], 5)
        assert caller.longest_gap_s < LONGEST_S * patience()
    finally:
        pair.standalone.start()
    eventually(pair.is_well, WITHIN_S)


def test_one_serves_it_alone_again(pair: Pair) -> None:
    path = f"{OCTAVIA}/lbaas/loadbalancers/{pair.balancer.lb['id']}"
    pair.cloud.api.request("PUT", path, {"loadbalancer": {"topology": "SINGLE"}})
    pair.cloud.api.wait_active(pair.balancer.lb, WITHIN_S)
    eventually(lambda: sorted(map(bool, pair.serving("haproxy").values())) == [False, True], WITHIN_S)
    eventually(lambda: not any(pair.serving("keepalived").values()), WITHIN_S)
    eventually(lambda: set(pair.cloud.client.spread(pair.vip, 6)) == {"web1", "web2"}, WITHIN_S)
