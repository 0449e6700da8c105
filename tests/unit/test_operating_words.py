"""Operating statuses in both words, from the same facts; the rules over graphs of every kind, no database."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from evener.api.dialects import octavia_words
from evener.control.operating import WORDS, Seen, operating_tree
from evener.control.statuses import Progress
from evener.resources.graph import Graph
from evener.resources.types import OperatingStatus
from haproxy_graphs import graphs

HEALTH = st.sampled_from([OperatingStatus.ONLINE, OperatingStatus.OFFLINE, None])
# What LBaaS v2 says of a member, and what Octavia may say of it then.
SAME = {
    "DISABLED": {"OFFLINE"},
    "NO_MONITOR": {"NO_MONITOR", "DRAINING"},
    "ONLINE": {"ONLINE", "DRAINING"},
    "OFFLINE": {"OFFLINE", "ERROR", "DRAINING"},
}


def seen(data: Any, whole: Graph, **more: Any) -> Seen:
    members = [each.id for node in whole.pools for each in node.members]
    health = {key: data.draw(HEALTH) for key in members}
    used = {each.default_pool_id for each in whole.listeners}
    used |= {node.policy.redirect_pool_id for node in whole.l7policies}
    known = {key: status for key, status in health.items() if status is not None}
    return Seen(Progress(applied=10, **more), known, used=used)


@given(st.data(), graphs())
def test_both_words_are_of_the_same_facts(data: Any, whole: Graph) -> None:
    facts = seen(data, whole)
    ours, theirs = operating_tree(whole, facts), operating_tree(whole, facts, octavia_words.WORDS)
    assert ours.by_id.keys() == theirs.by_id.keys()
    for node in whole.pools:
        for member in node.members:
            assert theirs.by_id[member.id] in SAME[ours.by_id[member.id]]
    assert OperatingStatus.DISABLED not in {theirs.loadbalancer, *theirs.by_id.values()}
    assert not {OperatingStatus.ERROR, OperatingStatus.DRAINING} & {ours.loadbalancer, *ours.by_id.values()}


@given(st.data(), graphs())
def test_a_load_balancer_is_as_the_worst_of_its_listeners_and_pools(data: Any, whole: Graph) -> None:
    tree = operating_tree(whole, seen(data, whole), octavia_words.WORDS)
    below = {tree.by_id[each.id] for each in whole.listeners}
    below |= {tree.by_id[node.pool.id] for node in whole.pools}
    worst = next((each for each in ("ERROR", "DEGRADED") if each in below), "ONLINE")
    assert tree.loadbalancer == (worst if whole.loadbalancer.admin_state_up else "OFFLINE")


@given(st.data(), graphs())
def test_a_pool_is_as_its_enabled_members(data: Any, whole: Graph) -> None:
    facts = seen(data, whole)
    tree = operating_tree(whole, facts, octavia_words.WORDS)
    for node in whole.pools:
        up = whole.loadbalancer.admin_state_up and node.pool.admin_state_up
        if not up or node.pool.id not in facts.used:
            assert tree.by_id[node.pool.id] == "OFFLINE"
            continue
        bad = [tree.by_id[each.id] == "ERROR" for each in node.members if each.admin_state_up]
        expected = ("ERROR" if all(bad) else "DEGRADED") if any(bad) else "ONLINE"
        assert tree.by_id[node.pool.id] == expected


@given(st.data(), graphs())
def test_what_has_not_been_applied_is_offline_and_what_was_named_by_a_failure_an_error(
    data: Any, whole: Graph
) -> None:
    parts = [each.id for each in whole.listeners]
    facts = seen(data, whole)
    later = Seen(facts.at, facts.health, dict.fromkeys(parts, 11), facts.used)
    tree = operating_tree(whole, later, octavia_words.WORDS)
    assert {tree.by_id[each] for each in parts} <= {"OFFLINE"}
    failed = Progress(applied=10, failed=10, concerned=frozenset(parts[:1]))
    tree = operating_tree(whole, Seen(failed, facts.health, used=facts.used), octavia_words.WORDS)
    for each in whole.listeners:
        up = whole.loadbalancer.admin_state_up and each.admin_state_up
        named = "ERROR" if each.id == parts[0] else "ONLINE"
        assert tree.by_id[each.id] == (named if up else "OFFLINE")


def test_lbaas_has_no_words_for_what_serves_nothing_itself() -> None:
    assert {cls.KIND for cls in WORDS.rules} == {"loadbalancer", "listener", "pool", "member"}
    others = {cls.KIND for cls in octavia_words.WORDS.rules.keys() - WORDS.rules.keys()}
    assert others == {"healthmonitor", "l7policy", "rule"}
