"""What a scrape says of load balancers in the database, what it costs, and the page that lists it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from api_cloud import HOST, Cloud, counted
from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from test_api_lists import fill

from evener.agent.metrics import AgentMetrics
from evener.agent.work import KeyedQueue
from evener.control.leader import ALONE
from evener.control.metrics import DatabaseCollector, LeaderCollector
from evener.resources.facts import Counters

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
LINE = re.compile(r"^\| `(\w+)` \| (counter|gauge|histogram) \| ((?:`\w+` ?)*)\|")
TREE_KINDS = {"listeners": "listener", "pools": "pool", "members": "member"}


def scrape(cloud: Cloud) -> list[Metric]:
    """Return what Prometheus would read from the database."""
    registry = CollectorRegistry()
    registry.register(DatabaseCollector(cloud.database))
    return list(text_string_to_metric_families(generate_latest(registry).decode()))


def values(cloud: Cloud, name: str, label: str = "id") -> dict[str, Any]:
    """Return the samples of one name, by a label: a status as its word, anything else as a number."""
    samples = [s for family in scrape(cloud) for s in family.samples if s.name == name]
    return {s.labels[label]: s.labels.get("status", s.value) for s in samples}


def tree_of(node: Any, kind: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield kind, id and both statuses of everything measured in a tree of statuses."""
    yield kind, node["id"], node["provisioning_status"], node["operating_status"]
    for name, below in TREE_KINDS.items():
        for child in node.get(name, ()):
            yield from tree_of(child, below)


def assert_like_the_api(cloud: Cloud) -> None:
    """Expect the statuses of the trees that the API shows, and of nothing else."""
    for which, column in (("provisioning", 2), ("operating", 3)):
        shown: dict[str, dict[str, str]] = {kind: {} for kind in ("loadbalancer", *TREE_KINDS.values())}
        for balancer in cloud.admin.entries("/lbaas/loadbalancers"):
            statuses = cloud.admin.ok("GET", f"/lbaas/loadbalancers/{balancer['id']}/statuses")["statuses"]
            for found in tree_of(statuses["loadbalancer"], "loadbalancer"):
                shown[found[0]][found[1]] = found[column]
            assert balancer[f"{which}_status"] == shown["loadbalancer"][balancer["id"]]
        for kind, expected in shown.items():
            assert values(cloud, f"evener_{kind}_{which}_status") == expected


def test_statuses_are_those_that_the_api_shows(any_cloud: Cloud) -> None:
    cloud = any_cloud
    tree, other = cloud.tree(), cloud.tree(cloud.bob)
    assert_like_the_api(cloud)
    cloud.applied(tree.loadbalancer)
    cloud.seen(tree.loadbalancer, [(tree.member, "ONLINE")])
    cloud.failed(other.loadbalancer, "no room")
    assert_like_the_api(cloud)
    assert values(cloud, "evener_member_up") == {tree.member: 1, other.member: 0}
    cloud.seen(tree.loadbalancer, [(tree.member, "OFFLINE")])
    cloud.applied(other.loadbalancer)
    assert_like_the_api(cloud)
    assert values(cloud, "evener_member_up")[tree.member] == 0
    cloud.ann.update("pool", tree.pool, admin_state_up=False)
    assert_like_the_api(cloud)
    assert tree.member not in values(cloud, "evener_member_up")
    cloud.ann.delete("healthmonitor", tree.healthmonitor)
    cloud.ann.update("loadbalancer", tree.loadbalancer, admin_state_up=False)
    cloud.ann.delete("listener", tree.listener)
    assert_like_the_api(cloud)
    cloud.ann.delete("pool", tree.pool)
    cloud.ann.delete("loadbalancer", tree.loadbalancer)
    gone = values(cloud, "evener_loadbalancer_provisioning_status")
    assert gone == {tree.loadbalancer: "PENDING_DELETE", other.loadbalancer: "ACTIVE"}


