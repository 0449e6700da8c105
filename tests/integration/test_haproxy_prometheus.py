"""A listener of protocol PROMETHEUS says what its own load balancer counts, under Octavia's names, and nothing else."""

from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

import haproxy_graphs as g
from evener.dataplane.haproxy import exporter
from evener.dataplane.haproxy.plan import Reload
from haproxy_rig import Shop, member_of
from waiting import eventually

pytestmark = [pytest.mark.root, pytest.mark.each_haproxy]
PORT = 9000
# Some of each kind of those that octavia/cmd/prometheus_proxy.py names.
NAMES = (
    *("loadbalancer_current_connections", "loadbalancer_connections_total", "loadbalancer_max_connections"),
    *("loadbalancer_listeners", "loadbalancer_requests_total", "memory_pool_used_bytes"),
    *("listener_status", "listener_bytes_in_total", "listener_sessions_total", "listener_connections_total"),
    *("listener_http_responses_total", "pool_status", "pool_active_members", "pool_backup_members"),
    *("pool_member_aborts_total", "pool_bytes_out_total", "pool_current_queue", "pool_http_responses_total"),
    *("member_status", "member_weight", "member_bytes_in_total", "member_sessions_total"),
    *("member_connect_time_average_seconds", "member_check_failures_total"),
)


def listeners(shop):
    return [shop.listener, g.listener(id=g.nth(70), protocol="PROMETHEUS", protocol_port=PORT)]


def scraped(rig):
    """The samples by name, each its labels and value."""
    status, text = rig.get(port=PORT, path="/metrics")
    assert status == 200
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_it_says_what_octavia_says_of_this_load_balancer(rig):
    shop = Shop(rig)
    shop.apply(listeners=listeners(shop))
    rig.spread(4)

    def answered() -> dict[str, float]:
        return {
            labels["listener"]: value
            for labels, value in scraped(rig)["octavia_listener_http_responses_total"]
            if labels["code"] == "2xx"
        }

    # An answer is counted once it has been sent.
    eventually(lambda: answered().get(shop.listener.id) == 4, why=answered)
    assert answered().keys() == {shop.listener.id, g.nth(70)}
    found = scraped(rig)
    assert {f"octavia_{name}" for name in NAMES} <= found.keys()
    assert all(name.startswith("octavia_") for name in found)
    sessions = Counter()
    for labels, value in found["octavia_member_sessions_total"]:
        assert labels["pool"] == shop.pool.id
        sessions[labels["member"]] += value
    assert sessions == {each.id: 2 for each in shop.members}


def test_a_member_that_came_without_a_reload_is_there(rig):
    shop = Shop(rig)
    shop.apply(listeners=listeners(shop))
    shop.members.append(member_of(rig.web("w3", address="127.0.2.3"), id=g.nth(33)))
    assert Reload not in shop.apply(listeners=listeners(shop))
    assert g.nth(33) in {labels["member"] for labels, _ in scraped(rig)["octavia_member_status"]}


def test_anything_else_is_refused(rig):
    shop = Shop(rig)
    shop.apply(listeners=listeners(shop))
    assert rig.get(port=PORT, path="/")[0] == 404
    assert rig.get(port=PORT, path="/metrics/..")[0] == 404
    connection = rig.connection(port=PORT)
    connection.request("POST", "/metrics")
    assert connection.getresponse().status == 405
    connection.close()


def test_its_own_parts_are_no_listeners_of_the_user(rig):
    shop = Shop(rig)
    shop.apply(listeners=listeners(shop))
    scraped(rig)
    assert rig.instance.observe().listeners.keys() == {shop.listener.id, g.nth(70)}
    assert exporter.NAME not in rig.get(port=PORT, path="/metrics")[1]


def test_a_pool_of_a_thousand_members_is_told_whole(rig):
    shop = Shop(rig)
    first = shop.members[0]
    shop.members += [
        first.model_copy(
            update={"id": g.nth(1000 + n), "address": f"127.0.9.{n % 250}", "protocol_port": 1 + n}
        )
        for n in range(1000)
    ]
    shop.apply(listeners=listeners(shop))
    assert len(scraped(rig)["octavia_member_weight"]) == 1002


def test_it_comes_and_goes_with_the_listener(rig):
    shop = Shop(rig)
    shop.apply()
    assert shop.apply(listeners=listeners(shop)) == [Reload]
    assert scraped(rig)
    assert shop.apply() == [Reload]
    rig.spread(1)