def test_a_load_balancer_s_counters_keep_what_its_deleted_listeners_counted(any_cloud: Cloud) -> None:
    cloud, tree = any_cloud, any_cloud.tree()
    cloud.applied(tree.loadbalancer)
    listeners = [f"evener_listener_{name}_total" for name in ("connections", "bytes_in", "request_errors")]
    balancers = [name.replace("listener", "loadbalancer") for name in listeners]
    assert [values(cloud, name) for name in listeners] == [{tree.listener: 0}] * 3

    seen = Counters(total_connections=5, bytes_in=2**40, bytes_out=7, request_errors=1, active_connections=2)
    cloud.seen(tree.loadbalancer, **{tree.listener: seen})
    assert [values(cloud, name)[tree.listener] for name in listeners] == [5, 2**40, 1]
    assert [values(cloud, name)[tree.loadbalancer] for name in balancers] == [5, 2**40, 1]
    assert values(cloud, "evener_loadbalancer_active_connections") == {tree.loadbalancer: 2}

    cloud.ann.delete("listener", tree.listener)
    for _ in range(2):
        assert [values(cloud, name)[tree.loadbalancer] for name in balancers] == [5, 2**40, 1]
        cloud.applied(tree.loadbalancer)
    assert values(cloud, listeners[0]) == {}
    assert values(cloud, "evener_loadbalancer_active_connections") == {tree.loadbalancer: 0}


def test_a_reading_that_comes_late_lowers_no_counter(any_cloud: Cloud) -> None:
    cloud, tree = any_cloud, any_cloud.tree()
    cloud.applied(tree.loadbalancer)
    newest = Counters(total_connections=15, bytes_in=150, bytes_out=200, active_connections=3)
    older = Counters(total_connections=12, bytes_in=120, bytes_out=210, active_connections=1)
    for seen in (newest, older):
        cloud.seen(tree.loadbalancer, **{tree.listener: seen})
    shown = {
        name: values(cloud, f"evener_listener_{name}")[tree.listener]
        for name in ("connections_total", "bytes_in_total", "bytes_out_total", "active_connections")
    }
    assert shown == {
        "connections_total": 15,
        "bytes_in_total": 150,
        "bytes_out_total": 210,
        "active_connections": 1,
    }


def test_an_agent_s_load_and_delay_are_shown(any_cloud: Cloud) -> None:
    cloud = any_cloud
    cloud.controller.heartbeat("node-2", {})
    mine = [cloud.balancer()["id"] for _ in range(4)]
    hosts = values(cloud, "evener_agent_loadbalancers", "host")
    assert hosts == {HOST: 2, "node-2": 2}
    behind = values(cloud, "evener_agent_generations_behind", "host")
    assert behind == {HOST: 2, "node-2": 2}
    for balancer in set(mine) & set(cloud.controller.assigned(HOST)):
        cloud.applied(balancer)
    assert values(cloud, "evener_agent_generations_behind", "host") == {HOST: 0, "node-2": 2}
    ages = values(cloud, "evener_agent_heartbeat_age_seconds", "host")
    assert ages.keys() == {HOST, "node-2"}
    assert min(ages.values()) >= 0


def test_a_scrape_costs_the_same_statements_for_two_rows_and_for_twenty(cloud: Cloud) -> None:
    cloud.unlimited("ann")
    fill(cloud, 2)
    with counted(cloud.database) as few:
        scrape(cloud)
    fill(cloud, 20)
    with counted(cloud.database) as many:
        found = scrape(cloud)
    assert len(many) == len(few)
    # The page says eight; SQLite is sent the beginning of the transaction besides.
    assert len([sent for sent in many if sent.startswith("SELECT")]) == 8
    assert sum(len(family.samples) for family in found) > 400


def test_the_page_lists_what_is_exported_and_nothing_else(cloud: Cloud) -> None:
    tree = cloud.tree()
    cloud.applied(tree.loadbalancer)
    cloud.seen(tree.loadbalancer, **{tree.listener: Counters(requests=1)})
    registry, agent = CollectorRegistry(), AgentMetrics()
    agent.watch_queue("work", KeyedQueue())
    agent.neighbours("arp_cache", entries=6, limit=1024)
    agent.certificates(tree.loadbalancer, [1900000000])
    registry.register(DatabaseCollector(cloud.database))
    registry.register(LeaderCollector(ALONE))
    registry.register(agent.registry)
    ProcessCollector(registry=registry)
    exported = set()
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        name = family.name + ("_total" if family.type == "counter" else "")
        assert family.samples, name
        assert family.documentation, name
        labels = frozenset(label for sample in family.samples for label in sample.labels)
        exported.add((name, family.type, labels))
    lines = filter(None, map(LINE.match, PAGE.read_text().splitlines()))
    listed = [
        (name, kind, frozenset(re.findall(r"\w+", labels)))
        for name, kind, labels in (m.groups() for m in lines)
    ]
    assert len(listed) == len(set(listed))
    assert set(listed) == exported
